"""Upper limits (CLs) and intervals of one parameter, by root finding on the profile likelihood."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.hypotheses.hypotest import (
    Scan,
    asymptotic_cls,
    choose,
    expected_cls,
    of_asimov,
    of_observed,
    scan,
)
from bsnunu_jax.inference.hypotheses.profile_likelihood import ProfileLikelihood, TestStatistic

# Root finding stops at this relative width or this distance from 0, in ln CLs or in t.
_WIDTH, _FLAT, _ITERATIONS = 1e-12, 1e-10, 60
# A range that has no end is widened at most so often.
_WIDENINGS = 40
# A curve of CLs is followed down to this fraction of its level.
_FOLLOWED = 0.2


@dataclass(frozen=True)
class UpperLimits:
    """CLs upper limits; NaN where the range of the parameter ends before.

    Attributes:
        observed: the limit.
        expected: limits of data at `BANDS` standard deviations from the null, shape (5,).
        scan: the tests on a grid between the null and where every curve is well below its level.
        level: 1 - confidence level.
    """

    observed: float
    expected: np.ndarray
    scan: Scan
    level: float


@dataclass(frozen=True)
class Interval:
    """Values whose t is below a quantile of chi2 with one degree of freedom (Wilks).

    Attributes:
        pieces: lower and upper end of each piece; several if the likelihood has branches.
        open: whether an end is that of the range of the parameter, for each piece and end.
        level: confidence level.
        values, t: the scan of t = -2 ln lambda, shape (n,).
    """

    pieces: tuple[tuple[float, float], ...]
    open: tuple[tuple[bool, bool], ...]
    level: float
    values: np.ndarray
    t: np.ndarray


def upper_limits(
    likelihood: ProfileLikelihood,
    *,
    cl: float = 0.95,
    test_stat: TestStatistic | None = None,
    points: int = 33,
) -> UpperLimits:
    """Observed and expected upper limits: CLs = 1 - cl, asymptotically.

    Args:
        likelihood: with the fit to the observed data.
        cl: confidence level.
        test_stat: "qtilde" or "q"; the one that suits the range of the parameter if absent.
        points: points of the grid of the scan.

    Raises:
        InputError: for a parameter whose range begins below the null, unless "q" is asked for.
    """
    kind = choose(likelihood, test_stat)
    if kind == "t":
        raise InputError(
            f"{likelihood.name} may lie on both sides of the null {likelihood.null:g}: an upper "
            "limit is not defined",
            allowed="use `interval`, or test_stat 'q'",
        )
    level = 1 - cl

    def heights_at(x: np.ndarray) -> np.ndarray:
        """Height above the level of each curve, observed and expected, at a value of its own."""
        q, q_asimov = of_observed(likelihood, kind, x[:1]), of_asimov(likelihood, kind, x)
        _, _, observed = asymptotic_cls(q, q_asimov[:1], kind)
        return _height(np.append(observed, expected_cls(q_asimov[1:]).diagonal()), level)

    low = likelihood.null
    top = max(float(likelihood.best.value[0]), low) + 3 * likelihood.scale
    for _ in range(_WIDENINGS):
        top = min(top, likelihood.high)
        if top == likelihood.high or heights_at(np.full(6, top)).max() < np.log(_FOLLOWED):
            break
        top = low + 1.5 * (top - low)
    grid = np.linspace(low, top, points)
    found = scan(likelihood, grid, test_stat=kind)
    heights = _height(np.concatenate([found.cls[None], found.expected]), level)
    last = points - 1 - np.argmax(heights[:, ::-1] > 0, axis=1)  # above the level, none after it
    brackets = np.stack([last, np.minimum(last + 1, points - 1)])
    found_at = roots(heights_at, grid[brackets], heights[np.arange(6), brackets])
    found_at[last == points - 1] = np.nan
    return UpperLimits(float(found_at[0]), found_at[1:], found, level)


def _height(cls: np.ndarray, level: float) -> np.ndarray:
    """ln CLs/level, nearly linear in the parameter."""
    return np.log(np.maximum(cls, 1e-300) / level)


def interval(
    likelihood: ProfileLikelihood, *, cl: float = 0.95, points: int = 61, reach: float = 1.5
) -> Interval:
    """All values with t below the quantile, in one piece or several.

    Args:
        likelihood: with the fit to the observed data.
        cl: confidence level.
        points: points of the scan in which pieces are found.
        reach: a range without ends is scanned until t is so many times the quantile.
    """
    threshold = float(chi2.ppf(cl, 1))

    def t(values: np.ndarray) -> np.ndarray:
        return likelihood.profile(values).objective - likelihood.best.objective

    best = float(likelihood.best.value[0])
    ends = []
    for sign, end in ((-1, likelihood.low), (1, likelihood.high)):
        distance = 4 * likelihood.scale
        for _ in range(_WIDENINGS):
            if np.isfinite(end) or t(np.array([best + sign * distance]))[0] > reach * threshold:
                break
            distance *= 1.5
        ends.append(end if np.isfinite(end) else best + sign * distance)
    # Evenly over the range, and more finely around the best value.
    near = best + likelihood.scale * np.linspace(-4, 4, 17)
    values = np.unique(np.concatenate([np.linspace(ends[0], ends[1], points), near, [best]]))
    values = values[(values >= ends[0]) & (values <= ends[1])]
    heights = t(values)
    inside = heights <= threshold
    change = np.flatnonzero(inside[1:] != inside[:-1])
    brackets = np.stack([change, change + 1])
    ends_at = roots(lambda x: t(x) - threshold, values[brackets], heights[brackets] - threshold)
    rising = inside[change]  # the interval ends here
    starts = [*([values[0]] if inside[0] else []), *ends_at[~rising]]
    stops = [*ends_at[rising], *([values[-1]] if inside[-1] else [])]
    pieces = tuple((float(a), float(b)) for a, b in zip(starts, stops, strict=True))
    edges = tuple((a == values[0], b == values[-1]) for a, b in pieces)
    return Interval(pieces, edges, cl, values, heights)


def roots(function: Callable[[np.ndarray], np.ndarray], x: np.ndarray, f: np.ndarray) -> np.ndarray:
    """Roots of several functions in brackets at once, Anderson and Bjorck's regula falsi.

    Args:
        function: one value a function, each at its own argument.
        x, f: the two ends of every bracket and the values there, shape (2, n).
    """
    (a, b), (fa, fb) = x, f
    for _ in range(_ITERATIONS):
        done = (np.abs(fb) < _FLAT) | (np.abs(b - a) <= _WIDTH * np.abs(b)) | (fa == fb)
        if done.all():
            break
        new = np.where(done, b, b - fb * (b - a) / np.where(fa == fb, 1.0, fb - fa))
        f_new = np.where(done, fb, function(new))
        crossed = np.sign(f_new) != np.sign(fb)
        shrink = 1 - f_new / np.where(fb == 0, 1.0, fb)
        fa = np.where(done, fa, np.where(crossed, fb, fa * np.where(shrink > 0, shrink, 0.5)))
        a = np.where(done | ~crossed, a, b)
        b, fb = new, f_new
    return b
