"""One local minimum of -2 ln L inside the priors: its width, correlations and Laplace weight."""

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from bsnunu_jax.inference.problem.flat_lines import FlatLine
from bsnunu_jax.inference.problem.landscape import Landscape
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.programs import program
from bsnunu_jax.numerics.bounded import positive

# Curvature below which a direction is a plateau, and of one that ends at its range: the variance
# of a flat density over -1 .. 1 is 1/3.
_PLATEAU, _OF_RANGE = 1e-5, 6.0
# Shortest line, in units in which a range has length 2.
_SHORT = 0.1
# Steps along which a saddle falls, and by how much at least.
_TRIED, _LOWER = (0.01, 0.03, 0.1), 1e-7
# Share of the range that the step of a difference takes.
_STEP = 1e-5
# A line along which the quadratic model rises by less than this may have other minima at its ends.
_WEAK, _NEARLY_THERE = 8.0, 0.98


@dataclass
class LocalMinimum:
    """In the coordinates of `Box`.

    Attributes:
        point: parameters, then nuisances.
        objective: -2 ln (likelihood x nuisance terms).
        hessian: of it.
        edges: which parameters are at an edge of their range.
        std: error of every coordinate: of the curvature, at an edge of the slope.
        correlation: of the parameters.
        spread: their errors that go with it, ended by the ranges where the data do not bound them.
        log_weight: see `Minimum`.
        plateau: whether -2 ln L is flat in some direction beside the flat lines.
        starts: how many starts ended here.
    """

    point: Float[np.ndarray, " size"]
    objective: float
    hessian: Float[np.ndarray, "size size"]
    edges: Bool[np.ndarray, " n"]
    std: Float[np.ndarray, " size"]
    correlation: Float[np.ndarray, "n n"]
    spread: Float[np.ndarray, " n"]
    log_weight: float
    plateau: bool
    starts: int


def local_minimum(
    local: Landscape,
    point: Float[np.ndarray, " size"],
    objective: float,
    hessian: Float[np.ndarray, "size size"],
    *,
    lines: Sequence[FlatLine],
    starts: int,
) -> LocalMinimum | None:
    """Describe a minimum; None for a saddle.

    Along a flat line the range of the priors takes the place of a width. A parameter at an edge
    leaves the Hessian; its error is the distance at which -2 ln L is up by 1.
    """
    problem, box = local.problem, local.box
    free = len(problem.parameters)
    b = point[:free]
    inward = box.inward(b)
    edges = inward != 0
    keep = np.concatenate([~edges, np.ones(problem.size - free, dtype=bool)])
    directions = flat_directions(local, b, lines)
    ended = hessian.copy()
    for direction in directions:
        back, forth = box.chord(b, direction)
        length = min(max(forth - back, _SHORT), 6.0)
        ended[:free, :free] += np.outer(direction, direction) * (4 * np.pi / length**2)
    inner = ended[np.ix_(keep, keep)]
    inner, falling = _ended(inner)
    if _falls(local, point, objective, keep, falling):  # e.g. on the mirror plane
        return None
    plateau = len(falling) > 0
    covariance = np.zeros_like(hessian)
    covariance[np.ix_(keep, keep)] = 2 * np.linalg.inv(inner)
    std = np.sqrt(covariance.diagonal())
    values, slope = box.values(b), box.slopes(b)
    log_weight = -0.5 * np.linalg.slogdet(inner)[1] - 0.5 * objective + np.log(slope).sum()
    log_weight += float(_log_prior(problem, jnp.asarray(values)))
    for k in np.flatnonzero(edges).tolist():
        rise, bend = _edge_derivatives(local, point, k, float(inward[k]))
        if rise < -_PLATEAU or (rise < _PLATEAU and bend < -_PLATEAU):
            return None
        # On a plateau nothing but the range ends it.
        reach = rise + np.sqrt(max(rise, 0.0) ** 2 + 2 * max(bend, 0.0))
        std[k] = min(2 / reach, 2.0) if reach > 0 else 2.0
        # Where -2 ln L bends down the expansion holds no further than to its top.
        top = -rise / bend if bend < 0 < rise else np.inf
        x = np.linspace(0, min(12 * std[k], 2.0, top), 2001)
        integral = np.trapezoid(np.exp(-0.5 * (rise * x + bend * x**2 / 2)), x)
        log_weight += np.log(integral / np.sqrt(4 * np.pi))
    images = sum(
        int(p.mirror and abs(float(x)) > 1e-3 * float(e))
        for p, x, e in zip(problem.parameters, b, std, strict=False)
    )
    cut = edges.any() or len(directions) > 0 or plateau
    part = (covariance if not cut else _inside(local, ended))[:free, :free]
    spread = np.sqrt(part.diagonal())
    return LocalMinimum(
        point,
        objective,
        hessian,
        edges,
        std,
        part / np.outer(spread, spread),
        spread,
        float(log_weight + images * np.log(2.0)),
        plateau,
        starts,
    )


def flat_directions(
    local: Landscape, b: Float[np.ndarray, " n"], lines: Sequence[FlatLine]
) -> Float[np.ndarray, "k n"]:
    """Unit vectors along the flat lines and the scalings of a model, at a point."""
    values, slope = local.box.values(b), local.box.slopes(b)
    linear = [np.array(list(line.coefficients.values())) for line in lines]
    found: list[np.ndarray] = []
    for direction in (*linear, *local.symmetries.directions(values)):
        unit = direction / slope
        for known in found:  # a parameter without effect is both
            unit = unit - known * (known @ unit)
        if np.linalg.norm(unit) > 1e-6 * float(np.linalg.norm(direction / slope)) + 1e-300:
            found.append(unit / np.linalg.norm(unit))
    return np.array(found).reshape(len(found), len(b))


def weak_ends(local: Landscape, minimum: LocalMinimum) -> list[np.ndarray]:
    """Points near both ends of the lines along which the data hardly bind a minimum.

    There may be lower ones: a valley that the data see a little goes on to the edges.
    """
    free, h = len(local.problem.parameters), minimum.hessian
    response = -np.linalg.solve(positive(h[free:, free:]), h[free:, :free])
    values, vectors = np.linalg.eigh(h[:free, :free] + h[:free, free:] @ response)
    found = []
    for value, direction in zip(values.tolist(), vectors.T, strict=True):
        for way in local.box.chord(minimum.point[:free], direction):
            if _SHORT < abs(way) < np.inf and value * way**2 / 2 < _WEAK:
                move = _NEARLY_THERE * way * direction
                nuisances = np.clip(response @ move, -3, 3)
                found.append(minimum.point + np.concatenate([move, nuisances]))
    return found


def _ended(hessian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The Hessian with an error of one unit where it does not rise, and these directions."""
    if not hessian.size:
        return hessian, np.zeros((0, 0))
    values, vectors = np.linalg.eigh(hessian)
    flat = values < _PLATEAU
    if not flat.any():
        return hessian, np.zeros((0, len(hessian)))
    return np.asarray((vectors * np.where(flat, 2.0, values)) @ vectors.T), vectors.T[flat]


def _falls(
    local: Landscape, point: np.ndarray, objective: float, keep: np.ndarray, directions: np.ndarray
) -> bool:
    """Whether -2 ln L falls along a direction: asymmetric errors make curvatures of either sign."""
    if not len(directions):
        return False
    low, high = local.bounds(1)
    moves = np.zeros((len(directions), len(point)))
    moves[:, keep] = directions
    tried = np.concatenate([point + sign * t * moves for t in _TRIED for sign in (1, -1)])
    value, _ = local.boxed(np.clip(tried, low, high))
    return bool((value < objective - _LOWER).any())


def _inside(local: Landscape, hessian: np.ndarray) -> np.ndarray:
    """Covariance of a Gaussian cut by the ranges, as if they were Gaussians themselves."""
    free = len(local.problem.parameters)
    cut = positive(hessian)
    cut[np.arange(free), np.arange(free)] += np.where(local.box.bounded, _OF_RANGE, 0.0)
    return np.asarray(2 * np.linalg.inv(cut))


def _edge_derivatives(
    local: Landscape, point: Float[np.ndarray, " size"], k: int, inward: float
) -> tuple[float, float]:
    """First and second derivative of the objective into the range of parameter k, at its edge.

    The second one is a difference of exact gradients, taken inside the range.
    """
    points = np.tile(point, (3, 1))
    points[:, k] += np.array([0.0, 1.0, 2.0]) * 2 * _STEP * inward
    rise = local.boxed(points)[1][:, k] * inward
    return float(rise[0]), float((4 * rise[1] - 3 * rise[0] - rise[2]) / (4 * _STEP))


@program
def _log_prior(problem: Problem, values: Array) -> Array:
    """ln of the prior where it is no constraint of the fit."""
    return problem.log_density_of_ranges(values)
