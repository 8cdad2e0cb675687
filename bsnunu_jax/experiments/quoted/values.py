"""Quoted values with errors, alone or correlated, and likelihoods that were published as curves."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.interpolate import CubicSpline

from bsnunu_jax.experiments.measurement import scaled_beyond_sm
from bsnunu_jax.experiments.predictions import Predictions
from bsnunu_jax.experiments.quoted.growing import Growing, Number, grown, resized

Scalar = Float[Array, ""]

# Points of the cumulative curve that toys are drawn from.
_QUANTILES = 6001


class GaussianMeasurement(Growing):
    """Value with upper and lower standard deviation; the side is chosen by the prediction.

    Attributes:
        upper, lower: total errors.
        systematic: the part of both that does not fall with more data, see `growing`.
    """

    observable: str = eqx.field(static=True)
    value: float | Scalar
    upper: float | Scalar
    lower: float | Scalar
    systematic: tuple[Number, Number] = (0.0, 0.0)

    def predicted(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """What the analysis would quote for this prediction."""
        value = self.behind(predictions).observable(self.observable)
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

    def at_luminosity(self, factor: float | Scalar) -> "GaussianMeasurement":
        """The errors with `factor` times the data: their statistical part falls with the root."""
        upper, lower = map(grown, (self.upper, self.lower), self.systematic, (factor, factor))
        return replace(self, upper=upper, lower=lower)

    def with_systematics(self, factor: float | Scalar) -> "GaussianMeasurement":
        """The errors with a systematic part `factor` times as large."""
        (upper, up), (lower, down) = map(
            resized, (self.upper, self.lower), self.systematic, (factor, factor)
        )
        return replace(self, upper=upper, lower=lower, systematic=(up, down))

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


class CorrelatedMeasurement(Growing):
    """Values, standard deviations and the correlation matrix of several observables.

    More data make the errors smaller, as those of a single value; the correlations stay.
    """

    observables: tuple[str, ...] = eqx.field(static=True)
    values: tuple[float, ...] | Float[Array, " n"]
    errors: tuple[float, ...] | Float[Array, " n"]
    correlation: tuple[tuple[float, ...], ...] = eqx.field(static=True)
    systematic: tuple[float, ...] | Float[Array, " n"] = ()

    @property
    def root(self) -> Array:
        """Lower Cholesky root of the covariance."""
        return jnp.asarray(self.errors)[:, None] * np.linalg.cholesky(np.asarray(self.correlation))

    def log_likelihood(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """-chi^2/2, 0 at the measured values."""
        off = self.expected_data(predictions, z) - self.data
        inverse = np.linalg.inv(np.linalg.cholesky(np.asarray(self.correlation)))
        return -0.5 * jnp.sum((jnp.asarray(inverse) @ (off / jnp.asarray(self.errors))) ** 2)

    @property
    def data(self) -> Float[Array, " n"]:
        """The quoted values."""
        return jnp.asarray(self.values)

    def with_data(self, data: Float[Array, " n"]) -> "CorrelatedMeasurement":
        """The same covariance around other values."""
        return replace(self, values=data)

    def at_luminosity(self, factor: float | Scalar) -> "CorrelatedMeasurement":
        """The errors with `factor` times the data: their statistical part falls with the root."""
        return replace(self, errors=grown(*self._errors, factor))

    def with_systematics(self, factor: float | Scalar) -> "CorrelatedMeasurement":
        """The errors with a systematic part `factor` times as large."""
        errors, systematic = resized(*self._errors, factor)
        return replace(self, errors=errors, systematic=systematic)

    @property
    def _errors(self) -> tuple[Array, Array]:
        """Total and systematic errors."""
        errors = jnp.asarray(self.errors)
        given = len(self.systematic)
        return errors, jnp.asarray(self.systematic) if given else jnp.zeros_like(errors)

    def expected_data(self, predictions: Predictions, z: Float[Array, " k"]) -> Float[Array, " n"]:
        """The predictions."""
        behind = self.behind(predictions)
        return jnp.stack([behind.observable(name) for name in self.observables])

    def sample_data(
        self, predictions: Predictions, z: Float[Array, " k"], key: jax.Array
    ) -> Float[Array, " n"]:
        """The predictions plus noise."""
        noise = jax.random.normal(key, (len(self.observables),))
        return self.expected_data(predictions, z) + self.root @ noise

    def saturated(self, predictions: Predictions, z: Float[Array, " k"]) -> Scalar:
        """0, ln L of predictions that agree."""
        return jnp.zeros(())


class NumericalMeasurement(Growing):
    """ln L as a natural cubic spline through the published points, parabolas beyond them.

    A parabola continues value and slope with the curvature of a Gaussian that has both.

    Attributes:
        observable: what the curve is a function of.
        grid: values of it, increasing.
        likelihood: L there, of any normalisation, above 0.
        seen: another most likely value, around which the curve has the same shape; may be traced.
        width: of the curve over that of today, may be traced.
    """

    observable: str = eqx.field(static=True)
    grid: tuple[float, ...] = eqx.field(static=True)
    likelihood: tuple[float, ...] = eqx.field(static=True)
    seen: Scalar | None = None
    width: Number = 1.0

    @property
    def most_likely(self) -> float:
        """Where the published curve is highest."""
        spline = self._spline
        inside = [x for x in spline.derivative().roots(extrapolate=False) if np.isfinite(x)]
        candidates = np.array([*inside, *spline.x])
        return float(candidates[np.argmax(spline(candidates))])

    @property
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
        value = self.behind(predictions).observable(self.observable)
        if self.seen is not None:
            value = self.most_likely + (value - self.seen) / self.width
        return self.log_density(value)

    @property
    def data(self) -> Float[Array, " 1"]:
        """The most likely value."""
        return jnp.asarray(self.most_likely if self.seen is None else self.seen)[None]

    def with_data(self, data: Float[Array, " 1"]) -> "NumericalMeasurement":
        """The same curve around another value."""
        return replace(self, seen=data[0])

    def at_luminosity(self, factor: float | Scalar) -> "NumericalMeasurement":
        """A curve that is narrower by the root of `factor`."""
        seen = self.data[0]
        return replace(self, seen=seen, width=self.width / jnp.sqrt(factor))

    def expected_data(self, predictions: Predictions, z: Float[Array, " n"]) -> Float[Array, " 1"]:
        """The prediction."""
        return self.behind(predictions).observable(self.observable)[None]

    def sample_data(
        self, predictions: Predictions, z: Float[Array, " n"], key: jax.Array
    ) -> Float[Array, " 1"]:
        """A value from whose curve the prediction is as far as the curve says, by its quantiles."""
        spread = self.grid[-1] - self.grid[0]
        x = np.linspace(self.grid[0] - spread, self.grid[-1] + spread, _QUANTILES)
        density = jnp.exp(jax.vmap(self.log_density)(jnp.asarray(x)))
        below = jnp.cumsum(density) - density / 2
        drawn = jnp.interp(jax.random.uniform(key), below / jnp.sum(density), jnp.asarray(x))
        off = self.width * (drawn - self.most_likely)
        return self.expected_data(predictions, z) - off

    def saturated(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """ln L of the most likely value."""
        return self.log_density(jnp.asarray(self.most_likely))
