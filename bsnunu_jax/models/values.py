"""What values the parameters of a model may take, in commands and in cards alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


def anything(ranges: Ranges, fit: bool) -> None:
    """No rule."""
    return


def everywhere(ranges: Ranges) -> tuple[Refusal, ...]:
    """No limit of the domain."""
    return ()


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
