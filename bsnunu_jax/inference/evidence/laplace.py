"""ln of the evidence of any fit over that of the SM, from the minima in the Laplace approximation.

Every minimum stands for a Gaussian; one at the edge of a range for the part inside. MC statistics
of binned data are profiled, in the fit and in the SM.
"""

import math
from dataclasses import replace

import numpy as np
from scipy.special import logsumexp

from bsnunu_jax.inference.fits.best_fit import BestFit, Minimum
from bsnunu_jax.inference.problem.parameters import LogUniform, Normal, Parameter, Prior, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.models.strength import SCALE


def doubled(problem: Problem) -> Problem:
    """The problem with a doubled prior box.

    Of Lambda alone, if it is fitted, else of every parameter with a flat prior. The upper end
    moves; both do where the range has negative values.
    """
    names = [p.name for p in problem.parameters]
    chosen = {SCALE} if SCALE in names else set(names)
    return replace(
        problem,
        parameters=tuple(
            replace(p, prior=_twice(p.prior)) if p.name in chosen else p for p in problem.parameters
        ),
    )


def log_evidence_ratio(problem: Problem, fit: BestFit, sm: Minimum) -> float:
    """ln(Z/Z_SM) from all minima of a fit.

    Args:
        problem: what was fitted.
        fit: its minima.
        sm: the minimum of the SM on the same data.
    """
    volume = sum(_log_norm(p) + 0.5 * math.log(4 * math.pi) for p in problem.parameters)
    return float(logsumexp([m.log_weight for m in fit.minima])) + volume - sm.log_weight


def against(best: float, sm: float) -> dict[str, float]:
    """A number at the best fit and in the SM, and their difference."""
    return {"best": best, "sm": sm, "delta": best - sm}


def _log_norm(parameter: Parameter) -> float:
    """ln of what makes the prior a density."""
    prior = parameter.prior
    if isinstance(prior, LogUniform):
        return -math.log(math.log(prior.high / prior.low))
    if isinstance(prior, Uniform):
        return -math.log(prior.high - prior.low)
    assert isinstance(prior, Normal)
    return -math.log(prior.std * math.sqrt(2 * math.pi))


def _twice(prior: Prior) -> Prior:
    if isinstance(prior, LogUniform):
        return LogUniform(prior.low, prior.high * (prior.high / prior.low))
    if isinstance(prior, Uniform):
        width = prior.high - prior.low
        below = width / 2 if prior.low < 0 else 0.0
        return Uniform(prior.low - below, prior.high + width - below)
    return prior


def flat_priors(problem: Problem) -> dict[str, list[float]]:
    """Ranges of the parameters with a flat prior, by name."""
    return {
        p.name: [float(x) for x in p.prior.range]
        for p in problem.parameters
        if np.isfinite(p.prior.range).all()
    }
