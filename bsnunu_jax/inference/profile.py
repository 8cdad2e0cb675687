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

# What the objective, relative to itself, may rise by rounding.
_ROUNDING = 1e-10


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
    problem: Problem, axes: Sequence[np.ndarray], *, start: np.ndarray | None = None,
    steps: int = 60, tolerance: float = 1e-6, batch: int = 64, samples: int = 0, seed: int = 0,
    profiled: bool = True,
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
        profiled: False for the likelihood of the posterior, see `Problem.objective_at`.
    """
    points = jnp.stack([a.ravel() for a in jnp.meshgrid(*axes, indexing="ij")], axis=1)
    free = len(problem.parameters)
    z = jnp.zeros(problem.size - free) if start is None else jnp.asarray(start)

    def one(values: Array) -> tuple[Array, ...]:
        def objective(z: Array) -> Array:
            return problem.objective_at(values, z, profiled=profiled)

        at, value, gradient, hessian = levenberg_marquardt(objective, z, steps, tolerance)
        return value, jnp.max(jnp.abs(gradient)), jnp.concatenate([values, at]), hessian

    found = jax.jit(lambda p: jax.lax.map(one, p, batch_size=batch))(points)
    profile, gradient, at, hessian = (np.asarray(a) for a in found)
    prior = jax.jit(jax.vmap(problem.log_density_of_ranges))(points)
    log_density = np.asarray(prior) - 0.5 * (profile + np.linalg.slogdet(hessian)[1])
    if samples:
        objective = jax.jit(jax.vmap(
            lambda x: problem.objective_at(x[:free], x[free:], profiled=profiled)
        ))  # fmt: skip
        noise = np.random.default_rng(seed).standard_normal((samples, problem.size - free))
        log_density += _importance(objective, at, profile, hessian, noise)
    shape = [len(x) for x in axes]
    results = (a.reshape(shape) for a in (profile, log_density, gradient))
    return Grid(tuple(map(np.asarray, axes)), *results)


def levenberg_marquardt(
    objective: Callable[[Array], Array], z: Float[Array, " n"], steps: int | Array,
    tolerance: float | Array, *, damping: float = 1e-2,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    """Levenberg-Marquardt descent; returns the point, the objective, its gradient and Hessian.

    With 0 steps the point is the start, with infinite tolerance nothing is evaluated. Near the
    minimum less `damping` of the first step saves steps.
    """
    if not z.size:
        return z, objective(z), z, jnp.zeros((0, 0))

    def slopes(z: Array) -> tuple[Array, tuple[Array, Array]]:
        value, gradient = jax.value_and_grad(objective)(z)
        return gradient, (value, gradient)

    # The only place where the objective is traced: twice would compile twice as long.
    local = jax.jacfwd(slopes, has_aux=True)

    def step(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        z, trial, (value, gradient, hessian), damping, count = carry
        bend, (height, slope) = local(trial)
        # At the bottom rounding decides whether the objective falls: a smaller gradient will do.
        # Elsewhere it must fall, or a saddle would do.
        level = height - value < _ROUNDING * (1 + jnp.abs(value))
        flatter = jnp.max(jnp.abs(slope)) < 0.5 * jnp.max(jnp.abs(gradient))
        better = ((height < value) | (level & flatter)) & jnp.isfinite(height)
        state = tuple(
            jnp.where(better, n, o)
            for n, o in zip((height, slope, bend), (value, gradient, hessian), strict=True)
        )
        damping = jnp.where(better, damping / 10, jnp.maximum(damping * 10, 1e-2))
        z = jnp.where(better, trial, z)
        trial = z - jnp.linalg.solve(state[2] + damping * jnp.eye(z.size), state[1])
        return z, trial, state, damping, count + 1

    def unfinished(carry: tuple[Any, ...]) -> Array:
        _, _, (_, gradient, _), _, count = carry
        return (jnp.max(jnp.abs(gradient)) > tolerance) & (count <= steps)

    nowhere = jnp.asarray(jnp.inf), jnp.full_like(z, jnp.inf), jnp.eye(z.size)
    start = (z, z, nowhere, jnp.asarray(damping), jnp.asarray(0))
    z, _, (value, gradient, hessian), _, _ = jax.lax.while_loop(unfinished, step, start)
    return z, value, gradient, hessian


def _importance(
    objective: Callable[[Array], Array], at: np.ndarray, value: np.ndarray, hessian: np.ndarray,
    noise: np.ndarray,
) -> np.ndarray:  # fmt: skip
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
