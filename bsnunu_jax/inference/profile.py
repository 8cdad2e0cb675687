"""Nuisances profiled and marginalised (Laplace) on a grid of parameter values, all at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import logsumexp

from bsnunu_jax.inference.problem import Problem


@dataclass(frozen=True)
class Grid:
    """Results on a grid, one axis a parameter.

    Attributes:
        axes: the parameter values.
        profile: -2 ln L with all nuisances at their conditional minimum.
        log_density: ln posterior density of the parameters, nuisances marginalised in the Laplace
            approximation, up to a constant.
        gradient: largest gradient component left, a measure of convergence.
    """

    axes: tuple[np.ndarray, ...]
    profile: np.ndarray
    log_density: np.ndarray
    gradient: np.ndarray


def profile_grid(
    problem: Problem, axes: Sequence[np.ndarray], *, start: np.ndarray | None = None,
    steps: int = 60, tolerance: float = 1e-6, batch: int = 64, samples: int = 0, seed: int = 0,
) -> Grid:  # fmt: skip
    """Profile and marginalise the nuisances on the outer product of `axes`.

    Args:
        problem: its parameters, in order, are the axes; values unfolded.
        axes: values of each parameter, inside its prior.
        start: nuisances where every descent begins, e.g. those of the best fit; 0 if absent.
        steps: largest number of damped Newton steps at each point.
        tolerance: gradient component at which a point is done.
        batch: points in flight at a time.
        samples: importance samples that correct the Laplace approximation of the marginal, the
            same standard-normal numbers at every point; 0 for Laplace alone.
        seed: seed of these numbers.
    """
    points = jnp.stack([a.ravel() for a in jnp.meshgrid(*axes, indexing="ij")], axis=1)
    free = len(problem.parameters)
    z = jnp.zeros(problem.size - free) if start is None else jnp.asarray(start)

    def one(values: Array) -> tuple[Array, ...]:
        u = problem.theta(list(values))[:free]

        def objective(z: Array) -> Array:
            return problem.objective(jnp.concatenate([u, z]))

        at, value, gradient, hessian = _profile(objective, z, steps, tolerance)
        return value, jnp.max(jnp.abs(gradient)), jnp.concatenate([u, at]), hessian

    found = jax.jit(lambda p: jax.lax.map(one, p, batch_size=batch))(points)
    profile, gradient, theta, hessian = (np.asarray(a) for a in found)
    log_density = -0.5 * (profile + np.linalg.slogdet(hessian)[1])
    if samples:
        noise = np.random.default_rng(seed).standard_normal((samples, problem.size - free))
        log_density += _importance(problem, theta, profile, hessian, noise)
    shape = [len(x) for x in axes]
    results = (a.reshape(shape) for a in (profile, log_density, gradient))
    return Grid(tuple(map(np.asarray, axes)), *results)


def _profile(
    objective: Callable[[Array], Array], z: Float[Array, " n"], steps: int, tolerance: float
) -> tuple[Array, Array, Array, Array]:
    """Levenberg-Marquardt descent; returns the point, the objective, its gradient and Hessian."""

    def local(z: Array) -> tuple[Array, Array, Array]:
        return objective(z), jax.grad(objective)(z), jax.hessian(objective)(z)

    def step(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        z, (value, gradient, hessian), damping, count = carry
        damped = hessian + damping * jnp.eye(z.size)
        trial = z - jnp.linalg.solve(damped, gradient)
        new = local(trial)
        # At the bottom rounding decides whether the objective falls: a smaller gradient will do.
        better = (new[0] < value) | (jnp.max(jnp.abs(new[1])) < 0.5 * jnp.max(jnp.abs(gradient)))
        better &= jnp.isfinite(new[0])
        keep = (value, gradient, hessian)
        state = tuple(jnp.where(better, n, o) for n, o in zip(new, keep, strict=True))
        damping = jnp.where(better, damping / 10, jnp.maximum(damping * 10, 1e-2))
        return jnp.where(better, trial, z), state, damping, count + 1

    def unfinished(carry: tuple[Any, ...]) -> Array:
        _, (_, gradient, _), _, count = carry
        return (jnp.max(jnp.abs(gradient)) > tolerance) & (count < steps)

    start = (z, local(z), jnp.asarray(1e-3), jnp.asarray(0))
    z, (value, gradient, hessian), _, _ = jax.lax.while_loop(unfinished, step, start)
    return z, value, gradient, hessian


def _importance(
    problem: Problem, theta: np.ndarray, value: np.ndarray, hessian: np.ndarray, noise: np.ndarray
) -> np.ndarray:
    """ln of the integral of exp(-objective/2) over its Laplace approximation, at every point.

    Draws of the Gaussian of the Hessian and their mirror images, weighted by the true density.
    """
    objective = jax.jit(jax.vmap(problem.objective))
    mirrored = np.concatenate([noise, -noise])
    squares = (mirrored**2).sum(axis=1)
    found = []
    for point, bottom, curvature in zip(theta, value, hessian, strict=True):
        root = np.linalg.cholesky(curvature / 2)
        moved = np.tile(point, (len(mirrored), 1))
        moved[:, -noise.shape[1] :] += np.linalg.solve(root.T, mirrored.T).T
        log_weights = 0.5 * (squares - np.asarray(objective(moved)) + bottom)
        found.append(logsumexp(log_weights) - np.log(len(log_weights)))
    return np.array(found)
