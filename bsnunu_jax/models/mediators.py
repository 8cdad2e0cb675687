"""The models `vector-mediator` and `scalar-mediator`: a pair through a mediator of any mass.

L = Z'_mu [sbar gamma^mu (gV + gA gamma_5) b + h.c. + J_D^mu] with J_D = chibar gamma^mu (dV + dA
gamma_5) chi, dV phi^* i<->d^mu phi, or gnu_ij nubar_i gamma^mu P_L nu_j, and L = S [sbar (gS + gP i
gamma_5) b + h.c. + chibar (dS + dP i gamma_5) chi], dS phi^* phi, dS X^*_mu X^mu in its place. For
M -> infinity these are the contact interactions of the pairs, C = -g d/M^2 and g d/M^2.

The width is that into the pair unless a larger one is given.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import jax.numpy as jnp
from jaxtyping import Array

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.hadrons.transitions import QUARKS, USUAL_QUARKS, get_quarks
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.models.matching import LEPTONS, array, coefficient_of, real_value, value
from bsnunu_jax.models.values import (
    CTAU,
    Domain,
    Ranges,
    Refusal,
    Settings,
    first_of,
    largest,
    lifetimes,
    lowest,
    perturbative,
    real,
)
from bsnunu_jax.models.zprime import GNU
from bsnunu_jax.states import (
    FermionPair,
    InvisibleState,
    MassivePair,
    Mediated,
    MediatedNeutrinos,
    Neutrinos,
    ScalarPair,
    Unstable,
    VectorPair,
)
from bsnunu_jax.states.mediated import partial_width

NEUTRINOS = "neutrinos"
# Dark couplings by the pair, and the operators that they make with the letters of the quarks' two.
_PAIRS: Mapping[int, Mapping[str, Mapping[str, str]]] = {
    0: {"fermion": {"dS": "1", "dP": "2"}, "scalar": {"dS": ""}, "vector": {"dS": ""}},
    1: {"fermion": {"dV": "1", "dA": "2"}, "scalar": {"dV": ""}},
}
_CLASSES: Mapping[str, type[FermionPair] | type[ScalarPair] | type[VectorPair]] = {
    "fermion": FermionPair,
    "scalar": ScalarPair,
    "vector": VectorPair,
}
# Couplings of these have the dimension of a mass, which perturbation theory knows nothing of.
_DIMENSIONAL = ("scalar", "vector")


@dataclass(frozen=True)
class MediatorModel:
    """One mediator.

    Attributes:
        spin: of the mediator.
        letters: of its couplings to quarks, "VA" or "SP".
    """

    spin: Literal[0, 1]
    letters: str

    @property
    def quark_couplings(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(f"g{x}" for x in self.letters)

    @property
    def dark_couplings(self) -> tuple[str, ...]:
        """Of massive pairs."""
        return tuple(f"d{x}" for x in self.letters)

    @property
    def parameters(self) -> tuple[str, ...]:
        """All numbers that can be set."""
        own = ("M", "width", *self.quark_couplings, "m", *self.dark_couplings, CTAU)
        return (*own, *GNU) if self.spin else own

    @property
    def settings(self) -> Settings:
        """The pair, the statistics of a massive one and the quark transition."""
        pairs = (*_PAIRS[self.spin], *((NEUTRINOS,) if self.spin else ()))
        return {"pair": pairs, "identical": (False, True), "quarks": tuple(QUARKS)}

    def build(self, parameters: Mapping[str, Any], inputs: Inputs) -> tuple[InvisibleState, ...]:
        """SM neutrinos and what the mediator makes; parameters that `refuse` lets pass."""
        p = parameters
        M, quarks = real_value(p, "M"), p.get("quarks", USUAL_QUARKS)
        if p.get("pair") == NEUTRINOS:
            return self._neutrinos(p, M, quarks, inputs)
        dark, first = self._dark(p)
        width = partial_width(dark, M, self.spin) if "width" not in p else real_value(p, "width")
        sign = -1.0 if self.spin else 1.0
        g = {x: value(p, f"g{x}") for x in self.letters if f"g{x}" in p}
        c = {
            f"{x}{name.removeprefix(first)}": sign / M**2 * g[x] * d
            for name, d in dark.coefficients.items()
            for x in g
        }
        pair = self._pair(p, c, quarks)
        made = Mediated.pair(pair, M, width, spin=self.spin)
        return Neutrinos(), Unstable(made, real_value(p, CTAU)) if CTAU in p else made

    def _dark(self, p: Mapping[str, Any]) -> tuple[MassivePair, str]:
        """The pair with the dark couplings as its coefficients, and the letter of their names."""
        first = self.letters[0]
        names = _PAIRS[self.spin][p.get("pair", "fermion")]
        c = {f"{first}{end}": real_value(p, d) for d, end in names.items() if d in p}
        return self._pair(p, c), first

    def _pair(
        self, p: Mapping[str, Any], c: Mapping[str, Any], quarks: str = USUAL_QUARKS
    ) -> MassivePair:
        m, kind = real_value(p, "m"), p.get("pair", "fermion")
        own: dict[str, Any] = {
            "majorana" if kind == "fermion" else "real": p.get("identical", False)
        }
        return _CLASSES[kind](m, quarks=quarks, **own, **c)

    def _neutrinos(
        self, p: Mapping[str, Any], M: Scalar, quarks: str, inputs: Inputs
    ) -> tuple[InvisibleState, ...]:
        gnu = _hermitian(p)
        width = _into_neutrinos(gnu, M) if "width" not in p else real_value(p, "width")
        gV, gA = value(p, "gV"), value(p, "gA")
        per_unit = -coefficient_of(quarks, inputs) / M**2
        CL, CR = (per_unit * g * gnu for g in (gV - gA, gV + gA))
        beside = Neutrinos()
        return beside, MediatedNeutrinos(CL, CR, M, width, beside, quarks)

    def refuse(self, ranges: Ranges, fit: bool) -> Refusal | None:
        """Masses, couplings of the pair that is chosen, and a width that is wide enough."""
        reals = ("M", "width", "m", *self.dark_couplings, *(f"gnu_{i}{i}" for i in LEPTONS))
        if found := first_of(real(*reals), lifetimes(CTAU))(ranges, fit):
            return found
        if "M" not in ranges:
            return Refusal("M", "the mass 'M' of the mediator is missing", "give it in GeV")
        if lowest(ranges, "M") <= 0:
            return Refusal("M", "'M' is or can be 0 or below", "keep it above 0")
        if "width" in ranges and lowest(ranges, "width") < 0:
            return Refusal("width", "'width' is or can be below 0", "leave it out: it is computed")
        kind = ranges["pair"][0] if "pair" in ranges else "fermion"
        if kind == NEUTRINOS:
            return self._refuse_neutrinos(ranges)
        return self._refuse_pair(ranges, kind)

    def _refuse_neutrinos(self, ranges: Ranges) -> Refusal | None:
        for name in ("m", *self.dark_couplings, "identical", CTAU):
            if name in ranges and ranges[name][0] is not False:
                return Refusal(name, f"{name!r} belongs to no neutrinos", "give gnu_ij")
        if not any(name in ranges for name in GNU):
            return Refusal("pair", "no coupling to neutrinos is given", f"one of {', '.join(GNU)}")
        quarks = ranges["quarks"][0] if "quarks" in ranges else USUAL_QUARKS
        if not get_quarks(quarks).sm:
            return Refusal("quarks", f"neutrinos in {quarks}: the SM is taken as 0", "a pair")
        return self._narrow(ranges, _into_neutrinos(_hermitian(_top(ranges)), _top(ranges)["M"]))

    def _refuse_pair(self, ranges: Ranges, kind: str) -> Refusal | None:
        allowed = _PAIRS[self.spin][kind]
        for name in (*GNU, *self.dark_couplings):
            if name in ranges and name not in allowed:
                return Refusal(
                    name, f"{name!r} is no coupling of a {kind} pair", f"{', '.join(allowed)}"
                )
        if "m" not in ranges:
            return Refusal("m", "the mass 'm' of the pair is missing", "give it in GeV")
        if lowest(ranges, "m") < 0 or (kind == "vector" and lowest(ranges, "m") <= 0):
            return Refusal("m", "'m' is or can be too low", "above 0 for vectors, 0 or above else")
        if not any(name in ranges for name in allowed):
            return Refusal("pair", "no dark coupling is given", f"one of {', '.join(allowed)}")
        if not any(name in ranges for name in self.quark_couplings):
            names = " or ".join(self.quark_couplings)
            return Refusal("M", "no coupling to quarks is given", names)
        own = bool(ranges["identical"][0]) if "identical" in ranges else False
        vanishing = _CLASSES[kind].vanishing
        for name, end in allowed.items():
            if own and name in ranges and f"{self.letters[0]}{end}" in vanishing:
                why = _CLASSES[kind].why_vanishing
                return Refusal(name, f"{name!r} vanishes: {why}", "drop it, or identical")
        highest = _top(ranges) | {"m": lowest(ranges, "m"), "identical": own, "pair": kind}
        dark, _ = self._dark(highest)
        return self._narrow(ranges, partial_width(dark, highest["M"], self.spin))

    def _narrow(self, ranges: Ranges, partial: Any) -> Refusal | None:
        """A width that is or can be smaller than the partial one."""
        if "width" not in ranges or lowest(ranges, "width") >= float(partial) * (1 - 1e-9):
            return None
        return Refusal(
            "width",
            f"'width' is or can be below the partial width {float(partial):.4g} GeV of the pair",
            "leave it out, which takes that one, or give more",
        )

    @property
    def domain(self) -> Domain:
        """Couplings without a dimension below sqrt(4 pi)."""
        names = (*self.quark_couplings, *self.dark_couplings, *(GNU if self.spin else ()))

        def domain(ranges: Ranges) -> list[Refusal]:
            kind = ranges["pair"][0] if "pair" in ranges else "fermion"
            mass_like = self.dark_couplings if not self.spin and kind in _DIMENSIONAL else ()
            return [r for r in perturbative(names)(ranges) if r.parameter not in mass_like]

        return domain


def _top(ranges: Ranges) -> dict[str, Any]:
    """The largest modulus of every number."""
    numbers = {k: v for k, v in ranges.items() if not isinstance(v[0], str | bool)}
    return {k: largest(numbers, k) for k in numbers}


def _hermitian(p: Mapping[str, Any]) -> Array:
    """gnu of the names on and above the diagonal."""
    upper = jnp.triu(array(p, [[f"gnu_{i}{j}" for j in LEPTONS] for i in LEPTONS]))
    return upper + jnp.conj(jnp.triu(upper, 1)).T


def _into_neutrinos(gnu: Array, M: Scalar) -> Scalar:
    """sum |gnu_ij|^2 M/(24 pi)."""
    return jnp.sum(jnp.abs(gnu) ** 2) * M / (24 * jnp.pi)


MEDIATORS: Mapping[str, MediatorModel] = {
    "vector-mediator": MediatorModel(1, "VA"),
    "scalar-mediator": MediatorModel(0, "SP"),
}
