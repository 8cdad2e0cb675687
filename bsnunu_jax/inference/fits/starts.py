"""Where fits with one parameter fixed or free start: at minima, off edges and mirror planes."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from jaxtyping import Array

from bsnunu_jax.inference.fits.best_fit import BestFit, best_fit
from bsnunu_jax.inference.problem.parameters import Prior
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.programs import program
from bsnunu_jax.numerics.batch import Batched

# Other parameters keep this far from the edges of their range and from a mirror plane, in the
# coordinate of the descent: there the slope vanishes whatever the data say.
_OFF_EDGE, _OFF_MIRROR = 0.1, 0.05
_MOST = 6
# Values of a call.
_WIDTH = 64


def minima_of(
    problem: Problem, free: BestFit, index: int, null: float, *, starts: int, seed: int
) -> np.ndarray:
    """Coordinates of the best fit at the minima, and at those with one parameter at its null.

    Args:
        problem: what is fitted.
        free: the minima with all parameters free.
        index: which parameter is held for the others.
        null: where it is held.
        starts: random starts of that fit.
        seed: their seed.
    """
    size = len(problem.parameters)
    thetas = [np.array(m.inside) for m in free.minima[:_MOST]]
    points = [(np.asarray(_values(problem, t)), t[size:]) for t in thetas]
    others = tuple(p for i, p in enumerate(problem.parameters) if i != index)
    if others:
        held = problem.parameters[index]
        fixed = tuple((name, null) for name in (held.name, *held.also))
        rest = replace(problem, parameters=others, fixed=(*problem.fixed, *fixed))
        # At the null of one parameter the data may see none of the others.
        found = best_fit(rest, starts=starts, seed=seed, errors=False, plateaus=True)
        for m in found.minima[:_MOST]:
            theta = np.array(m.inside)
            values = np.asarray(_values(rest, theta))
            points.append((np.insert(values, index, null), theta[size - 1 :]))
    values, nuisances = (np.array(part) for part in zip(*points, strict=True))
    coordinates = [
        descent_coordinates(p.prior, values[:, i]) for i, p in enumerate(problem.parameters)
    ]
    return np.concatenate([np.stack(coordinates, axis=1), nuisances], axis=1)


@program
def _values(problem: Problem, theta: Array) -> Array:
    """Values of the parameters in the coordinates of the sampler."""
    return problem.values(theta)


def off_edges(problem: Problem, points: np.ndarray, index: int, scale: float) -> np.ndarray:
    """Starts moved off edges and mirror planes; one parameter by half its error `scale`."""
    moved = points.copy()
    for i, p in enumerate(problem.parameters):
        low, high = p.prior.range
        if np.isinf(high):
            continue
        v = np.arcsin(np.sin(moved[:, i]))
        if i == index:
            x = descent_values(p.prior, v)
            low, x = (0.0, np.abs(x)) if p.mirror else (low, x)
            x = np.clip(x, low + scale / 2, high - scale / 2)
            moved[:, i] = descent_coordinates(p.prior, x)
            continue
        if p.mirror:
            v = np.maximum(np.abs(v), _OFF_MIRROR)
        moved[:, i] = np.clip(v, -np.pi / 2 + _OFF_EDGE, np.pi / 2 - _OFF_EDGE)
    return moved


def descent_values(prior: Prior, v: np.ndarray) -> np.ndarray:
    """The parameter at many coordinates of the best fit, shape (n,)."""
    found: np.ndarray = _maps(prior)[0](v)
    return found


def descent_coordinates(prior: Prior, values: np.ndarray) -> np.ndarray:
    """Coordinates of the best fit of many values of the parameter, shape (n,)."""
    found: np.ndarray = _maps(prior)[1](values)
    return found


@lru_cache(maxsize=32)
def _maps(prior: Prior) -> tuple[Batched, Batched]:
    """Both maps, compiled for one number of values and run over any."""
    to_value, to_coordinate = (
        Batched(function, together=True, width=_WIDTH)
        for function in (prior.descent_value, prior.descent_coordinate)
    )
    return to_value, to_coordinate
