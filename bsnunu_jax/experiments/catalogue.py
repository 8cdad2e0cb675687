"""Measurements: those of the package by name, and those of any file, as YAML, checked by line."""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from pydantic import Field, StrictBool

from bsnunu_jax.experiments.entries import CorrelatedEntry, kind_of
from bsnunu_jax.experiments.entry import number
from bsnunu_jax.experiments.forecasts import ProjectedEntry
from bsnunu_jax.experiments.geometry import check_decays
from bsnunu_jax.experiments.measurement import Measurement, decays_of
from bsnunu_jax.experiments.quoted.counting import CountingMeasurement
from bsnunu_jax.experiments.records.added import added
from bsnunu_jax.experiments.records.folder import Record, is_record
from bsnunu_jax.experiments.records.record import PACKAGED
from bsnunu_jax.experiments.records.sharing import share
from bsnunu_jax.foundation.errors import InputError, shown
from bsnunu_jax.foundation.located_yaml import LocatedYaml, Section, located

_FILES = (
    "counting.yaml",
    "gaussian.yaml",
    "limits.yaml",
    "kaons.yaml",
    "hadrons.yaml",
    "correlated_modes.yaml",
    "dark_matter.yaml",
    "projected.yaml",
)


class MeasurementFile(Section):
    """A file of measurements, whose entries are checked one by one as what they are."""

    measurements: tuple[dict[str, Any], ...] = Field(min_length=1)
    sm_spectrum: StrictBool = True
    tree_tau: str = "not stated"


@cache
def _catalogue() -> Mapping[str, Measurement]:
    found: dict[str, Measurement] = {}
    for name in PACKAGED:
        if (compact := Record.packaged(name).compact()) is not None:
            found[name] = compact
    for name in _FILES:
        with resources.as_file(resources.files("bsnunu_jax.experiments") / "data" / name) as path:
            found |= {m.name: m for m in read_measurements(path)}
    return MappingProxyType(found)


def measurement_names() -> tuple[str, ...]:
    """All measurements of the package.

    >>> "belle_2017_Kstar0" in measurement_names()
    True
    """
    return tuple(_catalogue())


def load_measurements(
    names: Sequence[str],
    where: str = "",
    folder: Path = Path(),
    likelihood: Path | None = None,
    *,
    whole: bool = True,
) -> tuple[Measurement, ...]:
    """The measurements called `names`, which must not share data.

    Args:
        names: names of the package's measurements, or files (*.yaml, relative to `folder`) with
            measurements of your own in the format of counting.yaml, gaussian.yaml and limits.yaml,
            or folders with a record, see `records.layout`, or ids of records that were added.
        where: place that an error names.
        folder: folder of the card.
        likelihood: folder with the published files of a record of the package, which then take the
            place of its compact form.
        whole: False if these are some of the data of a card: records may share with others.

    Raises:
        InputError: for an unknown or repeated name, for an average together with its parts, or for
            missing or altered files of the published likelihood.
    """
    catalogue = _catalogue()
    chosen: list[Measurement] = []
    if likelihood and not any(n in PACKAGED for n in names):
        raise InputError(
            "a published likelihood is given, but no data set has one",
            where=where,
            allowed=f"add {' or '.join(PACKAGED)} to the data",
        )
    for name in names:
        if (record := _record_folder(name, folder)) is not None:
            chosen.append(Record.read(record).measurement())
        elif name.endswith((".yaml", ".yml")):
            chosen += _of_file(folder / name, where)
        elif name in catalogue:
            if likelihood and name in PACKAGED:
                chosen.append(Record.packaged(name, likelihood).measurement())
            else:
                chosen.append(catalogue[name])
        elif "/" in name or Path(name).suffix:
            raise InputError(
                f"no file of measurements: {shown(name)}",
                where=where,
                allowed="it is YAML and ends with .yaml or .yml, see docs/how_to_measurement.md;"
                " a workspace of pyhf needs a record.yaml beside it: name their folder",
            )
        else:
            raise InputError(
                f"unknown measurement {shown(name)}",
                where=where,
                allowed="see `bsnunu list measurements` for the names; "
                "`bsnunu data add FOLDER` gives a record one",
            )
    known: set[str] = set()
    owners: dict[str, str] = {}
    for m in chosen:
        if m.name in known:
            raise InputError(f"{m.name!r} stands twice", where=where, allowed="keep one")
        if shared := sorted(owners.keys() & set(m.samples)):
            raise InputError(
                f"{owners[shared[0]]!r} and {m.name!r} contain the same data ({shared[0]})",
                where=where,
                allowed="keep one of them",
            )
        known.add(m.name)
        owners |= dict.fromkeys(m.samples, m.name)
    if whole and any(getattr(m, "share", ()) for m in chosen):
        return share(chosen, (*PACKAGED, *added()))
    return tuple(chosen)


def _record_folder(name: str, folder: Path) -> Path | None:
    """The folder of a record of one's own that a card in `folder` names, if it names one."""
    if name.endswith("/") or (name not in _catalogue() and is_record(folder / name)):
        return folder / name
    return None if name in _catalogue() else added().get(name)


def _of_file(path: Path, where: str) -> list[Measurement]:
    """The measurements of a file that a card names.

    Raises:
        InputError: if it is not there, or for its content.
    """
    try:
        there, directory = path.exists(), path.is_dir()
    except OSError as error:  # e.g. a name that no file can have
        raise InputError(
            f"no data file {shown(str(path))} ({error.strerror})", where=where
        ) from None
    if directory:
        raise InputError(f"{str(path)!r} is a directory", where=where, allowed="name a file")
    if not there:
        raise InputError(f"no such data file {str(path)!r}", where=where)
    found = read_measurements(path)
    for m in found:
        if isinstance(m, CountingMeasurement):
            _check_efficiency(m, path)
    return found


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
        if isinstance(entry, ProjectedEntry):
            several = (*place, "projected", "observables")
            _refuse_twice(entry.projected.observables, file, several)
        tree_tau = entry.tree_tau or content.tree_tau
        of_file = {"sm_spectrum": content.sm_spectrum, "tree_tau": tree_tau}
        with located(file.where(place)):
            found.append(entry.measurement(**entry.about(), **of_file))
        if entry.geometry:
            with located(file.where((*place, "geometry"))):
                check_decays(decays_of(found[-1]))
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


def _check_efficiency(m: CountingMeasurement, path: Path) -> None:
    """Refuse counts from which the efficiency does not follow."""
    try:
        with np.errstate(all="ignore"):
            efficiency = m.events_per_br
    except (ValueError, ArithmeticError):
        efficiency = math.nan
    if not 0 < efficiency < math.inf:
        raise InputError(
            f"no efficiency of {m.name!r} gives back the limit from these events and background",
            where=str(path),
            allowed="check observed, background, background_std",
        )


def published_checksums(names: Sequence[str]) -> dict[str, str]:
    """SHA-256 of the published files of the package's records among some data."""
    records = (PACKAGED[n] for n in names if n in PACKAGED)
    return {f"likelihood/{file}": sha for r in records for file, sha in r["checksums"].items()}


def own_files(names: Sequence[str], folder: Path) -> dict[str, Path]:
    """The files of a card's own data, by the names that they have in its records of checksums."""
    found: dict[str, Path] = {}
    for name in names:
        if name.endswith((".yaml", ".yml")):
            found[name] = folder / name
        elif (record := _record_folder(name, folder)) is not None:
            beside = Record.read(record).files
            found |= {f"{name.rstrip('/')}/{file}": record / file for file in beside}
    return found
