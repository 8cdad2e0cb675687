"""Nuisances profiled and marginalised (Laplace) on a grid of parameter values, all at once."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

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
    problem: Problem, axes: tuple[np.ndarray, ...], *, steps: int = 25, batch: int = 64
) -> Grid:
    """Profile and marginalise the nuisances on the outer product of `axes`.

    Args:
        problem: its parameters, in order, are the axes; values unfolded.
        axes: values of each parameter, inside its prior.
        steps: damped Newton steps at each point.
        batch: points in flight at a time.
    """
    points = jnp.stack([a.ravel() for a in jnp.meshgrid(*axes, indexing="ij")], axis=1)
    run = jax.jit(
        lambda p: jax.lax.map(lambda v: _profile_point(problem, v, steps), p, batch_size=batch)
    )
    profile, log_density, gradient = (
        np.asarray(a).reshape([len(x) for x in axes]) for a in run(points)
    )
    return Grid(tuple(np.asarray(a) for a in axes), profile, log_density, gradient)


def _profile_point(
    problem: Problem, values: Float[Array, " n"], steps: int
) -> tuple[Array, Array, Array]:
    free = len(problem.parameters)
    u = problem.theta(list(values))[:free]

    def objective(z: Array) -> Array:
        return problem.objective(jnp.concatenate([u, z]))

    def newton(z: Array, _: None) -> tuple[Array, None]:
        # Eigenvalues made positive: a step always descends.
        values, vectors = jnp.linalg.eigh(jax.hessian(objective)(z))
        along = vectors.T @ jax.grad(objective)(z)
        step = vectors @ (along / jnp.maximum(jnp.abs(values), 1e-3))
        sizes = jnp.array([1.0, 0.5, 0.25, 0.1, 0.02, 0.0])
        tried = jax.vmap(lambda s: objective(z - s * step))(sizes)
        best = jnp.argmin(jnp.where(jnp.isfinite(tried), tried, jnp.inf))
        return z - sizes[best] * step, None

    z, _ = jax.lax.scan(newton, jnp.zeros(problem.size - free), None, length=steps)
    hessian = jax.hessian(objective)(z)
    _, log_determinant = jnp.linalg.slogdet(hessian)
    value = objective(z)
    return value, -0.5 * (value + log_determinant), jnp.max(jnp.abs(jax.grad(objective)(z)))
