"""A quoted value with errors, symmetric or not, as a (two-sided) Gaussian."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from bsnunu_jax.experiments.measurement import scaled_beyond_sm
from bsnunu_jax.experiments.predictions import Predictions

Scalar = Float[Array, ""]


class GaussianMeasurement(eqx.Module):
    """Value with upper and lower standard deviation; the side is chosen by the prediction.

    A `shape_std` above 0 adds a nuisance, see `shape_systematic`.
    """

    name: str = eqx.field(static=True)
    title: str = eqx.field(static=True)
    observable: str = eqx.field(static=True)
    value: float | Scalar
    upper: float = eqx.field(static=True)
    lower: float = eqx.field(static=True)
    samples: tuple[str, ...] = eqx.field(static=True)
    sources: tuple[str, ...] = eqx.field(static=True)
    sm_spectrum: bool = eqx.field(static=True)
    tree_tau: str = eqx.field(static=True)
    shape_std: float = eqx.field(static=True, default=0.0)

    @property
    def nuisance_names(self) -> tuple[str, ...]:
        """That of the efficiency, if there is one."""
        return (f"shape[{self.name}]",) if self.shape_std else ()

    def predicted(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """What the analysis would quote for this prediction."""
        value = predictions.observable(self.observable)
        if not self.shape_std:
            return value
        sm = predictions.sm.observable(self.observable)
        return scaled_beyond_sm(value, sm, self.shape_std * z[0])

    def log_likelihood(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """-(prediction - value)^2 / (2 sigma^2), 0 at the measured value."""
        pull = self.predicted(predictions, z) - self.value
        return -0.5 * (pull / jnp.where(pull > 0, self.upper, self.lower)) ** 2

    @property
    def data(self) -> Float[Array, " 1"]:
        """The quoted value."""
        return jnp.asarray(self.value)[None]

    def with_data(self, data: Float[Array, " 1"]) -> "GaussianMeasurement":
        """The same errors around another value."""
        return replace(self, value=data[0])

    def expected_data(self, predictions: Predictions, z: Float[Array, " n"]) -> Float[Array, " 1"]:
        """The prediction."""
        return self.predicted(predictions, z)[None]

    def sample_data(
        self, predictions: Predictions, z: Float[Array, " n"], key: jax.Array
    ) -> Float[Array, " 1"]:
        """The prediction plus a two-sided Gaussian: below it `upper` wide, above it `lower`.

        A value below the prediction has the prediction above it, where its upper error counts.
        """
        side, size = jax.random.split(key)
        below = jax.random.uniform(side) * (self.upper + self.lower) < self.upper
        width = jnp.where(below, -self.upper, self.lower)
        return self.expected_data(predictions, z) + width * jnp.abs(jax.random.normal(size))

    def saturated(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """0, ln L of a prediction that agrees."""
        return jnp.zeros(())
