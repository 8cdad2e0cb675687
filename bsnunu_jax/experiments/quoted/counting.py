r"""Searches as counting experiments, background uncertainty marginalised.

With s = efficiency x BR signal events, L(s) = int dmu Gamma-density(mu | n + 1) Normal(mu - s - b |
sigma_b) over the true mean mu > 0: a Poisson term for n events and a Gaussian one for the
background, as in flavio's `GeneralGammaUpperLimit`. The efficiency is not published for these
modes; it follows from the published limit, which a flat prior in s >= 0 must reproduce.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import brentq

from bsnunu_jax.experiments.measurement import NARROWEST, scaled_beyond_sm
from bsnunu_jax.experiments.predictions import Predictions
from bsnunu_jax.experiments.quoted.growing import Growing, Number
from bsnunu_jax.experiments.quoted.marginal_poisson import log_marginal
from bsnunu_jax.experiments.quoted.marginal_poisson import most_likely_rate as most_likely_rate

Scalar = Float[Array, ""]
Numbers = Any  # numbers or arrays of numpy or JAX that broadcast

# Of the Gauss-Legendre rule: 1e-10 of L (tested).
_NODES = 64


class CountingMeasurement(Growing):
    """n observed events, background b +- sigma_b, and the limit on BR that fixes the efficiency.

    With other events than those of the publication `published` has these: the limit is theirs.
    `exposure` is the luminosity over that of the publication, and `spread` the relative error of
    the background over that of today; both may be traced.
    """

    mode: str = eqx.field(static=True)
    observed: float | Scalar
    background: float = eqx.field(static=True)
    background_std: float = eqx.field(static=True)
    limit: float = eqx.field(static=True)
    confidence_level: float = eqx.field(static=True)
    note: str = eqx.field(static=True, default="")
    published: float | None = eqx.field(static=True, default=None)
    exposure: Number = 1.0
    spread: Number = 1.0

    def log_likelihood(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """ln L of the signal events, background marginalised."""
        return joint_log_likelihoods([self], predictions, [z])[0]

    @property
    def data(self) -> Float[Array, " 1"]:
        """The number of events."""
        return jnp.asarray(self.observed, dtype=float)[None]

    def with_data(self, data: Float[Array, " 1"]) -> "CountingMeasurement":
        """The same search with other events; the efficiency stays that of the published limit."""
        published = float(self.observed) if self.published is None else self.published
        return replace(self, observed=data[0], published=published)

    def expected_data(self, predictions: Predictions, z: Float[Array, " n"]) -> Float[Array, " 1"]:
        """Signal and mean background."""
        return signals([self], predictions, [z]) + self.expected_background[0]

    def sample_data(
        self, predictions: Predictions, z: Float[Array, " n"], key: jax.Array
    ) -> Float[Array, " 1"]:
        """Poisson counts at a rate drawn from its Gaussian."""
        mean = self.expected_data(predictions, z)
        return sample_counts(key, mean, jnp.full_like(mean, self.expected_background[1]))

    def saturated(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """ln L of the signal plus background that suits the events best."""
        return saturated_marginal(self.data, jnp.asarray(self.expected_background[1])[None])

    def at_luminosity(self, factor: float | Scalar) -> "CountingMeasurement":
        """`factor` times the signal and the background, whose relative error stays; events stay."""
        return replace(self, exposure=self.exposure * factor)

    def with_systematics(self, factor: float | Scalar) -> "CountingMeasurement":
        """The relative error of the background times `factor`."""
        return replace(self, spread=self.spread * jnp.maximum(factor, NARROWEST))

    @property
    def expected_background(self) -> tuple[Number, Number]:
        """Mean and standard deviation of the background."""
        return self.exposure * self.background, self.exposure * self.spread * self.background_std

    @property
    def events_per_br(self) -> float:
        """Signal events per unit of BR, from the published limit."""
        n = float(self.observed if self.published is None else self.published)
        return _events(n, self.background, self.background_std, self.confidence_level) / self.limit


@cache
def _events(observed: float, background: float, background_std: float, cl: float) -> float:
    """The upper limit on signal events of a flat prior."""
    reach = observed + 12 * np.sqrt(observed + 1) + 8 * background_std + 12
    x, weights = np.polynomial.legendre.leggauss(128)

    def below(s: float) -> float:
        args = observed, background, background_std
        density = log_likelihood_of_signal(s * (x + 1) / 2, *args, xp=np)
        return float(weights @ np.exp(density)) * s / 2

    target = cl * below(reach)
    return float(brentq(lambda s: below(s) - target, 0.0, reach, xtol=1e-13))


def signals(
    measurements: Sequence[CountingMeasurement],
    predictions: Predictions,
    z: Sequence[Float[Array, " k"]],
) -> Float[Array, " n"]:
    """Signal events of several searches, z the nuisances of each."""
    br = jnp.stack([m.behind(predictions).branching_fraction(m.mode) for m in measurements])
    if any(m.shape_std for m in measurements):
        # Without the nuisance BR stands for BR_SM: there is nothing beyond it to scale.
        sm = [
            (predictions.sm if m.shape_std else m.behind(predictions)).branching_fraction(m.mode)
            for m in measurements
        ]
        shift = [
            m.shape_std * z_m[0] if m.shape_std else jnp.zeros(())
            for m, z_m in zip(measurements, z, strict=True)
        ]
        br = scaled_beyond_sm(br, jnp.stack(sm), jnp.stack(shift))
    return _stack([m.exposure * m.events_per_br for m in measurements]) * br


def joint_log_likelihoods(
    measurements: Sequence[CountingMeasurement],
    predictions: Predictions,
    z: Sequence[Float[Array, " k"]],
) -> Float[Array, " n"]:
    """ln L of several searches at once: one graph whatever their number."""
    signal = signals(measurements, predictions, z)
    numbers = zip(*(m.expected_background for m in measurements), strict=True)
    observed = jnp.concatenate([m.data for m in measurements])
    return log_likelihood_of_signal(signal, observed, *map(_stack, numbers))


def _stack(numbers: Sequence[Number]) -> Any:
    """An array of NumPy, a constant for the compiler, unless one of them is traced."""
    return (jnp if any(isinstance(x, jax.Array) for x in numbers) else np).array(numbers)


def sample_counts(
    key: jax.Array, mean: Float[Array, " bins"], spread: Float[Array, " bins"]
) -> Float[Array, " bins"]:
    """Poisson counts at rates drawn from Normal(mean | spread >= 0), cut at positive rates."""
    rate_key, count_key = jax.random.split(key)
    has_width = spread > 0
    lowest = jnp.where(has_width, -mean / jnp.where(has_width, spread, 1.0), -jnp.inf)
    standard = jax.random.truncated_normal(rate_key, lowest, jnp.inf, mean.shape)
    rates = jnp.maximum(mean + spread * standard, 0.0)
    return jax.random.poisson(count_key, rates).astype(rates.dtype)


def saturated_marginal(observed: Float[Array, " bins"], spread: Float[Array, " bins"]) -> Scalar:
    """The largest sum of `log_likelihood_of_signal` that any mean rates could give.

    It is concave in the mean rate, a Gaussian average of a Poisson term: bisection of the slope.
    """

    def log_likelihood(mean: Array) -> Array:
        return log_likelihood_of_signal(mean, observed, jnp.zeros_like(mean), spread)

    def halve(_: int, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bracket
        middle = (low + high) / 2
        rising = jax.jvp(log_likelihood, (middle,), (jnp.ones_like(middle),))[1] > 0
        return jnp.where(rising, middle, low), jnp.where(rising, high, middle)

    # Between rate 0, where more is always better, and well above the counts.
    bracket = jnp.zeros_like(spread), observed + 2 + 3 * spread
    low, high = jax.lax.fori_loop(0, 40, halve, bracket)
    return jnp.sum(log_likelihood((low + high) / 2))


def log_likelihood_of_signal(
    signal: Numbers,
    observed: Numbers,
    background: Numbers,
    background_std: Numbers,
    xp: Any = jnp,
    nodes: int = _NODES,
) -> Any:
    """ln int dmu mu^n e^-mu/n! Normal(mu - signal - background | background_std) over mu > 0.

    Broadcasts over its arguments; `xp` is jax.numpy, or numpy for the calibration at load time. Of
    the nodes 40 do for whole counts, 64 for any. A `background_std` of 0 is none: ln Poisson.
    """
    return log_marginal(signal + background, observed, background_std, nodes=nodes, xp=xp)
