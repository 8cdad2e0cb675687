"""Posteriors of data that a truth expects, with as much luminosity as a forecast has."""

from collections.abc import Callable
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.experiments.measurement import Scalable
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.fits.best_fit import best_fit
from bsnunu_jax.inference.hypotheses.truths import expecting, expecting_sm
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.runs.fit import fit_problem
from bsnunu_jax.runs.truth import BEST, SM, Truth


def check_systematics(problem: Problem, systematics: float) -> None:
    """Refuse other systematics of nuisances, whose priors are those of today.

    Raises:
        InputError: naming the data.
    """
    own = [m.name for m in problem.measurements if isinstance(m, Scalable) and m.nuisance_names]
    if systematics != 1 and own:
        raise InputError(
            f"an expected posterior has the nuisances of {own[0]} as they are today",
            where="--posterior",
            allowed="leave out --systematics",
        )


def expected_problem(card: Card, problem: Problem, truth: Truth, growth: np.ndarray) -> Problem:
    """The problem with grown data as the truth expects them, uncertain inputs at their centres.

    Args:
        card: of starts and seed.
        problem: with the data of today.
        truth: see `Truth`.
        growth: luminosity and systematics of every measurement, shape (measurements, 2).
    """
    ready = card.ready(problem)
    grown = ready.at_luminosity(jnp.asarray(growth))
    if truth.name == SM:
        return expecting_sm(grown)
    values = truth.values
    if truth.name == BEST:
        starts, seed = card.content.best_fit.starts, card.content.seed
        values = best_fit(ready, starts=starts, seed=seed, errors=False).best.values
    return expecting(grown, values)


def expected_posterior(
    card: Card,
    problem: Problem,
    truth: Truth,
    growth: np.ndarray,
    folder: Path,
    say: Callable[[str], object],
    *,
    quiet: bool,
) -> str:
    """Fit and sample expected data; leaves in a folder what `bsnunu fit` leaves.

    Returns:
        the summary as text.
    """
    folder.mkdir(parents=True, exist_ok=True)
    expected = expected_problem(card, problem, truth, growth)
    return fit_problem(expected, card, folder, say, quiet)
