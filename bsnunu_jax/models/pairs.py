"""The pair models: SM neutrinos and a pair of invisible scalars, fermions, vectors or sterile N.

Either coefficients are given, in GeV^-n of the operator, or `Lambda` [TeV] and the one `operator`
that it belongs to, with the scales of arXiv:2309.12741: C = 1/Lambda for the scalar pair's S and P,
1/Lambda^2 for its V and A and for fermions, and Eq. (21) for vectors, C = m^2/Lambda^3 (S, P, T1,
T2), m/Lambda^3 (V3, V6, A3, A6), m^2/Lambda^4 (the others).

Scalar and tensor quark currents are meant at the scale of the quark masses and of f_T in use, that
of m_b, or m_c of c -> u; with `scale` [GeV] they are meant there and run to it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import jax.numpy as jnp

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.hadrons.transitions import QUARKS, USUAL_QUARKS
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.inputs.running import SCALAR, TENSOR, coefficient_scale, factor
from bsnunu_jax.models.quantities import described
from bsnunu_jax.models.strength import SCALE, Strength
from bsnunu_jax.models.values import (
    CTAU,
    LIFETIMES,
    Ranges,
    Refusal,
    Settings,
    lifetimes,
    lowest,
    real,
)
from bsnunu_jax.states import (
    FermionPair,
    InvisibleState,
    MassivePair,
    Neutrinos,
    ScalarPair,
    SterileNeutrino,
    Unstable,
    VectorPair,
)

_TEV = 1000.0
# Below 1 GeV there is no operator, and below 2 GeV no perturbative running.
_LEAST, _LOWEST_SCALE = 1e-3, 2.0
Build = Callable[[Mapping[str, Any], Mapping[str, Any]], InvisibleState]


@dataclass(frozen=True)
class PairModel:
    """One pair model.

    Attributes:
        name: of the model.
        state: the class of the pair, with its operators and those that vanish for a particle that
            is its own antiparticle.
        masses: names of the mass parameters; the first one, or all of them, must be given.
        statistics: setting that makes the particle its own antiparticle.
        make: from masses and settings and from coefficients to the state.
        other: further settings with their allowed values.
    """

    name: str
    state: type[MassivePair] | type[SterileNeutrino]
    masses: tuple[str, ...]
    statistics: str
    make: Build
    other: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    # The quark transition that the coefficients belong to.
    quarks: ClassVar[tuple[str, ...]] = tuple(QUARKS)

    @property
    def operators(self) -> tuple[str, ...]:
        """Their names."""
        return self.state.operators

    @cached_property
    def powers(self) -> dict[str, int]:
        """Of 1/Lambda in each coefficient, from its unit; for vectors in that over powers of m."""
        of_mass = VectorPair.powers if self.state is VectorPair else {}
        about = described(self.name, self.operators)
        return {o: int(q.unit.removeprefix("GeV^-")) + of_mass.get(o, 0) for o, q in about.items()}

    @property
    def parameters(self) -> tuple[str, ...]:
        """All numbers that can be set."""
        return (*self.masses, "Lambda", *self.operators, "scale", *self.lifetimes)

    @property
    def lifetimes(self) -> tuple[str, ...]:
        """Of all particles, and of each of two different ones."""
        return LIFETIMES if len(self.masses) > 1 else LIFETIMES[:1]

    @property
    def settings(self) -> Settings:
        """All settings with their allowed values."""
        return {
            "operator": self.operators,
            self.statistics: (False, True),
            **self.other,
            "quarks": self.quarks,
        }

    def strength(self, given: Mapping[str, Any]) -> Strength | None:
        """That of the one operator in use: the rate is quadratic in its coefficient."""
        operator = given.get("operator")
        return None if operator is None else Strength(2.0 * self.powers[operator])

    def build(self, parameters: Mapping[str, Any], inputs: Inputs) -> tuple[InvisibleState, ...]:
        """SM neutrinos and the pair; parameters that `refuse` lets pass."""
        p = dict(parameters)
        real_ones = (*self.masses, "Lambda", "scale", *self.lifetimes)
        p |= {k: jnp.real(jnp.asarray(p[k])) for k in real_ones if k in p}
        if SCALE in p:
            operator = p["operator"]
            c = {operator: (_TEV * p["Lambda"]) ** -float(self.powers[operator])}
        else:
            c = {k: p[k] for k in self.operators if k in p}
        if "scale" in p:
            c = {k: value * run_down(k, p["scale"], _quarks(p), inputs) for k, value in c.items()}
        return Neutrinos(), self._with_lifetimes(self.make(p, c), p)

    def _with_lifetimes(self, state: InvisibleState, p: Mapping[str, Any]) -> InvisibleState:
        """The pair as one that may decay, if a lifetime is given."""
        if not any(name in p for name in self.lifetimes):
            return state
        if CTAU not in p:
            return Unstable(state, *(p.get(name) for name in self.lifetimes[1:]))
        # Of nu and N it is N.
        alone = p.get("pair", "NN") == "nuN"
        return Unstable(state, None, p[CTAU]) if alone else Unstable(state, p[CTAU])

    def remarks(self, parameters: Mapping[str, Any], inputs: Inputs) -> list[str]:
        """The factors that `scale` brings."""
        if "scale" not in parameters:
            return []
        scale = float(jnp.real(jnp.asarray(parameters["scale"])))
        used = [o for o in self.operators if o in parameters or o == parameters.get("operator")]
        quarks = _quarks(parameters)
        low = float(jnp.asarray(coefficient_scale(quarks, inputs)))
        factors = ", ".join(f"{o} {float(run_down(o, scale, quarks, inputs)):.3f}" for o in used)
        return [f"running from {scale:g} to {low:g} GeV multiplies: {factors}"]

    def refuse(self, ranges: Ranges, fit: bool) -> Refusal | None:
        """A mass not below 0, and either coefficients or Lambda with its operator."""
        found = (
            real(*self.masses, "Lambda", "scale")(ranges, fit)
            or self._refuse_masses(ranges)
            or lifetimes(*self.lifetimes)(ranges, fit)
            or self._refuse_lifetimes(ranges)
        )
        if "scale" in ranges and lowest(ranges, "scale") < _LOWEST_SCALE:
            return Refusal(
                "scale",
                f"'scale' is or can be below {_LOWEST_SCALE:g} GeV",
                f"keep it at {_LOWEST_SCALE:g} GeV or above",
            )
        return found or self._refuse_operators(ranges)

    def _refuse_masses(self, ranges: Ranges) -> Refusal | None:
        first, *pair = self.masses
        if not any(name in ranges for name in self.masses):
            return Refusal(
                first, f"the mass {first!r} is missing", f"give it in GeV, e.g. {first} = 0.5"
            )
        if pair and any(name in ranges for name in pair):
            if first in ranges:
                return Refusal(
                    first,
                    f"{first!r} and {pair[0]!r}, {pair[1]!r} all set masses",
                    f"give {first}, or {pair[0]} and {pair[1]}",
                )
            for name in pair:
                if name not in ranges:
                    return Refusal(name, f"the mass {name!r} is missing", "give it in GeV")
        for name in self.masses:
            if lowest(ranges, name) < 0:
                return Refusal(
                    name, f"the mass {name!r} is or can be below 0", "keep it at 0 or above"
                )
        return None

    def _refuse_lifetimes(self, ranges: Ranges) -> Refusal | None:
        each = [name for name in self.lifetimes[1:] if name in ranges]
        if each and CTAU in ranges:
            return Refusal(each[0], f"{CTAU!r} and {each[0]!r} both set a lifetime", "keep one")
        if each and self.masses[0] in ranges:
            first = self.masses[0]
            return Refusal(
                each[0], f"with {first!r} both particles are alike", f"give {CTAU}, or m1 and m2"
            )
        return None

    def _refuse_operators(self, ranges: Ranges) -> Refusal | None:
        given = [o for o in self.operators if o in ranges]
        operator: Any = ranges["operator"][0] if "operator" in ranges else None
        if "Lambda" in ranges and operator is None:
            return Refusal(
                "Lambda",
                "'Lambda' belongs to no operator",
                f"set operator to one of {', '.join(self.operators)}",
            )
        if operator and "Lambda" not in ranges:
            return Refusal(
                "operator",
                "'operator' without 'Lambda'",
                "give Lambda in TeV, or the coefficient by its name",
            )
        if "Lambda" in ranges and given:
            return Refusal(given[0], f"{given[0]!r} and 'Lambda' both set coefficients", "keep one")
        if "Lambda" in ranges and lowest(ranges, "Lambda") < _LEAST:
            return Refusal(
                "Lambda",
                f"'Lambda' is or can be below {_LEAST:g} TeV",
                f"keep it at {_LEAST:g} TeV or above",
            )
        if "Lambda" not in ranges and not given:
            return Refusal(
                self.masses[0],
                "no coefficient is given",
                f"give one of {', '.join(self.operators)}, or operator and Lambda",
            )
        if given and self.state is VectorPair and lowest(ranges, "m") <= 0:
            return Refusal(
                "m",
                "at m = 0 the rate of a vector pair with fixed coefficients is infinite",
                "keep m above 0, or give operator and Lambda",
            )
        own = bool(ranges[self.statistics][0]) if self.statistics in ranges else False
        for name in (*given, *((operator,) if operator else ())):
            if own and name in self.state.vanishing:
                where = name if name in given else "operator"
                left = [o for o in self.operators if o not in self.state.vanishing]
                return Refusal(
                    where,
                    f"operator {name} vanishes: {self.state.why_vanishing}",
                    f"allowed with {self.statistics}: {', '.join(left)}",
                )
        if own and "m1" in ranges:
            return Refusal(
                "m1",
                "two different particles cannot be each other's antiparticle",
                f"give m, or drop {self.statistics}",
            )
        if own and ranges.get("pair", ("NN",))[0] == "nuN":
            return Refusal(self.statistics, f"{self.statistics!r} is for a pair NN", "set pair=NN")
        return None


def run_down(operator: str, scale: Any, quarks: str, inputs: Inputs) -> Scalar:
    """C in rates over C(scale) of an operator by its current: S, P scalar, T tensor, V, A none."""
    kinds = {"S": SCALAR, "P": SCALAR, "T": TENSOR}
    if operator[0] not in kinds:
        return jnp.ones(())
    return factor(kinds[operator[0]], scale, coefficient_scale(quarks, inputs), inputs)


def _quarks(p: Mapping[str, Any]) -> str:
    found: str = p.get("quarks", USUAL_QUARKS)
    return found


def _scalars(p: Mapping[str, Any], c: Mapping[str, Any]) -> InvisibleState:
    return ScalarPair(p["m"], real=p.get("real", False), quarks=_quarks(p), **c)


def _fermions(p: Mapping[str, Any], c: Mapping[str, Any]) -> InvisibleState:
    first, second = (p["m"], None) if "m" in p else (p["m1"], p["m2"])
    majorana = p.get("majorana", False)
    return FermionPair(first, second, majorana=majorana, quarks=_quarks(p), **c)


def _vectors(p: Mapping[str, Any], c: Mapping[str, Any]) -> InvisibleState:
    if "Lambda" in p:
        return VectorPair.goldstone(p["m"], c, real=p.get("real", False), quarks=_quarks(p))
    return VectorPair(p["m"], real=p.get("real", False), quarks=_quarks(p), **c)


def _sterile(p: Mapping[str, Any], c: Mapping[str, Any]) -> InvisibleState:
    majorana, pair = p.get("majorana", False), p.get("pair", "NN")
    return SterileNeutrino(p["mN"], pair=pair, majorana=majorana, quarks=_quarks(p), **c)


PAIRS: Mapping[str, PairModel] = {
    p.name: p
    for p in (
        PairModel("scalar-pair", ScalarPair, ("m",), "real", _scalars),
        PairModel("fermion-pair", FermionPair, ("m", "m1", "m2"), "majorana", _fermions),
        PairModel("vector-pair", VectorPair, ("m",), "real", _vectors),
        PairModel(
            "sterile-neutrino",
            SterileNeutrino,
            ("mN",),
            "majorana",
            _sterile,
            {"pair": ("NN", "nuN")},
        ),
    )
}
