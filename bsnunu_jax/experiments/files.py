"""Measurement files: counts, quoted values, limits and curves as YAML, checked by line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, StrictBool

from bsnunu_jax.experiments.entries import CorrelatedEntry, kind_of, number
from bsnunu_jax.experiments.measurement import Measurement
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.located_yaml import LocatedYaml, Section, located


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
        place = ("measurements", i)
        if isinstance(entry, CorrelatedEntry):
            _refuse_twice(entry.observables, file, (*place, "observables"))
        tree_tau = entry.tree_tau or content.tree_tau
        of_file = {"sm_spectrum": content.sm_spectrum, "tree_tau": tree_tau}
        with located(file.where(place)):
            found.append(entry.measurement(**entry.about(), **of_file))
    return found


def _refuse_twice(
    observables: Sequence[str], file: LocatedYaml, place: Sequence[str | int]
) -> None:
    """One observable may not stand twice, under no other spelling either."""
    seen: dict[str, str] = {}
    for j, given in enumerate(observables):
        with located(file.where((*place, j))):
            name = number(given)
            if name in seen:
                raise InputError(
                    f"{given!r} and {seen[name]!r} are one observable", allowed="keep one"
                )
            seen[name] = given
