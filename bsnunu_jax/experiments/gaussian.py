"""A quoted value with errors, symmetric or not, as a (two-sided) Gaussian."""

from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from bsnunu_jax.experiments.base import Predictions

Scalar = Float[Array, ""]


@dataclass(frozen=True)
class GaussianMeasurement:
    """Value with upper and lower standard deviation; the side is chosen by the prediction."""

    name: str
    title: str
    observable: str
    value: float
    upper: float
    lower: float
    samples: tuple[str, ...]
    sources: tuple[str, ...]
    sm_spectrum: bool
    tree_tau: str
    nuisance_names: tuple[str, ...] = ()

    def log_likelihood(self, predictions: Predictions, z: Float[Array, " 0"]) -> Scalar:
        """-(prediction - value)^2 / (2 sigma^2), 0 at the measured value."""
        pull = predictions.observable(self.observable) - self.value
        return -0.5 * (pull / jnp.where(pull > 0, self.upper, self.lower)) ** 2
