"""Fits along the parameter of interest: each begins between the two that are nearest."""

from collections.abc import Callable, Iterator

import numpy as np
from scipy.optimize.elementwise import find_root

from bsnunu_jax.inference.hypotheses.ensembles import Fits

# A root is found at this relative width or this distance from 0.
_WIDTH, _FLAT, _ITERATIONS = 1e-12, 1e-10, 60
# How far the line through two fits is trusted beyond them, over their distance.
_BEYOND = 1.0

# Fits at values x, one each, to the data sets of these rows, which start at other fits too.
Solve = Callable[[np.ndarray, np.ndarray, Fits | None], Fits]


class Followed:
    """Fits of several curves at more and more arguments; what was fitted once is not again."""

    def __init__(self, curves: int, solve: Solve, best: Fits | None = None) -> None:
        """Nothing is fitted yet.

        Args:
            curves: how many.
            solve: fits at arguments x of the curves `row`, with what to start from.
            best: one fit a curve that is known, at its value.
        """
        self._solve = solve
        self._known: list[tuple[np.ndarray, list[Fits]]] = [(np.zeros(0), [])] * curves
        if best is not None:
            self._known = [(best.value[[i]], [best[[i]]]) for i in range(curves)]

    def __call__(self, x: np.ndarray, row: np.ndarray | int = 0) -> Fits:
        """One fit an argument.

        Args:
            x: arguments, shape (n,).
            row: numbers of their curves, shape (n,), or one for all.
        """
        x, row = np.broadcast_arrays(np.asarray(x, dtype=float), row)
        pairs = sorted({*zip(row.tolist(), x.tolist(), strict=True)})
        new = [(r, v) for r, v in pairs if v not in self._known[r][0]]
        if new:
            rows, values = np.array([r for r, _ in new]), np.array([v for _, v in new])
            found = self._solve(values, rows, self._start(values, rows))
            for i, (r, v) in enumerate(new):
                known, fits = self._known[r]
                at = int(np.searchsorted(known, v))
                self._known[r] = np.insert(known, at, v), [*fits[:at], found[[i]], *fits[at:]]
        return joined([self._at(r, v) for r, v in zip(row.tolist(), x.tolist(), strict=True)])

    def on(self, grid: np.ndarray) -> Fits:
        """Fits on a grid of every curve, shape (curves, points), one after the other.

        Coarse to fine, so that nearly all begin between two others.
        """
        curves, points = grid.shape
        for columns in _coarse_to_fine(points):
            self(grid[:, columns].ravel(), np.repeat(np.arange(curves), len(columns)))
        return self(grid.ravel(), np.repeat(np.arange(curves), points))

    def _at(self, row: int, x: float) -> Fits:
        known, fits = self._known[row]
        return fits[int(np.searchsorted(known, x))]

    def _start(self, x: np.ndarray, rows: np.ndarray) -> Fits | None:
        starts = [self._between(v, r) for v, r in zip(x, rows, strict=True)]
        found = [s for s in starts if s is not None]
        return joined(found) if len(found) == len(starts) else None

    def _between(self, x: float, row: int) -> Fits | None:
        """The line through the two nearest fits."""
        known, fits = self._known[row]
        if len(fits) < 2:
            return fits[0] if fits else None
        right = int(np.clip(np.searchsorted(known, x), 1, len(known) - 1))
        a, b = fits[right - 1], fits[right]
        part = (x - known[right - 1]) / (known[right] - known[right - 1])
        part = np.clip(part, -_BEYOND, 1 + _BEYOND)

        def line(a: np.ndarray, b: np.ndarray) -> np.ndarray:
            return np.asarray(a + part * (b - a))

        return Fits(line(a.value, b.value), a.objective, line(a.point, b.point), a.converged)


def joined(fits: list[Fits]) -> Fits:
    """These fits as one object."""
    parts = zip(*(vars(f).values() for f in fits), strict=True)
    return Fits(*(np.concatenate(part) for part in parts))


def roots(
    function: Callable[[np.ndarray, np.ndarray], np.ndarray], x: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Roots of several functions in brackets, by Chandrupatla's method.

    Args:
        function: of arguments and the numbers of the functions, those that are not done.
        x: the two ends of every bracket.
    """
    if not len(x[0]):
        return np.zeros(0)
    found = find_root(
        function,
        x,
        args=(np.arange(len(x[0])),),
        tolerances={"xrtol": _WIDTH, "fatol": _FLAT},
        maxiter=_ITERATIONS,
    )
    return np.asarray(found.x)


def _coarse_to_fine(points: int) -> Iterator[np.ndarray]:
    """The ends of a row, then what lies in the middle between those before."""
    yield np.unique([0, points - 1])
    step, seen = 1 << max(points - 1, 1).bit_length(), {0, points - 1}
    while step > 1:
        step //= 2
        new = [i for i in range(0, points, step) if i not in seen]
        seen |= {*new}
        if new:
            yield np.array(new)


def crossings(
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
