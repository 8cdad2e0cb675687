"""Kinds of entries of measurement files, key by key, and which of them some keys are."""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Literal

from pydantic import Field, StrictBool, ValidationInfo, field_validator
from scipy.special import erfinv

from bsnunu_jax.experiments.entry import (
    FINEST,
    Entry,
    Level,
    NotNegative,
    Pairs,
    Positive,
    fine,
    matrix_of,
    number,
    parts_of,
    quadrature,
    sizable,
)
from bsnunu_jax.experiments.forecasts import ProjectedEntry
from bsnunu_jax.experiments.measurement import Measurement
from bsnunu_jax.experiments.quoted.counting import CountingMeasurement
from bsnunu_jax.experiments.quoted.growing import ALL_STATISTICAL, FIRST_STATISTICAL
from bsnunu_jax.experiments.quoted.values import (
    CorrelatedMeasurement,
    GaussianMeasurement,
    NumericalMeasurement,
)
from bsnunu_jax.foundation.errors import InputError, shown
from bsnunu_jax.foundation.located_yaml import LocatedYaml, Number, Section
from bsnunu_jax.hadrons.transitions import get_mode


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
    """A value with one or more pairs of errors [up, down], added in quadrature.

    `kinds` says of every pair whether it is statistical or systematic, for projections.
    """

    observable: str
    value: Number
    errors: Pairs = Field(min_length=1)
    kinds: tuple[Literal["statistical", "systematic"], ...] = ()

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
            fine(total, info.data.get("value", 0.0))
        return errors

    @field_validator("kinds")
    @classmethod
    def _one_a_pair(cls, kinds: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
        n = len(info.data.get("errors", kinds))
        if kinds and len(kinds) != n:
            raise ValueError(f"{n} pairs of errors, {len(kinds)} kinds")
        return kinds

    def measurement(self, **about: Any) -> Measurement:
        """A two-sided Gaussian."""
        upper, lower = quadrature(self.errors)
        fixed = self.errors[1:]
        if self.kinds:
            of_kind = zip(self.errors, self.kinds, strict=True)
            fixed = tuple(pair for pair, kind in of_kind if kind == "systematic")
        else:
            about["assumed"] = FIRST_STATISTICAL if fixed else ALL_STATISTICAL
        up, down = quadrature(fixed)
        systematic = min(up, upper), min(down, lower)
        return GaussianMeasurement(
            number(self.observable), self.value, upper, lower, systematic, **about
        )


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
        about["assumed"] = ALL_STATISTICAL
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
        smallest = sizable(FINEST * (values[-1] - values[0]))
        if any(b - a < smallest for a, b in pairwise(values)):
            raise ValueError(f"two values are closer than {FINEST:g} of the range")
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
        about["assumed"] = ALL_STATISTICAL
        curve = self.curve.values, self.curve.likelihood
        return NumericalMeasurement(number(self.observable), *curve, **about)


class CorrelatedEntry(Entry):
    """Several values with errors and their correlation matrix.

    `systematic` has the systematic parts of the errors, for projections.
    """

    observables: tuple[str, ...] = Field(min_length=2)
    values: tuple[Number, ...]
    errors: tuple[Positive, ...]
    correlation: tuple[tuple[Number, ...], ...]
    systematic: tuple[NotNegative, ...] = ()

    @field_validator("values", "errors")
    @classmethod
    def _as_many(cls, numbers: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        n = len(info.data.get("observables", numbers))
        if len(numbers) != n:
            raise ValueError(f"{n} observables need {n} values and {n} errors")
        if info.field_name == "errors":
            for error, value in zip(numbers, info.data.get("values", ()), strict=False):
                fine(error, value)
        return numbers

    @field_validator("correlation")
    @classmethod
    def _matrix(
        cls, rows: tuple[tuple[float, ...], ...], info: ValidationInfo
    ) -> tuple[tuple[float, ...], ...]:
        return matrix_of(rows, len(info.data.get("observables", rows)))

    @field_validator("systematic")
    @classmethod
    def _parts(cls, parts: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        return parts_of(parts, info.data.get("errors", parts)) if parts else parts

    def measurement(self, **about: Any) -> Measurement:
        """A multivariate Gaussian."""
        own = self.given() | {"observables": tuple(map(number, self.observables))}
        if not self.systematic:
            about["assumed"] = ALL_STATISTICAL
        return CorrelatedMeasurement(**own, systematic=self.systematic, **about)


# What a message calls them.
_KINDS: dict[str, type[Entry]] = {
    "a count": CountingEntry,
    "a value": GaussianEntry,
    "a limit": LimitEntry,
    "a curve": NumericalEntry,
    "correlated values": CorrelatedEntry,
    "a forecast": ProjectedEntry,
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
