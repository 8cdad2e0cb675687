r"""Omega h^2 of a real scalar from thermal freeze-out.

dY/dx = -A (Y^2 - Y_eq^2) with x = m/T, A = sqrt(pi/45) M_Pl m g_*^{1/2} <sigma v>/x^2 and Y_eq = 45
x^2 K_2(x)/(4 pi^4 g_s). For W = Y/Y_eq it is W' = -lambda (W^2 - 1) + kappa W with lambda = A Y_eq
and kappa = -d ln Y_eq/dx, see `moebius`. From x = 2, in equilibrium, to 50 in steps of equal
length: lambda falls by e in Delta x = 1 whatever the masses. Later Y_eq is negligible and 1/Y grows
by the integral of A, in which the universe cools to T = 0.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.observables.dark_matter.annihilation import amplitude
from bsnunu_jax.observables.dark_matter.degrees_of_freedom import log_degrees_of_freedom
from bsnunu_jax.observables.dark_matter.moebius import magnus_steps, product
from bsnunu_jax.observables.dark_matter.relic_grid import STEPS, grid
from bsnunu_jax.observables.dark_matter.thermal import channels, closing, scaled_eta
from bsnunu_jax.states.sectors import DarkScalar

PLANCK_MASS = 1.22089e19  # GeV
ENTROPY_TODAY = 2891.2  # cm^-3
CRITICAL_DENSITY = 1.053672e-5  # GeV cm^-3, over h^2


def omega_h2(dark: DarkScalar, inputs: Inputs) -> Scalar:
    """Omega h^2 of phi to 1e-5 of the Boltzmann equation above for m from 0.3 to 2 GeV.

    A particle that never was in equilibrium counts as if it had been at x = 2.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> f"{float(omega_h2(DarkScalar(0.6, C_ss=1e-4), load_inputs())):.3f}"
    '0.153'
    """
    return abundance(dark, inputs) * dark.m * ENTROPY_TODAY / CRITICAL_DENSITY


def abundance(dark: DarkScalar, inputs: Inputs) -> Scalar:
    """Y = n/s today."""
    points = grid()
    m, rate = dark.m, _annihilation(dark, inputs)
    log_rho, log_s, slope = log_degrees_of_freedom(m / points.x)
    root = jnp.exp(log_s - log_rho / 2) * (1 + slope / 3)
    equilibrium = points.density * jnp.exp(-log_s)
    A = np.sqrt(np.pi / 45) * PLANCK_MASS * m * root * rate / points.x**2
    n = 2 * STEPS
    fast, kappa = (A * equilibrium)[:n], (jnp.asarray(points.kappa) - slope / points.x)[:n]
    steps = magnus_steps(
        jnp.full(STEPS, points.h), (kappa[0::2], kappa[1::2]), (fast[0::2], fast[1::2])
    )
    a, b, c, d = product(steps)
    inverse = (c + d) / ((a + b) * equilibrium[n]) + points.tail @ A[n + 1 :]
    return 1 / inverse


def _annihilation(dark: DarkScalar, inputs: Inputs) -> Array:
    """<sigma v> [GeV^-2] at all x of the grid."""
    points = grid()
    z, weights = channels(dark, inputs)
    smooth = points.interpolation @ scaled_eta(points.sampled[:, None], z)
    total = (smooth * closing(points.x[:, None], z)) @ weights
    return amplitude(dark, inputs) ** 2 * total / (64 * jnp.pi * dark.m**2)
