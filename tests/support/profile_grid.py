"""Nuisances profiled and marginalised (Laplace) on a grid of parameter values, all at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from scipy.special import logsumexp

from bsnunu_jax.inference.fits.lanes import Lanes
from bsnunu_jax.inference.problem.problem import Problem


@dataclass(frozen=True)
class Grid:
    """Results on a grid, one axis a parameter.

    Attributes:
        axes: the parameter values.
        profile: -2 ln L with all nuisances at their conditional minimum.
        log_density: ln posterior density of the parameters themselves (not of their logarithms),
            nuisances marginalised in the Laplace approximation, up to a constant.
        gradient: largest gradient component left, a measure of convergence.
    """

    axes: tuple[np.ndarray, ...]
    profile: np.ndarray
    log_density: np.ndarray
    gradient: np.ndarray


def profile_grid(
    problem: Problem,
    axes: Sequence[np.ndarray],
    *,
    start: np.ndarray | None = None,
    steps: int = 60,
    tolerance: float = 1e-6,
    samples: int = 0,
    seed: int = 0,
    profiled: bool = True,
) -> Grid:
    """Profile and marginalise the nuisances on the outer product of `axes`.

    Args:
        problem: its parameters, in order, are the axes; values unfolded.
        axes: values of each parameter, inside its prior.
        start: nuisances where every descent begins, e.g. those of the best fit; 0 if absent.
        steps: largest number of damped Newton steps at each point.
        tolerance: gradient component at which a point is done.
        samples: importance samples that correct the Laplace approximation of the marginal, the
            same standard-normal numbers at every point; 0 for Laplace alone.
        seed: seed of these numbers.
        profiled: False for the likelihood of the posterior, see `Problem.objective_at`.
    """
    points = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=1)
    free = len(problem.parameters)
    z = np.zeros(problem.size - free) if start is None else np.asarray(start)

    def objective(z: Array, values: Array) -> Array:
        return problem.objective_at(values, z, profiled=profiled)

    fits = Lanes(objective, lambda found, _: found, steps=steps, done=tolerance)
    found = fits(np.broadcast_to(z, (len(points), z.size)), points)
    profile, hessian = found.objective, found.hessian
    gradient = np.abs(found.gradient).max(axis=1, initial=0.0)
    at = np.concatenate([points, found.point], axis=1)
    prior = jax.jit(jax.vmap(problem.log_density_of_ranges))(jnp.asarray(points))
    log_density = np.asarray(prior) - 0.5 * (profile + np.linalg.slogdet(hessian)[1])
    if samples:
        at_points = jax.jit(
            jax.vmap(lambda x: problem.objective_at(x[:free], x[free:], profiled=profiled))
        )
        noise = np.random.default_rng(seed).standard_normal((samples, problem.size - free))
        log_density += _importance(at_points, at, profile, hessian, noise)
    shape = [len(x) for x in axes]
    results = (a.reshape(shape) for a in (profile, log_density, gradient))
    return Grid(tuple(map(np.asarray, axes)), *results)


def _importance(
    objective: Callable[[Array], Array],
    at: np.ndarray,
    value: np.ndarray,
    hessian: np.ndarray,
    noise: np.ndarray,
) -> np.ndarray:
    """ln of the integral of exp(-objective/2) over its Laplace approximation, at every point.

    Draws of the Gaussian of the Hessian and their mirror images, weighted by the true density.
    """
    mirrored = np.concatenate([noise, -noise])
    squares = (mirrored**2).sum(axis=1)
    found = []
    for point, bottom, curvature in zip(at, value, hessian, strict=True):
        root = np.linalg.cholesky(curvature / 2)
        moved = np.tile(point, (len(mirrored), 1))
        moved[:, -noise.shape[1] :] += np.linalg.solve(root.T, mirrored.T).T
        log_weights = 0.5 * (squares - np.asarray(objective(jnp.asarray(moved))) + bottom)
        found.append(logsumexp(log_weights) - np.log(len(log_weights)))
    return np.array(found)
