"""Any model side by side with others: minima of the general best fit, evidence from them."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.hadrons.transitions import REPORTED_DECAYS
from bsnunu_jax.inference.evidence.laplace import against, doubled, flat_priors, log_evidence_ratio
from bsnunu_jax.inference.fits.best_fit import Minimum, best_fit
from bsnunu_jax.inference.fits.sm import sm_fit
from bsnunu_jax.inference.hypotheses.hypotest import local_significance
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.programs import program
from bsnunu_jax.observables.branching import branching_fraction_np

# An edge: within this of the range.
_EDGE = 1e-6


def compare_by_fit(card: Card, problem: Problem) -> dict[str, Any]:
    """Best fit, minima, evidence and data sets of one card as plain numbers.

    Args:
        card: gives starts and seed.
        problem: what it states, tabulated.
    """
    # A model that the data do not want ends where it is the SM, whatever its other couplings.
    search: dict[str, Any] = {
        "starts": card.content.best_fit.starts,
        "seed": card.content.seed,
        "plateaus": True,
        "errors": False,
    }
    sm_problem, sm = sm_fit(problem)
    fit = best_fit(problem, **search)
    twice = doubled(problem)
    of_best, of_sm = _deviances(problem, fit.best), _deviances(sm_problem, sm)
    pulls = [
        float(np.sum(_nuisances(p, m) ** 2)) for p, m in ((problem, fit.best), (sm_problem, sm))
    ]
    gain = sm.objective - fit.best.objective
    fractions = _new(problem, *_values(problem, fit.best))
    return {
        "method": "best fit",
        "sm_minus_2_log_likelihood": sm.objective,
        "best": _point(problem, fit.best, sm),
        "minima": [_point(problem, m, sm) for m in fit.minima],
        "significance": local_significance(gain, len(problem.parameters))[0],
        "parameters": len(problem.parameters),
        "data_sets": {name: against(of_best[name], of_sm[name]) for name in of_best},
        "nuisance_terms": against(*pulls),
        "BR_NP": {k: float(v) for k, v in fractions.items()},
        "evidence": {
            "log_ratio": log_evidence_ratio(problem, fit, sm),
            "box": flat_priors(problem),
            "log_ratio_doubled": log_evidence_ratio(twice, best_fit(twice, **search), sm),
            "doubled_box": flat_priors(twice),
            "error": None,
            "how": "parameters and nuisances by the Laplace approximation at all minima",
        },
        "unconverged": 0,
        "curve": None,
    }


def _nuisances(problem: Problem, minimum: Minimum) -> np.ndarray:
    return np.asarray(minimum.theta)[len(problem.parameters) :]


def _point(problem: Problem, minimum: Minimum, sm: Minimum) -> dict[str, Any]:
    edges = []
    for p in problem.parameters:
        value, (low, high) = minimum.values[p.name], p.prior.range
        for end, name in ((low, "low"), (high, "high")):
            # The middle of a mirrored range is no edge.
            if np.isfinite(end) and abs(value - end) <= _EDGE * (high - low):
                edges.append(f"{p.name} {name}")
    return {
        "values": minimum.values,
        "delta_chi2": minimum.objective - sm.objective,
        "at_edge": edges,
    }


def _deviances(problem: Problem, minimum: Minimum) -> dict[str, float]:
    """-2 ln L of every measurement, exactly at the values of the minimum."""
    found = _terms(problem, *_values(problem, minimum))
    return {name: -2 * float(term) for name, term in found.items()}


@program
def _terms(problem: Problem, values: Array, z: Array) -> dict[str, Array]:
    """ln L of every measurement."""
    predictions = problem.predictions_at(values, z)
    theta = jnp.concatenate([jnp.zeros(len(problem.parameters)), z])
    return problem.log_likelihood_of(predictions, theta, profiled=True)


@program
def _new(problem: Problem, values: Array, z: Array) -> dict[str, Array]:
    """BR_NP of every mode: branching fractions minus those of the SM at the same inputs."""
    predictions = problem.predictions_at(values, z)
    inputs, states = predictions.inputs, predictions.states
    return {m: branching_fraction_np(m, states, inputs) for m in REPORTED_DECAYS}


def _values(problem: Problem, minimum: Minimum) -> tuple[Array, Array]:
    values = jnp.asarray([minimum.values[p.name] for p in problem.parameters], dtype=float)
    return values, jnp.asarray(_nuisances(problem, minimum))
