"""The same Boltzmann equation by an adaptive stiff solver of diffrax, for tests and benchmarks."""

from functools import partial

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from equation_of_state import spline, table

from bsnunu_jax.observables.dark_matter import relic_density as package
from bsnunu_jax.observables.dark_matter.annihilation import amplitude
from bsnunu_jax.observables.dark_matter.bessel import kve
from bsnunu_jax.observables.dark_matter.thermal import (
    channels,
    closing,
    scaled_eta,
    thermal_average,
)
from bsnunu_jax.states.sectors import DarkScalar

X_START, X_END = 5.0, 50.0


def interpolated(dark, inputs):
    """<sigma v> of x in [X_START, X_END] by polynomials in ln x through 14 points a channel."""
    nodes = np.cos(np.pi * (np.arange(14) + 0.5) / 14)
    half = np.log(X_END / X_START) / 2
    z, weights = channels(dark, inputs)
    at = X_START * np.exp(half * (nodes + 1))
    matrix = np.linalg.inv(np.polynomial.chebyshev.chebvander(nodes, 13))
    series = matrix @ scaled_eta(at[:, None], z[None, :])
    factor = amplitude(dark, inputs) ** 2 / (64 * jnp.pi * dark.m**2)

    def average(x):
        y = jnp.log(x / X_START) / half - 1
        low, high = jnp.zeros(z.shape), jnp.zeros(z.shape)
        for row in series[:0:-1]:
            low, high = row + 2 * y * low - high, low
        smooth = series[0] + y * low - high
        return factor * (smooth * closing(x, z)) @ weights

    return average


def degrees_of_freedom(T):
    """ln g_rho, ln g_s and d ln g_s/d ln T by scipy's pieces of the table, looked up by halving."""
    low, high = table()[[0, -1], 0]
    at, knots = jnp.log(jnp.clip(T, low, high)), jnp.asarray(spline().x)
    piece = jnp.clip(jnp.searchsorted(knots, at, side="right") - 1, 0, knots.size - 2)
    distance = (at - knots[piece])[..., None]
    a, b, c, d = jnp.asarray(spline().c)[:, piece]
    logs = ((a * distance + b) * distance + c) * distance + d
    slope = ((3 * a * distance + 2 * b) * distance + c)[..., 1]
    return logs[..., 0], logs[..., 1], jnp.where((low < T) & (high > T), slope, 0.0)


def omega_h2_diffrax(m, c_ss, inputs, rtol: float = 1e-8, *, table: bool = False) -> jax.Array:
    """Omega h^2 with Kvaerno5 in W = ln(Y/Y_eq) and a Gauss-Legendre tail.

    Args:
        table: take <sigma v> from `interpolated` in the steps.
    """
    dark = DarkScalar(m, c_ss)
    exact = partial(thermal_average, dark, inputs)
    in_steps = interpolated(dark, inputs) if table else exact

    def annihilation(x, sigma_v):
        log_rho, log_s, slope = degrees_of_freedom(dark.m / x)
        root = jnp.exp(log_s - log_rho / 2) * (1 + slope / 3)
        A = np.sqrt(np.pi / 45) * package.PLANCK_MASS * dark.m * root / x**2
        density = 45 / (4 * np.pi**4) * x**2 * kve(2, x) * jnp.exp(-x - log_s)
        return A * sigma_v(x), density, slope

    def derivative(x, w, _):
        A, density, slope = annihilation(x, in_steps)
        return -2 * A * density * jnp.sinh(w) + kve(1, x) / kve(2, x) - slope / x

    found = diffrax.diffeqsolve(
        diffrax.ODETerm(derivative),
        diffrax.Kvaerno5(),
        X_START,
        X_END,
        1e-3,
        jnp.zeros(()),
        stepsize_controller=diffrax.PIDController(rtol=rtol, atol=rtol),
        max_steps=4096,
    )
    y = jnp.exp(found.ys[-1]) * annihilation(jnp.asarray(X_END), exact)[1]
    nodes, weights = np.polynomial.legendre.leggauss(60)
    t = (nodes + 1) / 2
    x = X_END / t**3
    tail = (3 * X_END / t**4 * weights / 2) @ annihilation(jnp.asarray(x), exact)[0]
    inverse = 1 / y + tail
    return dark.m / inverse * package.ENTROPY_TODAY / package.CRITICAL_DENSITY
