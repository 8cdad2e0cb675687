"""What an item leaves: figures, the numbers behind them, and rows of the table of claims."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bsnunu_jax.reproduce.row import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Columns = Mapping[str, np.ndarray | list[str]]


@dataclass(frozen=True)
class Grid:
    """Arrays over named coordinates, for NetCDF.

    Attributes:
        coordinates: one-dimensional arrays by name.
        arrays: name to (names of its coordinates, values).
        units: by name, of both.
    """

    coordinates: Mapping[str, np.ndarray]
    arrays: Mapping[str, tuple[tuple[str, ...], np.ndarray]]
    units: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_counts(cls, edges: Mapping[str, np.ndarray], counts: Mapping[str, np.ndarray]) -> "Grid":
        """Numbers of points in bins; coordinates are the centres of the bins."""
        centres = {name: (e[1:] + e[:-1]) / 2 for name, e in edges.items()}
        arrays = {name: (tuple(edges), values) for name, values in counts.items()}
        return cls(centres, arrays, dict.fromkeys(counts, "points"))


def counted(x: np.ndarray, y: np.ndarray, *edges: np.ndarray) -> np.ndarray:
    """Numbers of points in bins of x and y; one array of edges for both, or one each."""
    counts, *_ = np.histogram2d(x, y, bins=(edges[0], edges[-1]))
    return counts.astype(np.int32)


@dataclass(frozen=True)
class Product:
    """One item of `bsnunu reproduce`.

    Attributes:
        figures: file stem to what draws it; called inside `report.figures.style.styled`.
        tables: file stem to columns, for CSV.
        grids: file stem to arrays, for NetCDF.
        rows: what the text says beside what is computed here.
        inputs: what went in beside the constraints: ranges of scans, number of points, data sets.
        summary: lines for people.
    """

    figures: Mapping[str, Callable[[], "Figure"]] = field(default_factory=dict)
    tables: Mapping[str, Columns] = field(default_factory=dict)
    grids: Mapping[str, Grid] = field(default_factory=dict)
    rows: Sequence[Row] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""
