"""Many data sets, and the fits to them."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from bsnunu_jax.inference.problem.problem import Data


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
    """

    data: Data
    centres: Float[np.ndarray, "n size"]
    widths: Float[np.ndarray, "n size"] | None = None

    def __len__(self) -> int:
        return len(self.centres)

    def take(self, rows: np.ndarray) -> "DataSets":
        """The data sets of these rows, as often as they stand there."""
        widths = None if self.widths is None else self.widths[rows]
        data = tuple(jnp.asarray(d)[rows] for d in self.data)
        return DataSets(data, self.centres[rows], widths)
