"""Multi-start gradient best fit: L-BFGS from many starts, Newton to the bottom, Hessian errors."""

from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.linalg import LinAlgError
from scipy.linalg import cho_factor, cho_solve

from bsnunu_jax.errors import InputError
from bsnunu_jax.inference.edges import at_edge, edge_derivatives, slope_and_bend, snap
from bsnunu_jax.inference.landscape import Landscape
from bsnunu_jax.inference.problem import Problem

# Two results are one minimum if -2 ln L agrees to the first and every parameter to the second
# number, in units of its Hessian error.
_SAME_OBJECTIVE, _SAME_VALUE = 1e-3, 0.05
_SAME_END = 1e-9
_PLATEAU = 1e-5
_NEWTON_GRADIENT, _NEWTON_STEPS = 1e-2, 12
_BACKTRACKS = 15


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
        log_weight: ln of the integral of exp(-objective/2) in the Laplace approximation over
            (4 pi)^(size/2), mirror images counted.
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
    log_weight: float = float("nan")


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
    problem: Problem, *, starts: int = 16, steps: int = 300, tolerance: float = 1e-7,
    seed: int = 0, landscape: Landscape | None = None, plateaus: bool = False,
) -> BestFit:  # fmt: skip
    """Minimise -2 ln L from many starts at once and list every local minimum.

    Args:
        problem: what to fit.
        starts: number of random starts, drawn over the range of the priors.
        steps: L-BFGS steps per start (optax); Newton steps follow.
        tolerance: largest gradient component of a converged start.
        seed: seed of the starts.
        landscape: that of the problem, if it is there already.
        plateaus: accept places where the data do not depend on some direction, with an error of one
            unit of the descent's coordinates there.

    Raises:
        InputError: if no start converges.
    """
    free = len(problem.parameters)
    rng = np.random.default_rng(seed)
    point = np.zeros((starts, problem.size))
    point[:, :free] = rng.uniform(-1.3, 1.3, size=(starts, free))
    local = landscape or Landscape(problem, starts)
    if free and len(local.symmetries.scalings) == free:
        raise InputError(
            "no fitted parameter changes anything that is measured",
            allowed="fix the couplings that multiply them at a value that is not 0",
        )
    point = snap(local, _descend(local, point, steps))
    ends, value, gradient = _polish(local, point, tolerance)
    good = np.isfinite(value) & (np.abs(gradient).max(axis=1) < tolerance)
    if not good.any():
        raise InputError(
            f"none of {starts} starts of the best fit converged",
            allowed="raise best_fit: starts, or narrow the priors to where the data can tell",
        )
    ends, value = ends[good], value[good]
    return _collect(local, ends, value, _hessians(local, ends, value), starts, plateaus)


def _descend(local: Landscape, point: np.ndarray, steps: int) -> np.ndarray:
    """L-BFGS with backtracking until the gradients are small enough for Newton."""
    solver = optax.scale_by_lbfgs()
    update = jax.jit(jax.vmap(solver.update))
    state = jax.jit(jax.vmap(solver.init))(point)
    value, gradient = local.descent(point)
    for _ in range(steps):
        active = np.isfinite(value) & (np.abs(gradient).max(axis=1) > _NEWTON_GRADIENT)
        preconditioned, state = update(gradient, state, point)
        direction = -np.asarray(preconditioned)
        slope = np.einsum("ij,ij->i", gradient, direction)
        uphill = ~(slope < 0)
        size = np.abs(gradient).max(axis=1, keepdims=True)
        direction = np.where(uphill[:, None], -gradient / np.maximum(size, 1.0), direction)
        slope = np.where(uphill, np.einsum("ij,ij->i", gradient, direction), slope)
        if not active.any():
            break
        length = np.ones(len(point))
        for _ in range(_BACKTRACKS):
            trial = point + np.where(active, length, 0.0)[:, None] * direction
            new = local.descent(trial)
            enough = ~active | (new[0] <= value + 1e-4 * length * slope)
            if enough.all():
                break
            length = np.where(enough, length, length / 2)
        better = active & enough
        if not better.any():
            break
        point = np.where(better[:, None], trial, point)
        value = np.where(better, new[0], value)
        gradient = np.where(better[:, None], new[1], gradient)
    return point


def _polish(
    local: Landscape, theta: np.ndarray, tolerance: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Newton steps to rounding; returns theta, objective and gradient of each start."""
    value, gradient = local.descent(theta)
    length = np.ones(len(theta))
    for _ in range(_NEWTON_STEPS):
        on = np.flatnonzero(np.abs(gradient).max(axis=1) >= 1e-3 * tolerance)
        if not on.size:
            break
        steps = positive_solve(local.hessian(theta[on]), gradient[on])
        trial = theta[on] - length[on, None] * steps
        height, slope = local.descent(trial)
        # At the bottom rounding decides whether the objective falls: the gradient must not grow.
        smaller = np.abs(slope).max(axis=1) < np.abs(gradient[on]).max(axis=1)
        better = (height < value[on]) | smaller
        length[on] = np.where(better, np.minimum(2 * length[on], 1.0), length[on] / 4)
        on = on[better]
        theta[on], value[on], gradient[on] = trial[better], height[better], slope[better]
    return theta, value, gradient


def _hessians(local: Landscape, points: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Hessians at the ends of all starts, one for all that ended at the same point."""
    first = [
        next(
            j for j in range(i + 1)
            if abs(value[i] - value[j]) < _SAME_END and np.abs(points[i] - points[j]).max() < 1e-4
        )
        for i in range(len(points))
    ]  # fmt: skip
    places = {j: k for k, j in enumerate(dict.fromkeys(first))}
    found = local.hessian(points[list(places)], order=4)
    return found[[places[j] for j in first]]


def positive_solve(hessian: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """H^-1 g with the eigenvalues made positive, so that a step always descends (batched)."""
    steps = []
    for h, g in zip(hessian, gradient, strict=True):
        try:
            steps.append(cho_solve(cho_factor(h), g))
        except LinAlgError:  # a saddle or worse: the eigenvalues are needed
            values, vectors = np.linalg.eigh(h)
            steps.append(vectors @ ((vectors.T @ g) / np.maximum(np.abs(values), 1e-3)))
    return np.array(steps)


def _collect(
    local: Landscape, points: np.ndarray, objective: np.ndarray, hessian: np.ndarray, starts: int,
    plateaus: bool,
) -> BestFit:  # fmt: skip
    """Merge equal results (mirror images too) and rank what is left."""
    problem = local.problem
    found: list[tuple[dict[str, Any], float]] = []
    for i in np.argsort(objective, kind="stable"):
        described = _minimum(local, points[i], float(objective[i]), hessian[i], plateaus)
        if described is None:
            continue
        minimum, log_weight = described
        for known, _ in found:
            near = all(
                abs(value - known["values"][name]) < _SAME_VALUE * minimum["errors"][name]
                for name, value in minimum["values"].items()
            ) or local.symmetries.equal(*(_numbers(problem, m) for m in (minimum, known)))
            if near and abs(minimum["objective"] - known["objective"]) < _SAME_OBJECTIVE:
                known["starts"] += 1
                break
        else:
            found.append((minimum, log_weight))
    if not found:
        raise InputError(
            "every start of the best fit ended on a saddle or a plateau",
            allowed="fit only parameters that the data depend on, or raise best_fit: starts",
        )
    weights = np.exp([w - max(w for _, w in found) for _, w in found])
    minima = tuple(
        Minimum(**minimum, weight=float(w), log_weight=log_weight)
        for (minimum, log_weight), w in zip(found, weights / weights.sum(), strict=True)
    )
    mirrored = tuple(p.name for p in problem.parameters if p.mirror)
    return BestFit(minima, mirrored, starts, len(objective))


def _along_flat_lines(local: Landscape, point: np.ndarray) -> np.ndarray:
    """A Hessian that ends the flat lines of a model: they have no minimum to be found."""
    problem, free = local.problem, len(local.problem.parameters)
    found = np.zeros((len(point), len(point)))
    values = np.asarray(problem.descent_values(jnp.asarray(point[:free])))
    slope, _ = slope_and_bend(problem, point[None, :free])[:, 0]
    for direction in local.symmetries.directions(values):
        line = direction / np.where(np.abs(slope) > 0, slope, np.inf)
        if np.abs(line).max() > 0:
            line /= np.linalg.norm(line)
            found[:free, :free] += 2 * np.outer(line, line)
    return found


def _ended(hessian: np.ndarray) -> np.ndarray:
    """The Hessian with an error of one unit where nothing changes."""
    values, vectors = np.linalg.eigh(hessian)
    return (vectors * np.where(np.abs(values) < _PLATEAU, 2.0, values)) @ vectors.T


def _numbers(problem: Problem, minimum: dict[str, Any]) -> np.ndarray:
    """The values of a minimum in the order of the parameters."""
    return np.array([minimum["values"][p.name] for p in problem.parameters])


def _minimum(
    local: Landscape, point: np.ndarray, objective: float, hessian: np.ndarray, plateaus: bool
) -> tuple[dict[str, Any], float] | None:
    """Values, errors and ln of the Laplace weight of one minimum; None for a saddle.

    Inside its range a parameter has the error of the Hessian, along a flat line of the model one
    unit of the descent's coordinates, which are angles. A parameter at an edge leaves the
    Hessian; its error is the distance at which -2 ln L is up by 1.
    """
    problem, free = local.problem, len(local.problem.parameters)
    edges, inward = at_edge(problem, point[:free])
    keep = np.concatenate([~edges, np.ones(problem.size - free, dtype=bool)])
    hessian = hessian + _along_flat_lines(local, point)
    inner = hessian[np.ix_(keep, keep)]
    if plateaus or local.symmetries.scalings:
        inner = _ended(inner)
    if inner.size and np.linalg.eigvalsh(inner).min() <= 0:  # e.g. on the mirror plane
        return None
    covariance = np.zeros_like(hessian)
    covariance[np.ix_(keep, keep)] = 2 * np.linalg.inv(inner)
    std = np.sqrt(covariance.diagonal())
    values = np.asarray(problem.descent_values(jnp.asarray(point[:free])))
    slope, _ = (np.abs(a) for a in slope_and_bend(problem, point[None, :free])[:, 0])
    errors = slope * std[:free]
    log_weight = -0.5 * np.linalg.slogdet(inner)[1] - 0.5 * objective + np.log(slope[~edges]).sum()
    log_weight += sum(
        float(problem.log_density_of_range(k, jnp.asarray(x))) for k, x in enumerate(values)
    )
    for k in np.flatnonzero(edges).tolist():
        rise, bend = edge_derivatives(local, values, point[free:], k, float(inward[k]))
        rise *= inward[k]
        if max(rise, bend) <= 0 and not plateaus:
            return None
        low, high = problem.parameters[k].prior.range
        # On a plateau nothing but the range ends it.
        reach = rise + np.sqrt(rise**2 + 2 * max(bend, 0.0))
        errors[k] = min(2 / reach, high - low) if reach > 0 else high - low
        x = np.linspace(0, min(12 * errors[k], high - low), 2001)
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
