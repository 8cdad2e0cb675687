"""Sensitivity at other luminosities: expected limits and discoveries, all fits in one program.

The data of a truth are Asimov data of the scaled model with nuisances and other parameters as
fitted to today's data with the parameter of interest at that truth. Data sets that do not scale
keep their luminosity and have expected data too.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from scipy.stats import norm

from bsnunu_jax.experiments.measurement import NARROWEST, Measurement, Scalable
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.hypotheses.ensembles import DataSets, Fits
from bsnunu_jax.inference.hypotheses.follow import Followed, crossings
from bsnunu_jax.inference.hypotheses.hypotest import BANDS, test_statistic
from bsnunu_jax.inference.hypotheses.profile_likelihood import ProfileLikelihood
from bsnunu_jax.inference.problem.problem import Data, Problem

# Points of a grid in which a curve is followed, those evaluated at a time, and its first step in
# errors of the parameter.
_POINTS, _TOGETHER, _FIRST_STEP = 24, 2, 0.4
_WIDENINGS = 40


class Projection(ProfileLikelihood):
    """The profile likelihood of one parameter at any luminosity.

    Attributes:
        luminosity: that of the first observed data that scale [1/ab]; None if all data grow by the
            same factor.
        fixed_data: names of the measurements that do not scale.
        scaling: the measurements that do.
        widths: of the constraint terms of future data.
    """

    def __init__(
        self,
        problem: Problem,
        name: str | None = None,
        *,
        systematics: float = 1.0,
        together: bool = False,
        **options: Any,
    ) -> None:
        """As `ProfileLikelihood`; the observed data serve the nuisances of the truths.

        Args:
            problem: with at least one measurement that scales.
            name: the parameter of interest; may be left out where there is one.
            systematics: of the measurements that scale, over those of today.
            together: whether all data grow by one factor; else each comes to the same luminosity,
                and those that do not state theirs stay.
            options: null, starts and seed as of `ProfileLikelihood`.

        Raises:
            InputError: as `ProfileLikelihood`, or for data none of which scales.
        """
        known = [m for m in problem.measurements if isinstance(m, Scalable)]
        self.scaling = tuple(m for m in known if together or m.luminosity is not None)
        if not self.scaling:
            raise InputError(
                "no data set of the card scales with the luminosity",
                where="--factor" if together else "--luminosity",
                allowed="add one that does"
                if together
                else "add one that states its luminosity, e.g. belle2_knunu_2023, or use --factor",
            )
        self.luminosity = None if together else self.scaling[0].luminosity
        self.fixed_data = tuple(
            m.name for m in problem.measurements if not any(m is other for other in self.scaling)
        )
        super().__init__(problem, name, **options)
        own = {n for m in self.scaling for n in m.nuisance_names}
        width = max(systematics, NARROWEST)
        self.widths = np.array([width if n in own else 1.0 for n in problem.names])
        # The factor of a measurement where that of the luminosity is 1, 0 if it stays.
        self._steps = np.array([self._step(m) for m in problem.measurements])
        named = zip(problem.measurements, self._steps, strict=True)
        self.fixed_data = tuple(m.name for m, step in named if not step)
        self._systematics = np.where(self._steps > 0, width, 1.0)
        self._seen: DataSets | None = None
        self._factor = 1.0

    def _step(self, m: Measurement) -> float:
        if not isinstance(m, Scalable) or not any(m is other for other in self.scaling):
            return 0.0
        return 1.0 if self.luminosity is None else self.luminosity / (m.luminosity or np.nan)

    def growth(self, factors: np.ndarray) -> np.ndarray:
        """Luminosity and systematics of every measurement over those of today.

        Args:
            factors: of the luminosity over `luminosity`, shape (n,).

        Returns:
            shape (n, measurements, 2).
        """
        luminosity = np.where(self._steps > 0, np.multiply.outer(factors, self._steps), 1.0)
        return np.stack([luminosity, np.broadcast_to(self._systematics, luminosity.shape)], axis=-1)

    @property
    def observed(self) -> DataSets:
        """Today's data, or those of `observing`."""
        today = np.ones((1, len(self.problem.measurements), 2))
        return self._seen or replace(super().observed, widths=None, growth=today)

    def expected(self, at: Fits, factors: np.ndarray) -> DataSets:
        """Asimov data of fits to today's data with so many times the luminosity, one a fit."""
        return self._expected(at, self.growth(np.asarray(factors, dtype=float)))

    def observing(self, at: Fits, factor: float) -> "Projection":
        """The same likelihood if the expected data of a fit were observed."""
        return self._seeing(self.expected(at, np.array([factor])), at, factor)

    def observing_data(self, data: Data, factor: float) -> "Projection":
        """The same if these data were, taken with so many times the luminosity.

        Constraint terms have their centres at 0.
        """
        given = tuple(np.asarray(d)[None] for d in data)
        centres = np.zeros((1, self.problem.size))
        sets = self._sets(given, centres, self.growth(np.array([factor])))
        return self._seeing(sets, self.best, factor)

    def _seeing(self, sets: DataSets, start: Fits, factor: float) -> "Projection":
        _ = self._starts
        made = copy.copy(self)
        made.__dict__ |= {
            "_seen": sets,
            "_factor": factor,
            "best": self.fit(sets, start=start, there=True),
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
        return self._drawn(at, keys, self.widths, self.growth(np.array([self._factor]))[0])

    def _sets(self, data: Any, centres: np.ndarray, growth: np.ndarray | None = None) -> DataSets:
        widths = np.broadcast_to(self.widths, centres.shape)
        return replace(super()._sets(data, centres, growth), widths=widths)


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
    return crossings(root, grid, target, last)


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
    return null + side * crossings(significances, grid, target, before)
