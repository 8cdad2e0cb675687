"""Several quoted values with their correlation: a multivariate Gaussian."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments.predictions import Predictions

Scalar = Float[Array, ""]


class CorrelatedMeasurement(eqx.Module):
    """Values, standard deviations and the correlation matrix of several observables."""

    name: str = eqx.field(static=True)
    title: str = eqx.field(static=True)
    observables: tuple[str, ...] = eqx.field(static=True)
    values: tuple[float, ...] | Float[Array, " n"]
    errors: tuple[float, ...] = eqx.field(static=True)
    correlation: tuple[tuple[float, ...], ...] = eqx.field(static=True)
    samples: tuple[str, ...] = eqx.field(static=True)
    sources: tuple[str, ...] = eqx.field(static=True)
    sm_spectrum: bool = eqx.field(static=True)
    tree_tau: str = eqx.field(static=True)

    @property
    def nuisance_names(self) -> tuple[str, ...]:
        """None."""
        return ()

    @property
    def root(self) -> np.ndarray:
        """Lower Cholesky root of the covariance."""
        errors = np.asarray(self.errors)
        root: np.ndarray = np.linalg.cholesky(
            np.asarray(self.correlation) * np.outer(errors, errors)
        )
        return root

    def log_likelihood(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """-chi^2/2, 0 at the measured values."""
        pulls = jnp.asarray(np.linalg.inv(self.root)) @ (
            self.expected_data(predictions, z) - self.data
        )
        return -0.5 * jnp.sum(pulls**2)

    @property
    def data(self) -> Float[Array, " n"]:
        """The quoted values."""
        return jnp.asarray(self.values)

    def with_data(self, data: Float[Array, " n"]) -> "CorrelatedMeasurement":
        """The same covariance around other values."""
        return replace(self, values=data)

    def expected_data(self, predictions: Predictions, z: Float[Array, " k"]) -> Float[Array, " n"]:
        """The predictions."""
        return jnp.stack([predictions.observable(name) for name in self.observables])

    def sample_data(
        self, predictions: Predictions, z: Float[Array, " k"], key: jax.Array
    ) -> Float[Array, " n"]:
        """The predictions plus noise."""
        noise = jax.random.normal(key, (len(self.observables),))
        return self.expected_data(predictions, z) + jnp.asarray(self.root) @ noise

    def saturated(self, predictions: Predictions, z: Float[Array, " k"]) -> Scalar:
        """0, ln L of predictions that agree."""
        return jnp.zeros(())
