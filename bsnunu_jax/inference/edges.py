"""Best fits at the end of a parameter's range.

The coordinate v of the descent has x = edge + bend dv^2/2 there: slope 0, so that the gradient in v
vanishes whatever -2 ln L does. A start that ends near an edge is put on it, if that is downhill.
"""

from collections.abc import Callable
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np

from bsnunu_jax.inference.problem import Problem

# Near an edge: |dx/dv| below this times |d2x/dv2|, that is within 0.5 % of the range.
_NEAR = 0.15
# On an edge: the same to rounding.
_ON = 1e-9


def slope_and_bend(problem: Problem, v: np.ndarray) -> np.ndarray:
    """First and second derivative of every value in its coordinate, shape (2, points, n)."""
    return np.moveaxis(np.asarray(problem.descent_slopes(jnp.asarray(v))), 0, 1)


def at_edge(problem: Problem, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which parameters of one point are on an edge, and the direction into the range there."""
    slope, bend = slope_and_bend(problem, v[None])[:, 0]
    return np.abs(slope) <= _ON * np.abs(bend), np.sign(bend)


def snap(problem: Problem, points: np.ndarray) -> np.ndarray:
    """Points near an edge put on it where -2 ln L does not fall towards the inside."""
    free = len(problem.parameters)
    slope, bend = slope_and_bend(problem, points[:, :free])
    near = np.abs(slope) < _NEAR * np.abs(bend)
    if not near.any():
        return points
    snapped = points.copy()
    v = points[:, :free]
    snapped[:, :free] = np.where(near, np.pi / 2 * np.round(v / (np.pi / 2)), v)

    def rise(point: jax.Array) -> jax.Array:
        values = problem.descent_values(point[:free])
        return jax.grad(problem.objective_at)(values, point[free:])

    _, bend = slope_and_bend(problem, snapped[:, :free])
    outward = np.asarray(jax.jit(jax.vmap(rise))(jnp.asarray(snapped))) * bend >= -1e-3
    snapped[:, :free] = np.where(near & outward, snapped[:, :free], v)
    return snapped


def edge_derivatives(
    problem: Problem, values: np.ndarray, nuisances: np.ndarray, k: int
) -> tuple[float, float]:
    """First and second derivative of the objective in the value of parameter k."""
    direction = np.eye(len(values))[k]
    rise, bend = _along(problem)(values, nuisances, direction)
    return float(rise), float(bend)


@lru_cache(maxsize=1)
def _along(problem: Problem) -> Callable[..., tuple[jax.Array, jax.Array]]:
    """Both derivatives along a direction, compiled once for all starts and parameters."""

    def derivatives(values: jax.Array, z: jax.Array, d: jax.Array) -> tuple[jax.Array, jax.Array]:
        def slope(values: jax.Array) -> jax.Array:
            return jax.jvp(lambda x: problem.objective_at(x, z), (values,), (d,))[1]

        return jax.jvp(slope, (values,), (d,))

    return jax.jit(derivatives)
