"""Upper limits (CLs) and intervals of one parameter, by root finding on the profile likelihood."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.hypotheses.follow import roots
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

    def heights_at(x: np.ndarray, curve: np.ndarray) -> np.ndarray:
        """Height above the level of the observed curve, 0, and of those of `BANDS`, 1 to 5."""
        q_asimov, seen = of_asimov(likelihood, kind, x), curve == 0
        cls = expected_cls(q_asimov)[np.maximum(curve - 1, 0), np.arange(len(x))]
        if seen.any():
            q = of_observed(likelihood, kind, x[seen])
            cls[seen] = asymptotic_cls(q, q_asimov[seen], kind)[2]
        return _height(cls, level)

    low, every = likelihood.null, np.arange(6)
    top = max(float(likelihood.best.value[0]), low) + 3 * likelihood.scale
    for _ in range(_WIDENINGS):
        top = min(top, likelihood.high)
        if top == likelihood.high or heights_at(np.full(6, top), every).max() < np.log(_FOLLOWED):
            break
        top = low + 1.5 * (top - low)
    grid = np.linspace(low, top, points)
    found = scan(likelihood, grid, test_stat=kind)
    heights = _height(np.concatenate([found.cls[None], found.expected]), level)
    last = points - 1 - np.argmax(heights[:, ::-1] > 0, axis=1)  # above the level, none after it
    found_at, on = np.full(6, np.nan), np.flatnonzero(last < points - 1)
    brackets = grid[last[on]], grid[last[on] + 1]
    found_at[on] = roots(lambda x, i: heights_at(x, on[i]), brackets)
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
        return likelihood.along_observed(values).objective - likelihood.best.objective

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
    likelihood.along_observed.on(values[None])
    heights = t(values)
    inside = heights <= threshold
    change = np.flatnonzero(inside[1:] != inside[:-1])
    brackets = values[change], values[change + 1]
    ends_at = roots(lambda x, _: t(x) - threshold, brackets)
    rising = inside[change]  # the interval ends here
    starts = [*([values[0]] if inside[0] else []), *ends_at[~rising]]
    stops = [*ends_at[rising], *([values[-1]] if inside[-1] else [])]
    pieces = tuple((float(a), float(b)) for a, b in zip(starts, stops, strict=True))
    edges = tuple((a == values[0], b == values[-1]) for a, b in pieces)
    return Interval(pieces, edges, cl, values, heights)
