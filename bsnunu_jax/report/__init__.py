"""What a fit leaves behind: posterior.nc, summary.csv, figures, and a table for the terminal."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from bsnunu_jax.hadrons.transitions import REPORTED, get_mode
from bsnunu_jax.inference.fits.best_fit import BestFit
from bsnunu_jax.inference.fits.sm import objective_without_priors, sm_objective
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.symmetries import Symmetries, described
from bsnunu_jax.inference.sampling.nuts import Chains
from bsnunu_jax.inference.sampling.predictive import Predictive, predictive, spectrum_modes
from bsnunu_jax.report.diagnostics import diagnostics
from bsnunu_jax.report.draws import predicted, reported
from bsnunu_jax.report.figures.of_fit import Fit, write_figures
from bsnunu_jax.report.lost import lost_in_flight
from bsnunu_jax.report.minima import shares, unseen, write_shares
from bsnunu_jax.report.netcdf import write_posterior
from bsnunu_jax.report.remarks import distances, flagged, remarks
from bsnunu_jax.report.summary import summarise, write_summary
from bsnunu_jax.report.table import Facts, text_table

# Predictions are kept for at most so many draws, for that many draws of the SM's inputs, on a grid
# of so many q2.
_MOST_DRAWS, _SM_DRAWS, _Q2_POINTS = 20_000, 2000, 116


def write_report(
    folder: Path,
    problem: Problem,
    chains: Chains,
    best_fit: BestFit,
    *,
    seed: int,
    attrs: Mapping[str, str],
    observables: Sequence[str] = (),
) -> str:
    """Write summary.csv, posterior.nc and figures/ into `folder` and return the text table.

    Args:
        folder: made if absent.
        problem: what was fitted.
        chains: draws of the posterior.
        best_fit: all minima.
        seed: seed of the run, also that of the SM band.
        attrs: attributes of posterior.nc, e.g. the text of the card.
        observables: names of observables to report besides the usual ones.
    """
    thin = -(-chains.theta[..., 0].size // _MOST_DRAWS)
    posterior, best, sm = _predictions(problem, chains, best_fit, seed, thin, observables)
    notes = remarks(problem, posterior)
    write_posterior(
        folder / "posterior.nc",
        problem,
        chains,
        posterior,
        {**attrs, "seed": seed},
        thin=thin,
        remarks=notes,
    )
    parameters = reported(problem, chains)
    at_best = {name: float(values[0]) for name, values in best.observables.items()}
    draws = predicted(posterior, len(chains.theta))
    rows = summarise(parameters, draws, best_fit.best, at_best, problem.parameters, notes)
    write_summary(folder / "summary.csv", rows)
    fit = Fit(problem, chains, best_fit, posterior, best, sm, folder, notes, tuple(observables))
    write_figures(folder / "figures", fit)
    nuisances = chains.theta[..., len(parameters) :]
    named = dict(zip(problem.names[len(parameters) :], np.moveaxis(nuisances, -1, 0), strict=True))
    flat = Symmetries(problem).scalings
    lines = [f"Flat direction: {line.sentence}." for line in best_fit.flat]
    of_draws = shares(problem, best_fit, parameters)
    write_shares(folder / "minima.json", best_fit, of_draws)
    facts = Facts(
        objective=objective_without_priors(problem, best_fit.best),
        sm_objective=sm_objective(problem),
        distances=distances(best, list(flagged(problem.measurements))),
        convergence=diagnostics(parameters | named),
        divergences=int(chains.diverging.sum()),
        draws=chains.diverging.size,
        symmetries=[*lines, *described(problem, flat)],
        unseen=unseen(problem, best_fit, flat),
        shares=of_draws,
        lost=lost_in_flight(problem, best_fit.best.theta),
    )
    return text_table(problem, rows, best_fit, facts)


def _predictions(
    problem: Problem,
    chains: Chains,
    best_fit: BestFit,
    seed: int,
    thin: int,
    observables: Sequence[str],
) -> tuple[Predictive, Predictive, Predictive]:
    """Predictions of the draws, of the best fit, and of inputs drawn from their uncertainty.

    All in one call: compiled once.
    """
    draws = chains.theta[:, ::thin].reshape(-1, problem.size)
    free = len(problem.parameters)
    z = np.random.default_rng(seed).standard_normal((_SM_DRAWS, problem.size - free))
    best = np.asarray(best_fit.best.theta)
    inputs = np.concatenate([np.tile(best[:free], (_SM_DRAWS, 1)), z], axis=1)
    rows = predictive(
        problem,
        np.concatenate([draws, best[None], inputs]),
        q2_grids(problem, observables),
        observables,
    )
    n = len(draws)
    return rows.rows(0, n), rows.rows(n, n + 1), rows.rows(n + 1, n + 1 + _SM_DRAWS)


def q2_grids(
    problem: Problem, observables: Sequence[str] = ()
) -> dict[str, Float[np.ndarray, " k"]]:
    """From 0 to the endpoint of every decay that is reported, of the data, or asked for."""
    values = problem.nuisances.inputs.values
    found = {}
    for mode in dict.fromkeys((*REPORTED, *spectrum_modes(problem, observables))):
        decay = get_mode(mode)
        end = (float(values[decay.m_B]) - float(values[decay.m_K])) ** 2
        found[mode] = np.linspace(0.0, end, _Q2_POINTS)
    return found
