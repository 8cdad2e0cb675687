"""Many data sets, and the fits to them."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float


class Fits(eqx.Module):
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
        found: Fits = jax.tree.map(lambda part: part[rows], self)
        return found


class DataSets(eqx.Module):
    """n data sets with the centres of all constraint terms.

    Attributes:
        data: one array a measurement, each of shape (n, bins).
        centres: shape (n, size).
        widths: standard deviations of the constraint terms, shape (n, size); 1 if absent.
        growth: luminosity and systematics of every measurement over those of today, shape
            (n, measurements, 2); 1 and no datum if absent.
    """

    data: tuple[np.ndarray, ...]
    centres: Float[np.ndarray, "n size"]
    widths: Float[np.ndarray, "n size"] | None = None
    growth: Float[np.ndarray, "n measurements 2"] | None = None

    def __len__(self) -> int:
        return len(self.centres)

    def take(self, rows: np.ndarray) -> "DataSets":
        """The data sets of these rows, as often as they stand there."""
        found: DataSets = jax.tree.map(lambda a: np.asarray(a)[rows], self)
        return found
