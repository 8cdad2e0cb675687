"""The fixed points in x of the freeze-out: steps, interpolation, tail, functions of x alone."""

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import special

Array = np.ndarray

X_START, X_END = 2.0, 50.0
STEPS = 256
TAIL_NODES, POWER = 24, 3
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

    x: Array
    h: float
    sampled: Array
    interpolation: Array
    density: Array
    kappa: Array
    tail: Array


@cache
def grid() -> Grid:
    """The points."""
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


def _interpolation(samples: int, to: Array) -> tuple[Array, Array]:
    """Chebyshev nodes of [0, 1] and the matrix from values there to values at `to`."""
    vander = np.polynomial.chebyshev.chebvander
    nodes = np.cos(np.pi * (np.arange(samples) + 0.5) / samples)
    matrix = vander(2 * to - 1, samples - 1) @ np.linalg.inv(vander(nodes, samples - 1))
    return (nodes + 1) / 2, matrix
