"""A likelihood that was published as a curve: its values on a grid of one observable."""

from dataclasses import dataclass
from functools import cached_property

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.interpolate import CubicSpline

from bsnunu_jax.experiments.predictions import Predictions

Scalar = Float[Array, ""]


@dataclass(frozen=True)
class NumericalMeasurement:
    """ln L as a natural cubic spline through the published points, parabolas beyond them.

    A parabola continues value and slope with the curvature of a Gaussian that has both.

    Attributes:
        observable: what the curve is a function of.
        grid: values of it, increasing.
        likelihood: L there, of any normalisation, above 0.
    """

    name: str
    title: str
    observable: str
    grid: tuple[float, ...]
    likelihood: tuple[float, ...]
    samples: tuple[str, ...]
    sources: tuple[str, ...]
    sm_spectrum: bool
    tree_tau: str

    @property
    def nuisance_names(self) -> tuple[str, ...]:
        """None."""
        return ()

    @cached_property
    def _spline(self) -> CubicSpline:
        log_l = np.log(np.asarray(self.likelihood))
        return CubicSpline(np.asarray(self.grid), log_l - log_l.max(), bc_type="natural")

    def log_density(self, value: Scalar) -> Scalar:
        """ln L, about 0 at its maximum.

        Args:
            value: of the observable.
        """
        spline = self._spline
        grid = jnp.asarray(spline.x)
        inside = jnp.clip(value, grid[0], grid[-1])
        i = jnp.clip(jnp.searchsorted(grid, inside, side="right") - 1, 0, grid.size - 2)
        c, d = jnp.asarray(spline.c)[:, i], inside - grid[i]
        found = ((c[0] * d + c[1]) * d + c[2]) * d + c[3]
        for end, beyond in ((0, value < grid[0]), (-1, value > grid[-1])):
            at, slope = (float(spline(spline.x[end], order)) for order in (0, 1))
            x = jnp.where(beyond, value - spline.x[end], 0.0)
            # of a Gaussian with its maximum at 0: at = -slope^2/(2 curvature)
            found = jnp.where(beyond, at + slope * x + slope**2 / (4 * at) * x**2, found)
        return found

    def log_likelihood(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """ln L of the prediction."""
        return self.log_density(predictions.observable(self.observable))
