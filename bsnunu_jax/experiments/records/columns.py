"""Densities of a record as they are collected, entry by entry of its `signals`."""

from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from bsnunu_jax.experiments.histfactory.density import Density
from bsnunu_jax.experiments.histfactory.spectrum import Spectrum
from bsnunu_jax.foundation.errors import InputError


class Columns:
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
