"""A pair of invisible scalars, complex or real."""

from typing import ClassVar

import jax.numpy as jnp
from jax.typing import ArrayLike

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.hadrons.transitions import USUAL_QUARKS
from bsnunu_jax.states.massive_pair import DarkRows, Interferences, MassivePair


class ScalarPair(MassivePair):
    r"""B -> K(*) phi phi^dagger; coefficients in GeV^-1 (S, P) and GeV^-2 (V, A).

    S: (sbar b)(phi^dag phi), V: (sbar gamma^mu b)(phi^dag i d_mu phi - (i d_mu phi^dag) phi) of
    Eq. (18) of arXiv:2309.12741; P and A have i gamma_5 and gamma^mu gamma_5 between the quarks.
    With two masses the first is that of the daggered field. SM neutrinos are a state of their own.
    With quarks "b->d" or another transition sbar and b are its light and its heavy quark.

    >>> from bsnunu_jax import branching_fraction, load_inputs
    >>> br = branching_fraction("B+->K+", ScalarPair(0.5, V=1 / 7000**2), load_inputs())
    >>> f"{float(br):.2e}"
    '8.33e-06'
    """

    operators: ClassVar[tuple[str, ...]] = ("S", "P", "V", "A")
    interferences: ClassVar[Interferences] = {("S", "V"): "Re", ("P", "A"): "Im"}
    vanishing: ClassVar[tuple[str, ...]] = ("V", "A")
    why_vanishing: ClassVar[str] = "a real scalar has no current"

    def __init__(
        self,
        m: ArrayLike,
        m_other: ArrayLike | None = None,
        *,
        real: bool = False,
        quarks: str = USUAL_QUARKS,
        **coefficients: ArrayLike | None,
    ) -> None:
        """Masses in GeV, coefficients by the names of the `operators`, those of `quarks`.

        Raises:
            InputError: for V or A of a real scalar, or two masses of one.
        """
        self._set(m, m_other, real, coefficients, quarks)

    def _interfere(self, a: str, b: str) -> bool:
        return self.m_other is not None

    def _rows(self, q2: Scalar, above: Scalar, below: Scalar) -> DarkRows:
        transverse, one = above * below / (3 * q2), jnp.ones_like(q2)
        rows: DarkRows = {"S": {"S": one}, "P": {"P": one}}
        if self.m_other is None:
            return rows | {"V": {"V": transverse}, "A": {"A": transverse}}
        m1, m2 = self.masses
        difference = (m1 - m2) * (m1 + m2) / jnp.sqrt(q2)
        return rows | {
            "V": {"V": transverse, "V0": difference**2},
            "A": {"A": transverse, "A0": difference**2},
            "S*V": {"SV": 2 * difference},
            "P*A": {"PA": 2 * difference},
        }
