"""The best fit of arXiv:2507.12393, MC statistics profiled: numbers of redist, EOS and Minuit."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.experiments.histfactory.workspace import read_workspace
from bsnunu_jax.experiments.records.record import DROPPED, WORKSPACE
from bsnunu_jax.inference.fits.best_fit import best_fit

CARD = Path(__file__).parents[1] / "fits" / "belle2_wet.yaml"
# redist 2.0.0 with EOS 1.0.21, pyhf 0.7.6 and iminuit; c_SL ends at 0.1 there, where -2 ln L is
# flat to 1e-4.
PUBLISHED = {"cVL": 11.43, "cSL": 0.0, "cTL": 8.42}
MINUS_2_LOG_DENSITY = -16.0297


@pytest.fixture(scope="module")
def problem(likelihood_dir):
    return Card(CARD, likelihood=likelihood_dir).problem


@pytest.fixture(scope="module")
def fit(problem):
    return best_fit(problem, starts=2, seed=1)


def test_best_fit(fit):
    assert len(fit.minima) == 1
    assert fit.best.values == pytest.approx(PUBLISHED, abs=0.02)


def test_depth_in_the_normalisation_of_pyhf(problem, fit):
    (measurement,) = problem.measurements
    of_form_factors = -0.5 * np.log(2 * np.pi) * problem.nuisances.size
    density = fit.best.objective - 2 * (measurement.constant + of_form_factors)
    assert density == pytest.approx(MINUS_2_LOG_DENSITY, abs=1e-3)


def test_profile_is_that_of_the_full_density(likelihood_dir, rng):
    """At the gammas of the most likely bin rates the full density is largest, and as stated."""
    (measurement,) = load_measurements(["belle2_knunu_2023"], likelihood=likelihood_dir)
    whole = read_workspace(likelihood_dir / WORKSPACE, drop=DROPPED)
    model = measurement.model
    alpha = 0.5 * rng.normal(size=len(model.alphas))
    entries = np.asarray(model.entry_rates(jnp.asarray(alpha), jnp.zeros(0)))
    mean, spread = (np.asarray(a) for a in model.collapsed_moments(jnp.asarray(entries)))
    sigma = np.append(model.gamma_sigma, 0.0)[model.gammas]
    free = model.gammas < len(model.gamma_sigma)

    def density(t):
        """The full log-density with the gammas that move bin b by t_b at the least cost."""
        pulls = (t / spread)[model.bins] * entries * sigma
        gamma = np.ones(len(model.gamma_sigma))
        gamma[model.gammas[free]] += (sigma * pulls)[free]
        return float(whole.log_density(whole.vector(alpha, np.zeros(0), gamma)))

    n = measurement.observed
    shift = mean - spread**2
    rate = (shift + np.sqrt(shift**2 + 4 * n * spread**2)) / 2
    best = (rate - mean) / spread
    found = float(measurement.profile(jnp.asarray(mean), jnp.asarray(spread)))
    assert found + measurement.constant - 0.5 * (alpha**2).sum() == pytest.approx(
        density(best), rel=1e-12
    )
    for b in range(len(n)):
        for step in (-0.05, 0.05):
            assert density(best + step * np.eye(len(n))[b]) < density(best)


def test_profile_is_below_the_best_counts_and_has_a_gradient(likelihood_dir):
    (measurement,) = load_measurements(["belle2_knunu_2023"], likelihood=likelihood_dir)
    mean, spread = jnp.asarray(measurement.observed), jnp.full(30, 0.5)
    top = measurement.profile(mean, spread)
    slope = jax.grad(measurement.profile)(mean, spread)
    np.testing.assert_allclose(slope, 0, atol=1e-9)
    for factor in (0.5, 2.0):
        assert measurement.profile(factor * mean, spread) < top
