"""Named parameters as arrays, and rules that models with a heavy scale share."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from bsnunu_jax.models.values import Domain, Ranges, Refusal, Rules, lowest

LEPTONS = ("e", "mu", "tau")
# Reach of pair production at the LHC [TeV], from memory, unverified.
LHC_REACH = 1.5
PERTURBATIVE = math.sqrt(4 * math.pi)


def value(parameters: Mapping[str, Any], name: str) -> Complex[Array, ""]:
    """A complex coupling, 0 if it is not given."""
    return jnp.asarray(parameters.get(name, 0.0), dtype=complex)


def real_value(parameters: Mapping[str, Any], name: str, default: float = 0.0) -> Float[Array, ""]:
    """A real parameter."""
    return jnp.real(jnp.asarray(parameters.get(name, default), dtype=complex))


def array(
    parameters: Mapping[str, Any], names: Sequence[Sequence[str]]
) -> Complex[Array, "rows columns"]:
    """The couplings of these names; names that are no parameters give 0."""
    return jnp.stack([jnp.stack([value(parameters, n) for n in row]) for row in names])


def flavours(stem: str) -> tuple[tuple[str, ...], ...]:
    """The names stem_ij of a matrix in (e, mu, tau)."""
    return tuple(tuple(f"{stem}_{i}{j}" for j in LEPTONS) for i in LEPTONS)


def flat(names: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The names row by row."""
    return tuple(name for row in names for name in row)


def largest(ranges: Ranges, name: str) -> float:
    """The largest modulus that a parameter may take."""
    return max((abs(complex(x)) for x in ranges.get(name, ())), default=0.0)


def first_of(*rules: Rules) -> Rules:
    """The first refusal of several rules."""

    def rule(ranges: Ranges, fit: bool) -> Refusal | None:
        return next((found for r in rules if (found := r(ranges, fit))), None)

    return rule


def positive(name: str, what: str, unit: str, example: str, *, needed: bool = True) -> Rules:
    """A parameter that is above 0, and given if it is needed."""

    def rule(ranges: Ranges, fit: bool) -> Refusal | None:
        if name not in ranges:
            missing = Refusal(
                name,
                f"the {what} {name!r} is missing",
                f"give it in {unit}, e.g. {name} = {example}",
            )
            return missing if needed else None
        if not lowest(ranges, name) > 0:
            return Refusal(name, f"the {what} {name!r} is or can be 0 or below", "keep it above 0")
        return None

    return rule


def perturbative(names: Sequence[str]) -> Domain:
    """Couplings with |g|^2 < 4 pi."""

    def domain(ranges: Ranges) -> list[Refusal]:
        return [
            Refusal(
                n,
                f"|{n}| reaches {largest(ranges, n):.3g}, beyond perturbation theory",
                f"|{n}| < sqrt(4 pi) = {PERTURBATIVE:.2f}",
            )
            for n in names
            if largest(ranges, n) >= PERTURBATIVE
        ]

    return domain


def above_reach(*names: str) -> Domain:
    """Masses [TeV] of coloured particles above the reach of pair production."""

    def domain(ranges: Ranges) -> list[Refusal]:
        return [
            Refusal(
                n,
                f"{n} down to {lowest(ranges, n):g} TeV is within the reach of pair"
                " production at the LHC",
                f"{n} > {LHC_REACH:g} (TeV; from memory, unverified)",
            )
            for n in names
            if n in ranges and lowest(ranges, n) < LHC_REACH
        ]

    return domain


def all_of(*domains: Callable[[Ranges], Sequence[Refusal]]) -> Domain:
    """What lies beyond any of several domains."""
    return lambda ranges: [found for d in domains for found in d(ranges)]
