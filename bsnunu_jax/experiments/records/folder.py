"""A record: the files of a folder -> the measurement that they are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from bsnunu_jax.experiments.geometry import check_decays, detector_of
from bsnunu_jax.experiments.histfactory.compact_table import read_table
from bsnunu_jax.experiments.histfactory.coordinates import coordinates
from bsnunu_jax.experiments.histfactory.density import Density
from bsnunu_jax.experiments.histfactory.reweighted import Reweighted, Spectrum
from bsnunu_jax.experiments.histfactory.workspace import read_workspace
from bsnunu_jax.experiments.records.layout import FILE, RecordSchema, SignalSection, check_edges
from bsnunu_jax.experiments.records.nulls import null_bins
from bsnunu_jax.experiments.records.record import check_files, sha256_of
from bsnunu_jax.foundation.errors import InputError, shown
from bsnunu_jax.foundation.located_yaml import LocatedYaml, located
from bsnunu_jax.foundation.packaged import packaged, packaged_all
from bsnunu_jax.hadrons.transitions import get_mode

# Of a table of numbers; the largest that was published has 23 kB.
_MOST_BYTES = 1 << 27
Where = Callable[[Sequence[str | int]], str]


def is_record(path: Path) -> bool:
    """Whether a folder with a record.yaml is there."""
    try:
        return (path / FILE).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


@dataclass(frozen=True)
class Record:
    """A folder and what its record.yaml says, or what the package has in the place of that.

    Attributes:
        folder: with the files.
        file: of the record.
        content: what it says.
        published: whether the record is the package's, and the folder has its files alone.
    """

    folder: Path
    file: LocatedYaml
    content: RecordSchema
    published: bool = False

    @classmethod
    def read(cls, folder: Path) -> "Record":
        """Of a folder.

        Raises:
            InputError: with file, line and key for what does not fit.
        """
        file = LocatedYaml(folder / FILE)
        return cls(folder, file, file.validate(RecordSchema))

    @classmethod
    def packaged(
        cls, name: str, folder: Path = Path(), checksums: Mapping[str, str] | None = None
    ) -> "Record":
        """A record of the package with the files of a folder.

        Args:
            name: the measurement.
            folder: its published files.
            checksums: of them, in the place of those that the record states.
        """
        known = packaged_all("experiments", "records").items()
        (at,) = (file for file, raw in known if raw["id"] == name)
        there = resources.files("bsnunu_jax.experiments") / "data" / "records" / at
        with resources.as_file(there) as path:
            file = LocatedYaml(path)
        content = file.validate(RecordSchema)
        if checksums is not None:
            content = content.model_copy(update={"checksums": checksums})
        return cls(folder, file, content, published=True)

    def check(self) -> dict[str, str]:
        """SHA-256 of the files that it names, compared with those that it states.

        Raises:
            InputError: for a file that is missing, or differs.
        """
        stated = self.content.checksums
        files = [n for n in self.content.files if n != FILE or not self.published]
        for name in stated:
            if name not in files:
                raise self.file.error(("checksums", name), "is no file of the record")
        check_files(self.folder, {n: stated.get(n) for n in files})
        return {n: sha256_of(self.folder / n) for n in files}

    def workspace(self) -> Density:
        """Its workspace without what a theory replaces.

        Raises:
            InputError: for what is no workspace, or names that it does not have.
        """
        c = self.content
        patch = None if c.patch is None else (self.folder / c.patch.file, c.patch.name)
        path = self.folder / c.workspace
        return read_workspace(path, measurement=c.measurement, patch=patch, drop=c.drop)

    def measurement(self) -> Reweighted:
        """The measurement that its files are.

        Raises:
            InputError: for files that are missing, altered, or do not fit each other.
        """
        self.check()
        density, c = self.workspace(), self.content
        columns = _Columns(density)
        for i, given in enumerate(c.signals):
            self._take(columns, i, given)
        columns.check_polarisations(self.file.where(("signals",)))
        if c.geometry:
            with located(self.file.where(("geometry",))):
                check_decays(get_mode(given.mode).name for given in c.signals)
        labels = c.labels or _labels(density)
        if len(labels) != len(density.model.observed) and not self.published:
            raise self.file.error(
                ("labels",), f"{len(labels)} labels, {len(density.model.observed)} bins"
            )
        where = str(self.folder / c.workspace)
        return Reweighted(
            **self._about("published likelihood" if self.published else "record"),
            labels=labels,
            model=density.model,
            coordinates=coordinates(density, c.mc_statistics == "sampled", where),
            **columns.fields(),
        )

    def compact(self) -> Reweighted | None:
        """The compact form that the package has of it, if it has one."""
        c = self.content
        if c.compact is None:
            return None
        table = packaged("experiments", c.compact)
        spectrum = Spectrum(c.signals[0].mode, tuple(map(float, table["q2_edges"])))
        assert c.null is not None
        null = null_bins(c.null, spectrum, None, lambda *k: self.file.where(("null", *k)))
        return Reweighted(
            **self._about("compact"),
            labels=c.labels,
            spectra=(spectrum,),
            null_br=null,
            **read_table(table),
        )

    def _about(self, form: str) -> dict[str, Any]:
        """What all forms have."""
        c = self.content
        return {
            "name": c.id,
            "title": f"{c.title}, {form}" if form == "published likelihood" else c.title,
            "samples": c.samples,
            "sources": tuple(f"arXiv:{s}" if s[:4].isdigit() else s for s in c.sources),
            "sm_spectrum": False,
            "tree_tau": c.tree_tau,
            "form": form,
            "luminosity": c.luminosity,
            "detector": c.geometry and detector_of(c.geometry),
            "null_model": (c.null.constants if c.null else None) or {},
        }

    def _take(self, columns: "_Columns", i: int, given: SignalSection) -> None:
        """One entry of `signals`."""

        def place(*keys: str) -> Any:
            return located(self.file.where(("signals", i, *keys)))

        with place("mode"):
            mode = get_mode(given.mode)
            if given.polarisation and not mode.vector:
                raise InputError(
                    f"{mode.name} has no polarisation", allowed="drop it, or name a vector meson"
                )
        rows = columns.rows(given.channel, given.sample)
        with place("channel" if not columns.channels(given.channel) else "sample"):
            if not len(rows):
                raise InputError(
                    f"no sample {shown(given.sample)} in a channel {shown(given.channel)}",
                    allowed=columns.known(),
                )
        edges = self._edges(given, place)
        table = numbers(self.folder / given.density)
        wanted = (len(rows), len(edges) - 1 + given.underflow)
        path = str(self.folder / given.density)
        if table.shape != wanted:
            beside = " + 1" if given.underflow else ""
            raise InputError(
                f"shape {table.shape}, the workspace has {wanted[0]} signal bins and "
                f"{len(edges) - 1}{beside} bins of q2",
                where=path,
            )
        if (table < 0).any():
            raise InputError("has an entry below 0", where=path, allowed="events")
        spectrum = Spectrum(mode.name, edges, given.polarisation or "")
        null = self._null(i, given, spectrum)
        split = int(given.underflow)
        events = table[:, split:]
        with place("density"):
            if (lost := events[:, null <= 0]).any():
                raise InputError(
                    f"{given.density} has {lost.sum():g} events in bins of q2 in which the null "
                    "model has no rate"
                )
        with place():
            columns.add(rows, spectrum, null, events, table[:, :split].sum(axis=1))

    def _edges(self, given: SignalSection, place: Any) -> tuple[float, ...]:
        if given.q2.linspace is not None:
            return tuple(np.linspace(*given.q2.linspace).tolist())
        edges = given.q2.edges
        if isinstance(edges, str):
            edges = tuple(numbers(self.folder / edges).ravel().tolist())
            with place("q2", "edges"):
                try:
                    check_edges(edges)
                except ValueError as error:
                    raise InputError(str(error)) from None
        assert edges is not None
        return edges

    def _null(self, i: int, given: SignalSection, spectrum: Spectrum) -> np.ndarray:
        keys: tuple[str | int, ...] = ("null",) if given.null is None else ("signals", i, "null")
        section = self.content.null if given.null is None else given.null
        if section is None:
            raise self.file.error(
                ("signals", i),
                "says not with which null model it was made",
                "null: here or for all",
            )
        table = None if section.spectrum is None else numbers(self.folder / section.spectrum)
        found = null_bins(section, spectrum, table, lambda *k: self.file.where((*keys, *k)))
        if found.shape != (len(spectrum.edges) - 1,) or not (found >= 0).all():
            raise self.file.error(
                keys, f"expected {len(spectrum.edges) - 1} branching fractions of 0 or above"
            )
        return found


def numbers(path: Path) -> np.ndarray:
    """A table of finite numbers between commas, shape (rows, columns).

    Raises:
        InputError: naming the file.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"has more than {_MOST_BYTES:,} bytes", where=str(path))
        with path.open(encoding="utf-8-sig") as file:
            lines = [line for line in file if line.partition("#")[0].strip()]
        if not lines:
            raise InputError("has no numbers", where=str(path))
        table = np.loadtxt(lines, delimiter=",", ndmin=2)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from None
    except ValueError as error:
        what = str(error).partition(";")[0]
        raise InputError(f"is no table of numbers ({what})", where=str(path)) from None
    if not np.isfinite(table).all():
        raise InputError("has a number that is not finite", where=str(path))
    return table


class _Columns:
    """Densities as they are collected: rows are entries of the model, columns bins of q2."""

    def __init__(self, density: Density) -> None:
        self.entries = density.model.entries
        self.underflow = np.zeros(len(self.entries))
        self.of: dict[Spectrum, tuple[np.ndarray, np.ndarray]] = {}
        self.filled: dict[Spectrum, set[int]] = {}

    def channels(self, pattern: str) -> list[str]:
        return [c for c in dict.fromkeys(c for c, _ in self.entries) if fnmatchcase(c, pattern)]

    def rows(self, pattern: str, sample: str) -> np.ndarray:
        here = set(self.channels(pattern))
        return np.array([i for i, (c, s) in enumerate(self.entries) if c in here and s == sample])

    def known(self) -> str:
        return ", ".join(f"{s} in {c}" for c, s in dict.fromkeys(self.entries))

    def add(
        self,
        rows: np.ndarray,
        spectrum: Spectrum,
        null: np.ndarray,
        events: np.ndarray,
        underflow: np.ndarray,
    ) -> None:
        before, table = self.of.get(spectrum, (null, np.zeros((len(self.entries), len(null)))))
        filled = self.filled.setdefault(spectrum, set())
        if twice := filled & set(rows.tolist()):
            channel, sample = self.entries[min(twice)]
            raise InputError(
                f"{spectrum.mode} of {sample!r} in {channel!r} has a density already",
                allowed="one for each mode and polarisation",
            )
        if not np.array_equal(before, null):
            raise InputError(
                f"two null models of {spectrum.mode} in the same bins of q2",
                allowed="one null for each mode, polarisation and set of bins",
            )
        table[rows] = events
        filled |= set(rows.tolist())
        self.underflow[rows] += underflow
        self.of[spectrum] = before, table

    def check_polarisations(self, where: str) -> None:
        """An entry has both polarisations of a mode, or all of it."""
        kinds: dict[tuple[int, str], set[str]] = {}
        for spectrum, rows in self.filled.items():
            for row in rows:
                kinds.setdefault((row, spectrum.mode), set()).add(spectrum.polarisation)
        for (row, mode), found in kinds.items():
            if found not in ({""}, {"longitudinal", "transverse"}):
                channel, sample = self.entries[row]
                raise InputError(
                    f"{mode} of {sample!r} in {channel!r} is there as "
                    f"{' and '.join(sorted(k or 'all polarisations' for k in found))}",
                    where=where,
                    allowed="longitudinal and transverse, or one density of both",
                )

    def fields(self) -> dict[str, Any]:
        filled = set().union(*self.filled.values())
        signal = np.array([i in filled for i in range(len(self.entries))])
        tables = [table for _, table in self.of.values()]
        return {
            "spectra": tuple(self.of),
            "signal": signal,
            "density": np.concatenate(tables, axis=1)[signal],
            "underflow": self.underflow[signal],
            "null_br": np.concatenate([null for null, _ in self.of.values()]),
        }


def _labels(density: Density) -> tuple[str, ...]:
    """Channel and number of every bin."""
    model = density.model
    channel_of = dict(zip(model.bins.tolist(), (c for c, _ in model.entries), strict=True))
    seen: dict[str, int] = {}
    labels = []
    for b in range(len(model.observed)):
        channel = channel_of[b]
        labels.append(f"{channel} {seen.get(channel, 0)}")
        seen[channel] = seen.get(channel, 0) + 1
    return tuple(labels)
