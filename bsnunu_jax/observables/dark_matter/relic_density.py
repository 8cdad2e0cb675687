r"""Omega h^2 of a real scalar from thermal freeze-out.

dY/dx = -A (Y^2 - Y_eq^2) with x = m/T, A = sqrt(pi/45) M_Pl m g_*^{1/2} <sigma v>/x^2 and Y_eq = 45
x^2 K_2(x)/(4 pi^4 g_s). For W = Y/Y_eq it is W' = -lambda (W^2 - 1) + kappa W with lambda = A Y_eq
and kappa = -d ln Y_eq/dx, see `magnus_steps`. From x = 2, in equilibrium, to 50 in steps of equal
length: lambda falls by e in Delta x = 1 whatever the masses. Later Y_eq is negligible and 1/Y grows
by the integral of A, in which the universe cools to T = 0.
"""

from functools import cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.observables.dark_matter.annihilation import amplitude
from bsnunu_jax.observables.dark_matter.degrees_of_freedom import log_degrees_of_freedom
from bsnunu_jax.observables.dark_matter.thermal import channels, closing, scaled_eta
from bsnunu_jax.states.sectors import DarkScalar

PLANCK_MASS = 1.22089e19  # GeV
ENTROPY_TODAY = 2891.2  # cm^-3
CRITICAL_DENSITY = 1.053672e-5  # GeV cm^-3, over h^2

X_START, X_END = 2.0, 50.0
STEPS = 256
# So many nodes because the table has kinks, the first at 10 MeV.
TAIL_NODES, POWER = 64, 3
# Of the polynomials through the thermal averages: in ln x up to X_END, in t after it.
# The latter start at COLDEST: slopes at a threshold grow like t^(-3/2).
SAMPLES, TAIL_SAMPLES, COLDEST = 14, 14, 0.05
_LOGARITHM = np.log(X_END / X_START)


class Grid(NamedTuple):
    """Points x: two of every step, X_END, and those of the tail.

    Attributes:
        x: all points, shape (2 STEPS + 1 + TAIL_NODES,).
        h: length of a step.
        sampled: where thermal averages are computed, SAMPLES + TAIL_SAMPLES points.
        interpolation: from there to x.
        density: Y_eq g_s at x.
        kappa: -d ln(Y_eq g_s)/dx at x, K_1(x)/K_2(x).
        tail: weights of int_X_END^inf dx.
    """

    x: np.ndarray
    h: float
    sampled: np.ndarray
    interpolation: np.ndarray
    density: np.ndarray
    kappa: np.ndarray
    tail: np.ndarray


@cache
def grid() -> Grid:
    """The points."""
    from scipy import special  # here: it takes a tenth of a second of every start

    h = (X_END - X_START) / STEPS
    starts = X_START + h * np.arange(STEPS)[:, None]
    steps = (starts + h * (0.5 + np.array([-1, 1]) / np.sqrt(12))).ravel()
    # Smooth in t too at a threshold, where the average falls like x^(-1/2), and for g_*(T = m/x).
    nodes, weights = np.polynomial.legendre.leggauss(TAIL_NODES)
    t = (nodes + 1) / 2
    late = X_END / t**POWER
    x = np.concatenate([steps, [X_END], late])
    at, to_steps = _interpolation(SAMPLES, np.log(x[: 2 * STEPS + 1] / X_START) / _LOGARITHM)
    at_late, to_late = _interpolation(TAIL_SAMPLES, (t - COLDEST) / (1 - COLDEST))
    at_late = COLDEST + (1 - COLDEST) * at_late
    zeros = np.zeros((2 * STEPS + 1, TAIL_SAMPLES)), np.zeros((TAIL_NODES, SAMPLES))
    return Grid(
        x=x,
        h=h,
        sampled=np.concatenate([X_START * np.exp(_LOGARITHM * at), X_END / at_late**POWER]),
        interpolation=np.block([[to_steps, zeros[0]], [zeros[1], to_late]]),
        density=45 / (4 * np.pi**4) * x**2 * special.kn(2, x),
        kappa=special.kve(1, x) / special.kve(2, x),
        tail=POWER * X_END / t ** (POWER + 1) * weights / 2,
    )


def _interpolation(samples: int, to: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Chebyshev nodes of [0, 1] and the matrix from values there to values at `to`."""
    vander = np.polynomial.chebyshev.chebvander
    nodes = np.cos(np.pi * (np.arange(samples) + 0.5) / samples)
    matrix = vander(2 * to - 1, samples - 1) @ np.linalg.inv(vander(nodes, samples - 1))
    return (nodes + 1) / 2, matrix


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


Steps = Float[Array, "steps"]
Matrix = tuple[Array, Array, Array, Array]


def magnus_steps(h: Steps, kappa: tuple[Steps, Steps], rate: tuple[Steps, Steps]) -> Matrix:
    """Elements 11, 12, 21, 22 of exp(Omega) of every step, up to a factor that W does not see.

    W = p/q with (p, q)' = [[kappa/2, lambda], [lambda, -kappa/2]] (p, q) is linear: no step is too
    stiff. Each step is a Magnus exponential of fourth order in closed form; all steps at once,
    their product by halving.

    Args:
        h: lengths of the steps.
        kappa: kappa at the two Gauss-Legendre points of every step.
        rate: lambda there.
    """
    diagonal = h * (kappa[0] + kappa[1]) / 4
    off = h * (rate[0] + rate[1]) / 2
    # (sqrt(3)/12) h^2 [A_2, A_1] is antisymmetric.
    twist = jnp.sqrt(3.0) / 12 * h**2 * (kappa[1] * rate[0] - kappa[0] * rate[1])
    twist = jnp.clip(twist, -off, off)
    cosh, sinhc = _scaled(diagonal**2 + off**2 - twist**2)
    return (
        cosh + diagonal * sinhc,
        (off + twist) * sinhc,
        (off - twist) * sinhc,
        cosh - diagonal * sinhc,
    )


def _scaled(square: Array) -> tuple[Array, Array]:
    """cosh(r) and sinh(r)/r times exp(-r) for r^2 >= 0, smooth at 0."""
    small = square < 1e-4
    r = jnp.sqrt(jnp.where(small, 1.0, square))
    decay = jnp.exp(-2 * r)
    y = jnp.where(small, square, 0.0)
    return (
        jnp.where(small, 1 + y / 2 + y**2 / 24, (1 + decay) / 2),
        jnp.where(small, 1 + y / 6 + y**2 / 120, (1 - decay) / (2 * r)),
    )


def product(matrices: Matrix) -> Matrix:
    """The last matrix times .. times the first, up to a factor; their number is a power of 2."""
    a, b, c, d = matrices
    while a.shape[0] > 1:
        # The elements are positive: no cancellation, and the scale drops out of W.
        scale = lax.stop_gradient(1 / (a + b + c + d))
        a, b, c, d = a * scale, b * scale, c * scale, d * scale
        (a1, b1, c1, d1), (a2, b2, c2, d2) = (tuple(m[i::2] for m in (a, b, c, d)) for i in (0, 1))
        a, b = a2 * a1 + b2 * c1, a2 * b1 + b2 * d1
        c, d = c2 * a1 + d2 * c1, c2 * b1 + d2 * d1
    return a[0], b[0], c[0], d[0]
