"""Intervals of highest posterior density: the one definition of every interval of a posterior.

A region of highest density is the shortest set that holds a share of the draws, in one piece a peak
that rises above its surroundings. Peaks are found in a kernel density; between its
valleys every piece is ArviZ's shortest interval (`arviz.hdi`) with the share of the draws that lies
above the common level: smoothing decides where the draws are parted, not where pieces end. A valley
that draws may leave by chance parts nothing. A piece whose density is above the level where a prior
ends ends there too. Of a scale with a prior flat in its logarithm it is the density in the
logarithm that counts: the one against which its prior is flat, whatever the unit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

from bsnunu_jax.inference.problem.parameters import LogUniform, Parameter
from bsnunu_jax.report.diagnostics import import_arviz

Piece = tuple[float, float]
Bounds = tuple[float | None, float | None]

# What reports say about their intervals.
STATEMENT = (
    "highest posterior density (ArviZ), in pieces where the posterior has them; scales with a "
    "prior flat in the logarithm by their density in the logarithm"
)
MASSES = (0.68, 0.95)
# A valley is real if it lies this many standard deviations below the peaks on both of its sides.
_SIGNIFICANT = 5.0
# Draws that a prior's edge may lack at the level of the region, and still belong to it.
_LACKING = 5.0
# Of the grid of the density: cells in a width of the kernel, and bounds on their number.
_FINE, _CELLS = 4, (256, 8192)
# Kernels for draws where they are few: each so much wider than the one before, and their number.
_WIDER, _MOST_WIDER = 1.2, 4
# Intervals of the draws in which their effective number is looked at.
_WINDOWS = 8


def bounds(parameter: Parameter) -> Bounds:
    """Where the reported value ends: 0 if folded, the ends of a flat prior."""
    low, high = (end if np.isfinite(end) else None for end in parameter.range)
    return low, high


@dataclass(frozen=True, eq=False)
class Marginal:
    """The draws of one quantity and their density.

    Attributes:
        draws: shape (chains, draws), or flat: independent ones.
        bounds: where the quantity ends, None where nothing ends it.
        log: the density is that in log10 of the quantity, which is above 0.
    """

    draws: Float[np.ndarray, "..."]
    bounds: Bounds = (None, None)
    log: bool = False

    @classmethod
    def of(cls, parameter: Parameter, draws: Float[np.ndarray, "..."]) -> "Marginal":
        """Reported draws of a fitted parameter."""
        return cls(draws, bounds(parameter), isinstance(parameter.prior, LogUniform))

    @cached_property
    def finite(self) -> bool:
        """False if some draws are no numbers: nothing can be said about their share."""
        return bool(self.draws.size) and bool(np.isfinite(self.draws).all())

    @cached_property
    def x(self) -> Float[np.ndarray, " n"]:
        """The draws in the coordinate of the density, chain after chain."""
        flat = self.draws.ravel().astype(float)
        return np.log10(flat) if self.log else flat

    @cached_property
    def ends(self) -> Bounds:
        """The bounds in the coordinate of the density."""
        low, high = (
            None if b is None else float(np.log10(b)) if self.log else float(b) for b in self.bounds
        )
        return low, high

    @cached_property
    def curve(self) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
        """Grid and density, smoothed with a kernel reflected at the outermost draws.

        The kernel is wider where draws are few, as Scott's rule asks for the draws that are near.
        """
        width = len(self.x) ** -0.2 * spread(self._ordered)
        extent = float(np.ptp(self.x))
        cells = int(np.clip(_FINE * extent / width, *_CELLS)) if width > 0 else _CELLS[0]
        if self._constant:
            middle, half = float(np.median(self.x)), max(abs(float(self.x[0])), 1.0) * 1e-6
            return middle + half * np.array([-1.0, 0.0, 1.0]), np.array([0.0, 1 / half, 0.0])
        edges = np.linspace(self.x.min(), self.x.max(), cells + 1)
        grid, step = (edges[1:] + edges[:-1]) / 2, extent / cells
        sigma = max(width / step, 0.5)
        counts = np.histogram(self.x, edges)[0].astype(float)
        pilot = gaussian_filter1d(counts, sigma, mode="reflect")
        rarer = pilot.max() / np.maximum(pilot, 1e-9 * pilot.max())
        wider = np.minimum(np.round(np.log(rarer**0.2) / np.log(_WIDER)), _MOST_WIDER)
        density = np.zeros_like(pilot)
        for k in np.unique(wider):
            density += gaussian_filter1d(
                np.where(wider == k, counts, 0.0), sigma * _WIDER**k, mode="reflect"
            )
        return grid, density / (density.sum() * step)

    @cached_property
    def _constant(self) -> bool:
        """True if the draws are equal, but for rounding."""
        return bool(np.ptp(self.x) <= 1e4 * np.spacing(np.abs(self.x).max()))

    @cached_property
    def _at_draws(self) -> Float[np.ndarray, " n"]:
        """The density at `_ordered`."""
        return np.interp(self._ordered, *self.curve)

    def pieces(self, mass: float) -> tuple[Piece, ...]:
        """The pieces of the region that holds the fraction `mass`, in order; () if not `finite`.

        >>> import numpy as np
        >>> x = np.concatenate([np.linspace(-1, 1, 500), np.linspace(9, 11, 500)])  # independent
        >>> [tuple(round(end) for end in piece) for piece in Marginal(x).pieces(0.95)]
        [(-1, 1), (9, 11)]
        """
        found = self.regions(mass)
        if self.log:
            found = [(float(10**a), float(10**b)) for a, b in found]
        # 10**log10 of a bound is not always the bound.
        low, high = self.bounds
        return tuple((_snapped(a, low), _snapped(b, high)) for a, b in found)

    def regions(self, mass: float) -> list[Piece]:
        """The same pieces in the coordinate of the density."""
        if not self.finite:
            return []
        ordered, (_, density) = self._ordered, self.curve
        if self._constant:
            return [(float(ordered[0]), float(ordered[-1]))]
        level = self._level(mass)
        # What parts a region parts the smaller ones inside it.
        larger = [x for m in MASSES if m > mass for x in self._valleys(self._level(m), [])]
        cuts = self._valleys(level, larger)
        segment = np.searchsorted(cuts, ordered)
        above = self._at_draws >= level
        total = max(int(above.sum()), 1)
        found = []
        for k in range(len(cuts) + 1):
            draws, share = ordered[segment == k], mass * (above & (segment == k)).sum() / total
            if not len(draws) or not share:
                continue
            number = min(max(round(share * len(ordered)), 1), len(draws))
            at_low = k == 0 and self._reaches(0, density[0], level)
            at_high = k == len(cuts) and self._reaches(1, density[-1], level)
            found.append(self._shortest(draws, number, at_low, at_high))
        return found

    def _shortest(
        self, ordered: Float[np.ndarray, " n"], number: int, at_low: bool, at_high: bool
    ) -> Piece:
        """The shortest interval with so many ordered draws, from a bound where it is there.

        A density that is above the level at both ends of its range leaves the choice to the draws.
        """
        everything = number == len(ordered)
        if at_low and not (at_high or everything):
            return self._end(0), float(ordered[number - 1])
        if at_high and not (at_low or everything):
            return float(ordered[-number]), self._end(1)
        low, high = float(ordered[0]), float(ordered[-1])
        if not everything:
            # ArviZ takes one draw more than this fraction.
            fraction = max(number - 0.5, 0.5) / len(ordered)
            low, high = shortest(ordered, fraction)
        return (
            self._end(0) if at_low and low == ordered[0] else low,
            self._end(1) if at_high and high == ordered[-1] else high,
        )

    def _end(self, side: int) -> float:
        bound = self.ends[side]
        return float(bound if bound is not None else self._ordered[-side])

    def _reaches(self, side: int, density: float, level: float) -> bool:
        """True if the region reaches the bound on this side."""
        bound = self.ends[side]
        if bound is None or density < level:
            return False
        lacking = abs(float(self._ordered[-side]) - bound)
        return len(self.x) * level * lacking <= _LACKING

    def _level(self, mass: float) -> float:
        """The density above which the fraction `mass` of the draws lies, whatever the smoothing."""
        return float(np.quantile(self._at_draws, 1 - mass))

    def _valleys(self, level: float, known: Sequence[float]) -> list[float]:
        """Where the density falls below the level between two peaks, by more than chance.

        Args:
            level: of the density.
            known: valleys that are no chance.
        """
        grid, density = self.curve
        edges = np.diff(np.concatenate([[0], density >= level, [0]]).astype(int))
        tops = [
            (int(a), int(b))
            for a, b in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True)
        ]
        while len(tops) > 1:
            depths = [
                np.inf
                if any(grid[left[1] - 1] < x < grid[right[0]] for x in known)
                else self._depth(left, right)
                for left, right in pairwise(tops)
            ]
            i = int(np.argmin(depths))
            if depths[i] >= _SIGNIFICANT:
                break
            tops[i : i + 2] = [(tops[i][0], tops[i + 1][1])]
        return [float(grid[b + int(np.argmin(density[b:c]))]) for (_, b), (c, _) in pairwise(tops)]

    def _depth(self, left: tuple[int, int], right: tuple[int, int]) -> float:
        """How far the draws between two tops are fewer than on both of them, in deviations."""
        ordered, (grid, _) = self._ordered, self.curve
        half = (grid[1] - grid[0]) / 2

        def rate(first: int, end: int) -> tuple[float, float]:
            low, high = grid[first] - half, grid[end - 1] + half
            # Rounding leaves no outermost draw out.
            below = np.searchsorted(ordered, low) if first else 0
            upto = np.searchsorted(ordered, high) if end < len(grid) else len(ordered)
            number = int(upto - below)
            return number / float(high - low), max(number, 1) / float(high - low) ** 2

        between, noise = rate(left[1], right[0])
        depth = min(
            (height - between) / (variance + noise) ** 0.5
            for height, variance in (rate(*left), rate(*right))
        )
        return depth * self._independent**0.5 if depth >= _SIGNIFICANT else depth

    @cached_property
    def _ordered(self) -> Float[np.ndarray, " n"]:
        return np.sort(self.x)

    @cached_property
    def _independent(self) -> float:
        """Share of the draws that are independent where only a part of their range is looked at.

        Chain by chain: how they are shared among far peaks says nothing about a valley.
        """
        ess = import_arviz().ess
        edges = np.linspace(0, 1, _WINDOWS + 1)
        number = 0.0
        if self.draws.ndim == 1:
            return 1.0
        for chain in self.x.reshape(self.draws.shape):
            if len(chain) < 4 or np.ptp(chain) == 0:
                number += 1
                continue
            found = [
                float(ess(chain[None], method="local", prob=window)) for window in pairwise(edges)
            ]
            number += float(np.nanmedian(found)) if np.isfinite(found).any() else 1.0
        return min(number / len(self.x), 1.0)


def shortest(x: Float[np.ndarray, " n"], mass: float) -> Piece:
    """ArviZ's shortest interval with this share of the draws; ArviZ 1 has another keyword."""
    hdi = import_arviz().hdi
    name = "prob" if "prob" in signature(hdi).parameters else "hdi_prob"
    low, high = hdi(x, **{name: mass})
    return float(low), float(high)


def spread(x: Float[np.ndarray, " n"]) -> float:
    """The smallest of several widths that are all one standard deviation for a Gaussian.

    Standard deviation, interquartile range, and the shortest intervals with a half and a quarter of
    the draws: of several narrow peaks far apart, the latter see the width of one alone.
    """
    from scipy.special import erfinv

    quartiles = np.quantile(x, [0.25, 0.75])
    widths = [(float(quartiles[1] - quartiles[0]), 0.5)]
    for mass in (0.5, 0.25):
        low, high = shortest(np.ravel(x), mass)
        widths.append((high - low, mass))
    found = [float(x.std())] + [w / (2 * np.sqrt(2) * float(erfinv(m))) for w, m in widths]
    return min((s for s in found if s > 0), default=max(abs(float(x[0])), 1.0) * 1e-6)


def shown(pieces: Sequence[Piece], between: str = " and ", number: str = "{!r}") -> str:
    """Pieces as text.

    >>> shown([(-2.0, 1.0), (3.0, 4.5)])
    '-2.0 .. 1.0 and 3.0 .. 4.5'
    """
    return between.join(f"{number.format(a)} .. {number.format(b)}" for a, b in pieces)


def _snapped(end: float, bound: float | None) -> float:
    """The bound where the end is equal to it, but for rounding."""
    same = bound is not None and abs(end - bound) <= 1e-12 * abs(bound)
    return float(bound) if bound is not None and same else end
