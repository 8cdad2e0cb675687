"""Entries of measurement files, key by key, and which kind of entry some keys are."""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field, StrictBool, ValidationInfo, field_validator
from scipy.special import erfinv

from bsnunu_jax.experiments.measurement import Measurement
from bsnunu_jax.experiments.quoted.counting import CountingMeasurement
from bsnunu_jax.experiments.quoted.values import (
    CorrelatedMeasurement,
    GaussianMeasurement,
    NumericalMeasurement,
)
from bsnunu_jax.foundation.errors import InputError, shown
from bsnunu_jax.foundation.located_yaml import LocatedYaml, Names, Number, Section, pair
from bsnunu_jax.foundation.plain_text import Name, Title
from bsnunu_jax.hadrons.transitions import get_mode
from bsnunu_jax.observables.catalogue import get_observable

# Smaller ones have squares that are 0; the data of the package go down to 1e-28.
_SMALLEST = 1e-100
# Of a value, which the prediction must be able to hit.
_FINEST = 1e-12


def _sizable(number: float) -> float:
    if 0 < number < _SMALLEST:
        raise ValueError(
            f"{number:g} is too small to work with; at least {_SMALLEST:g}, in other units"
        )
    return number


def _level(cl: float) -> float:
    if cl < 0.01:
        raise ValueError(f"{cl:g} is no confidence level; write 0.9 for 90 %")
    return cl


Positive = Annotated[Number, Field(gt=0), AfterValidator(_sizable)]
Level = Annotated[Number, Field(gt=0, lt=1), AfterValidator(_level)]


class Entry(Section):
    """What all kinds of entries have; each makes its `measurement` of this and `about` it."""

    id: Name = Field(pattern=r"^[A-Za-z0-9_+*-]+$")
    title: Title
    samples: Names = ()
    inspire: str | None = None
    arxiv: str | None = None
    tree_tau: str | None = None
    note: str = ""
    unverified: StrictBool = False

    def about(self) -> dict[str, Any]:
        """What all measurements have, but for what the file says of all of them."""
        return {
            "name": self.id,
            "title": f"{self.title} [unverified]" if self.unverified else self.title,
            "samples": self.samples or (self.id,),
            "sources": (f"arXiv:{self.arxiv}",) if self.arxiv else (self.inspire or self.title,),
        }

    def given(self) -> dict[str, Any]:
        """The values of `own_keys`."""
        return {key: getattr(self, key) for key in self.own_keys()}

    @classmethod
    def own_keys(cls) -> tuple[str, ...]:
        """The required keys of this kind of entry that not all kinds have."""
        own = {name: f for name, f in cls.model_fields.items() if name not in Entry.model_fields}
        return tuple(name for name, field in own.items() if field.is_required())


class CountingEntry(Entry):
    """n events, background and the published limit on BR that fixes the efficiency.

    `fractional: true` is for a number of events that the paper does not give as a whole one.
    """

    mode: str
    limit: Positive
    confidence_level: Level
    fractional: StrictBool = False
    observed: Number = Field(ge=0, le=1e9)
    background: Number = Field(ge=0, le=1e9)
    background_std: Number = Field(ge=0, le=1e9)

    @field_validator("observed")
    @classmethod
    def _whole(cls, observed: float, info: ValidationInfo) -> float:
        if observed != round(observed) and not info.data.get("fractional"):
            raise ValueError(
                f"expected a whole number of events, got {observed:g}; "
                "fractional: true if the paper has it so"
            )
        return observed

    def measurement(self, **about: Any) -> Measurement:
        """n events."""
        own = self.given() | {"mode": get_mode(self.mode).name}
        return CountingMeasurement(**own, note=self.note, **about)


class GaussianEntry(Entry):
    """A value with one or more pairs of errors [up, down], added in quadrature."""

    observable: str
    value: Number
    errors: tuple[Annotated[tuple[Number, Number], pair("[up, down]")], ...] = Field(min_length=1)

    @field_validator("errors")
    @classmethod
    def _signs(
        cls, errors: tuple[tuple[float, float], ...], info: ValidationInfo
    ) -> tuple[tuple[float, float], ...]:
        for up, down in errors:
            if not up >= 0 >= down:
                raise ValueError(
                    f"[{up:g}, {down:g}] is no pair [up, down]; write up >= 0 >= down, "
                    "e.g. [2.0e-6, -1.0e-6]"
                )
        if 0 in quadrature(errors):
            raise ValueError("all errors of one side are 0; give it one that is not")
        for total in quadrature(errors):
            _fine(total, info.data.get("value", 0.0))
        return errors

    def measurement(self, **about: Any) -> Measurement:
        """A two-sided Gaussian."""
        upper, lower = quadrature(self.errors)
        return GaussianMeasurement(number(self.observable), self.value, upper, lower, **about)


class LimitEntry(Entry):
    """A limit and nothing else: a Gaussian around 0 that gives it back with a flat prior."""

    observable: str
    limit: Positive
    confidence_level: Level

    @property
    def std(self) -> float:
        """The width: limit/1.645 at 90 %."""
        return self.limit / (math.sqrt(2) * float(erfinv(self.confidence_level)))

    def measurement(self, **about: Any) -> Measurement:
        """A Gaussian around 0."""
        return GaussianMeasurement(number(self.observable), 0.0, self.std, self.std, **about)


class CurveSection(Section):
    """A likelihood on a grid."""

    values: tuple[Number, ...] = Field(min_length=4)
    likelihood: tuple[Positive, ...]

    @field_validator("values")
    @classmethod
    def _increasing(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if any(b <= a for a, b in pairwise(values)):
            raise ValueError("the values do not increase")
        smallest = _sizable(_FINEST * (values[-1] - values[0]))
        if any(b - a < smallest for a, b in pairwise(values)):
            raise ValueError(f"two values are closer than {_FINEST:g} of the range")
        return values

    @field_validator("likelihood")
    @classmethod
    def _falling(cls, likelihood: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        values = info.data.get("values")
        if values is not None and len(likelihood) != len(values):
            raise ValueError(f"{len(values)} values, {len(likelihood)} likelihoods")
        if values is not None and not likelihood[0] < max(likelihood) > likelihood[-1]:
            raise ValueError("the likelihood must fall towards both ends")
        return likelihood


class NumericalEntry(Entry):
    """A likelihood published as a curve of one observable."""

    observable: str
    curve: CurveSection

    def measurement(self, **about: Any) -> Measurement:
        """The curve."""
        curve = self.curve.values, self.curve.likelihood
        return NumericalMeasurement(number(self.observable), *curve, **about)


class CorrelatedEntry(Entry):
    """Several values with errors and their correlation matrix."""

    observables: tuple[str, ...] = Field(min_length=2)
    values: tuple[Number, ...]
    errors: tuple[Positive, ...]
    correlation: tuple[tuple[Number, ...], ...]

    @field_validator("values", "errors")
    @classmethod
    def _as_many(cls, numbers: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        n = len(info.data.get("observables", numbers))
        if len(numbers) != n:
            raise ValueError(f"{n} observables need {n} values and {n} errors")
        if info.field_name == "errors":
            for error, value in zip(numbers, info.data.get("values", ()), strict=False):
                _fine(error, value)
        return numbers

    @field_validator("correlation")
    @classmethod
    def _matrix(
        cls, rows: tuple[tuple[float, ...], ...], info: ValidationInfo
    ) -> tuple[tuple[float, ...], ...]:
        n = len(info.data.get("observables", rows))
        matrix = np.array(rows) if {len(row) for row in (rows, *rows)} == {n} else np.empty(0)
        if (
            matrix.shape != (n, n)
            or not (np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 1))
            or np.linalg.eigvalsh(matrix)[0] <= _FINEST
        ):
            raise ValueError(
                f"correlation is no positive symmetric {n} x {n} matrix with 1 on the diagonal"
            )
        return rows

    def measurement(self, **about: Any) -> Measurement:
        """A multivariate Gaussian."""
        own = self.given() | {"observables": tuple(map(number, self.observables))}
        return CorrelatedMeasurement(**own, **about)


# What a message calls them.
_KINDS: dict[str, type[Entry]] = {
    "a count": CountingEntry,
    "a value": GaussianEntry,
    "a limit": LimitEntry,
    "a curve": NumericalEntry,
    "correlated values": CorrelatedEntry,
}


def kind_of(raw: Mapping[Any, Any], file: LocatedYaml, i: int) -> type[Entry]:
    """The kind of entry that has these keys.

    Raises:
        InputError: if no single one has, with the keys of all.
    """
    every = {key for kind in _KINDS.values() for key in kind.own_keys()}
    known = {key for kind in _KINDS.values() for key in kind.model_fields}
    given = [key for key in raw if key in every]
    fitting = [kind for kind in _KINDS.values() if set(given) <= set(kind.own_keys())]
    if given and len(fitting) == 1:
        return fitting[0]
    whole = [name for name, kind in _KINDS.items() if set(kind.own_keys()) <= set(given)]
    place: tuple[str | int, ...] = ("measurements", i)
    strange = [key for key in raw if key not in known]
    if strange:
        what, place = f"unknown key {shown(strange[0])}", (*place, str(strange[0]))
    elif len(whole) == 1:
        own = _KINDS[whole[0]].own_keys()
        key = next(key for key in given if key not in own)
        what, place = f"unknown key {key!r} of {whole[0]}", (*place, key)
    elif fitting:
        what = f"{' and '.join(given) or 'these keys'} alone do not say what is measured"
    else:
        what = f"no kind of measurement has all of {', '.join(given)}"
    kinds = "; ".join(f"{name}: {', '.join(k.own_keys())}" for name, k in _KINDS.items())
    raise InputError(what, where=file.where(place), allowed=f"give the keys of one kind; {kinds}")


def _fine(error: float, value: float) -> None:
    """Refuse an error that is 0 beside its value."""
    _sizable(error)
    if error < _FINEST * abs(value):
        raise ValueError(f"an error of {error:g} is too small for a value of {value:g}")


def quadrature(errors: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The total errors up and down."""
    ups, downs = zip(*errors, strict=True)
    return math.hypot(*ups), math.hypot(*downs)


def number(observable: str) -> str:
    """The name of an observable that is a number.

    Raises:
        InputError: for an unknown one or a spectrum.
    """
    if get_observable(observable).differential:
        raise InputError(f"{observable!r} is a spectrum, a number is needed")
    return get_observable(observable).name
