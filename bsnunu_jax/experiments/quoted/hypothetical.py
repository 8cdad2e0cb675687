"""Measurements that nobody has made yet: errors alone, their values are those of a truth.

The data are the values and behind them their errors, which `expected_data` fixes at a truth and no
fit moves. As long as nothing is measured the errors are infinite, and ln L is 0.
"""

from dataclasses import replace
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments.predictions import Predictions
from bsnunu_jax.experiments.quoted.growing import Growing, grown, resized

Scalar = Float[Array, ""]
Of = Literal["unit", "SM", "truth"]


class ProjectedMeasurement(Growing):
    """Errors and correlations that an experiment is expected to reach.

    Attributes:
        observables: what it measures.
        errors: total errors in units of what `of` says.
        correlation: their correlation matrix.
        of: what errors are relative to: 1, the value of the SM with the same inputs, or the value
            itself at the truth.
        systematic: the part of the errors that does not fall with more data.
        seen: values and errors, see the module.
    """

    observables: tuple[str, ...] = eqx.field(static=True)
    errors: tuple[float, ...] | Float[Array, " n"]
    correlation: tuple[tuple[float, ...], ...] = eqx.field(static=True)
    of: Of = eqx.field(static=True, default="SM")
    systematic: tuple[float, ...] | Float[Array, " n"] = ()
    seen: Float[Array, " 2*n"] | None = None

    @property
    def hypothetical(self) -> bool:
        """True: nothing is measured."""
        return True

    @property
    def data(self) -> Float[Array, " 2*n"]:
        """Values and errors: 0 and infinite ones unless `with_data` has others."""
        n = len(self.observables)
        if self.seen is None:
            return jnp.concatenate([jnp.zeros(n), jnp.full(n, jnp.inf)])
        return self.seen

    def with_data(self, data: Float[Array, " 2*n"]) -> "ProjectedMeasurement":
        """The same measurement with these values and errors."""
        return replace(self, seen=data)

    def predicted(self, predictions: Predictions) -> Float[Array, " n"]:
        """The observables."""
        behind = self.behind(predictions)
        return jnp.stack([behind.observable(name) for name in self.observables])

    def log_likelihood(self, predictions: Predictions, z: Float[Array, " k"]) -> Scalar:
        """-chi^2/2, 0 at the values."""
        values, errors = jnp.split(self.data, 2)
        inverse = np.linalg.inv(self._root)
        return -0.5 * jnp.sum(
            (jnp.asarray(inverse) @ ((self.predicted(predictions) - values) / errors)) ** 2
        )

    def expected_data(
        self, predictions: Predictions, z: Float[Array, " k"]
    ) -> Float[Array, " 2*n"]:
        """The predictions, and the errors at this truth."""
        values, errors = self.predicted(predictions), jnp.asarray(self.errors)
        if self.of == "SM":
            errors = errors * jnp.abs(self.predicted(predictions.sm))
        elif self.of == "truth":
            errors = errors * jnp.abs(values)
        return jnp.concatenate([values, errors])

    def sample_data(
        self, predictions: Predictions, z: Float[Array, " k"], key: jax.Array
    ) -> Float[Array, " 2*n"]:
        """The predictions plus noise, with the errors at this truth."""
        values, errors = jnp.split(self.expected_data(predictions, z), 2)
        noise = jnp.asarray(self._root) @ jax.random.normal(key, values.shape)
        return jnp.concatenate([values + errors * noise, errors])

    def saturated(self, predictions: Predictions, z: Float[Array, " k"]) -> Scalar:
        """0, ln L of predictions that agree."""
        return jnp.zeros(())

    def at_luminosity(self, factor: float | Scalar) -> "ProjectedMeasurement":
        """The errors with `factor` times the data: their statistical part falls with the root."""
        return replace(self, errors=grown(*self._errors, factor))

    def with_systematics(self, factor: float | Scalar) -> "ProjectedMeasurement":
        """The errors with a systematic part `factor` times as large."""
        errors, systematic = resized(*self._errors, factor)
        return replace(self, errors=errors, systematic=systematic)

    @property
    def _root(self) -> np.ndarray:
        root: np.ndarray = np.linalg.cholesky(np.asarray(self.correlation))
        return root

    @property
    def _errors(self) -> tuple[Array, Array]:
        """Total and systematic errors."""
        errors = jnp.asarray(self.errors)
        given = len(self.systematic)
        return errors, jnp.asarray(self.systematic) if given else jnp.zeros_like(errors)
