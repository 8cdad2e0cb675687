"""What values the parameters of a model may take, in commands and in cards alike."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Reach of pair production at the LHC [TeV], from memory, unverified.
LHC_REACH = 1.5
# Proper lifetime [m] of all particles of a final state that may decay.
CTAU = "ctau"
LIFETIMES = (CTAU, "ctau1", "ctau2")
PERTURBATIVE = math.sqrt(4 * math.pi)
# Lowest and highest value; a setting (an operator's name, true or false) stands twice.
Range = tuple[Any, Any]
Ranges = Mapping[str, Range]
# Settings of a model with their allowed values, the default first.
Settings = Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Refusal:
    """A parameter whose values do not do, why, and what is allowed."""

    parameter: str
    what: str
    allowed: str


@dataclass(frozen=True)
class GivenPoint:
    """A point of a model that somebody's file states.

    Attributes:
        model: name of the model.
        parameters: by name, normalised as the inputs have it.
        warnings: what of the file has no effect.
    """

    model: str
    parameters: dict[str, Any]
    warnings: tuple[str, ...]


# Of the range that every parameter may take (low = high if it is fixed) and whether it is a fit.
Rules = Callable[[Ranges, bool], Refusal | None]

# Of the same ranges: where the model is beyond its domain (perturbativity, bounds, validity).
Domain = Callable[[Ranges], Sequence[Refusal]]


def real(*names: str) -> Rules:
    """These parameters are real numbers."""

    def rules(ranges: Ranges, fit: bool) -> Refusal | None:
        for name in names:
            if any(complex(x).imag for x in ranges.get(name, ())):
                return Refusal(name, f"{name!r} is complex", "give a real number")
        return None

    return rules


def lowest(ranges: Ranges, name: str, default: float = 0.0) -> float:
    """The smallest value that a real parameter may take."""
    return complex(ranges[name][0]).real if name in ranges else default


def largest(ranges: Ranges, name: str) -> float:
    """The largest modulus that a parameter may take."""
    return max((abs(complex(x)) for x in ranges.get(name, ())), default=0.0)


def first_of(*rules: Rules) -> Rules:
    """The first refusal of several rules."""

    def rule(ranges: Ranges, fit: bool) -> Refusal | None:
        return next((found for r in rules if (found := r(ranges, fit))), None)

    return rule


def lifetimes(*names: str) -> Rules:
    """These parameters are proper lifetimes [m]: real and not below 0."""

    def rules(ranges: Ranges, fit: bool) -> Refusal | None:
        found = real(*names)(ranges, fit)
        for name in names:
            if found is None and lowest(ranges, name) < 0:
                what = f"the lifetime {name!r} is or can be below 0"
                found = Refusal(name, what, "keep it at 0 m or above; without it nothing decays")
        return found

    return rules


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


def all_of(*domains: Domain) -> Domain:
    """What lies beyond any of several domains."""
    return lambda ranges: [found for d in domains for found in d(ranges)]
