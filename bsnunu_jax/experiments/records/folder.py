"""A record: the files of a folder -> the measurement that they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from bsnunu_jax.experiments.geometry import check_decays, detector_of
from bsnunu_jax.experiments.histfactory.compact_table import read_table
from bsnunu_jax.experiments.histfactory.coordinates import coordinates
from bsnunu_jax.experiments.histfactory.density import Density
from bsnunu_jax.experiments.histfactory.model import HistFactory
from bsnunu_jax.experiments.histfactory.reweighted import Reweighted, Shared, Spectrum
from bsnunu_jax.experiments.histfactory.workspace import read_workspace
from bsnunu_jax.experiments.records.columns import Columns
from bsnunu_jax.experiments.records.layout import FILE, RecordSchema
from bsnunu_jax.experiments.records.nulls import null_bins
from bsnunu_jax.experiments.records.record import DataSet, check_files, data_set, sha256_of
from bsnunu_jax.experiments.records.signals import Signals
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.located_yaml import LocatedYaml, located
from bsnunu_jax.foundation.packaged import packaged, packaged_all
from bsnunu_jax.hadrons.transitions import get_mode

# Events of a bin that doubles count one by one, and errors relative to them.
_MOST_EVENTS, _WIDEST = 1e15, 1e3


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
        files = [n for n in self.files if n != FILE or not self.published]
        for name in stated:
            if name not in (*files, *self.content.files, self.content.compact):
                raise self.file.error(("checksums", name), "is no file of the record")
        check_files(self.folder, {n: stated.get(n) for n in files}, self._sources)
        return {n: sha256_of(self.folder / n) for n in files}

    @property
    def data_set(self) -> DataSet | None:
        """Where its files can be downloaded, if HEPData has them."""
        return data_set(self.content.model_dump(), None if self.published else self.folder)

    @property
    def missing(self) -> tuple[str, ...]:
        """The files that are still to be downloaded."""
        wanted = self.data_set.files if self.data_set else {}
        return tuple(name for name in wanted if not (self.folder / name).is_file())

    @property
    def _sources(self) -> tuple[DataSet, ...] | None:
        if self.published:
            return None
        return (self.data_set,) if self.data_set else ()

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
        if self.in_compact_form and (compact := self.compact()) is not None:
            return compact
        density, c = self.workspace(), self.content
        where = str(self.folder / c.workspace)
        _refuse_unusable(density, where)
        columns, signals = Columns(density), Signals(self.folder, self.file, c)
        for i, given in enumerate(c.signals):
            signals.take(columns, i, given)
        columns.check_polarisations(self.file.where(("signals",)))
        if c.geometry:
            with located(self.file.where(("geometry",))):
                check_decays(get_mode(given.mode).name for given in c.signals)
        labels = c.labels or _labels(density.model)
        if len(labels) != len(density.model.observed) and not self.published:
            raise self.file.error(
                ("labels",), f"{len(labels)} labels, {len(density.model.observed)} bins"
            )
        fields = columns.fields()
        self._refuse_strength(density, fields["signal"])
        return Reweighted(
            **self._about("published likelihood" if self.published else "record"),
            labels=labels,
            model=density.model,
            coordinates=coordinates(
                density, c.mc_statistics == "sampled", where, {} if c.share else None
            ),
            share=self._share(),
            **fields,
        )

    def _refuse_strength(self, density: Density, signal: np.ndarray) -> None:
        """A free signal strength beside the rate of a theory can be anything."""
        poi, model = density.poi, density.model
        if poi in model.factors and not density.parameters.fixed[density.parameters.slices[poi]]:
            used = model.factor_of_entry[signal] == model.factors.index(poi)
            if used.any():
                raise self.file.error(
                    ("drop",), f"the poi {poi!r} multiplies the signal", f"drop: [{poi}, ...]"
                )

    def _share(self) -> tuple[Shared, ...]:
        found = []
        for name, given in self.content.share.items():
            ((other, there),) = ((k, v) for k, v in given.items() if k != "correlation")
            correlation = float(given.get("correlation", 1.0))
            where = self.file.where(("share", name))
            found.append(Shared(name, other, there, correlation, where))
        return tuple(found)

    @property
    def in_compact_form(self) -> bool:
        """Whether a folder has the compact form of its record alone."""
        c = self.content
        there = c.compact is not None and not self.published
        return there and not (self.folder / c.workspace).is_file()

    @property
    def files(self) -> tuple[str, ...]:
        """The files that it is read from."""
        compact = self.content.compact
        return (FILE, compact) if self.in_compact_form and compact else self.content.files

    def compact(self) -> Reweighted | None:
        """The compact form that the package, or the folder, has of it, if there is one.

        Raises:
            InputError: for a file that is no such form.
        """
        c = self.content
        if c.compact is None:
            return None
        if self.published:
            return self._of_table(packaged("experiments", c.compact))
        if c.share:
            raise self.file.error(("share",), "a compact form shares no nuisances", "drop it")
        file = LocatedYaml(self.folder / c.compact)
        try:
            return self._of_table(file.data)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            what = f"is no table of `bsnunu data compact` ({type(error).__name__}: {error})"
            raise InputError(" ".join(what.split()), where=str(file.path)) from None

    def _of_table(self, table: Mapping[str, Any]) -> Reweighted:
        c, fields = self.content, read_table(table)
        if "spectra" not in fields:
            spectrum = Spectrum(c.signals[0].mode, tuple(map(float, table["q2_edges"])))
            assert c.null is not None
            null = null_bins(c.null, spectrum, None, lambda *k: self.file.where(("null", *k)))
            fields |= {"spectra": (spectrum,), "null_br": null}
        labels = c.labels or _labels(fields["model"])
        return Reweighted(**self._about("compact"), labels=labels, **fields)

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


def _refuse_unusable(density: Density, where: str) -> None:
    """Refuse a workspace whose density is not finite where fits begin, or counts that are none."""
    start, model = density.parameters.inits, density.model
    with np.errstate(all="ignore"):
        rates = density.bin_rates(start, xp=np)
        value = float(density.log_density(start, xp=np))
        sizes = (rates, model.observed, model.symmetric, model.antisymmetric, model.nominal_slopes)
        most = np.max([np.abs(x).max(initial=0.0) for x in sizes])
    widest = max(model.gamma_sigma, default=0.0)
    if not most <= _MOST_EVENTS or widest > _WIDEST:
        what = f"{most:.3g} events" if widest <= _WIDEST else f"MC errors of {widest:.3g}"
        raise InputError(
            f"has {what} in a bin, expected, observed or moved by a systematic",
            where=where,
            allowed=f"at most {_MOST_EVENTS:g} events and relative errors of {_WIDEST:g}",
        )
    if not np.isfinite(value):
        why = density.impossible_bin(start) or "its log-density is not finite"
        raise InputError(f"{why} at the initial values of the parameters", where=where)


def _labels(model: HistFactory) -> tuple[str, ...]:
    """Channel and number of every bin."""
    channel_of = dict(zip(model.bins.tolist(), (c for c, _ in model.entries), strict=True))
    seen: dict[str, int] = {}
    labels = []
    for b in range(len(model.observed)):
        channel = channel_of[b]
        labels.append(f"{channel} {seen.get(channel, 0)}")
        seen[channel] = seen.get(channel, 0) + 1
    return tuple(labels)
