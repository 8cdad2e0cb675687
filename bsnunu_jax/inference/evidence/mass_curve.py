"""Delta chi2 of one pair operator against its mass, Lambda profiled, and all its minima."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from bsnunu_jax.inference.evidence.lines import NODES, Fitted, PairLikelihood
from bsnunu_jax.inference.evidence.pairs import PairFamily, PairOperator

# Minima are found to this [GeV], and listed if -2 ln L rises by the second number around them.
_MASS, _DEPTH = 3e-5, 1e-3
# Masses below a closing that a grid has, and how far from each other masses are at least [GeV].
_BELOW, _APART = np.array([0.0, 3e-4, 1e-3, 3e-3, 0.01, 0.03]), 2e-4
# Gradient component of a fit that has converged.
_CONVERGED = 1e-3
# What -2 ln L rises by along a line in the parabola at the SM; nodes up to there, growth beyond.
_RISE, _EVEN, _GROWTH = 40.0, 14, 1.4


@dataclass(frozen=True)
class Point:
    """The best Lambda at one mass.

    Attributes:
        mass: in GeV.
        scale: Lambda [TeV].
        delta: Delta chi2 against the SM.
        edges: parameters at an end of their range, "m low" or "Lambda high".
        strength: Lambda^-q.
        nuisances: most likely ones.
        converged: whether the gradient vanishes there.
    """

    mass: float
    scale: float
    delta: float
    edges: tuple[str, ...]
    strength: float
    nuisances: np.ndarray
    converged: bool


@dataclass(frozen=True)
class Lines:
    """ln of the marginal likelihood over that of the SM on lines of growing strength.

    Attributes:
        masses: one a line, shape (n,).
        nodes: strengths Lambda^-q from 0; constant from where a line ends, shape (n, nodes).
        log_ratio: shape (n, nodes), -inf where it does not matter any more.
    """

    masses: np.ndarray
    nodes: np.ndarray
    log_ratio: np.ndarray


class MassScan:
    """One operator of a family with its likelihood."""

    def __init__(
        self, likelihood: PairLikelihood, family: PairFamily, operator: PairOperator
    ) -> None:
        """The operator must be one of the family's."""
        self.likelihood, self.family, self.operator = likelihood, family, operator
        self._index = family.operators.index(operator)
        low, high = operator.scales
        # Strengths at the upper and the lower end of the range of Lambda.
        self._range = (
            float(operator.strength.strength(high)),
            float(operator.strength.strength(low)),
        )

    def grams(self, masses: np.ndarray) -> list[np.ndarray]:
        """Those of this operator, one array a request."""
        return [a[:, self._index] for a in self.family.grams(masses)]

    def lines(self, masses: np.ndarray, grams: Sequence[np.ndarray]) -> tuple[Lines, list[Point]]:
        """The marginal likelihood along Lambda at every mass, and the best Lambda.

        Args:
            masses: in GeV.
            grams: those of the family at these masses.
        """
        sm, sm_line = self.likelihood.sm, self.likelihood.sm_line
        scaled, scale, slope = self._scaled([a[:, self._index] for a in grams])
        # At the SM -2 ln L is slope s + s^2 with the nuisances profiled.
        reach = (np.sqrt(slope**2 + 4 * _RISE) - slope) / 2
        steps = np.concatenate([np.ones(_EVEN), _GROWTH ** np.arange(1, NODES - _EVEN)]) / _EVEN
        end = np.where(scale > 0, self._range[1] / np.where(scale > 0, scale, 1.0), 1.0)
        nodes = np.minimum(reach, end)[:, None] * np.append(0.0, np.cumsum(steps))
        # Lines end at the end of the range, not next to it.
        nodes = np.where(nodes > 0.99 * end[:, None], end[:, None], nodes)
        start = np.broadcast_to(sm_line.nuisances, (len(masses), sm_line.nuisances.shape[1]))
        found = self.likelihood.lines(scaled, nodes, start)
        ratio = found.log_marginal - sm_line.log_marginal[0, 0]
        best = np.take_along_axis(nodes, found.best[:, None], axis=1)[:, 0]
        z = np.where(found.best[:, None] > 0, found.nuisances, sm.nuisances)
        points = self._points(masses, scaled, scale, best, z, slope)
        return Lines(masses, nodes * scale[:, None], ratio), points

    def near(self, mass: float, known: Point) -> Point:
        """The best Lambda at another mass, from that at a mass nearby."""
        scaled, scale, slope = self._scaled(self.grams(np.array([mass])))
        start = known.strength / scale if scale[0] > 0 else np.zeros(1)
        return self._points(np.array([mass]), scaled, scale, start, known.nuisances[None], slope)[0]

    def minima(self, points: Sequence[Point]) -> list[Point]:
        """All local minima of Delta chi2 in the mass, lowest first, to 1e-4 GeV.

        Args:
            points: the curve on a grid of masses.
        """
        found = [self._refined(points, i) for i in _dips(np.array([p.delta for p in points]))]
        return sorted(_distinct(found), key=lambda p: p.delta)

    def _refined(self, points: Sequence[Point], i: int) -> Point:
        """The minimum around point i of the grid."""
        low, high = max(i - 1, 0), min(i + 1, len(points) - 1)
        known = {p.mass: p for p in points[low : high + 1]}

        def delta(mass: float) -> float:
            if mass not in known:
                known[mass] = self.near(mass, points[i])
            return known[mass].delta

        if low < high:
            bounds = points[low].mass, points[high].mass
            minimize_scalar(delta, bounds=bounds, method="bounded", options={"xatol": _MASS})
        return min(known.values(), key=lambda p: p.delta)

    def _scaled(
        self, grams: Sequence[np.ndarray]
    ) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """Grams per unit of a strength in which -2 ln L at the SM is slope s + s^2.

        Returns the Grams, the strength Lambda^-q of that unit (0 in a closed channel), the slope.
        """
        n = len(grams[0])
        largest = np.zeros(n)
        # The first ones are those that the data read.
        for a, size in zip(grams, self.likelihood.sizes, strict=False):
            largest = np.maximum(largest, np.abs(a).reshape(n, -1).max(axis=1) / size)
        is_open = largest > 0
        unit = np.where(is_open, 1 / np.where(is_open, largest, 1.0), 0.0)
        at_sm = self.likelihood.fit(
            _times(grams, unit),
            np.zeros(n),
            np.repeat(self.likelihood.sm.nuisances, n, axis=0),
            steps=0,
        )
        # Where the data see nothing any unit will do.
        curvature = np.maximum(at_sm.curvature, 1e-2 * at_sm.slope**2)
        width = np.sqrt(2 / np.where(curvature > 0, curvature, 2.0))
        return _times(grams, unit * width), unit * width, at_sm.slope * width

    def _points(
        self,
        masses: np.ndarray,
        grams: Sequence[np.ndarray],
        scale: np.ndarray,
        start: np.ndarray,
        nuisances: np.ndarray,
        slope: np.ndarray,
    ) -> list[Point]:
        """The best strengths inside the range of Lambda; start in the units of the Grams."""
        safe = np.where(scale > 0, scale, 1.0)
        low, high = (x / safe for x in self._range)
        sm = self.likelihood.sm
        # Uphill from the SM and nowhere better: the upper end of Lambda.
        wanted = (scale > 0) & ((slope < 0) | (start > 0))
        first = np.where(start > 0, start, np.clip(-slope / 2, 0.0, high))
        n, rows = len(masses), np.flatnonzero(wanted)
        strength, z = np.zeros(n), np.repeat(sm.nuisances, n, axis=0)
        objective, gradient = np.full(n, np.inf), np.full(n, np.inf)

        def fill(rows: np.ndarray, fits: Fitted) -> None:
            strength[rows], z[rows] = fits.strength, fits.nuisances
            objective[rows], gradient[rows] = fits.objective, fits.gradient

        if rows.size:
            part = [a[rows] for a in grams]
            fill(rows, self.likelihood.fit(part, first[rows], nuisances[rows]))
        held = np.clip(strength, low, high)
        at_edge = (held != strength) | ~np.isfinite(objective)
        rows = np.flatnonzero(at_edge)
        if rows.size:
            part = [a[rows] for a in grams]
            fill(rows, self.likelihood.fit(part, held[rows], z[rows], free=False))
        scales = np.clip(self.operator.strength.scale(strength * safe), *self.operator.scales)
        return [
            Point(
                float(masses[i]),
                float(scales[i]),
                float(objective[i] - sm.objective[0]),
                self._edges(masses[i], at_edge[i], strength[i] <= low[i]),
                float(strength[i] * safe[i]),
                z[i],
                bool(gradient[i] < _CONVERGED),
            )
            for i in range(n)
        ]

    def _edges(self, mass: float, at_edge: bool, weak: bool) -> tuple[str, ...]:
        found = []
        for end, name in zip(self.operator.masses, ("low", "high"), strict=True):
            if abs(mass - end) <= 2 * _MASS:
                found.append(f"{self.operator.mass.name} {name}")
        if at_edge:
            found.append(f"{self.operator.scale.name} {'high' if weak else 'low'}")
        return tuple(found)


def mass_grid(low: float, high: float, number: int, closings: Sequence[float] = ()) -> np.ndarray:
    """Masses from low to high, closer to each other towards the upper end.

    Args:
        low, high: the range [GeV].
        number: of masses, to which some are added below every closing.
        closings: masses at which a decay closes; just below the data may see one mode alone.
    """
    t = np.linspace(0, 1, number)
    even = low + (high - low) * (np.sin(np.pi * t / 2) + t) / 2
    near = np.subtract.outer(np.asarray(closings, dtype=float), _BELOW).ravel()
    found = list(even)
    for mass in near[(near > low) & (near < high)]:
        if np.abs(np.array(found) - mass).min() > _APART:
            found.append(float(mass))
    return np.sort(np.array(found))


def _times(grams: Sequence[np.ndarray], factor: np.ndarray) -> list[np.ndarray]:
    return [a * factor.reshape(-1, *[1] * (a.ndim - 1)) for a in grams]


def _dips(delta: np.ndarray) -> list[int]:
    """Local minima that -2 ln L rises around before it falls deeper; always the lowest point."""
    found = [int(np.argmin(delta))]
    for i, value in enumerate(delta):
        lower = np.flatnonzero(delta < value)
        first = np.max(lower[lower < i], initial=-1) + 1
        last = np.min(lower[lower > i], initial=len(delta)) - 1
        sides = [delta[first : i + 1]] * (i > 0) + [delta[i : last + 1]] * (i + 1 < len(delta))
        if lower.size and min(side.max() for side in sides) - value > _DEPTH:
            found.append(i)
    return found


def _distinct(points: Sequence[Point]) -> list[Point]:
    """Points that are not the same minimum found twice."""
    found: list[Point] = []
    for p in sorted(points, key=lambda p: p.delta):
        if all(abs(p.mass - q.mass) > 10 * _MASS for q in found):
            found.append(p)
    return found
