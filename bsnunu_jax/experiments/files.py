"""Measurement files: counts, quoted values, limits and curves as YAML, checked by line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, StrictBool

from bsnunu_jax.experiments.entries import (
    CorrelatedEntry,
    CountingEntry,
    GaussianEntry,
    LimitEntry,
    NumericalEntry,
    kind_of,
    quadrature,
)
from bsnunu_jax.experiments.measurement import Measurement
from bsnunu_jax.experiments.quoted.correlated import CorrelatedMeasurement
from bsnunu_jax.experiments.quoted.counting import CountingMeasurement
from bsnunu_jax.experiments.quoted.gaussian import GaussianMeasurement
from bsnunu_jax.experiments.quoted.numerical import NumericalMeasurement
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.located_yaml import LocatedYaml, Section, located
from bsnunu_jax.hadrons.transitions import get_mode
from bsnunu_jax.observables.catalogue import get_observable


def _gaussian(entry: GaussianEntry | LimitEntry) -> tuple[float, float, float]:
    """The value and its errors up and down."""
    if isinstance(entry, LimitEntry):
        return 0.0, entry.std, entry.std
    return entry.value, *quadrature(entry.errors)


class MeasurementFile(Section):
    """A file of measurements, whose entries are checked one by one as what they are."""

    measurements: tuple[dict[str, Any], ...] = Field(min_length=1)
    sm_spectrum: StrictBool = True
    tree_tau: str = "not stated"


def read_measurements(path: Path) -> list[Measurement]:
    """The measurements of a file.

    Raises:
        InputError: with file, line and key for anything that does not fit.
    """
    file = LocatedYaml(path)
    content = file.validate(MeasurementFile)
    found: list[Measurement] = []
    ids: set[str] = set()
    for i, raw in enumerate(content.measurements):
        entry: Any = file.validate(kind_of(raw, file, i), ("measurements", i))
        if entry.id in ids:
            raise InputError(
                f"the id {entry.id!r} stands twice",
                where=file.where(("measurements", i, "id")),
                allowed="each measurement has its own",
            )
        ids.add(entry.id)
        common: dict[str, Any] = {
            "name": entry.id,
            "title": entry.shown,
            "samples": entry.samples or (entry.id,),
            "sources": entry.sources,
            "sm_spectrum": content.sm_spectrum,
            "tree_tau": entry.tree_tau or content.tree_tau,
        }
        place = ("measurements", i)
        if isinstance(entry, CorrelatedEntry):
            _refuse_twice(entry.observables, file, (*place, "observables"))
        with located(file.where(place)):
            if isinstance(entry, CountingEntry):
                found.append(
                    CountingMeasurement(
                        mode=get_mode(entry.mode).name,
                        observed=entry.observed,
                        background=entry.background,
                        background_std=entry.background_std,
                        limit=entry.limit,
                        confidence_level=entry.confidence_level,
                        note=entry.note,
                        **common,
                    )
                )
            elif isinstance(entry, NumericalEntry):
                found.append(
                    NumericalMeasurement(
                        observable=_number(entry.observable),
                        grid=entry.curve.values,
                        likelihood=entry.curve.likelihood,
                        **common,
                    )
                )
            elif isinstance(entry, CorrelatedEntry):
                found.append(
                    CorrelatedMeasurement(
                        observables=tuple(map(_number, entry.observables)),
                        values=entry.values,
                        errors=entry.errors,
                        correlation=entry.correlation,
                        **common,
                    )
                )
            else:
                value, upper, lower = _gaussian(entry)
                found.append(
                    GaussianMeasurement(
                        observable=_number(entry.observable),
                        value=value,
                        upper=upper,
                        lower=lower,
                        **common,
                    )
                )
    return found


def _refuse_twice(
    observables: Sequence[str], file: LocatedYaml, place: Sequence[str | int]
) -> None:
    """One observable may not stand twice, under no other spelling either."""
    seen: dict[str, str] = {}
    for j, given in enumerate(observables):
        with located(file.where((*place, j))):
            name = _number(given)
            if name in seen:
                raise InputError(
                    f"{given!r} and {seen[name]!r} are one observable", allowed="keep one"
                )
            seen[name] = given


def _number(observable: str) -> str:
    """The name of an observable that is a number.

    Raises:
        InputError: for an unknown one or a spectrum.
    """
    if get_observable(observable).differential:
        raise InputError(f"{observable!r} is a spectrum, a number is needed")
    return get_observable(observable).name
