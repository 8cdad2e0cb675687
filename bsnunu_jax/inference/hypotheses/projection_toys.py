"""Expected limits and significances from toys instead of asymptotic formulas."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import norm

from bsnunu_jax.inference.hypotheses.hypotest import of_asimov
from bsnunu_jax.inference.hypotheses.projection import Projection
from bsnunu_jax.inference.hypotheses.toys import (
    Ensemble,
    Progress,
    crossing,
    run_ensemble,
    toy_tests,
)

# Toys with a signal are thrown at the asymptotic limits and so far beyond the outer ones.
_BEYOND = 0.15


@dataclass(frozen=True)
class ProjectedToys:
    """Results of toys at one luminosity.

    Attributes:
        limits: at `BANDS`, shape (5,); NaN where the toys do not reach, empty if no limit is asked.
        sigmas: significance of every true value at -1, 0, 1 standard deviations, shape (n, 3).
        failed: toys without a converged fit.
    """

    limits: np.ndarray
    sigmas: np.ndarray
    failed: int


def projected_toys(
    projection: Projection,
    factor: float,
    limits: np.ndarray,
    true: np.ndarray,
    number: int,
    *,
    level: float,
    seed: int,
    path: Path,
    progress: Progress | None = None,
) -> ProjectedToys:
    """Toys of one luminosity: of the null and of the limits for CLs, of every true value for Z.

    Args:
        projection: what is fitted.
        factor: luminosity over that of the observed data.
        limits: asymptotic ones, around which toys are thrown; none: no limits from toys.
        true: true values.
        number: toys of every hypothesis.
        level: 1 - confidence level.
        seed: of all of them.
        path: folder of the blocks.
        progress: see `run_ensemble`.
    """
    null = projection.null
    of_null = projection.profile(np.array([null]))
    view = projection.observing(of_null, factor)
    seeds = np.random.SeedSequence(seed).generate_state(1 + len(true) + len(limits) + 2)

    def ensemble(name: str, value: float, tested: np.ndarray, seed: np.uint32) -> Ensemble:
        truth = projection.profile(np.array([value]))
        return run_ensemble(
            view, truth, tested, number, seed=int(seed), path=path / name, progress=progress
        )

    found, failed = np.zeros(0), 0
    if limits.size:
        ends = (
            null + (limits.min() - null) * (1 - _BEYOND),
            null + (limits.max() - null) * (1 + _BEYOND),
        )
        values = np.unique([*limits, ends[0], min(ends[1], projection.high)])
        background = ensemble("null", null, values, seeds[0])
        signal = [
            ensemble(f"value_{i}", x, values[i : i + 1], seeds[1 + len(true) + i])
            for i, x in enumerate(values)
        ]
        observed = of_asimov(view, "qtilde", values)
        tests = toy_tests("qtilde", observed, signal, background)
        found = np.array([crossing(values, row, level) for row in tests.expected])
        failed += background.failed + sum(e.failed for e in signal)
    sigmas = np.zeros((len(true), 3))
    for i, x in enumerate(true):
        toys = ensemble(f"true_{i}", float(x), np.array([null]), seeds[1 + i])
        Z = np.sign(toys.best - null) * np.sqrt(np.maximum(toys.t[:, 0], 0.0))
        sigmas[i] = np.quantile(Z, norm.cdf([-1, 0, 1]))
        failed += toys.failed
    return ProjectedToys(found, sigmas, failed)
