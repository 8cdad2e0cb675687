"""A pair of invisible massive vectors, complex or real."""

from collections.abc import Mapping
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import ArrayLike
from jaxtyping import Array

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import USUAL_QUARKS
from bsnunu_jax.states.massive_pair import (
    HEAVIEST,
    DarkRows,
    Interferences,
    MassivePair,
    check_operators,
    mass,
)

_AXIAL = {"V2": "A2", "V3": "A3", "V4": "A4", "V5": "A5", "V6": "A6"}


# The square of a mass [GeV] from here on is a number above 0.
_LIGHTEST = 1e-160


class VectorPair(MassivePair):
    """B -> K(*) X X^dagger with the operators of Eq. (20) of arXiv:2309.12741.

    S, T1, T2, V2 .. V6 as there; P and A2 .. A6 have i gamma_5 and gamma_mu gamma_5 between the
    quarks. Coefficients: S, P, T1, T2 in GeV^-1, the others in GeV^-2; the epsilon tensor of V3, V6
    has eps^{0123} = -1. Longitudinal vectors make the rates of fixed coefficients infinite for
    m -> 0. `goldstone` takes the coefficients over powers of the mass, for which they are finite:
    they are what `coefficients` holds.

    >>> from bsnunu_jax import branching_fraction, load_inputs
    >>> state = VectorPair.goldstone(0.0, {"V3": 1 / 1000**3})
    >>> f"{float(branching_fraction('B+->K+', state, load_inputs())):.2e}"
    '2.53e-07'
    """

    operators: ClassVar[tuple[str, ...]] = ("S", "P", "T1", "T2", *_AXIAL, *_AXIAL.values())
    # Powers of the mass in Eq. (21).
    powers: ClassVar[Mapping[str, int]] = {
        o: 1 if o[1:] in ("3", "6") else 2
        for o in ("S", "P", "T1", "T2", *_AXIAL, *_AXIAL.values())
    }
    interferences: ClassVar[Interferences] = {
        ("S", "V2"): "Im",
        ("P", "A2"): "Re",
        ("V4", "V5"): "Re",
        ("A4", "A5"): "Re",
        ("T1", "V4"): "Re",
        ("T1", "V5"): "Re",
        ("T2", "V6"): "Re",
        ("T2", "A4"): "Im",
        ("T2", "A5"): "Im",
        ("T1", "A6"): "Im",
    }
    vanishing: ClassVar[tuple[str, ...]] = ("T1", "T2", "V4", "V5", "V6", "A4", "A5", "A6")
    why_vanishing: ClassVar[str] = "it is odd under X <-> X^dagger, a real vector is its own"

    def __init__(
        self,
        m: ArrayLike,
        *,
        real: bool = False,
        quarks: str = USUAL_QUARKS,
        **coefficients: ArrayLike | None,
    ) -> None:
        """The mass in GeV, coefficients by the names of the `operators`, those of `quarks`.

        Raises:
            InputError: for a mass of 0 (traced: the rate is infinite there), or an operator that
                vanishes for a real vector.
        """
        # The square counts: it must not be 0 either.
        if not isinstance(m, Tracer) and not np.all(np.abs(m) > _LIGHTEST):
            raise InputError(
                f"m = {m} of a vector pair is not above 0",
                allowed="at m = 0 give coefficients over powers of m, VectorPair.goldstone",
            )
        check_operators(coefficients, self.operators)
        over = {
            k: None if v is None else _over(v, m, self.powers[k]) for k, v in coefficients.items()
        }
        self._set(m, None, real, over, quarks)

    @classmethod
    def goldstone(
        cls,
        m: ArrayLike,
        coefficients: Mapping[str, ArrayLike],
        *,
        real: bool = False,
        quarks: str = USUAL_QUARKS,
    ) -> "VectorPair":
        """Coefficients C/m^2 (S, P, T1, T2, V2, V4, V5, A2, ...) or C/m (V3, V6, A3, A6).

        Raises:
            InputError: for an unknown operator or one that vanishes for a real vector.
        """
        at_one = cls(1.0, **dict(coefficients), real=real, quarks=quarks)
        return eqx.tree_at(lambda state: state.m, at_one, mass("m", m))

    def _rows(self, q2: Scalar, above: Scalar, below: Scalar) -> DarkRows:
        """Rows times the powers of m that the coefficients were divided by; beta^2 = above/q2."""
        m, _ = self.masses
        m2, b2 = m**2, above / q2
        root, ratio = jnp.sqrt(q2), q2 * b2
        g = q2**2 - 4 * q2 * m2 + 12 * m2**2
        scalar = g / 4
        two, two_0 = q2 * ratio * m2 / 3, q2 * ratio**2 / 4
        three, three_0 = ratio**2 / 3, 2 * ratio * m2
        four, five = ratio * g / 12, q2 * ratio * (q2 + 4 * m2) / 12
        six = q2 * (q2 + 2 * m2) / 3
        electric, magnetic = ratio * (q2 + 4 * m2) / 12, m2 * (q2 + 2 * m2) / 3
        mixed = ratio * (q2 - 2 * m2)
        # C_T carries m^2 and C_V6 only m.
        odd = m * root * (q2 + 2 * m2) / 3
        rows: DarkRows = {
            "S": {"S": scalar},
            "P": {"P": scalar},
            "T1": {"E": electric, "F": magnetic},
            "T2": {"E": magnetic, "F": electric},
            "S*V2": {"SV": root * mixed / 2},
            "P*A2": {"PA": -root * mixed / 2},
            "T1*V4": {"VE": -root * mixed / 6},
            "T1*V5": {"VE": 2 * root * electric},
            "T2*V6": {"VE": -2 * odd},
            "T2*A4": {"AF": root * mixed / 6},
            "T2*A5": {"AF": -2 * root * electric},
            "T1*A6": {"AF": -2 * odd},
        }
        for v in ("V", "A"):
            rows |= {
                f"{v}2": {v: two, f"{v}0": two_0},
                f"{v}3": {v: three, f"{v}0": three_0},
                f"{v}4": {v: four},
                f"{v}5": {v: five},
                f"{v}6": {v: six},
                f"{v}4*{v}5": {v: -q2 * mixed / 6},
            }
        return rows


def _over(c: ArrayLike, m: ArrayLike, power: int) -> Array:
    """c/m^power, infinite at m = 0 whatever c: a c that falls with m has a limit unknown here."""
    scale = jnp.minimum(jnp.asarray(m), HEAVIEST) ** power
    return jnp.where(scale > 0, c / jnp.where(scale > 0, scale, 1.0), jnp.inf)
