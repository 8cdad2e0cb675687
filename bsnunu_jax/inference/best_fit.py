"""Multi-start gradient best fit: L-BFGS from many starts, Newton to the bottom, Hessian errors."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from bsnunu_jax.errors import InputError
from bsnunu_jax.inference.edges import at_edge, edge_derivatives, slope_and_bend, snap
from bsnunu_jax.inference.problem import Problem

Objective = Callable[[Float[Array, " n"]], Float[Array, ""]]

# Two results are one minimum if -2 ln L agrees to the first and every parameter to the second
# number, in units of its Hessian error.
_SAME_OBJECTIVE, _SAME_VALUE = 1e-3, 0.05
_NEWTON_STEPS = 8


@dataclass(frozen=True)
class Minimum:
    """One local minimum of -2 ln L.

    Attributes:
        values: reported values of the parameters, mirrored ones folded.
        errors: their Hessian errors, nuisances profiled.
        correlation: correlation matrix of the parameters.
        objective: -2 ln (likelihood x nuisance terms).
        theta: the point in the coordinates of the problem.
        inside: the same, parameters at an edge moved into their range by their error.
        theta_std: error of every coordinate there.
        starts: how many starts ended here.
        weight: posterior probability in the Laplace approximation, relative to all minima found.
    """

    values: dict[str, float]
    errors: dict[str, float]
    correlation: list[list[float]]
    objective: float
    theta: list[float]
    inside: list[float]
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
        starts: number of random starts, drawn over the range of the priors.
        steps: L-BFGS steps per start (optax); Newton steps follow.
        tolerance: largest gradient component of a converged start.
        seed: seed of the starts.

    Raises:
        InputError: if no start converges.
    """
    free = len(problem.parameters)
    v = jax.random.uniform(jax.random.key(seed), (starts, free), minval=-1.3, maxval=1.3)
    point = jnp.concatenate([v, jnp.zeros((starts, problem.size - free))], axis=1)
    objective = jax.jit(problem.descent_objective)  # traced once for all that follows
    point = jax.jit(jax.vmap(lambda p: _descend(objective, p, steps)))(point)
    ends, value, gradient, hessian = _polish(objective, snap(problem, np.asarray(point)))
    good = np.isfinite(value) & (np.abs(gradient).max(axis=1) < tolerance)
    if not good.any():
        raise InputError(
            f"none of {starts} starts of the best fit converged",
            allowed="raise best_fit: starts, or narrow the priors to where the data can tell",
        )
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
    problem: Problem, points: np.ndarray, objective: np.ndarray, hessian: np.ndarray, starts: int
) -> BestFit:
    """Merge equal results (mirror images too) and rank what is left."""
    found: list[tuple[dict[str, Any], float]] = []
    for i in np.argsort(objective, kind="stable"):
        described = _minimum(problem, points[i], float(objective[i]), hessian[i])
        if described is None:
            continue
        minimum, log_weight = described
        for known, _ in found:
            near = all(
                abs(value - known["values"][name]) < _SAME_VALUE * minimum["errors"][name]
                for name, value in minimum["values"].items()
            )
            if near and abs(minimum["objective"] - known["objective"]) < _SAME_OBJECTIVE:
                known["starts"] += 1
                break
        else:
            found.append((minimum, log_weight))
    if not found:
        raise InputError(
            "every start of the best fit ended on a saddle", allowed="raise best_fit: starts"
        )
    weights = np.exp([w - max(w for _, w in found) for _, w in found])
    minima = tuple(
        Minimum(**minimum, weight=float(w))
        for (minimum, _), w in zip(found, weights / weights.sum(), strict=True)
    )
    mirrored = tuple(p.name for p in problem.parameters if p.mirror)
    return BestFit(minima, mirrored, starts, len(objective))


def _minimum(
    problem: Problem, point: np.ndarray, objective: float, hessian: np.ndarray
) -> tuple[dict[str, Any], float] | None:
    """Values, errors and ln of the Laplace weight of one minimum; None for a saddle.

    Inside its range a parameter has the error of the Hessian. A parameter at an edge leaves the
    Hessian; its error is the distance at which -2 ln L is up by 1.
    """
    free = len(problem.parameters)
    edges, inward = at_edge(problem, point[:free])
    keep = np.concatenate([~edges, np.ones(problem.size - free, dtype=bool)])
    inner = hessian[np.ix_(keep, keep)]
    if inner.size and np.linalg.eigvalsh(inner).min() <= 0:  # e.g. on the mirror plane
        return None
    covariance = np.zeros_like(hessian)
    covariance[np.ix_(keep, keep)] = 2 * np.linalg.inv(inner)
    std = np.sqrt(covariance.diagonal())
    values = np.asarray(problem.descent_values(jnp.asarray(point[:free])))
    slope, _ = (np.abs(a) for a in slope_and_bend(problem, point[None, :free])[:, 0])
    errors = slope * std[:free]
    log_weight = -0.5 * np.linalg.slogdet(inner)[1] - 0.5 * objective + np.log(slope[~edges]).sum()
    for k in np.flatnonzero(edges).tolist():
        rise, bend = edge_derivatives(problem, values, point[free:], k)
        rise *= inward[k]
        if max(rise, bend) <= 0:
            return None
        errors[k] = 2 / (rise + np.sqrt(rise**2 + 2 * max(bend, 0.0)))
        x = np.linspace(0, 12 * errors[k], 2001)
        integral = np.trapezoid(np.exp(-0.5 * (rise * x + bend * x**2 / 2)), x)
        log_weight += np.log(integral / np.sqrt(4 * np.pi))
    images = sum(
        p.mirror and abs(x) > 1e-3 * e
        for p, x, e in zip(problem.parameters, values, errors, strict=True)
    )
    theta, inside = (
        np.concatenate([np.asarray(problem.theta(x.tolist()))[:free], point[free:]])
        for x in (values, values + np.where(edges, inward * errors, 0.0))
    )
    jacobian = [float(p.prior.log_jacobian(inside[k])) for k, p in enumerate(problem.parameters)]
    std[:free] = errors / np.exp(jacobian)
    names = [p.name for p in problem.parameters]
    reported = [float(p.report(x)) for p, x in zip(problem.parameters, values, strict=True)]
    scale = np.where(edges, 1.0, np.sqrt(covariance.diagonal()[:free]))
    correlation = covariance[:free, :free] / np.outer(scale, scale) + np.diag(edges * 1.0)
    return {
        "values": dict(zip(names, reported, strict=True)),
        "errors": dict(zip(names, errors.tolist(), strict=True)),
        "correlation": correlation.tolist(),
        "objective": objective,
        "theta": theta.tolist(),
        "inside": inside.tolist(),
        "theta_std": std.tolist(),
        "starts": 1,
    }, float(log_weight + images * np.log(2.0))
