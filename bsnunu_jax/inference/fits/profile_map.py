"""-2 ln L over one or two parameters, everything else profiled at all points of a grid at once.

All points descend together, one compiled batch of values and gradients a step, in units of the
errors at the best fit; then each looks whether where a neighbour ended lies lower.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.fits.best_fit import BestFit, Minimum, best_fit
from bsnunu_jax.inference.problem.landscape import Landscape
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.numerics.bfgs import curvature, descend, inverse_root

# -2 ln L that the next step would gain: where a descent ends, and above which it has not converged.
_CLOSE, _CONVERGED = 1e-7, 1e-3
_PASSES, _SWEEPS = 150, 20
# How much lower a neighbour's end must lie.
_BETTER = 1e-4
# Points a call of the compiled program, and that descend together with an inverse Hessian each.
_WIDTH, _TOGETHER = 256, 4096


@dataclass(frozen=True)
class ProfileMap:
    """A profile likelihood on a grid.

    Attributes:
        names: of the one or two parameters that are not profiled.
        axes: their values.
        objective: -2 ln L with everything else at its conditional minimum, one axis a parameter.
        values: every parameter there, reported ones as in `Problem.reported`, by name.
        nuisances: at the conditional minimum, shape (..., nuisances).
        converged: whether the descent ended at a minimum.
        lowest: -2 ln L of the best fit.
    """

    names: tuple[str, ...]
    axes: tuple[np.ndarray, ...]
    objective: np.ndarray
    values: dict[str, np.ndarray]
    nuisances: np.ndarray
    converged: np.ndarray
    lowest: float

    @property
    def delta(self) -> np.ndarray:
        """-2 ln L above the lowest value found, on the grid or at the best fit."""
        return self.objective - min(self.lowest, float(np.nanmin(self.objective)))


def profile_map(
    problem: Problem,
    names: Sequence[str],
    axes: Sequence[np.ndarray],
    *,
    fit: BestFit | None = None,
    starts: int = 16,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> ProfileMap:
    """Profile everything but one or two parameters.

    Args:
        problem: what is fitted.
        names: of the parameters that stay on the grid.
        axes: their values, inside their priors; of a mirrored one both signs are allowed.
        fit: the best fit, made if absent.
        starts: of the best fit.
        seed: of the best fit.
        progress: called with the points that are done and all points.

    Raises:
        InputError: for a parameter that the problem does not have, or a value outside its range.
    """
    check(problem, names, axes)
    found = fit or best_fit(problem, starts=starts, seed=seed, errors=False)
    slices = _Slices(problem, names)
    ends = [slices.at(m) for m in found.minima]
    kept, others = ends[0]
    root = inverse_root(curvature(slices, kept[None], others[None]))
    grid = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=1)
    value, z, gain = (np.zeros((len(grid), *x)) for x in ((), others.shape, ()))
    for first in range(0, len(grid), _TOGETHER):
        rows = slice(first, first + _TOGETHER)
        start = _lowest(slices, grid[rows], [z for _, z in ends])
        value[rows], z[rows], gain[rows] = descend(
            slices, grid[rows], start, root, passes=_PASSES, close=_CLOSE
        )
        if progress:
            progress(min(first + _TOGETHER, len(grid)), len(grid))
    shape = tuple(len(a) for a in axes)
    for _ in range(_SWEEPS):
        start, lower = _from_neighbours(slices, grid, shape, value, z)
        if not lower.size:
            break
        again = descend(slices, grid[lower], start, root, passes=_PASSES, close=_CLOSE)
        value[lower], z[lower], gain[lower] = again
    values, nuisances = slices.split(grid, z)
    return ProfileMap(
        tuple(names),
        tuple(np.asarray(a) for a in axes),
        value.reshape(shape),
        {p.name: values[:, i].reshape(shape) for i, p in enumerate(problem.parameters)},
        nuisances.reshape(*shape, -1),
        (gain < _CONVERGED).reshape(shape),
        found.best.objective,
    )


class _Slices:
    """-2 ln L and its gradient in z, the descent coordinates of all but the kept parameters."""

    def __init__(self, problem: Problem, names: Sequence[str]) -> None:
        known = [p.name for p in problem.parameters]
        self._problem, self._local = problem, Landscape(problem, _WIDTH)
        self._free = len(known)
        self._kept = [known.index(name) for name in names]
        self._others = [i for i in range(problem.size) if i not in self._kept]
        self._profiled = [i for i in self._others if i < self._free]

    def __call__(self, s: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        values, nuisances = self.split(s, z)
        height, gradient = self._local.objective(np.concatenate([values, nuisances], axis=1))
        if self._profiled:
            gradient[:, self._profiled] *= self._values(s, z)[1][:, self._profiled]
        return height, gradient[:, self._others]

    def split(self, s: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values of all parameters, and the nuisances."""
        values = np.empty((len(s), self._free))
        values[:, self._kept] = s
        if self._profiled:
            values[:, self._profiled] = self._values(s, z)[0][:, self._profiled]
        return values, z[:, len(self._profiled) :]

    def at(self, minimum: Minimum) -> tuple[np.ndarray, np.ndarray]:
        """The kept parameters and z of a minimum."""
        inside = jnp.asarray(minimum.inside)
        values = self._problem.values(inside)
        point = np.array(inside)
        for i, p in enumerate(self._problem.parameters):
            point[i] = p.prior.descent_coordinate(values[i])
        return np.asarray(values)[self._kept], point[self._others]

    def _values(self, s: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values of the parameters and their slopes."""
        v = np.zeros((len(s), self._free))
        v[:, self._profiled] = z[:, : len(self._profiled)]
        return self._local.descent_values(v)


def _lowest(slices: _Slices, s: np.ndarray, ends: Sequence[np.ndarray]) -> np.ndarray:
    """The best of some z at every point."""
    tried = [np.tile(z, (len(s), 1)) for z in ends]
    heights = np.array([slices(s, z)[0] for z in tried])
    return np.stack(tried)[heights.argmin(axis=0), np.arange(len(s))]


def _from_neighbours(
    slices: _Slices, grid: np.ndarray, shape: tuple[int, ...], value: np.ndarray, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Better starts, where a neighbour has one, and which points these are."""
    index = np.arange(len(grid)).reshape(shape)
    best, start = value.copy(), z.copy()
    for axis in range(len(shape)):
        for step in (1, -1):
            neighbour = np.roll(index, step, axis).ravel()  # round the edge: a start like any
            height, _ = slices(grid, z[neighbour])
            lower = height < best - _BETTER
            best[lower], start[lower] = height[lower], z[neighbour][lower]
    rows = np.flatnonzero(best < value)
    return start[rows], rows


def check(problem: Problem, names: Sequence[str], axes: Sequence[np.ndarray]) -> None:
    """Refuse what `profile_map` cannot do.

    Raises:
        InputError: as there.
    """
    known = {p.name: p for p in problem.parameters}
    if not 1 <= len(names) <= 2 or len(set(names)) < len(names):
        raise InputError(f"a map over {len(names)} parameters", allowed="one or two, not the same")
    for name, axis in zip(names, axes, strict=True):
        if name not in known:
            raise InputError(f"unknown parameter {name!r}", allowed=f"one of {', '.join(known)}")
        low, high = known[name].prior.range
        low = -high if known[name].mirror else low
        if np.min(axis) < low or np.max(axis) > high:
            raise InputError(
                f"{name} from {np.min(axis):g} to {np.max(axis):g} leaves its range",
                allowed=f"{low:g} to {high:g}",
            )
