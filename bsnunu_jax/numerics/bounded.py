"""Descent of many points at once inside bounds: quasi-Newton steps that end on edges exactly.

Every step solves the quadratic model within the bounds and a trust region; the model starts at a
Hessian and learns from every gradient. So a fit ends at the true minimum inside the ranges, and
moves along valleys that the Hessian is too coarse for.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from numpy.linalg import LinAlgError
from scipy.linalg import cho_factor, cho_solve

Points = Float[np.ndarray, "m size"]
Surface = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

# Curvature below which a direction has no minimum to jump to.
_SMALLEST = 1e-3
# First and largest length of a step in any coordinate: ranges have length 2, nuisances errors of 1.
_RADIUS, _LONGEST, _SHORTEST = 0.5, 2.0, 1e-12
# Relative change of the objective that rounding can make.
_ROUNDING = 1e-13
_MOST_CHANGES = 25


@dataclass
class Descent:
    """Where points ended.

    Attributes:
        points: shape (m, size).
        value: the objective there.
        slope: largest component of the gradient that does not push against a bound.
        gradient: all of it.
        model: the learned Hessians, positive.
    """

    points: np.ndarray
    value: np.ndarray
    slope: np.ndarray
    gradient: np.ndarray
    model: np.ndarray


def descend(
    surface: Surface,
    points: Points,
    model: Float[np.ndarray, "m size size"],
    low: Points,
    high: Points,
    *,
    steps: int,
    tolerance: float,
) -> Descent:
    """Towards the minimum inside the bounds, each point on its own.

    Args:
        surface: value and gradient at many points.
        points: starts, inside the bounds.
        model: Hessians of the first steps, made positive.
        low, high: bounds; a coordinate where they are equal stays.
        steps: most evaluations.
        tolerance: of `Descent.slope`, where a point has arrived.
    """
    points, low, high = (np.array(a, dtype=float) for a in (points, low, high))
    value, gradient = surface(points)
    gradient, model = np.array(gradient), np.array([positive(h) for h in model])
    value = np.array(value)
    radius = np.full(len(points), _RADIUS)
    for _ in range(steps):
        slope = projected(points, gradient, low, high)
        on = np.flatnonzero(np.isfinite(value) & (slope >= tolerance) & (radius > _SHORTEST))
        if not on.size:
            break
        step = np.array(
            [
                bounded_step(
                    model[k],
                    gradient[k],
                    np.maximum(low[k] - points[k], -radius[k]),
                    np.minimum(high[k] - points[k], radius[k]),
                )
                for k in on
            ]
        )
        trial = np.clip(points[on] + step, low[on], high[on])
        new, gradient_there = surface(trial)
        promised = -np.einsum("ij,ij->i", gradient[on], step) - 0.5 * np.einsum(
            "ij,ijk,ik->i", step, model[on], step
        )
        fallen = value[on] - new
        # At the bottom rounding decides whether the objective falls: the gradient must not grow.
        level = np.abs(fallen) <= _ROUNDING * np.maximum(np.abs(value[on]), 1.0)
        calmer = projected(trial, gradient_there, low[on], high[on]) < slope[on]
        better = np.isfinite(new) & np.where(level, calmer, fallen > 0)
        length = np.abs(step).max(axis=1)
        good = better & (level | (fallen > 0.75 * promised))
        poor = ~better | (~level & (fallen < 0.25 * promised))
        radius[on] = np.where(poor, length / 4, radius[on])
        radius[on] = np.where(
            good, np.minimum(np.maximum(radius[on], 2 * length), _LONGEST), radius[on]
        )
        for j, k in enumerate(on):
            if np.isfinite(new[j]):
                model[k] = learned(model[k], trial[j] - points[k], gradient_there[j] - gradient[k])
        moved = on[better]
        points[moved], value[moved] = trial[better], new[better]
        gradient[moved] = gradient_there[better]
    return Descent(points, value, projected(points, gradient, low, high), gradient, model)


def projected(
    points: Points, gradient: Points, low: Points, high: Points
) -> Float[np.ndarray, " m"]:
    """The largest component of the gradient along which a point can still move down."""
    held = ((points <= low) & (gradient > 0)) | ((points >= high) & (gradient < 0))
    held |= low >= high
    return np.asarray(np.abs(np.where(held, 0.0, gradient)).max(axis=1, initial=0.0))


def positive(hessian: Float[np.ndarray, "k k"]) -> Float[np.ndarray, "k k"]:
    """With all eigenvalues positive and not too small."""
    try:
        np.linalg.cholesky(hessian - _SMALLEST * np.eye(len(hessian)))
        return hessian
    except LinAlgError:
        values, vectors = np.linalg.eigh(hessian)
        return np.asarray((vectors * np.maximum(np.abs(values), _SMALLEST)) @ vectors.T)


def bounded_step(
    model: Float[np.ndarray, "k k"],
    gradient: Float[np.ndarray, " k"],
    low: Float[np.ndarray, " k"],
    high: Float[np.ndarray, " k"],
) -> Float[np.ndarray, " k"]:
    """The d between the bounds with the smallest gradient d + d model d/2, by active sets."""
    step = np.clip(np.zeros_like(gradient), low, high)
    held: Bool[np.ndarray, " k"] = (step <= low) & (gradient > 0) | (step >= high) & (gradient < 0)
    held |= low >= high
    for _ in range(_MOST_CHANGES):
        free = ~held
        if free.any():
            rest = gradient[free] + model[np.ix_(free, held)] @ step[held]
            step[free] = -solve(model[np.ix_(free, free)], rest)
        over = free & ((step < low) | (step > high))
        if over.any():
            step = np.clip(step, low, high)
            held |= over
            continue
        pull = gradient + model @ step
        back = held & (high > low) & (((step <= low) & (pull < 0)) | ((step >= high) & (pull > 0)))
        if not back.any():
            break
        held[np.argmax(np.where(back, np.abs(pull), -1.0))] = False
    return np.clip(step, low, high)


def solve(matrix: Float[np.ndarray, "k k"], right: Float[np.ndarray, " k"]) -> np.ndarray:
    """matrix^-1 right of a positive matrix."""
    try:
        return np.asarray(cho_solve(cho_factor(matrix), right))
    except LinAlgError:
        return np.asarray(np.linalg.lstsq(matrix, right, rcond=1e-14)[0])


def learned(
    model: Float[np.ndarray, "k k"], step: Float[np.ndarray, " k"], change: Float[np.ndarray, " k"]
) -> Float[np.ndarray, "k k"]:
    """The model after a step along which the gradient changed so (BFGS, damped by Powell)."""
    turned = model @ step
    expected = float(step @ turned)
    if not expected > 0:
        return model
    found = float(step @ change)
    # The curvature may fall to a hundredth at once, and stays positive.
    share = 1.0 if found >= 0.01 * expected else 0.99 * expected / (expected - found)
    seen = share * change + (1 - share) * turned
    return np.asarray(
        model - np.outer(turned, turned) / expected + np.outer(seen, seen) / float(step @ seen)
    )
