"""Multi-start gradient best fit inside the priors: all minima, profiled errors, flat lines."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from typing import Any

import jax
import numpy as np
import optax

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.fits.local_minimum import LocalMinimum, local_minimum, weak_ends
from bsnunu_jax.inference.fits.profiled_errors import profiled
from bsnunu_jax.inference.problem.flat_lines import FLAT, Directions, FlatLine, centred
from bsnunu_jax.inference.problem.landscape import Landscape
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.symmetries import is_correlated
from bsnunu_jax.numerics.bounded import descend

# Two results are one minimum if -2 ln L agrees to the first and every coordinate to the second
# number, in units of its error; across flat lines that the data see a little to the third.
_SAME_OBJECTIVE, _SAME_VALUE, _SAME_ACROSS = 1e-3, 0.05, 0.5
_SAME_END = 1e-9
_NEARLY_DOWN = 1e-2
_BACKTRACKS = 15
# Evaluations of a bounded descent, and how often its model of the curvature is made anew.
_EVALUATIONS, _RENEWALS = 60, 3
# Minima whose ends along weak directions are looked at, and searches for a still lower one.
_MOST, _SEARCHES = 8, 4
# How far above the lowest they may be.
_FAR = 25.0
# -2 ln L of equally deep minima.
_EQUALLY = 1e-6
# Descents go on to this part of the tolerance.
_FURTHER = 1e-2


@dataclass(frozen=True)
class Minimum:
    """One local minimum of -2 ln L.

    Attributes:
        values: reported values of the parameters, mirrored ones folded.
        errors: half of `intervals`, the distance to the end that exists, or None.
        correlation: correlation matrix of the parameters, nuisances profiled; of the part inside
            the priors where an edge or a flat line ends them.
        objective: -2 ln (likelihood x nuisance terms).
        theta: the point in the coordinates of the problem.
        inside: the same, parameters at an edge moved into their range by their error.
        theta_std: error of every coordinate there.
        starts: how many starts ended here.
        weight: posterior probability in the Laplace approximation, relative to all minima found.
        log_weight: ln of the integral of exp(-objective/2) in the Laplace approximation over
            (4 pi)^(size/2), mirror images counted.
        intervals: where -2 ln L, profiled over everything else inside the priors, is up by 1; None
            on a side where it does not rise by that inside the prior.
        spread: errors that go with `correlation`, in units in which a range has length 2.
    """

    values: dict[str, float]
    errors: dict[str, float | None]
    correlation: list[list[float]]
    objective: float
    theta: list[float]
    inside: list[float]
    theta_std: list[float]
    starts: int
    weight: float
    log_weight: float = float("nan")
    intervals: dict[str, list[float | None]] = field(default_factory=dict)
    spread: list[float] = field(default_factory=list)

    def interval(self, name: str) -> tuple[float | None, float | None]:
        """The ends of a parameter's interval; of value and error if there is nothing else."""
        if name in self.intervals:
            low, high = self.intervals[name]
            return low, high
        value, error = self.values[name], self.errors[name]
        return (None, None) if error is None else (value - error, value + error)


@dataclass(frozen=True)
class BestFit:
    """All local minima, deepest first.

    Attributes:
        minima: one entry for a flat line and for mirror images.
        mirrored: names of the parameters whose sign is free.
        starts: number of starts.
        converged: how many of them ended at a minimum.
        flat: straight lines along which the data see nothing.
    """

    minima: tuple[Minimum, ...]
    mirrored: tuple[str, ...]
    starts: int
    converged: int
    flat: tuple[FlatLine, ...] = ()

    @property
    def best(self) -> Minimum:
        """The deepest minimum."""
        return self.minima[0]

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, for JSON."""
        flat = [{"name": line.name, **asdict(line)} for line in self.flat]
        return asdict(self) | {"flat": flat}

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> "BestFit":
        """The inverse of `as_dict`."""
        minima = tuple(Minimum(**m) for m in raw["minima"])
        flat = tuple(FlatLine(f["coefficients"], f["change"]) for f in raw.get("flat", ()))
        return cls(minima, tuple(raw["mirrored"]), raw["starts"], raw["converged"], flat)


def best_fit(
    problem: Problem,
    *,
    starts: int = 16,
    steps: int = 300,
    tolerance: float = 1e-7,
    seed: int = 0,
    landscape: Landscape | None = None,
    plateaus: bool = False,
    errors: bool = True,
) -> BestFit:
    """Minimise -2 ln L inside the priors from many starts at once and list every local minimum.

    Args:
        problem: what to fit.
        starts: number of random starts, drawn over the range of the priors.
        steps: L-BFGS steps per start (optax); bounded quasi-Newton steps follow.
        tolerance: largest gradient component of a converged start, in units of the ranges.
        seed: seed of the starts.
        landscape: that of the problem, if it is there already.
        plateaus: accept that the data depend on none of the parameters.
        errors: with profiled errors; False saves their fits where nobody reads them.

    Raises:
        InputError: if no start converges.
    """
    free = len(problem.parameters)
    rng = np.random.default_rng(seed)
    point = np.zeros((starts, problem.size))
    point[:, :free] = rng.uniform(-1.3, 1.3, size=(starts, free))
    local = landscape or Landscape(problem, starts)
    directions = Directions(local)
    scaled = len(local.symmetries.scalings) == free
    if free and not plateaus and (scaled or len(directions.exact) == free):
        names = ", ".join(p.name for p in problem.parameters)
        products = "fix the couplings that multiply them at a value that is not 0, or "
        raise InputError(
            f"the data do not see {names}: no fitted parameter changes anything that is measured",
            allowed=f"{products if is_correlated(problem) else ''}add data that read them",
        )
    point = _descend(local, point, steps)
    point[:, :free] = np.where(local.box.bounded, np.sin(point[:, :free]), point[:, :free])
    ends, value = _settled(local, point, tolerance)
    if not len(ends):
        raise InputError(
            f"none of {starts} starts of the best fit converged",
            allowed="raise best_fit: starts, or narrow the priors to where the data can tell",
        )
    converged = len(ends)
    lines = directions.on(_distinct(ends, value))
    every = _described(local, lines, ends, value, starts=1)
    found = _merged(local, lines, every)
    weak = [end for m in found[:_MOST] for end in weak_ends(local, m)]
    if weak:
        every += _described(local, lines, *_settled(local, np.array(weak), tolerance))
        found = _merged(local, lines, every)
    intervals = np.full((len(found), free, 2), np.nan)
    for _ in range(_SEARCHES if errors else 0):
        intervals, below = profiled(
            local,
            np.array([m.point for m in found]),
            np.array([m.objective for m in found]),
            np.array([m.hessian for m in found]),
        )
        if not below:
            break
        every += _described(local, lines, *_settled(local, np.array(below), tolerance))
        found = _merged(local, lines, every)
    return _reported(local, found, intervals, lines, starts, converged)


def _descend(local: Landscape, point: np.ndarray, steps: int) -> np.ndarray:
    """L-BFGS with backtracking until the gradients are small."""
    begin, update = _solver()
    state = begin(point)
    value, gradient = local.descent(point)
    for _ in range(steps):
        active = np.isfinite(value) & (np.abs(gradient).max(axis=1) > _NEARLY_DOWN)
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


@cache
def _solver() -> tuple[Any, Any]:
    """Start and update of many L-BFGS descents, compiled once a size."""
    solver = optax.scale_by_lbfgs()
    return jax.jit(jax.vmap(solver.init)), jax.jit(jax.vmap(solver.update))


def _settled(
    local: Landscape, points: np.ndarray, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """The minima inside the ranges that points lead to, those that arrive, and -2 ln L there."""
    low, high = local.bounds(len(points))
    points = np.clip(points, low, high)
    arrived = np.zeros(len(points), dtype=bool)
    value = np.full(len(points), np.inf)
    for _ in range(_RENEWALS):
        on = np.flatnonzero(~arrived)
        if not on.size:
            break
        found = descend(
            local.boxed,
            points[on],
            local.hessian(points[on]),
            low[on],
            high[on],
            steps=_EVALUATIONS,
            tolerance=tolerance * _FURTHER,
        )
        points[on], value[on] = found.points, found.value
        arrived[on] = np.isfinite(found.value) & (found.slope < tolerance)
        if not np.isfinite(value).any():
            break
    return points[arrived], value[arrived]


def _distinct(points: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The lowest points that differ."""
    found: list[np.ndarray] = []
    for i in np.argsort(value, kind="stable"):
        if value[i] > value.min() + _FAR or len(found) == _MOST:
            break
        if all(np.abs(points[i] - known).max() > 1e-3 for known in found):
            found.append(points[i])
    return np.array(found)


def _hessians(local: Landscape, points: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Hessians at the ends of all starts, one for all that ended at the same point."""
    first = [
        next(
            j
            for j in range(i + 1)
            if abs(value[i] - value[j]) < _SAME_END and np.abs(points[i] - points[j]).max() < 1e-4
        )
        for i in range(len(points))
    ]
    places = {j: k for k, j in enumerate(dict.fromkeys(first))}
    found = local.hessian(points[list(places)], order=4)
    return found[[places[j] for j in first]]


def _described(
    local: Landscape,
    lines: Sequence[FlatLine],
    ends: np.ndarray,
    value: np.ndarray,
    starts: int = 0,
) -> list[LocalMinimum]:
    """What ends of descents are, on flat lines the point nearest to the middle; no saddles.

    `starts` is how many starts each of them stands for.
    """
    if not len(ends):
        return []
    exact = [np.array(list(line.coefficients.values())) for line in lines if line.exact]
    points = np.array([centred(local, p, exact) if exact else p for p in ends])
    found = [
        local_minimum(local, point, float(height), hessian, lines=lines, starts=starts)
        for point, height, hessian in zip(
            points, value, _hessians(local, points, value), strict=True
        )
    ]
    return [m for m in found if m is not None]


def _merged(
    local: Landscape, lines: Sequence[FlatLine], every: Sequence[LocalMinimum]
) -> list[LocalMinimum]:
    """The minima, deepest first: equal results merged, mirror images and flat lines too."""
    found: list[LocalMinimum] = []
    lowest = min((m.objective for m in every), default=0.0)

    def rank(m: LocalMinimum) -> tuple[float, ...]:
        # Of equally deep ones rounding must not choose the first.
        return round((m.objective - lowest) / _EQUALLY), *np.round(-m.point, 6)

    for minimum in sorted(every, key=rank):
        for i, known in enumerate(found):
            if _same(local, lines, minimum, known):
                found[i] = replace(known, starts=known.starts + minimum.starts)
                break
        else:
            found.append(minimum)
    if not found:
        raise InputError(
            "every start of the best fit ended on a saddle or a plateau",
            allowed="fit only parameters that the data depend on, or raise best_fit: starts",
        )
    return found


def _same(
    local: Landscape, lines: Sequence[FlatLine], one: LocalMinimum, other: LocalMinimum
) -> bool:
    """Whether two results are one minimum, or on one flat line."""
    n = len(local.problem.parameters)
    mixing = any(not line.exact for line in lines)
    apart = abs(one.objective - other.objective)
    if one.plateau and other.plateau and apart < _EQUALLY:
        return True  # points of one curve
    if apart > (FLAT if mixing else _SAME_OBJECTIVE):
        return False
    folded = np.array([p.mirror for p in local.problem.parameters], dtype=bool)
    a, b = (np.where(folded, np.abs(m.point[:n]), m.point[:n]) for m in (one, other))
    std = one.std[:n]
    difference = (a - b) / std
    if lines:
        along = np.array([list(line.coefficients.values()) for line in lines])
        along = (along / local.box.slopes(b) / std).T
        difference = difference - along @ np.linalg.lstsq(along, difference, rcond=None)[0]
    if np.abs(difference).max(initial=0.0) < (_SAME_ACROSS if mixing else _SAME_VALUE):
        return True
    return local.symmetries.equal(local.box.values(a), local.box.values(b))


def _reported(
    local: Landscape,
    found: Sequence[LocalMinimum],
    ends: np.ndarray,
    lines: Sequence[FlatLine],
    starts: int,
    converged: int,
) -> BestFit:
    """The minima in the values of the parameters."""
    problem = local.problem
    weights = np.exp([m.log_weight - max(m.log_weight for m in found) for m in found])
    minima = tuple(
        _minimum(local, m, of, float(w))
        for m, of, w in zip(found, ends, weights / weights.sum(), strict=True)
    )
    mirrored = tuple(p.name for p in problem.parameters if p.mirror)
    return BestFit(minima, mirrored, starts, converged, tuple(lines))


def _minimum(local: Landscape, found: LocalMinimum, ends: np.ndarray, weight: float) -> Minimum:
    """One minimum, with the ends of its intervals in the coordinates of `Box`."""
    problem, box, free = local.problem, local.box, len(local.problem.parameters)
    b = found.point[:free]
    inside = b + box.inward(b) * np.minimum(found.std[:free], 1.0)
    std = found.std.copy()
    std[:free] *= box.theta_slopes(inside)
    values, low, high = box.values(b), box.values(ends[:, 0]), box.values(ends[:, 1])
    intervals = {
        p.name: _interval(p.mirror, *(float(x[k]) for x in (values, low, high)))
        for k, p in enumerate(problem.parameters)
    }
    reported = {
        p.name: abs(float(x)) if p.mirror else float(x)
        for p, x in zip(problem.parameters, values, strict=True)
    }
    return Minimum(
        values=reported,
        errors={k: _error(reported[k], *interval) for k, interval in intervals.items()},
        correlation=found.correlation.tolist(),
        objective=found.objective,
        theta=[*box.theta(b).tolist(), *found.point[free:].tolist()],
        inside=[*box.theta(inside).tolist(), *found.point[free:].tolist()],
        theta_std=std.tolist(),
        starts=found.starts,
        weight=weight,
        log_weight=found.log_weight,
        intervals=intervals,
        spread=found.spread.tolist(),
    )


def _interval(mirror: bool, value: float, low: float, high: float) -> list[float | None]:
    """The ends of an interval as reported: of |value| if mirrored, None where there is none."""
    if mirror and value < 0:
        low, high = -high, -low
    if mirror and low <= 0:  # it goes on to the mirror image
        low = np.nan
    return [None if np.isnan(end) else float(end) for end in (low, high)]


def _error(value: float, low: float | None, high: float | None) -> float | None:
    """Half of an interval, or the distance to the end that it has."""
    if low is not None and high is not None:
        return (high - low) / 2
    end = low if high is None else high
    return None if end is None else abs(end - value)
