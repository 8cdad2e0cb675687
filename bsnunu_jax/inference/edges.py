"""Best fits at the end of a parameter's range.

The coordinate v of the descent has x = edge + bend dv^2/2 there: slope 0, so that the gradient in v
vanishes whatever -2 ln L does. A start that ends near an edge is put on it, if that is downhill.
"""

import jax.numpy as jnp
import numpy as np

from bsnunu_jax.inference.landscape import Landscape
from bsnunu_jax.inference.problem import Problem

# Near an edge: |dx/dv| below this times |d2x/dv2|, that is within 0.5 % of the range.
_NEAR = 0.15
# On an edge: the same to rounding.
_ON = 1e-9
# Of the range: the step of differences.
_STEP = 1e-5


def slope_and_bend(problem: Problem, v: np.ndarray) -> np.ndarray:
    """First and second derivative of every value in its coordinate, shape (2, points, n)."""
    return np.moveaxis(np.asarray(problem.descent_slopes(jnp.asarray(v))), 0, 1)


def at_edge(problem: Problem, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which parameters of one point are on an edge, and the direction into the range there."""
    slope, bend = slope_and_bend(problem, v[None])[:, 0]
    return np.abs(slope) <= _ON * np.abs(bend), np.sign(bend)


def snap(local: Landscape, points: np.ndarray) -> np.ndarray:
    """Points near an edge put on it where -2 ln L does not fall towards the inside."""
    problem, free = local.problem, len(local.problem.parameters)
    slope, bend = slope_and_bend(problem, points[:, :free])
    near = np.abs(slope) < _NEAR * np.abs(bend)
    if not near.any():
        return points
    snapped = points.copy()
    v = points[:, :free]
    snapped[:, :free] = np.where(near, np.pi / 2 * np.round(v / (np.pi / 2)), v)

    values = np.array([problem.descent_values(jnp.asarray(v)) for v in snapped[:, :free]])
    rise = local.objective(np.concatenate([values, snapped[:, free:]], axis=1))[1][:, :free]
    _, bend = slope_and_bend(problem, snapped[:, :free])
    outward = rise * bend >= -1e-3
    snapped[:, :free] = np.where(near & outward, snapped[:, :free], v)
    return snapped


def edge_derivatives(
    local: Landscape, values: np.ndarray, nuisances: np.ndarray, k: int, inward: float
) -> tuple[float, float]:
    """First and second derivative of the objective in the value of parameter k, at an edge of it.

    The second one is a difference of exact gradients, taken inside the range.
    """
    low, high = local.problem.parameters[k].prior.range
    step = _STEP * (high - low) * inward
    points = np.tile(np.concatenate([values, nuisances]), (3, 1))
    points[:, k] += np.array([0.0, 1.0, 2.0]) * step
    rise = local.objective(points)[1][:, k]
    return float(rise[0]), float((4 * rise[1] - 3 * rise[0] - rise[2]) / (2 * step))
