r"""Searches as counting experiments, background uncertainty marginalised.

With s = efficiency x BR signal events, L(s) = int dmu Gamma-density(mu | n + 1) Normal(mu - s - b |
sigma_b) over the true mean mu > 0: a Poisson term for n events and a Gaussian one for the
background, as in flavio's `GeneralGammaUpperLimit`. The efficiency is not published for these
modes; it follows from the published limit, which a flat prior in s >= 0 must reproduce.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import brentq
from scipy.special import gammaln

from bsnunu_jax.experiments.base import Predictions

Scalar = Float[Array, ""]
Numbers = Any  # numbers or arrays of numpy or JAX that broadcast

# Gauss-Legendre over _REACH widths of the integrand on both sides: 1e-10 of L (tested).
_NODES, _REACH = 64, 9.0


@dataclass(frozen=True)
class CountingMeasurement:
    """n observed events, background b +- sigma_b, and the limit on BR that fixes the efficiency."""

    name: str
    title: str
    mode: str
    observed: float
    background: float
    background_std: float
    limit: float
    confidence_level: float
    samples: tuple[str, ...]
    sources: tuple[str, ...]
    sm_spectrum: bool
    tree_tau: str
    note: str = ""
    nuisance_names: tuple[str, ...] = ()

    def log_likelihood(self, predictions: Predictions, z: Float[Array, " 0"]) -> Scalar:
        """ln L of the signal events, background marginalised."""
        return joint_log_likelihoods([self], predictions)[0]

    @cached_property
    def events_per_br(self) -> float:
        """Signal events per unit of BR, from the published limit."""
        reach = self.observed + 12 * np.sqrt(self.observed + 1) + 8 * self.background_std + 12
        x, weights = np.polynomial.legendre.leggauss(128)

        def below(s: float) -> float:
            grid = s * (x + 1) / 2
            args = self.observed, self.background, self.background_std
            return float(weights @ np.exp(log_likelihood_of_signal(grid, *args, xp=np))) * s / 2

        target = self.confidence_level * below(reach)
        return float(brentq(lambda s: below(s) - target, 0.0, reach, xtol=1e-13)) / self.limit


def joint_log_likelihoods(
    measurements: Sequence[CountingMeasurement], predictions: Predictions
) -> Float[Array, " n"]:
    """ln L of several searches at once: one graph whatever their number."""
    br = jnp.stack([predictions.branching_fraction(m.mode) for m in measurements])
    signal = np.array([m.events_per_br for m in measurements]) * br
    numbers = [(m.observed, m.background, m.background_std) for m in measurements]
    return log_likelihood_of_signal(signal, *np.array(numbers).T)


def log_likelihood_of_signal(
    signal: Numbers, observed: Numbers, background: Numbers, background_std: Numbers, xp: Any = jnp
) -> Any:
    """ln int dmu mu^n e^-mu/n! Normal(mu - signal - background | background_std) over mu > 0.

    Broadcasts over its arguments; `xp` is jax.numpy, or numpy for the calibration at load time.
    """
    x, weights = np.polynomial.legendre.leggauss(_NODES)
    expected = (signal + background)[..., None]
    observed = np.asarray(observed)[..., None]
    std = xp.asarray(background_std)[..., None]
    x, weights = (a.reshape((1,) * (expected.ndim - 1) + (-1,)) for a in (x, weights))
    low, high = _window(expected, observed, std, xp)
    half = (high - low) / 2
    mu = low + half * (1 + x)
    pull = (mu - expected) / std
    log_terms = observed * xp.log(mu) - mu - gammaln(observed + 1) - pull**2 / 2
    peak = xp.max(log_terms, axis=-1, keepdims=True)
    total = xp.sum(weights * half / std * xp.exp(log_terms - peak), axis=-1)
    return peak[..., 0] + xp.log(total) - 0.5 * math.log(2 * math.pi)


def _window(expected: Any, observed: Any, std: Any, xp: Any) -> tuple[Any, Any]:
    """Where the integrand lives: around its mode, as far as it can matter to 1e-15.

    The mode solves mu^2 + mu (std^2 - expected) = n std^2. Below it the curvature is at least
    1/width^2 and above at least 1/std^2; the Poisson tail above falls like exp(-mu).
    """
    shift = expected - std**2
    root = xp.sqrt(shift**2 + 4 * observed * std**2)
    # For shift < 0 the sum cancels: the other form of the root does not.
    mode = xp.where(shift > 0, (shift + root) / 2, 2 * observed * std**2 / (root + abs(shift)))
    width = 1 / xp.sqrt(observed / xp.maximum(mode, 1e-9) ** 2 + 1 / std**2)
    low = xp.maximum(0.0, mode - _REACH * width)
    return low, mode + xp.minimum(_REACH * std, _REACH * width + 3 * _REACH)
