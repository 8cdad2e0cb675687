"""The signals of a record: files of its folder -> columns of densities with their null model."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bsnunu_jax.experiments.histfactory.spectrum import Spectrum
from bsnunu_jax.experiments.records.columns import Columns
from bsnunu_jax.experiments.records.layout import RecordSchema, SignalSection, check_edges
from bsnunu_jax.experiments.records.nulls import null_bins
from bsnunu_jax.experiments.records.tables import numbers
from bsnunu_jax.foundation.errors import InputError, shown
from bsnunu_jax.foundation.located_yaml import LocatedYaml, located
from bsnunu_jax.hadrons.transitions import get_mode

# Of an entry of a table.
_MOST_EVENTS = 1e15


@dataclass(frozen=True)
class Signals:
    """Where the files of a record lie, and what its record.yaml says."""

    folder: Path
    file: LocatedYaml
    content: RecordSchema

    def take(self, columns: Columns, i: int, given: SignalSection) -> None:
        """One entry of `signals`.

        Raises:
            InputError: for names that the workspace does not have, or tables that do not fit it.
        """

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
        if (table < 0).any() or (table > _MOST_EVENTS).any():
            which = "below 0" if (table < 0).any() else f"above {_MOST_EVENTS:g}"
            raise InputError(f"has an entry {which}", where=path, allowed="events")
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
