"""Sterile neutrinos: B -> K(*) nu N and N Nbar through chiral operators."""

from typing import Any, ClassVar, Literal

import equinox as eqx
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Complex

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import USUAL_QUARKS, get_quarks
from bsnunu_jax.states.base import Around
from bsnunu_jax.states.fermion_pair import FermionPair
from bsnunu_jax.states.massive_pair import check_operators, mass, refuse_vanishing

_SIGN = {"L": -1, "R": 1}


class SterileNeutrino(Around, eqx.Module):
    """B -> K(*) + nu and an antiparticle of N, or N and its antiparticle; C in GeV^-2.

    V_XY = (sbar gamma_mu P_X b)(nubar gamma^mu P_Y N), S_XY = (sbar P_X b)(nubar P_Y N),
    T_XX = (sbar sigma P_X b)(nubar sigma P_X N); T_LR = T_RL = 0. For pair "NN" N stands in place
    of nu. The operators with nubar <-> Nbar lead to another final state, whose rate adds: give it
    as a second state. One massless neutrino; those of the SM are a state of their own.

    >>> from bsnunu_jax import branching_fraction, load_inputs
    >>> state = SterileNeutrino(0.6, pair="NN", V_LR=1 / 5000**2)
    >>> f"{float(branching_fraction('B+->K+', state, load_inputs())):.2e}"
    '2.02e-05'
    """

    operators: ClassVar[tuple[str, ...]] = (
        *(f"{kind}_{x}{y}" for kind in "VS" for x in "LR" for y in "LR"),
        "T_LL",
        "T_RR",
    )
    vanishing: ClassVar[tuple[str, ...]] = ("T_LL", "T_RR")
    why_vanishing: ClassVar[str] = FermionPair.why_vanishing

    coefficients: dict[str, Complex[Array, ""]]
    mN: Scalar
    pair: str = eqx.field(static=True)
    majorana: bool = eqx.field(static=True)
    quarks: str = eqx.field(static=True)

    def __init__(
        self,
        mN: ArrayLike,
        *,
        pair: Literal["nuN", "NN"] = "nuN",
        majorana: bool = False,
        quarks: str = USUAL_QUARKS,
        **coefficients: ArrayLike | None,
    ) -> None:
        """Mass of N in GeV, coefficients by name; `majorana` for a pair NN of Majorana fermions.

        Raises:
            InputError: for an unknown coefficient, another pair, Majorana nu N, or tensors of a
                Majorana pair.
        """
        given = {k: c for k, c in coefficients.items() if c is not None}
        check_operators(given, self.operators)
        if pair not in ("nuN", "NN"):
            raise InputError(f"pair {pair!r} of a sterile neutrino", allowed="nuN or NN")
        if majorana and pair == "nuN":
            raise InputError(
                "majorana is for a pair NN", allowed="for nu N add C_ij and C_ji to one coefficient"
            )
        if majorana:
            refuse_vanishing(given, type(self))
        self.coefficients = {k: jnp.asarray(c, dtype=complex) for k, c in given.items()}
        self.mN = mass("mN", mN)
        self.pair, self.majorana, self.quarks = pair, majorana, get_quarks(quarks).name

    @property
    def state(self) -> FermionPair:  # type: ignore[override]  # no field, made of these
        """The same as a fermion pair; of a Majorana current only the axial half is left."""
        c: dict[str, Any] = {}
        for name, value in self.coefficients.items():
            x, y = (_SIGN[chirality] for chirality in name[2:])
            parts: dict[str, dict[str, complex]] = {
                "V": {"V1": 1 / 4, "V2": y / 4, "A1": x / 4, "A2": x * y / 4},
                "S": {"S1": 1 / 4, "S2": -1j * y / 4, "P1": -1j * x / 4, "P2": -x * y / 4},
                "T": {"T1": 1 / 2, "T2": x / 2},
            }
            for operator, weight in parts[name[0]].items():
                if not (self.majorana and operator in FermionPair.vanishing):
                    c[operator] = c.get(operator, jnp.zeros((), complex)) + weight * value
        if self.pair == "NN":
            return FermionPair(self.mN, majorana=self.majorana, quarks=self.quarks, **c)
        return FermionPair(jnp.zeros_like(self.mN), self.mN, quarks=self.quarks, **c)
