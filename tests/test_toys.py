"""Toys against asymptotic formulas, and goodness of fit against closed forms."""

import numpy as np
import pytest
from counting_model import bins, counting_problem
from scipy.stats import chi2, poisson

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.hypotheses import toys as room
from bsnunu_jax.inference.hypotheses.goodness import (
    goodness_of_fit,
    posterior_predictive,
    saturated_statistic,
)
from bsnunu_jax.inference.hypotheses.hypotest import scan, significance
from bsnunu_jax.inference.hypotheses.profile_likelihood import ProfileLikelihood
from bsnunu_jax.inference.hypotheses.toys import Fraction, above, crossing, run_ensemble, toy_tests

NUMBER = 1500


@pytest.fixture(scope="module")
def likelihood(inputs):
    """Large counts, where the asymptotic formulas hold."""
    measurement = bins([5060.0, 3120.0], [300.0, 150.0], [5000.0, 3000.0], [60.0, 20.0])
    return ProfileLikelihood(counting_problem(inputs, measurement, high=20.0), starts=4)


@pytest.fixture(scope="module")
def ensembles(likelihood):
    values = np.array([0.5, 0.7])
    signal = [
        run_ensemble(likelihood, likelihood.profile([x]), [x], NUMBER, seed=10 + i)
        for i, x in enumerate(values)
    ]
    tested = np.append(values, 0.0)
    background = run_ensemble(likelihood, likelihood.profile([0.0]), tested, NUMBER, seed=9)
    return values, signal, background


def test_cls_of_toys_are_the_asymptotic_ones(likelihood, ensembles):
    values, signal, background = ensembles
    asymptotic = scan(likelihood, values)
    found = toy_tests("qtilde", asymptotic.statistic, signal, background)
    for i in range(len(values)):
        assert 0.01 < found.clsb[i].p < 0.5
        assert found.clsb[i].p == pytest.approx(asymptotic.clsb[i], abs=3.5 * found.clsb[i].error)
        assert found.clb[i].p == pytest.approx(asymptotic.clb[i], abs=3.5 * found.clb[i].error)
        assert found.cls[i] == pytest.approx(asymptotic.cls[i], abs=3.5 * found.cls_error[i])
    rows = [1, 2]
    np.testing.assert_allclose(found.expected[rows], asymptotic.expected[rows], atol=0.05)


def test_p_of_the_null(likelihood, ensembles):
    _, _, background = ensembles
    q0 = significance(likelihood)
    assert 0.5 < q0.Z < 2.5
    fraction = above(background.statistic("q0", 2), q0.t)
    assert fraction.p == pytest.approx(q0.p_excess, abs=3.5 * fraction.error)
    assert background.failed == 0


def test_toys_scatter_about_their_truth(likelihood, ensembles):
    values, signal, _ = ensembles
    for x, ensemble in zip(values, signal, strict=True):
        error = ensemble.best.std() / np.sqrt(NUMBER)
        # those cut at 0 raise the mean a little
        assert np.median(ensemble.best) == pytest.approx(x, abs=4 * error)


def test_blocks_are_taken_up_again(likelihood, tmp_path, monkeypatch):
    truth, seen = likelihood.profile([0.5]), []
    options = {"seed": 4, "path": tmp_path / "toys" / "some"}
    first = run_ensemble(likelihood, truth, [0.5], 70, **options)
    whole = run_ensemble(likelihood, truth, [0.5], 120, seed=4)
    made = room._block
    monkeypatch.setattr(room, "_block", lambda *a: seen.append(a[3]) or made(*a))
    resumed = run_ensemble(likelihood, truth, [0.5], 120, **options)
    assert seen == [range(50, 100), range(100, 120)]  # the whole block is not drawn again
    for name in ("best", "t", "saturated"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))
        np.testing.assert_array_equal(getattr(resumed, name)[:70], getattr(first, name))
    with pytest.raises(InputError, match="toys of other settings"):
        run_ensemble(likelihood, truth, [0.6], 70, **options)


def test_binomial_errors():
    assert Fraction(30, 1000).error == pytest.approx(np.sqrt(0.03 * 0.97 / 1000), rel=0.02)
    assert Fraction(0, 100).error == pytest.approx(1 / 202)


def test_crossing_interpolates_the_logarithm():
    x = np.linspace(1, 3, 5)
    assert crossing(x, np.exp(-2 * x), np.exp(-3.1)) == pytest.approx(1.55)
    assert np.isnan(crossing(x, np.exp(-2 * x), 1e-9))


def test_saturated_statistic_of_poisson_bins(inputs):
    n, b, s = np.array([40.0, 0.0, 7.0]), np.array([30.0, 2.0, 9.0]), np.array([4.0, 1.0, 2.0])
    likelihood = ProfileLikelihood(counting_problem(inputs, bins(n, s, b)), starts=4)
    found = goodness_of_fit(likelihood)
    mu = float(likelihood.best.value[0])
    expected = b + mu * s
    logs = np.where(n > 0, n * np.log(np.where(n > 0, n, 1) / expected), 0.0)
    assert found.statistic == pytest.approx(2 * (expected - n + logs).sum(), rel=1e-10)
    assert found.dof == 2
    assert found.p_value == pytest.approx(chi2.sf(found.statistic, 2))


def test_saturated_statistic_of_toys_is_chi2(likelihood, ensembles):
    """Two bins and a constrained systematic, mu far from its edge: one degree of freedom."""
    toys = run_ensemble(likelihood, likelihood.profile([3.0]), [], 1000, seed=8)
    assert likelihood.unconstrained == 1
    assert toys.saturated.mean() == pytest.approx(1, abs=4 * np.sqrt(2 / 1000))
    fraction = above(toys.saturated, chi2.isf(0.1, 1))
    assert fraction.p == pytest.approx(0.1, abs=3.5 * fraction.error)


def test_saturated_statistic_counts_the_constraints(likelihood):
    sets, best = likelihood.observed, likelihood.best
    deviance = float(likelihood.problem.deviance(*(a[0] for a in likelihood.parameters(best))))
    z = best.point[0, 1]
    saturated = -2 * poisson.logpmf([5060, 3120], [5060, 3120]).sum()
    expected = deviance + z**2 - saturated
    assert saturated_statistic(likelihood, sets, best)[0] == pytest.approx(expected, abs=1e-8)


def test_posterior_predictive_of_one_point(inputs):
    """At a fixed point p is the Poisson probability of data that are at least as far away."""
    n, rate = 14.0, 10.0
    problem = counting_problem(inputs, bins([n], [5.0], [0.0]))
    draws = 4000
    p, number = posterior_predictive(problem, np.full((draws, 1), 2.0), np.zeros((draws, 0)))
    k = np.arange(60)
    distance = rate - k + np.where(k > 0, k * np.log(np.maximum(k, 1) / rate), 0.0)
    exact = poisson.pmf(k, rate)[distance >= distance[int(n)]].sum()
    assert number == draws
    assert p == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / draws))
