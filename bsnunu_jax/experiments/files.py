"""Measurement files: counts, quoted values, limits and curves as YAML, checked by line."""

import math
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Discriminator, Field, Tag, field_validator, model_validator
from scipy.special import erfinv

from bsnunu_jax.errors import InputError
from bsnunu_jax.experiments.base import Measurement
from bsnunu_jax.experiments.correlated import CorrelatedMeasurement
from bsnunu_jax.experiments.counting import CountingMeasurement
from bsnunu_jax.experiments.gaussian import GaussianMeasurement
from bsnunu_jax.experiments.numerical import NumericalMeasurement
from bsnunu_jax.located_yaml import LocatedYaml, Section, located, pair
from bsnunu_jax.modes import get_mode
from bsnunu_jax.observables import get_observable


class _Entry(Section):
    id: str = Field(pattern=r"^[A-Za-z0-9_+*-]+$")
    title: str
    samples: tuple[str, ...] = ()
    inspire: str | None = None
    arxiv: str | None = None
    tree_tau: str | None = None
    note: str = ""
    unverified: bool = False

    @property
    def shown(self) -> str:
        """The title, which says so if the numbers are not verified."""
        return f"{self.title} [unverified]" if self.unverified else self.title

    @property
    def sources(self) -> tuple[str, ...]:
        """What to cite."""
        return (f"arXiv:{self.arxiv}",) if self.arxiv else (self.inspire or self.title,)


class CountingEntry(_Entry):
    """n events, background and the published limit on BR that fixes the efficiency."""

    mode: str
    limit: float = Field(gt=0)
    confidence_level: float = Field(gt=0, lt=1)
    observed: float = Field(ge=0)
    background: float
    background_std: float = Field(ge=0)


class GaussianEntry(_Entry):
    """A value with one or more pairs of errors [up, down], added in quadrature."""

    observable: str
    value: float
    errors: tuple[Annotated[tuple[float, float], pair("[up, down]")], ...] = Field(min_length=1)

    @field_validator("errors")
    @classmethod
    def _signs(cls, errors: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        for up, down in errors:
            if not up >= 0 >= down:
                raise ValueError(
                    f"[{up:g}, {down:g}] is no pair [up, down]; write up >= 0 >= down, "
                    "e.g. [2.0e-6, -1.0e-6]"
                )
        if 0 in _quadrature(errors):
            raise ValueError("all errors of one side are 0; give it one that is not")
        return errors


class LimitEntry(_Entry):
    """A limit and nothing else: a Gaussian around 0 that gives it back with a flat prior."""

    observable: str
    limit: float = Field(gt=0)
    confidence_level: float = Field(gt=0, lt=1)

    @property
    def std(self) -> float:
        """The width: limit/1.645 at 90 %."""
        return self.limit / (math.sqrt(2) * float(erfinv(self.confidence_level)))


class CurveSection(Section):
    """A likelihood on a grid."""

    values: tuple[float, ...] = Field(min_length=4)
    likelihood: tuple[Annotated[float, Field(gt=0)], ...]

    @model_validator(mode="after")
    def _grid(self) -> "CurveSection":
        if any(b <= a for a, b in pairwise(self.values)):
            raise ValueError("the values do not increase")
        if len(self.likelihood) != len(self.values):
            raise ValueError(f"{len(self.values)} values, {len(self.likelihood)} likelihoods")
        if not self.likelihood[0] < max(self.likelihood) > self.likelihood[-1]:
            raise ValueError("the likelihood must fall towards both ends")
        return self


class NumericalEntry(_Entry):
    """A likelihood published as a curve of one observable."""

    observable: str
    curve: CurveSection


class CorrelatedEntry(_Entry):
    """Several values with errors and their correlation matrix."""

    observables: tuple[str, ...] = Field(min_length=2)
    values: tuple[float, ...]
    errors: tuple[Annotated[float, Field(gt=0)], ...]
    correlation: tuple[tuple[float, ...], ...]

    @model_validator(mode="after")
    def _matrix(self) -> "CorrelatedEntry":
        n = len(self.observables)
        if not len(self.values) == len(self.errors) == n:
            raise ValueError(f"{n} observables need {n} values and {n} errors")
        matrix = np.array([[*row, *[np.nan] * n][:n] for row in self.correlation])
        if (
            matrix.shape != (n, n)
            or not (np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 1))
            or np.linalg.eigvalsh(matrix)[0] <= 0
        ):
            raise ValueError(f"correlation is no positive symmetric {n} x {n} matrix with 1 on"
                             " the diagonal")  # fmt: skip
        return self


def _kind(raw: Any) -> str:
    if isinstance(raw, NumericalEntry | CorrelatedEntry):
        return "curve" if isinstance(raw, NumericalEntry) else "correlated"
    if isinstance(raw, dict) and ("curve" in raw or "observables" in raw):
        return "curve" if "curve" in raw else "correlated"
    if isinstance(raw, dict):
        limit = "limit" if "observable" in raw else "counting"
        return limit if "limit" in raw else "gaussian"
    if isinstance(raw, LimitEntry):
        return "limit"
    return "counting" if isinstance(raw, CountingEntry) else "gaussian"


def _quadrature(errors: tuple[tuple[float, float], ...]) -> tuple[float, float]:
    """The total errors up and down."""
    ups, downs = zip(*errors, strict=True)
    return math.hypot(*ups), math.hypot(*downs)


def _gaussian(entry: GaussianEntry | LimitEntry) -> tuple[float, float, float]:
    """The value and its errors up and down."""
    if isinstance(entry, LimitEntry):
        return 0.0, entry.std, entry.std
    return entry.value, *_quadrature(entry.errors)


class MeasurementFile(Section):
    """A file of measurements."""

    measurements: tuple[
        Annotated[
            Annotated[CountingEntry, Tag("counting")]
            | Annotated[LimitEntry, Tag("limit")]
            | Annotated[NumericalEntry, Tag("curve")]
            | Annotated[CorrelatedEntry, Tag("correlated")]
            | Annotated[GaussianEntry, Tag("gaussian")],
            Discriminator(_kind),
        ],
        ...,
    ]
    sm_spectrum: bool = True
    tree_tau: str = "not stated"


def read_measurements(path: Path) -> list[Measurement]:
    """The measurements of a file.

    Raises:
        InputError: with file, line and key for anything that does not fit.
    """
    file = LocatedYaml(path)
    content = file.validate(MeasurementFile)
    found: list[Measurement] = []
    for i, entry in enumerate(content.measurements):
        common: dict[str, Any] = {
            "name": entry.id,
            "title": entry.shown,
            "samples": entry.samples or (entry.id,),
            "sources": entry.sources,
            "sm_spectrum": content.sm_spectrum,
            "tree_tau": entry.tree_tau or content.tree_tau,
        }
        with located(file.where(("measurements", i))):
            if isinstance(entry, CountingEntry):
                found.append(CountingMeasurement(
                    mode=get_mode(entry.mode).name, observed=entry.observed,
                    background=entry.background, background_std=entry.background_std,
                    limit=entry.limit, confidence_level=entry.confidence_level, note=entry.note,
                    **common,
                ))  # fmt: skip
            elif isinstance(entry, NumericalEntry):
                found.append(NumericalMeasurement(
                    observable=_number(entry.observable), grid=entry.curve.values,
                    likelihood=entry.curve.likelihood, **common,
                ))  # fmt: skip
            elif isinstance(entry, CorrelatedEntry):
                found.append(CorrelatedMeasurement(
                    observables=tuple(map(_number, entry.observables)), values=entry.values,
                    errors=entry.errors, correlation=entry.correlation, **common,
                ))  # fmt: skip
            else:
                value, upper, lower = _gaussian(entry)
                found.append(GaussianMeasurement(
                    observable=_number(entry.observable), value=value, upper=upper, lower=lower,
                    **common,
                ))  # fmt: skip
    return found


def _number(observable: str) -> str:
    """The name of an observable that is a number.

    Raises:
        InputError: for an unknown one or a spectrum.
    """
    if get_observable(observable).differential:
        raise InputError(f"{observable!r} is a spectrum, a number is needed")
    return get_observable(observable).name
