"""Coordinates in which the range of every parameter is -1 .. 1 and a flat prior is flat.

A best fit ends, is compared and gets its errors here: edges are bounds, and nothing vanishes there.
"""

import numpy as np
from jaxtyping import Float

from bsnunu_jax.inference.problem.parameters import LogUniform, Prior
from bsnunu_jax.inference.problem.problem import Problem

# Nearer to an edge than this is on it.
_ON = 1e-9
# Distance from the edges of points for the sampler, that of `Prior.coordinate`.
_OFF = 2e-6


class Box:
    """The ranges of a problem's parameters; a parameter without a range is in units of its error.

    Attributes:
        low, high: -1 and 1, infinite without a range, shape (n,).
        bounded: which parameters have a range.
        linear: which values are linear in their coordinate.
    """

    def __init__(self, problem: Problem) -> None:
        """For the parameters alone: nuisances are standard normal already."""
        priors = [p.prior for p in problem.parameters]
        self.linear = np.array([not isinstance(p, LogUniform) for p in priors], dtype=bool)
        self._range = np.array([p.range for p in priors], dtype=float).reshape(-1, 2)
        ends = np.array([_ends(p) for p in priors]).reshape(-1, 2)
        self._middle, self._half = ends.mean(axis=1), (ends[:, 1] - ends[:, 0]) / 2
        self.bounded = np.isfinite(self._range).all(axis=1)
        self.high = np.where(self.bounded, 1.0, np.inf)
        self.low = -self.high

    def values(self, b: Float[np.ndarray, "... n"]) -> Float[np.ndarray, "... n"]:
        """Values of the parameters."""
        x = self._middle + self._half * b
        x = np.where(self.linear, x, np.exp(np.where(self.linear, 0.0, x)))
        return np.clip(x, self._range[:, 0], self._range[:, 1])

    def slopes(self, b: Float[np.ndarray, "... n"]) -> Float[np.ndarray, "... n"]:
        """Derivatives of the values."""
        return self._half * np.where(self.linear, 1.0, self.values(b))

    def coordinates(self, values: Float[np.ndarray, "... n"]) -> Float[np.ndarray, "... n"]:
        """The inverse of `values`."""
        safe = np.where(self.linear, 1.0, values)
        b = (np.where(self.linear, values, np.log(safe)) - self._middle) / self._half
        return np.clip(b, self.low, self.high)

    def theta(self, b: Float[np.ndarray, "... n"]) -> Float[np.ndarray, "... n"]:
        """Coordinates of the sampler, kept off the edges."""
        inside = np.clip(np.where(self.bounded, b, 0.0), _OFF - 1, 1 - _OFF)
        return np.where(self.bounded, 2 * np.arctanh(inside), b)

    def theta_slopes(self, b: Float[np.ndarray, "... n"]) -> Float[np.ndarray, "... n"]:
        """Derivatives of the coordinates of the sampler."""
        inside = np.clip(np.where(self.bounded, b, 0.0), _OFF - 1, 1 - _OFF)
        return np.where(self.bounded, 2 / (1 - inside**2), 1.0)

    def inward(self, b: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """The direction into the range for a parameter at an edge, 0 for others."""
        return (b <= self.low + _ON) * 1.0 - (b >= self.high - _ON) * 1.0

    def chord(
        self, b: Float[np.ndarray, " n"], direction: Float[np.ndarray, " n"]
    ) -> tuple[float, float]:
        """How far a line through b goes back and forth inside the ranges, in units of direction."""
        return chord(self.low, self.high, b, direction)


def chord(
    low: Float[np.ndarray, " n"],
    high: Float[np.ndarray, " n"],
    point: Float[np.ndarray, " n"],
    direction: Float[np.ndarray, " n"],
) -> tuple[float, float]:
    """How far a line through a point goes back and forth between the ends."""
    moving = direction != 0
    ends = (np.stack([low, high]) - point)[:, moving] / direction[moving]
    if not ends.size:
        return 0.0, 0.0
    return float(min(ends.min(axis=0).max(), 0.0)), float(max(ends.max(axis=0).min(), 0.0))


def _ends(prior: Prior) -> tuple[float, float]:
    """Where the coordinate is -1 and 1, in ln of the value for a log-uniform prior."""
    low, high = prior.range
    if isinstance(prior, LogUniform):
        return float(np.log(low)), float(np.log(high))
    if np.isfinite([low, high]).all():
        return low, high
    one = float(prior.descent_value(np.float64(1.0)))  # type: ignore[arg-type]
    return 2 * float(prior.descent_value(np.float64(0.0))) - one, one  # type: ignore[arg-type]
