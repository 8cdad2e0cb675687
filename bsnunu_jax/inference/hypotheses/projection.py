"""Sensitivity at other luminosities: expected limits and discoveries, all fits in one program.

The data of a truth are Asimov data of the scaled model with nuisances and other parameters as
fitted to today's data with the parameter of interest at that truth. Data sets that do not scale
keep their luminosity and have expected data too.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from scipy.stats import norm

from bsnunu_jax.experiments.measurement import Scalable
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.hypotheses.ensembles import DataSets, Fits
from bsnunu_jax.inference.hypotheses.follow import Followed, roots
from bsnunu_jax.inference.hypotheses.hypotest import BANDS, test_statistic
from bsnunu_jax.inference.hypotheses.profile_likelihood import ProfileLikelihood
from bsnunu_jax.inference.problem.problem import Problem

# The systematics of a factor of 0, over those of today: constraint terms need a width.
_NARROWEST = 1e-4
# Points of a grid in which a curve is followed, those evaluated at a time, and its first step in
# errors of the parameter.
_POINTS, _TOGETHER, _FIRST_STEP = 24, 2, 0.4
_WIDENINGS = 40


class Projection(ProfileLikelihood):
    """The profile likelihood of one parameter at any luminosity.

    Attributes:
        luminosity: that of the observed data [1/ab].
        fixed_data: names of the measurements that do not scale.
        widths: of the constraint terms of future data.
    """

    def __init__(
        self, problem: Problem, name: str | None = None, *, systematics: float = 1.0, **options: Any
    ) -> None:
        """As `ProfileLikelihood`; the observed data serve the nuisances of the truths.

        Args:
            problem: with at least one measurement that scales.
            name: the parameter of interest; may be left out where there is one.
            systematics: of the measurements that scale, over those of today.
            options: null, starts and seed as of `ProfileLikelihood`.

        Raises:
            InputError: as `ProfileLikelihood`, or for data none of which scales.
        """
        scaling = [m for m in problem.measurements if isinstance(m, Scalable)]
        if not scaling:
            raise InputError(
                "no data set of the card scales with the luminosity",
                where="--luminosity",
                allowed="add belle2_knunu_2023 to the data",
            )
        self.luminosity = scaling[0].luminosity
        kept = [m for m in problem.measurements if not isinstance(m, Scalable)]
        self.fixed_data = tuple(m.name for m in kept)
        super().__init__(problem, name, **options)
        own = {n for m in scaling for n in m.nuisance_names}
        width = max(systematics, _NARROWEST)
        self.widths = np.array([width if n in own else 1.0 for n in problem.names])
        self._seen: DataSets | None = None
        self._factor = 1.0

    @property
    def observed(self) -> DataSets:
        """Today's data, or those of `observing`."""
        return self._seen or replace(super().observed, widths=None, luminosity=np.ones(1))

    def expected(self, at: Fits, factors: np.ndarray) -> DataSets:
        """Asimov data of fits to today's data with so many times the luminosity, one a fit."""
        return self._expected(at, np.asarray(factors, dtype=float))

    def observing(self, at: Fits, factor: float) -> "Projection":
        """The same likelihood if the expected data of a fit were observed."""
        _ = self._starts
        made = copy.copy(self)
        sets = self.expected(at, np.array([factor]))
        made.__dict__ |= {
            "_seen": sets,
            "_factor": factor,
            "best": self.fit(sets, start=at, there=True),
            "scale": self.scale_at(factor),
        }
        for of_data in ("asimov_of_null", "along_asimov", "along_observed"):
            made.__dict__.pop(of_data, None)
        return made

    def scale_at(self, factor: float) -> float:
        """A rough error of the parameter of interest, that of statistics alone."""
        return min(self.scale / np.sqrt(factor), (self.high - self.low) / 8)

    def asimov(self, at: Fits) -> DataSets:
        """Asimov data at the luminosity of `observing`."""
        return self.expected(at, np.full(len(at.value), self._factor))

    def toys(self, at: Fits, keys: jax.Array) -> DataSets:
        """Toys of the first of these fits at the luminosity of `observing`; one a key."""
        return self._drawn(at, keys, self.widths, self._factor)

    def _sets(
        self, data: Any, centres: np.ndarray, luminosity: np.ndarray | None = None
    ) -> DataSets:
        widths = np.broadcast_to(self.widths, centres.shape)
        return replace(super()._sets(data, centres, luminosity), widths=widths)


@dataclass(frozen=True)
class Reach:
    """Values with a given median significance, NaN where the range ends before.

    Attributes:
        sigmas: standard deviations, shape (s,).
        above: the smallest value above the null, shape (n, s) for n luminosities.
        below: the largest value below the null; NaN if the range begins at the null.
    """

    sigmas: tuple[float, ...]
    above: np.ndarray
    below: np.ndarray


def expected_limits(projection: Projection, factors: np.ndarray, *, cl: float = 0.95) -> np.ndarray:
    """CLs upper limits of data at `BANDS` standard deviations from the null, shape (n, 5).

    Asymptotically: sqrt(q~) of the null's Asimov data is N - Phi^-1((1 - cl) Phi(N)) for a band at
    N (arXiv:1007.1727, Eq. (89), and the definition of CLs). NaN where the range ends before.

    Args:
        projection: of a parameter whose range begins at the null.
        factors: luminosities over that of the observed data, shape (n,).
        cl: confidence level.
    """
    null = projection.null
    factors = np.asarray(factors, dtype=float)
    of_null = projection.profile(np.array([null]))[np.zeros(len(factors), dtype=int)]
    sets = projection.expected(of_null, factors)
    best = projection.fit(sets, start=of_null, there=True)
    target = np.array(BANDS) - norm.ppf((1 - cl) * norm.cdf(np.array(BANDS)))

    n = len(factors)
    fits = Followed(n, lambda x, row, start: projection.profile(x, sets.take(row), start), best)

    def root(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return np.sqrt(test_statistic("qtilde", values, fits(values, rows), best[rows]))

    every = np.arange(n)
    steps = 3 * np.array([projection.scale_at(f) for f in factors])
    for _ in range(_WIDENINGS):
        top = np.minimum(null + steps, projection.high)
        short = (root(top, every) < target.max()) & (top < projection.high)
        if not short.any():
            break
        steps = np.where(short, 1.5 * steps, steps)
    grid = null + np.linspace(0, 1, _POINTS) * (top - null)[:, None]
    fits.on(grid)
    heights = root(grid.ravel(), np.repeat(every, _POINTS)).reshape(n, _POINTS)
    # Below the target for the last time: everything above the limit is excluded.
    below = heights[:, None, :] < target[:, None]
    last = _POINTS - 1 - below[..., ::-1].argmax(axis=-1)
    return _crossings(root, grid, target, last)


def discovery(projection: Projection, values: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Median significance against the null of n true values, one luminosity a value, shape (n,).

    Z = sqrt(q0) of Asimov data, negative for a truth below the null (arXiv:1007.1727, Sec. 3.2).
    """
    every, row = np.unique(np.asarray(factors, dtype=float), return_inverse=True)
    return _Significances(projection, every)(np.atleast_1d(values), row)


class _Significances:
    """Median significances of more and more true values."""

    def __init__(self, projection: Projection, factors: np.ndarray) -> None:
        self._projection, self._factors = projection, factors
        self._truths = projection.along_observed
        self._nulls = Followed(len(factors), self._null)
        self._bests = Followed(len(factors), self._best)

    def __call__(self, values: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Of true values at the luminosities of these numbers."""
        null, best = self._nulls(values, rows), self._bests(values, rows)
        gain = np.maximum(null.objective - best.objective, 0.0)
        return np.sign(values - self._projection.null) * np.sqrt(gain)

    def on(self, grid: np.ndarray) -> np.ndarray:
        """Of a grid of every luminosity, shape (luminosities, points)."""
        self._truths.on(np.unique(grid)[None])
        self._nulls.on(grid)
        self._bests.on(grid)
        rows = np.repeat(np.arange(len(grid)), grid.shape[1])
        return self(grid.ravel(), rows).reshape(grid.shape)

    def _null(self, values: np.ndarray, rows: np.ndarray, start: Fits | None) -> Fits:
        sets, truth = self._sets(values, rows)
        null = np.full(len(values), self._projection.null)
        return self._projection.profile(null, sets, truth if start is None else start)

    def _best(self, values: np.ndarray, rows: np.ndarray, start: Fits | None) -> Fits:
        # The truth is nearer than other best fits.
        sets, truth = self._sets(values, rows)
        return self._projection.fit(sets, truth, edge=self._nulls(values, rows), there=True)

    def _sets(self, values: np.ndarray, rows: np.ndarray) -> tuple[DataSets, Fits]:
        """Data that these truths expect, and the nuisances of the truths."""
        truth = self._truths(values)
        return self._projection.expected(truth, self._factors[rows]), truth


def discovery_reach(
    projection: Projection, factors: np.ndarray, sigmas: Sequence[float] = (3.0, 5.0)
) -> Reach:
    """The true values next to the null whose median significance is so large."""
    factors = np.asarray(factors, dtype=float)
    above = _reach(projection, factors, sigmas, 1.0, projection.high - projection.null)
    below = np.full_like(above, np.nan)
    if not projection.one_sided:
        below = _reach(projection, factors, sigmas, -1.0, projection.null - projection.low)
    return Reach(tuple(sigmas), above, below)


def _reach(
    projection: Projection, factors: np.ndarray, sigmas: Sequence[float], side: float, end: float
) -> np.ndarray:
    null, n = projection.null, len(factors)
    target = np.array(sigmas)
    followed = _Significances(projection, factors)

    def significances(distances: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return np.abs(followed(null + side * distances, rows))

    first = _FIRST_STEP * min(projection.scale_at(f) for f in factors)
    end = end if np.isfinite(end) else 100 * projection.scale
    distances = np.append(0.0, np.geomspace(min(first, end / 2), end, _POINTS - 1))
    heights = np.zeros((n, 1))
    while heights.shape[1] < _POINTS and not (heights.max(axis=1) >= target.max()).all():
        more = distances[heights.shape[1] :][:_TOGETHER]
        at = np.broadcast_to(null + side * more, (n, len(more)))
        heights = np.concatenate([heights, np.abs(followed.on(at))], axis=1)
    grid = np.broadcast_to(distances[: heights.shape[1]], heights.shape)
    reached = heights[:, None, :] >= target[:, None]
    before = np.where(reached.any(axis=-1), reached.argmax(axis=-1) - 1, heights.shape[1] - 1)
    return null + side * _crossings(significances, grid, target, before)


def _crossings(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray],
    grid: np.ndarray,
    targets: np.ndarray,
    before: np.ndarray,
) -> np.ndarray:
    """Where n curves cross s heights, shape (n, s): between points `before` and the next ones.

    Args:
        function: of arguments and the numbers of the curves they belong to.
        grid: arguments of every curve, shape (n, p).
        targets: the heights, shape (s,).
        before: shape (n, s); NaN where it is the last point.
    """
    rows, which = (a.ravel() for a in np.indices(before.shape))
    found, before = np.full(before.size, np.nan), before.ravel()
    on = np.flatnonzero(before + 1 < grid.shape[1])
    brackets = grid[rows[on], before[on]], grid[rows[on], before[on] + 1]
    found[on] = roots(lambda x, i: function(x, rows[on[i]]) - targets[which[on[i]]], brackets)
    return found.reshape(-1, len(targets))
