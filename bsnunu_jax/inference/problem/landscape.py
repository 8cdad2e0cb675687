"""A problem's objective at many points, in any of its coordinates, through one compiled batch.

Compilation is the largest part of a fit: value and gradient are compiled once, in the values of the
parameters themselves, and the chain rule leads to the coordinates of the descent, the sampler and
`Box`.
"""

from collections.abc import Callable
from functools import cached_property, partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.inference.problem.parameters import LogUniform, Prior
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.programs import Arrays, Whole, shared
from bsnunu_jax.inference.problem.symmetries import Symmetries

Points = Float[np.ndarray, "m size"]
Values = Float[np.ndarray, " m"]
Compiled = Callable[[Arrays, np.ndarray], tuple[Array, Array]]
# Nearer to an edge than this is on it.
_ON = 1e-9
# Distance from the edges of points for the sampler, that of `Prior.coordinate`.
_OFF = 2e-6


class Box:
    """The ranges of a problem's parameters; a parameter without a range is in units of its error.

    Coordinates in which every range is -1 .. 1 and a flat prior is flat: a best fit ends, is
    compared and gets its errors here. Edges are bounds, and nothing vanishes there.

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
    zero, one = (float(prior.descent_value(jnp.asarray(v))) for v in (0.0, 1.0))
    return 2 * zero - one, one


class Landscape:
    """Value and gradient of the objective and of the potential of a problem."""

    def __init__(self, problem: Problem, width: int = 16) -> None:
        """Points go through the compiled program in batches of `width`."""
        self.problem = problem
        self._free = len(problem.parameters)
        self._width = width
        self.box = Box(problem)
        (self._objective, self._descent, self._theta, self._measure), self._arrays = _programs.of(
            problem
        )

    @cached_property
    def symmetries(self) -> Symmetries:
        """Those of the model."""
        return Symmetries(self.problem)

    def objective(self, points: Points) -> tuple[Values, Points]:
        """-2 ln L and its gradient at values of the parameters, then nuisances.

        Where either is not finite the value is inf and the gradient 0.
        """
        value, gradient = self._batched(self._objective, points)
        finite = np.isfinite(value) & np.isfinite(gradient).all(axis=1)
        return np.where(finite, value, np.inf), np.where(finite[:, None], gradient, 0.0)

    def descent(self, points: Points) -> tuple[Values, Points]:
        """The same in the coordinates of the best fit."""
        return self._in_coordinates(self._descent, points)

    def descent_values(self, v: Float[np.ndarray, "m n"]) -> tuple[np.ndarray, np.ndarray]:
        """Values of the parameters at coordinates of the best fit, and their slopes."""
        return self._batched(self._descent, v)

    def potential(self, theta: Points) -> tuple[Values, Points]:
        """-ln posterior density of theta and its gradient, internal nuisances profiled."""
        value, gradient = self._in_coordinates(self._theta, theta)
        log_measure, slope = self._batched(self._measure, theta[:, : self._free])
        gradient = gradient / 2
        gradient[:, : self._free] -= slope
        return value / 2 - log_measure, gradient

    def boxed(self, points: Points) -> tuple[Values, Points]:
        """The objective and its gradient in the coordinates of `Box`."""
        b = points[:, : self._free]
        values = np.concatenate([self.box.values(b), points[:, self._free :]], axis=1)
        value, gradient = self.objective(values)
        gradient[:, : self._free] *= self.box.slopes(b)
        return value, gradient

    def bounds(self, count: int) -> tuple[Points, Points]:
        """Of so many points in the coordinates of `Box`: nuisances have none."""
        high = np.full((count, self.problem.size), np.inf)
        high[:, : self._free] = self.box.high
        return -high, high

    def hessian(self, points: Points, order: int = 2) -> Float[np.ndarray, "m size size"]:
        """Hessians in the coordinates of `Box`, from differences of the exact gradient.

        Compiling second derivatives takes longer than all of a best fit; central differences of
        order 2 are good to 1e-8 of the largest element, of order 4 to 1e-10. At an edge they are
        taken just inside of it.
        """
        stencil = {2: ((1e-4, 1 / 2e-4),), 4: ((1e-3, 2 / 3e-3), (2e-3, -1 / 12e-3))}[order]
        size, reach = points.shape[1], stencil[-1][0]
        low, high = self.bounds(len(points))
        centre = np.repeat(points[:, None], size, axis=1)
        own = np.arange(size)
        centre[:, own, own] = np.clip(points, low + reach, high - reach)
        found = np.zeros((len(points), size, size))
        for step, weight in stencil:
            moves = np.eye(size) * step
            moved = np.stack([centre + moves, centre - moves], axis=1).reshape(-1, size)
            gradient = self.boxed(moved)[1].reshape(len(points), 2, size, size)
            found += weight * (gradient[:, 0] - gradient[:, 1])
        return (found + found.swapaxes(1, 2)) / 2

    def _batched(self, compiled: Compiled, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The two results of a program compiled for `width` points, at any number of points."""
        batches = -(-len(points) // self._width)
        padded = np.resize(points, (batches, self._width, points.shape[1]))
        first, second = zip(*(compiled(self._arrays, b) for b in padded), strict=True)
        return np.concatenate(first)[: len(points)], np.concatenate(second)[: len(points)]

    def _in_coordinates(self, to_values: Compiled, points: Points) -> tuple[Values, Points]:
        free = self._free
        values, slope = self._batched(to_values, points[:, :free])
        value, gradient = self.objective(np.concatenate([values, points[:, free:]], axis=1))
        gradient[:, :free] *= slope
        return value, gradient


@shared
def _programs(whole: Whole, _: Arrays) -> tuple[Compiled, Compiled, Compiled, Compiled]:
    """The objective at values and nuisances, values at two coordinates, and `log_measure`."""

    def each(function: Callable[[Problem, Array], tuple[Array, Array]]) -> Compiled:
        def run(arrays: Arrays, points: Array) -> tuple[Array, Array]:
            problem = whole(arrays)
            return jax.vmap(lambda point: function(problem, point))(points)

        return jax.jit(run)

    def objective(problem: Problem, point: Array) -> tuple[Array, Array]:
        free = len(problem.parameters)
        return jax.value_and_grad(lambda p: problem.objective_at(p[:free], p[free:]))(point)

    def slopes(values: Callable[[Problem, Array], Array]) -> Compiled:
        return each(lambda problem, x: jax.jvp(partial(values, problem), (x,), (jnp.ones_like(x),)))

    measure = each(lambda problem, u: jax.value_and_grad(problem.log_measure)(u))
    return each(objective), slopes(Problem.descent_values), slopes(Problem.values), measure
