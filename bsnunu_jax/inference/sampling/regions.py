"""Regions of the posterior for the sampler: a Gaussian around every minimum, and its flat lines."""

from collections.abc import Sequence

import numpy as np

from bsnunu_jax.inference.fits.best_fit import BestFit, Minimum
from bsnunu_jax.inference.problem.flat_lines import FlatLine
from bsnunu_jax.inference.problem.landscape import Landscape
from bsnunu_jax.inference.sampling.nuts import Branches
from bsnunu_jax.numerics.bounded import positive

# Share of the posterior (Laplace) above which a minimum is sampled.
MATTERS = 1e-3
# 1/variance of a flat density over -1 .. 1.
_OF_RANGE = 3.0
_STEPS, _INSIDE = 4, 0.9
# Two minima are one region if they are nearer than so many standard deviations.
_ONE = 1.0


def regions(local: Landscape, fit: BestFit) -> Branches | None:
    """The regions that matter and the flat lines of a fit; None if there is nothing to jump.

    Where the data hardly bind a region, its range does: the Gaussian is that of the likelihood
    times one as wide as the range.
    """
    problem, box = local.problem, local.box
    free, size = len(problem.parameters), problem.size
    bounded = np.concatenate([box.bounded, np.zeros(size - free, dtype=bool)])
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for m in matter(fit):
        centre, precision = _gaussian(local, m, bounded)
        apart = [known - centre for known, _ in found]
        if all(d @ precision @ d > _ONE**2 for d in apart):
            found.append((centre, precision))
    lines = _lines(local, fit.flat, size)
    branches = Branches(
        np.array([c for c, _ in found]),
        np.array([np.linalg.cholesky(np.linalg.inv(p)) for _, p in found]),
        lines,
        bounded,
    )
    return branches if branches.moves else None


def matter(fit: BestFit) -> list[Minimum]:
    """The minima that hold a share of the posterior (Laplace)."""
    return [m for m in fit.minima if m.weight > MATTERS] or [fit.best]


def _gaussian(
    local: Landscape, minimum: Minimum, bounded: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Centre and precision of the likelihood times Gaussians as wide as the ranges."""
    free = len(local.problem.parameters)
    point = np.array(minimum.theta)
    point[:free] = np.where(
        bounded[:free], np.tanh(np.where(bounded[:free], point[:free], 0.0) / 2), point[:free]
    )
    range_ = np.where(bounded, _OF_RANGE, 0.0)
    precision = np.eye(len(point))
    for _ in range(_STEPS):
        _, gradient = local.boxed(point[None])
        precision = positive(local.hessian(point[None])[0]) / 2 + np.diag(range_)
        step = -np.linalg.solve(precision, gradient[0] / 2 + range_ * point)
        moved = point + step / max(1.0, float(np.abs(step).max()))
        point = np.where(bounded, np.clip(moved, -_INSIDE, _INSIDE), moved)
    return point, precision


def _lines(local: Landscape, flat: Sequence[FlatLine], size: int) -> np.ndarray:
    """Directions of the flat lines that are straight in the coordinates of `Box`, and end."""
    box = local.box
    width = box.slopes(np.zeros(len(box.low)))
    found = []
    for line in flat:
        direction = np.array(list(line.coefficients.values())) / width
        moving = direction != 0
        straight = box.linear[moving].all() or moving.sum() == 1
        if straight and box.bounded[moving].any():
            found.append(np.concatenate([direction, np.zeros(size - len(direction))]))
    return np.array(found).reshape(len(found), size)
