"""The sampled posterior of the main fit is the one a grid gives: no factor can hide."""

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from profile_grid import profile_grid

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.inference.fits.best_fit import best_fit
from bsnunu_jax.inference.sampling.nuts import sample
from bsnunu_jax.report.diagnostics import import_arviz
from bsnunu_jax.runs.fit import initial_points

CARD = Path(__file__).parents[1] / "fits" / "belle2_cr.yaml"
LEVELS = np.array([0.05, 0.16, 0.5, 0.84, 0.95])


@pytest.fixture(scope="module")
def main_fit(tmp_path_factory):
    """The main fit with Belle II's quoted branching fraction in place of its likelihood.

    The grid integrates over the nuisances by importance sampling, whose weights degenerate with
    the nuisances of the likelihood on top.
    """
    folder = tmp_path_factory.mktemp("card")
    text = CARD.read_text()
    assert "- belle2_knunu_2023\n" in text
    (folder / "card.yaml").write_text(text.replace("belle2_knunu_2023", "belle2_2023_br"))
    card = Card(folder / "card.yaml")
    problem = card.problem
    # Four times the shipped length: the Monte Carlo errors, and with them the test, get sharper.
    sampler = replace(card.sampler, warmup=1000, draws=4 * card.sampler.draws, block=1000)
    fit = best_fit(problem, starts=8, seed=1)
    chains = sample(
        problem.potential,
        initial_points(problem, fit, sampler.chains, 5),
        sampler,
        seed=5,
        folder=tmp_path_factory.mktemp("blocks"),
    )
    draws = jax.jit(jax.vmap(jax.vmap(problem.reported)))(chains.theta)
    return problem, fit, chains, {k: np.asarray(v) for k, v in draws.items()}


@pytest.fixture(scope="module")
def grid(main_fit):
    problem, fit, _, _ = main_fit
    axes = np.linspace(-27.0, 19.0, 20), np.linspace(0.0, 20.0, 11)
    start = np.array(fit.best.theta)[len(problem.parameters) :]
    return profile_grid(problem, axes, start=start, samples=256, profiled=False)


def quantiles(axis: np.ndarray, density: np.ndarray) -> np.ndarray:
    """Quantiles of a density on a coarse grid, splined in between."""
    from scipy.interpolate import CubicSpline

    fine = np.linspace(axis[0], axis[-1], 4001)
    values = np.exp(CubicSpline(axis, np.log(density))(fine))
    cumulative = np.concatenate([[0], np.cumsum((values[1:] + values[:-1]) / 2)])
    return np.interp(LEVELS, cumulative / cumulative[-1], fine)


def test_chains_agree_without_divergences(main_fit):
    from numpyro.diagnostics import split_gelman_rubin

    _, _, chains, draws = main_fit
    assert chains.diverging.sum() == 0
    for values in draws.values():
        assert split_gelman_rubin(values) < 1.01


def test_every_start_reaches_the_same_minimum(main_fit):
    _, fit, _, _ = main_fit
    assert fit.converged == fit.starts
    assert len(fit.minima) == 1


@pytest.mark.parametrize("name", ["CR_tautau", "CR_mutau"])
def test_quantiles_agree_with_the_grid(main_fit, grid, name):
    """Within 3 Monte Carlo errors, nuisances marginalised on the grid by importance sampling."""
    _, _, _, draws = main_fit
    assert grid.gradient.max() < 1e-6
    density = np.exp(grid.log_density - grid.log_density.max())
    if name == "CR_tautau":
        half = np.full(grid.axes[1].size, 1.0)
        half[0] = 0.5  # trapezoid: the fold is the edge
        axis, marginal = grid.axes[0], density @ half
    else:
        axis, marginal = grid.axes[1], density.sum(axis=0)
    expected = quantiles(axis, marginal)
    found = np.quantile(draws[name], LEVELS)
    arviz = import_arviz()
    for level, q, value in zip(LEVELS, expected, found, strict=True):
        # Monte Carlo error of a quantile: ArviZ's, or the scatter of the chains if that is larger.
        of_chains = np.quantile(draws[name], level, axis=1)
        error = max(
            float(arviz.mcse(draws[name], method="quantile", prob=level)),
            of_chains.std(ddof=1) / np.sqrt(len(of_chains)),
        )
        assert abs(value - q) < 3 * error, (level, q, value, error)


def test_profile_at_the_best_fit_is_its_depth(main_fit):
    problem, fit, _, _ = main_fit
    values = fit.best.values.values()
    grid = profile_grid(problem, [np.array([v]) for v in values])
    assert float(grid.profile.squeeze()) == pytest.approx(fit.best.objective, abs=1e-8)
