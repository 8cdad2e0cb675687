"""What the draws say about the minima: their shares, and how many directions the data see."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy.linalg import cho_factor, cho_solve

from bsnunu_jax.foundation.seals import write_json
from bsnunu_jax.inference.fits.best_fit import BestFit, Minimum
from bsnunu_jax.inference.problem.landscape import Box
from bsnunu_jax.inference.problem.problem import Problem

# Minima of -2 ln L closer to the deepest than this are as good.
_AS_GOOD = 0.01
# Added to the variances of correlated parameters, so that a line has a width.
_THIN = 1e-9


def deepest(best_fit: BestFit) -> tuple[Minimum, ...]:
    """All minima that are as deep as the deepest one, which is the first."""
    return tuple(m for m in best_fit.minima if m.objective - best_fit.best.objective < _AS_GOOD)


def shares(
    problem: Problem, best_fit: BestFit, draws: Mapping[str, Float[np.ndarray, "chains draws"]]
) -> list[float]:
    """The share of the draws of every minimum.

    A draw belongs to the minimum whose Laplace approximation (Gaussian of the parameters, nuisances
    profiled, times the weight) gives it the highest density.

    Args:
        problem: what was fitted.
        best_fit: the minima.
        draws: reported parameters by name.
    """
    if len(best_fit.minima) == 1:
        return [1.0]
    box = Box(problem)
    at = box.coordinates(np.stack([draws[p.name].ravel() for p in problem.parameters], axis=1))
    density = np.array([_log_density(problem, box, m, at) for m in best_fit.minima])
    counts = np.bincount(np.argmax(density, axis=0), minlength=len(best_fit.minima))
    return [float(c) for c in counts / len(at)]


def _log_density(
    problem: Problem, box: Box, minimum: Minimum, at: Float[np.ndarray, "draws n"]
) -> Float[np.ndarray, " draws"]:
    centre = box.coordinates(np.array([minimum.values[p.name] for p in problem.parameters]))
    std = np.array(minimum.spread)
    correlation = np.array(minimum.correlation) + _THIN * np.eye(len(std))
    factor = cho_factor(correlation * np.outer(std, std), lower=True)
    distance = at - centre
    square = np.einsum("ij,ji->i", distance, cho_solve(factor, distance.T))
    volume = np.sum(np.log(np.diagonal(factor[0])))
    weight = np.log(max(minimum.weight, 1e-300))
    return np.asarray(weight - volume - 0.5 * square)


def write_shares(path: Path, best_fit: BestFit, of_draws: Sequence[float]) -> None:
    """Values of every minimum, its Laplace weight and its share of the draws."""
    write_json(
        path,
        {
            "minima": [
                {"values": m.values, "laplace_weight": m.weight, "share_of_draws": share}
                for m, share in zip(best_fit.minima, of_draws, strict=True)
            ],
            "share_of_draws": "draws where the Laplace approximation of this minimum "
            "is the highest",
        },
    )


def unseen(problem: Problem, best_fit: BestFit, scalings: Sequence[Mapping[str, int]]) -> int:
    """Number of independent directions in which nothing changes that the data see."""
    values = np.array([best_fit.best.values[p.name] for p in problem.parameters])
    generic = np.where(np.abs(values) > 0, values, 1.0)
    rows = [list(line.coefficients.values()) for line in best_fit.flat]
    rows += [(np.array(list(s.values())) * generic).tolist() for s in scalings]
    return int(np.linalg.matrix_rank(np.array(rows))) if rows else 0
