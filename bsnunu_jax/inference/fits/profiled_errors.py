"""Where -2 ln L, profiled over everything else inside the priors, is up by 1 around a minimum.

From the quadratic model at the minimum, which is right for a Gaussian, outwards along the profile:
a few bounded descents an end, all ends of all parameters together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from bsnunu_jax.inference.problem.landscape import Landscape
from bsnunu_jax.numerics.bounded import bounded_step, descend, positive

# -2 ln L at an end, and how exactly.
RISE, _EXACT = 1.0, 1e-4
# Gradient of a profile fit, its evaluations, values that are tried for an end.
_TOLERANCE, _STEPS, _ROUNDS = 1e-5, 60, 60
# A rise that is no root of a parabola, and after how many values the way is halved.
_STEEP, _PATIENCE = 100.0, 8
# Nearer to an edge than this there is no way to go.
_AT = 1e-9
# Longest step outwards in units of the last distance.
_GROWTH = 2.0
# How far off a saddle, in units in which a range has length 2.
_ASIDE = 0.05
# Lower than the minimum by this: another minimum has been found.
LOWER = 1e-7


@dataclass
class _End:
    """The search for one end of one parameter.

    Attributes:
        minimum: which one.
        index: the parameter.
        value: tried next.
        reach: the edge.
        point: the last point of the profile below the end.
        gradient: there.
        rise: -2 ln L there above the minimum.
        beyond: a value above the end, and the rise there.
        others: points of other minima, to start at too before an end is believed.
        lowest: the lowest point seen, and how far above the minimum.
        halvings: values tried since the end is bracketed.
    """

    minimum: int
    index: int
    value: float
    reach: float
    point: np.ndarray
    gradient: np.ndarray
    others: Sequence[np.ndarray]
    rise: float = 0.0
    beyond: tuple[float, float] | None = None
    found: float = float("nan")
    done: bool = False
    lowest: tuple[float, np.ndarray | None] = (0.0, None)
    halvings: int = 0


def profiled(
    local: Landscape,
    points: Float[np.ndarray, "m size"],
    objective: Float[np.ndarray, " m"],
    hessian: Float[np.ndarray, "m size size"],
) -> tuple[Float[np.ndarray, "m n 2"], list[np.ndarray]]:
    """The ends of all parameters at all minima, the deepest first.

    The profile of the deepest minimum is that over all minima, followed from where it lies to the
    first point at which it is up by 1; the others are followed from their minimum alone.

    Args:
        local: the landscape.
        points: the minima in the coordinates of `Box`.
        objective: -2 ln L there.
        hessian: Hessians there.

    Returns:
        the ends in the coordinates of `Box`, NaN where the profile does not rise by 1 inside the
        priors, shape (minima, n, 2); and points that lie lower than the first minimum.
    """
    n = len(local.problem.parameters)
    models = np.array([positive(h) for h in hessian])
    _, gradients = local.boxed(points)
    low, high = (a[0, :n] for a in local.bounds(1))
    searches = []
    for m, point in enumerate(points):
        inverse = np.linalg.inv(models[m])
        gradient = gradients[m]
        for i in range(n):
            for reach in (low[i], high[i]):
                way = reach - point[i]
                if abs(way) < _AT:
                    continue
                slope = max(gradient[i] * np.sign(way), 0.0)
                error = np.sqrt(2 * inverse[i, i])
                step = min(error, RISE / slope if slope > 0 else np.inf, abs(way))
                others = [p for p in points[1:]] if m == 0 else []
                value = reach if step == abs(way) else point[i] + np.sign(way) * step
                searches.append(_End(m, i, float(value), float(reach), point, gradient, others))
    for _ in range(_ROUNDS):
        on = [s for s in searches if not s.done]
        if not on:
            break
        _try(local, on, points, objective, models)
    ends = np.full((len(points), n, 2), np.nan)
    for s in searches:
        if not s.done and s.beyond is not None:
            s.found = s.beyond[0]
        ends[s.minimum, s.index, int(s.reach > points[s.minimum][s.index])] = s.found
    lower = [
        s.lowest[1]
        for s in searches
        if s.minimum == 0 and s.lowest[0] < -LOWER and s.lowest[1] is not None
    ]
    return ends, lower


def _try(
    local: Landscape,
    on: Sequence[_End],
    points: np.ndarray,
    objective: np.ndarray,
    models: np.ndarray,
) -> None:
    """One value of every search, and what it says about the next one."""
    starts = [_moved(local, s.point, s.gradient, models[s.minimum], s.index, s.value) for s in on]
    ends = _fits(local, starts, models[[s.minimum for s in on]], [s.index for s in on])
    for s, (point, value, gradient) in zip(on, ends, strict=True):
        _judge(s, point, value - objective[s.minimum], gradient)
    # Before an end is believed the profiles of the other minima have their say, and places off a
    # saddle: a profile that began on a mirror plane stays there by itself.
    lanes = [
        (s, start)
        for s in on
        if s.done and np.isfinite(s.found)
        for start in (*s.others, *_aside(local, s))
    ]
    if not lanes:
        return
    # The nearest minimum.
    rows = [int(np.argmin(np.abs(points - start).max(axis=1))) for _, start in lanes]
    _, slopes = local.boxed(np.array([start for _, start in lanes]))
    starts = [
        _moved(local, start, slope, models[row], s.index, s.found)
        for (s, start), slope, row in zip(lanes, slopes, rows, strict=True)
    ]
    fits = _fits(local, starts, models[rows], [s.index for s, _ in lanes])
    for (s, _), (point, value, gradient) in zip(lanes, fits, strict=True):
        rise = value - objective[s.minimum]
        if rise < RISE - 10 * _EXACT and s.done:
            # Lower there: the profile goes on along the other one.
            s.value, s.found, s.beyond, s.done = float(point[s.index]), np.nan, None, False
            s.others = []
            _judge(s, point, rise, gradient)


def _judge(s: _End, point: np.ndarray, rise: float, gradient: np.ndarray) -> None:
    """Take a point of the profile into account and choose the next value."""
    start = s.point[s.index]
    if rise < s.lowest[0]:
        s.lowest = rise, point
    if abs(rise - RISE) < _EXACT:
        s.found, s.done = s.value, True
    elif rise < RISE:
        at_start = s.beyond is None
        s.point, s.gradient, s.rise = point, gradient, rise
        if s.value == s.reach:
            s.done = True
            return
        if at_start:
            gone = max(abs(s.value - start), 1e-6)
            factor = np.clip(1 / np.sqrt(max(rise, 0.1)), 1.1, _GROWTH)
            further = s.value + np.sign(s.reach - s.value) * gone * factor
            past = (further - s.reach) * np.sign(s.reach - s.value) > -0.05 * gone
            s.value = s.reach if past else float(further)
            return
    else:
        s.beyond = s.value, rise
    if s.beyond is not None and not s.done:
        value, rise = s.beyond
        near = s.point[s.index]
        if abs(value - near) < 1e-10 * max(abs(near), 1e-3):
            s.found, s.done = value, True  # a cliff
            return
        # The root of the rise is linear for a Gaussian.
        a, b = np.sqrt(max(s.rise, 0.0)), np.sqrt(min(rise, 1e300))
        part = (np.sqrt(RISE) - a) / (b - a)
        s.halvings += 1
        if rise > _STEEP or s.halvings > _PATIENCE:
            part = 0.5
        s.value = float(near + np.clip(part, 0.02, 0.98) * (value - near))


def _moved(
    local: Landscape,
    point: np.ndarray,
    gradient: np.ndarray,
    model: np.ndarray,
    index: int,
    value: float,
) -> np.ndarray:
    """Where the quadratic model has its profile with one parameter moved."""
    low, high = (a[0] - point for a in local.bounds(1))
    low[index] = high[index] = value - point[index]
    # Far from the minimum the model is no guide: nuisances stay within a few errors.
    n = len(local.problem.parameters)
    low[n:], high[n:] = np.maximum(low[n:], -2.0), np.minimum(high[n:], 2.0)
    moved = point + bounded_step(model, gradient, low, high)
    moved[index] = value
    return np.asarray(moved)


def _fits(
    local: Landscape, starts: Sequence[np.ndarray], models: np.ndarray, held: Sequence[int]
) -> list[tuple[np.ndarray, float, np.ndarray]]:
    """Profile fits with one parameter held each."""
    at = np.array(starts)
    low, high = local.bounds(len(at))
    rows = np.arange(len(at))
    low[rows, held] = high[rows, held] = at[rows, held]
    found = descend(local.boxed, at, models, low, high, steps=_STEPS, tolerance=_TOLERANCE)
    return list(zip(found.points, found.value.tolist(), found.gradient, strict=True))


def _aside(local: Landscape, s: _End) -> list[np.ndarray]:
    """Both sides of the last point of a search, the other parameters moved a little."""
    n = len(local.problem.parameters)
    low, high = local.bounds(1)
    shift = np.zeros_like(s.point)
    shift[:n] = _ASIDE * (np.arange(n) != s.index)
    return [np.clip(s.point + sign * shift, low[0], high[0]) for sign in (1, -1)] * (n > 1)
