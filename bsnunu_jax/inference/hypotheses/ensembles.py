"""Many data sets, and the fits to them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Fits:
    """Results of n fits.

    Attributes:
        value: the parameter of interest, folded if mirrored, shape (n,).
        objective: -2 ln (likelihood x constraint terms), shape (n,).
        point: coordinates of parameters and nuisances, shape (n, size).
        converged: whether the gradient vanishes, shape (n,).
    """

    value: np.ndarray
    objective: np.ndarray
    point: np.ndarray
    converged: np.ndarray

    def __getitem__(self, rows: Any) -> "Fits":
        """Some of the fits."""
        parts = (self.value, self.objective, self.point, self.converged)
        return Fits(*(part[rows] for part in parts))


@dataclass(frozen=True, eq=False)
class DataSets:
    """n data sets with the centres of all constraint terms.

    Attributes:
        data: one array a measurement, each of shape (n, bins).
        centres: shape (n, size).
        widths: standard deviations of the constraint terms, shape (n, size); 1 if absent.
        luminosity: over that of the observed data, shape (n,); 1 and no datum if absent.
    """

    data: tuple[np.ndarray, ...]
    centres: Float[np.ndarray, "n size"]
    widths: Float[np.ndarray, "n size"] | None = None
    luminosity: Float[np.ndarray, " n"] | None = None

    def __len__(self) -> int:
        return len(self.centres)

    def take(self, rows: np.ndarray) -> "DataSets":
        """The data sets of these rows, as often as they stand there."""
        widths, luminosity = (
            None if a is None else a[rows] for a in (self.widths, self.luminosity)
        )
        data = tuple(np.asarray(d)[rows] for d in self.data)
        return DataSets(data, self.centres[rows], widths, luminosity)
