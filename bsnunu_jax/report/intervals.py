"""Intervals of highest posterior density: the one definition of every interval of a posterior.

A region of highest density is the shortest set that holds a share of the draws, in one piece a peak
that rises above its surroundings. Peaks are found in the kernel density of ArviZ; within its valleys
every piece is ArviZ's shortest interval (`arviz.hdi`) with the share of the draws that lies above
the common level: smoothing decides where the draws are parted, not where pieces end. A valley that
draws may leave by chance parts nothing. A piece whose density is above the level where a prior ends
ends there too. Of a scale with a prior flat in its logarithm it is the density in the logarithm
that counts: the one against which its prior is flat, whatever the unit.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from bsnunu_jax.inference.parameters import LogUniform, Parameter
from bsnunu_jax.report.diagnostics import import_arviz

Piece = tuple[float, float]
Bounds = tuple[float | None, float | None]

# What reports say about their intervals.
STATEMENT = (
    "highest posterior density (ArviZ), in pieces where the posterior has them; scales with a prior "
    "flat in the logarithm by their density in the logarithm"
)
MASSES = (0.68, 0.95)
# A valley is real if it lies this many standard deviations below the peaks on both of its sides.
_SIGNIFICANT = 5.0
# Draws that a prior's edge may lack at the level of the region, and still belong to it.
_LACKING = 5.0
# Of the grid of the density: cells in a width of the kernel, and bounds on their number.
_FINE, _CELLS = 4, (256, 8192)
# Intervals of the draws in which their effective number is looked at.
_WINDOWS = 8


def bounds(parameter: Parameter) -> Bounds:
    """Where the reported value ends: 0 if folded, the ends of a flat prior."""
    low, high = getattr(parameter.prior, "low", None), getattr(parameter.prior, "high", None)
    return (0.0 if parameter.mirror else low), high


@dataclass(frozen=True, eq=False)
class Marginal:
    """The draws of one quantity and their density.

    Attributes:
        draws: shape (chains, draws), or flat: one chain.
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
        """The draws in the coordinate of the density."""
        flat = self.draws.ravel().astype(float)
        return np.log10(flat) if self.log else flat

    @cached_property
    def ends(self) -> Bounds:
        """The bounds in the coordinate of the density."""
        low, high = (None if b is None or (self.log and b <= 0) else float(b) for b in self.bounds)
        if not self.log:
            return low, high
        return tuple(None if b is None else float(np.log10(b)) for b in (low, high))  # type: ignore[return-value]

    @cached_property
    def curve(self) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
        """Grid and density, smoothed with a kernel reflected at the outermost draws."""
        width = len(self.x) ** -0.2 * spread(self.x)
        extent = float(np.ptp(self.x))
        cells = int(np.clip(_FINE * extent / width, *_CELLS)) if width > 0 else _CELLS[0]
        if extent / cells <= 4 * np.spacing(np.abs(self.x).max()):  # constant, but for rounding
            middle = float(np.median(self.x))
            return np.array([middle]), np.array([1.0])
        width = max(width, 0.5 * extent / cells)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            grid, density = import_arviz().kde(self.x, bw=width, grid_len=cells)
        return grid, density / (density.sum() * (grid[1] - grid[0]))

    @cached_property
    def _at_draws(self) -> Float[np.ndarray, " n"]:
        grid, density = self.curve
        return np.interp(self.x, grid, density)

    def pieces(self, mass: float) -> tuple[Piece, ...]:
        """The pieces of the region that holds the fraction `mass`, in order; () if not `finite`.

        >>> import numpy as np
        >>> x = np.concatenate([np.linspace(-1, 1, 500), np.linspace(9, 11, 500)])
        >>> [tuple(round(end) for end in piece) for piece in Marginal(x).pieces(0.95)]
        [(-1, 1), (9, 11)]
        """
        if not self.finite:
            return ()
        found = self._regions(mass)
        if self.log:
            found = [(float(10**a), float(10**b)) for a, b in found]
        low, high = self.bounds
        # 10**log10 of a bound is not always the bound.
        return tuple(
            (low if _same(a, low) else a, high if _same(b, high) else b) for a, b in found
        )  # type: ignore[misc]

    def _regions(self, mass: float) -> list[Piece]:
        grid, density = self.curve
        if len(grid) == 1:
            return [(float(self.x.min()), float(self.x.max()))]
        level = self._level(mass)
        # What parts a region parts the smaller ones inside it.
        larger = [x for m in MASSES if m > mass for x in self._valleys(self._level(m), [])]
        cuts = self._valleys(level, larger)
        segment = np.searchsorted(cuts, self.x)
        above = self._at_draws >= level
        total = max(int(above.sum()), 1)
        found = []
        for k in range(len(cuts) + 1):
            draws, share = self.x[segment == k], mass * (above & (segment == k)).sum() / total
            if not len(draws) or not share:
                continue
            part = min(share * len(self.x) / len(draws), 1.0)
            at_low = k == 0 and self._reaches(0, density[0], level)
            at_high = k == len(cuts) and self._reaches(1, density[-1], level)
            found.append(self._shortest(np.sort(draws), part, at_low, at_high))
        return found

    def _shortest(
        self, ordered: Float[np.ndarray, " n"], mass: float, at_low: bool, at_high: bool
    ) -> Piece:
        """The shortest interval with this share of ordered draws, from a bound where it is there.

        A density that is above the level at both ends of its range leaves the choice to the draws.
        """
        if mass < 1 - 1e-12 and at_low != at_high:
            if at_low:
                return self._end(0), float(np.quantile(ordered, mass))
            return float(np.quantile(ordered, 1 - mass)), self._end(1)
        low, high = float(ordered[0]), float(ordered[-1])
        if mass < 1 - 1e-12:
            low, high = (float(end) for end in import_arviz().hdi(ordered, hdi_prob=mass))
        return (
            self._end(0) if at_low and low == ordered[0] else low,
            self._end(1) if at_high and high == ordered[-1] else high,
        )

    def _end(self, side: int) -> float:
        bound = self.ends[side]
        return float(bound if bound is not None else (self.x.min(), self.x.max())[side])

    def _reaches(self, side: int, density: float, level: float) -> bool:
        """True if the region reaches the bound on this side."""
        bound = self.ends[side]
        if bound is None or density < level:
            return False
        nearest = self.x.max() if side else self.x.min()
        return len(self.x) * level * abs(float(nearest) - bound) <= _LACKING

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
                for left, right in zip(tops, tops[1:], strict=False)
            ]
            i = int(np.argmin(depths))
            if depths[i] >= _SIGNIFICANT:
                break
            tops[i : i + 2] = [(tops[i][0], tops[i + 1][1])]
        return [
            float(grid[b + int(np.argmin(density[b:c]))])
            for (_, b), (c, _) in zip(tops, tops[1:], strict=False)
        ]

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
        chains = np.atleast_2d(self.x.reshape(self.draws.shape))
        chains = chains.reshape(-1, chains.shape[-1])
        for chain in chains:
            if len(chain) < 4 or np.ptp(chain) == 0:
                number += 1
                continue
            found = [
                float(ess(chain[None], method="local", prob=window))
                for window in zip(edges, edges[1:], strict=False)
            ]
            number += float(np.nanmedian(found)) if np.isfinite(found).any() else 1.0
        return min(number / len(self.x), 1.0)


def spread(x: Float[np.ndarray, " n"]) -> float:
    """The smallest of several widths that are all one standard deviation for a Gaussian.

    Standard deviation, interquartile range, and the shortest intervals with a half and a quarter of
    the draws: of several narrow peaks far apart, the latter see the width of one alone.
    """
    from scipy.special import erfinv

    quartiles = np.quantile(x, [0.25, 0.75])
    widths = [(float(quartiles[1] - quartiles[0]), 0.5)]
    for mass in (0.5, 0.25):
        low, high = import_arviz().hdi(np.ravel(x), hdi_prob=mass)
        widths.append((float(high - low), mass))
    found = [float(x.std())] + [w / (2 * np.sqrt(2) * float(erfinv(m))) for w, m in widths]
    return min((s for s in found if s > 0), default=max(abs(float(x[0])), 1.0) * 1e-6)


def shown(pieces: Sequence[Piece], between: str = " and ", number: str = "{!r}") -> str:
    """Pieces as text.

    >>> shown([(-2.0, 1.0), (3.0, 4.5)])
    '-2.0 .. 1.0 and 3.0 .. 4.5'
    """
    return between.join(f"{number.format(a)} .. {number.format(b)}" for a, b in pieces)


def _same(end: float, bound: float | None) -> bool:
    return bound is not None and abs(end - bound) <= 1e-12 * max(abs(bound), 1e-300)
