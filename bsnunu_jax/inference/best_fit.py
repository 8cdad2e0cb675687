"""Multi-start gradient best fit: L-BFGS from many starts, Newton to the bottom, Hessian errors."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from bsnunu_jax.inference.problem import Problem

Objective = Callable[[Float[Array, " n"]], Float[Array, ""]]

# Two results are one minimum if -2 ln L agrees to the first and every parameter to the second
# number, in units of its Hessian error.
_SAME_OBJECTIVE, _SAME_VALUE = 1e-3, 0.05
_NEWTON_STEPS = 6


@dataclass(frozen=True)
class Minimum:
    """One local minimum of -2 ln L.

    Attributes:
        values: reported values of the parameters, mirrored ones folded.
        errors: their Hessian errors, nuisances profiled.
        correlation: correlation matrix of the parameters.
        objective: -2 ln (likelihood x nuisance terms).
        theta: the point in the coordinates of the problem.
        theta_std: Hessian error of every coordinate.
        starts: how many starts ended here.
        weight: posterior probability in the Laplace approximation, relative to all minima found.
    """

    values: dict[str, float]
    errors: dict[str, float]
    correlation: list[list[float]]
    objective: float
    theta: list[float]
    theta_std: list[float]
    starts: int
    weight: float


@dataclass(frozen=True)
class BestFit:
    """All local minima, deepest first; `mirrored` names the parameters whose sign is free."""

    minima: tuple[Minimum, ...]
    mirrored: tuple[str, ...]
    starts: int
    converged: int

    @property
    def best(self) -> Minimum:
        """The deepest minimum."""
        return self.minima[0]

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> "BestFit":
        """The inverse of `as_dict`."""
        minima = tuple(Minimum(**m) for m in raw["minima"])
        return cls(minima, tuple(raw["mirrored"]), raw["starts"], raw["converged"])


def best_fit(
    problem: Problem, *, starts: int = 16, steps: int = 300, tolerance: float = 1e-7, seed: int = 0
) -> BestFit:
    """Minimise -2 ln L from many starts at once and list every local minimum.

    Args:
        problem: what to fit.
        starts: number of random starts, drawn uniformly in the unconstrained range of the prior.
        steps: L-BFGS steps per start (optax); Newton steps follow.
        tolerance: largest gradient component of a converged start.
        seed: seed of the starts.
    """
    free = len(problem.parameters)
    u = jax.random.uniform(jax.random.key(seed), (starts, free), minval=-2.5, maxval=2.5)
    theta = jnp.concatenate([u, jnp.zeros((starts, problem.size - free))], axis=1)
    objective = problem.compiled
    theta = jax.jit(jax.vmap(lambda t: _descend(objective, t, steps)))(theta)
    ends, value, gradient, hessian = _polish(objective, np.asarray(theta))
    good = np.isfinite(value) & (np.abs(gradient).max(axis=1) < tolerance)
    if not good.any():
        raise RuntimeError("no start of the best fit converged: raise `starts` or `steps`")
    return _collect(problem, ends[good], value[good], hessian[good], starts)


def _descend(objective: Objective, theta: Float[Array, " n"], steps: int) -> Float[Array, " n"]:
    """L-BFGS until the gradient is small enough for Newton."""
    search = optax.scale_by_backtracking_linesearch(max_backtracking_steps=15, store_grad=True)
    solver = optax.lbfgs(linesearch=search)
    value_and_grad = optax.value_and_grad_from_state(objective)

    def step(carry: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        theta, state, _ = carry
        value, gradient = value_and_grad(theta, state=state)
        updates, state = solver.update(
            gradient, state, theta, value=value, grad=gradient, value_fn=objective
        )
        return optax.apply_updates(theta, updates), state, jnp.max(jnp.abs(gradient))

    def unfinished(carry: tuple[Any, Any, Any]) -> Array:
        _, state, gradient = carry
        return (optax.tree.get(state, "count") < steps) & (gradient > 1e-2)

    start = (theta, solver.init(theta), jnp.asarray(jnp.inf))
    return jax.lax.while_loop(unfinished, step, start)[0]


def _polish(objective: Objective, theta: np.ndarray) -> tuple[np.ndarray, ...]:
    """Newton steps to rounding; returns theta, objective, gradient and Hessian of each start."""
    local = jax.jit(
        jax.vmap(lambda t: (objective(t), jax.grad(objective)(t), jax.hessian(objective)(t)))
    )
    value, gradient, hessian = (np.asarray(a) for a in local(theta))
    for _ in range(_NEWTON_STEPS):
        trial = theta - positive_solve(hessian, gradient)
        new = tuple(np.asarray(a) for a in local(trial))
        # At the bottom rounding decides whether the objective falls: the gradient must not grow.
        better = (new[0] < value) | (np.abs(new[1]).max(1) < np.abs(gradient).max(1))
        theta = np.where(better[:, None], trial, theta)
        value, gradient, hessian = (
            np.where(better.reshape(-1, *[1] * (n.ndim - 1)), n, o)
            for n, o in zip(new, (value, gradient, hessian), strict=True)
        )
    return theta, value, gradient, hessian


def positive_solve(hessian: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """H^-1 g with the eigenvalues made positive, so that a step always descends (batched)."""
    values, vectors = np.linalg.eigh(hessian)
    along = np.einsum("...ji,...j->...i", vectors, gradient)
    return np.einsum("...ij,...j->...i", vectors, along / np.maximum(np.abs(values), 1e-3))


def _collect(
    problem: Problem, theta: np.ndarray, objective: np.ndarray, hessian: np.ndarray, starts: int
) -> BestFit:
    """Merge equal results (mirror images too) and rank what is left."""
    free = len(problem.parameters)
    minima: list[dict[str, Any]] = []
    for i in np.argsort(objective, kind="stable"):
        eigenvalues = np.linalg.eigvalsh(hessian[i])
        if eigenvalues.min() <= 0:  # a saddle, e.g. on the mirror plane
            continue
        full_covariance = 2 * np.linalg.inv(hessian[i])
        covariance = full_covariance[:free, :free]
        slope = np.asarray(jax.jacobian(problem.values)(theta[i]))[:, :free].diagonal()
        covariance = covariance * np.outer(slope, slope)
        errors = np.sqrt(covariance.diagonal())
        values = {k: float(v) for k, v in problem.reported(jnp.asarray(theta[i])).items()}
        for known in minima:
            near = all(
                abs(values[p.name] - known["values"][p.name]) < _SAME_VALUE * e
                for p, e in zip(problem.parameters, errors, strict=True)
            )
            if near and abs(objective[i] - known["objective"]) < _SAME_OBJECTIVE:
                known["starts"] += 1
                break
        else:
            volume = np.log(np.abs(slope)).sum() - 0.5 * np.log(eigenvalues).sum()
            log_weight = volume - 0.5 * objective[i]
            minima.append({
                "values": values,
                "errors": dict(zip(values, errors.tolist(), strict=True)),
                "correlation": (covariance / np.outer(errors, errors)).tolist(),
                "objective": float(objective[i]),
                "theta": theta[i].tolist(),
                "theta_std": np.sqrt(full_covariance.diagonal()).tolist(),
                "starts": 1,
                "weight": log_weight,
            })  # fmt: skip
    top = max(m["weight"] for m in minima)
    total = sum(np.exp(m["weight"] - top) for m in minima)
    for m in minima:
        m["weight"] = float(np.exp(m["weight"] - top) / total)
    mirrored = tuple(p.name for p in problem.parameters if p.mirror)
    return BestFit(tuple(Minimum(**m) for m in minima), mirrored, starts, len(objective))
