"""Counts, values, curves and forecasts grow with the luminosity: closed forms, flaws of files."""

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from counting_model import STRENGTH
from forecast_cards import FORECAST, forecast_file
from scipy.integrate import quad
from scipy.special import gammaln
from scipy.stats import norm

from bsnunu_jax.experiments import Predictions, load_measurements
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.hypotheses.projection import (
    Projection,
    discovery,
    discovery_reach,
    expected_limits,
)
from bsnunu_jax.inference.problem.parameters import Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inputs import Nuisances
from bsnunu_jax.states import Neutrinos


def strength(inputs, measurement, high=50.0) -> Problem:
    mu = Parameter("mu", Uniform(0.0, high), "mu")
    return Problem(STRENGTH, (mu,), Nuisances(inputs, ()), (measurement,))


def test_counts_grow_in_closed_form(inputs):
    """A background known exactly: Eq. (97) of arXiv:1007.1727 with f times all events."""
    (m,) = load_measurements(["belle_2017_Kstar0"])
    exact = replace(m, background_std=0.0)
    s = exact.events_per_br * float(
        Predictions((Neutrinos(),), inputs).branching_fraction("B0->K*0")
    )
    projection = Projection(strength(inputs, exact), starts=4)
    factors = np.array([1.0, 10.0, 70.0])
    found = discovery(projection, np.full(3, 2.0), factors)
    signal, b = 2 * s * factors, exact.background * factors
    expected = np.sqrt(2 * ((signal + b) * np.log1p(signal / b) - signal))
    np.testing.assert_allclose(found, expected, rtol=1e-8)


@pytest.mark.parametrize("spread", [1.0, 0.3])
def test_grown_counts_have_the_likelihood_of_their_definition(inputs, spread):
    (m,) = load_measurements(["belle_2017_Kstar0"])
    factor = 20.0
    grown = m.with_systematics(spread).at_luminosity(factor).with_data(jnp.array([330.0]))
    predictions = Predictions((Neutrinos(),), inputs)
    br = float(predictions.branching_fraction("B0->K*0"))
    mean = factor * (m.events_per_br * br + m.background)
    sigma = factor * spread * m.background_std

    def density(mu):
        return np.exp(330 * np.log(mu) - mu - gammaln(331)) * norm.pdf(mu, mean, sigma)

    near = [mean - 9 * sigma, mean, mean + 9 * sigma, 330.0]
    value, _ = quad(density, 1.0, 1500.0, points=sorted(near), epsabs=0, epsrel=1e-11, limit=300)
    found = float(grown.log_likelihood(predictions, jnp.zeros(0)))
    assert found == pytest.approx(np.log(value), rel=1e-9)
    np.testing.assert_allclose(grown.expected_data(predictions, jnp.zeros(0)), [mean], rtol=1e-14)


def test_values_grow_by_their_statistical_part():
    (m,) = load_measurements(["belle2_2023_br"])
    assert m.systematic == pytest.approx((5e-6, 4e-6), rel=1e-12, abs=0)
    later = m.with_systematics(0.5).at_luminosity(16.0)
    assert float(later.upper) == pytest.approx(np.hypot(5e-6 / 4, 2.5e-6), rel=1e-12, abs=0)
    assert float(later.lower) == pytest.approx(np.hypot(5e-6 / 4, 2e-6), rel=1e-12, abs=0)
    same = m.with_systematics(1.0).at_luminosity(1.0)
    assert (float(same.upper), float(same.lower)) == pytest.approx(
        (m.upper, m.lower), rel=1e-12, abs=0
    )


def test_limits_alone_fall_with_the_root(inputs):
    """A Gaussian around 0: the expected limit of CLs is 1.96 standard deviations."""
    (m,) = load_measurements(["paper_R_Kstar_nunu"])
    projection = Projection(strength(inputs, replace(m, value=0.0)), starts=4)
    factors = np.array([1.0, 25.0])
    found = expected_limits(projection, factors)[:, 2]
    np.testing.assert_allclose(found, m.upper / np.sqrt(factors) * norm.isf(0.025), rtol=1e-6)
    reach = discovery_reach(projection, factors)
    np.testing.assert_allclose(reach.above[:, 0], 3 * m.upper / np.sqrt(factors), rtol=1e-6)


def draws_of(measurement, inputs, keys) -> np.ndarray:
    """Toys of the SM, shape (keys, data)."""

    def one(key):
        return measurement.sample_data(Predictions((Neutrinos(),), inputs), np.zeros(0), key)

    return np.asarray(jax.jit(jax.vmap(one))(keys))


def gaussian_curve(folder: Path, centre: float, sigma: float) -> str:
    x = np.linspace(centre - 5 * sigma, centre + 5 * sigma, 201)
    curve = {
        "values": x.tolist(),
        "likelihood": np.exp(-0.5 * ((x - centre) / sigma) ** 2).tolist(),
    }
    entry = {"id": "curve", "title": "curve", "observable": "R_K_nunu", "curve": curve}
    (folder / "curve.yaml").write_text(yaml.safe_dump({"measurements": [entry]}))
    return "curve.yaml"


def test_a_curve_grows_as_the_gaussian_that_it_is(inputs, tmp_path):
    name = gaussian_curve(tmp_path, 1.4, 0.5)
    (m,) = load_measurements([name], folder=tmp_path)
    assert float(m.data[0]) == pytest.approx(1.4, rel=1e-6)
    predictions = Predictions((Neutrinos(),), inputs)
    later = m.at_luminosity(16.0).with_data(jnp.array([1.2]))
    found = float(later.log_likelihood(predictions, jnp.zeros(0)))
    assert found == pytest.approx(-0.5 * (0.2 / 0.125) ** 2, rel=1e-4)
    # The curve as published has one slope, whatever the likelihood of exchanged data.
    same = float(m.with_data(m.data).log_likelihood(predictions, jnp.zeros(0)))
    assert same == pytest.approx(float(m.log_likelihood(predictions, jnp.zeros(0))), rel=1e-9)
    keys = jax.random.split(jax.random.PRNGKey(2), 20000)
    draws = draws_of(later, inputs, keys)
    assert float(draws.mean()) == pytest.approx(1.0, abs=0.004)
    assert float(draws.std()) == pytest.approx(0.125, rel=0.03)


def test_toys_of_a_skewed_curve_have_its_density(inputs):
    """Of flavio's curve for Bs -> tau tau: half of the draws on either side of the median."""
    (m,) = load_measurements(["lhcb_2017_Bstautau"])
    predictions = Predictions((Neutrinos(),), inputs)
    keys = jax.random.split(jax.random.PRNGKey(3), 4000)
    draws = draws_of(m, inputs, keys)[:, 0]
    expected = float(m.expected_data(predictions, jnp.zeros(0))[0])
    x, y = np.array(m.grid), np.array(m.likelihood)
    for cut in (-0.004, 0.0, 0.004):
        share = np.trapezoid(y[x <= cut], x[x <= cut]) / np.trapezoid(y, x)
        off = np.asarray(m.most_likely - (draws - expected))
        assert (off <= cut).mean() == pytest.approx(share, abs=0.04)


def test_a_forecast_has_the_covariance_that_is_stated(inputs, tmp_path):
    forecast_file(tmp_path, luminosity=10)
    (m,) = load_measurements(["mine.yaml"], folder=tmp_path)
    predictions = Predictions((Neutrinos(),), inputs)
    keys = jax.random.split(jax.random.PRNGKey(1), 40000)
    draws = draws_of(m, inputs, keys)
    covariance = np.outer([0.3, 0.2], [0.3, 0.2]) * np.array(FORECAST["correlation"])
    np.testing.assert_allclose(np.cov(draws[:, :2].T), covariance, rtol=0.05)
    np.testing.assert_allclose(draws[:, 2:], np.tile([0.3, 0.2], (40000, 1)))
    seen = m.with_data(jnp.array([1.4, 0.7, 0.3, 0.2]))
    off = np.array([1.0, 1.0]) - np.array([1.4, 0.7])
    expected = -0.5 * off @ np.linalg.solve(covariance, off)
    assert float(seen.log_likelihood(predictions, jnp.zeros(0))) == pytest.approx(expected)
    later = m.with_systematics(2.0).at_luminosity(4.0)
    errors = later.expected_data(predictions, jnp.zeros(0))[2:]
    np.testing.assert_allclose(errors, [np.sqrt(0.08 / 4 + 0.04), 0.1])
    # Nothing is measured: no say, no slope.
    value, slope = jax.value_and_grad(
        lambda c: m.log_likelihood(Predictions((Neutrinos(jnp.eye(3) * c),), inputs), jnp.zeros(0))
    )(2.0)
    assert (float(value), float(slope)) == (0.0, 0.0)


@pytest.mark.parametrize("of", ["SM", "truth"])
def test_relative_errors_are_of_the_sm_or_of_the_truth(of, inputs, tmp_path):
    forecast_file(tmp_path, {"observables": ["BR(B+->K+inv)"], "relative_errors": [0.1], "of": of})
    (m,) = load_measurements(["mine.yaml"], folder=tmp_path)
    states = (Neutrinos(jnp.eye(3) * 5.0),)
    predictions = Predictions(states, inputs)
    value, error = (float(x) for x in m.expected_data(predictions, jnp.zeros(0)))
    ratio = float(predictions.observable("R_K_nunu"))
    assert value == pytest.approx(
        ratio * float(predictions.sm.branching_fraction("B+->K+")), rel=1e-12, abs=0
    )
    assert error == pytest.approx(0.1 * value / (ratio if of == "SM" else 1.0), rel=1e-12, abs=0)


@pytest.mark.parametrize(
    ("projected", "message"),
    [
        ({"observables": ["R_K_nunu"]}, "give relative_errors or errors, one of them"),
        (FORECAST | {"relative_errors": [0.1, 0.1]}, "give relative_errors or errors"),
        (FORECAST | {"errors": [0.1]}, "2 observables need 2 errors, got 1"),
        (FORECAST | {"errors": [0.1, 0.0]}, "0"),
        (FORECAST | {"systematic": [0.4, 0.0]}, "a systematic part of 0.4 is larger"),
        (FORECAST | {"correlation": [[1, 2], [2, 1]]}, "no positive symmetric 2 x 2 matrix"),
        (FORECAST | {"of": "SM"}, "errors are absolute"),
        (FORECAST | {"observables": ["R_K_nunu", "R_K_nunu"]}, "are one observable"),
        (FORECAST | {"observables": ["R_K_nunu", "R_X"]}, "R_X"),
        (FORECAST | {"value": 3}, "unknown key 'value'"),
    ],
)
def test_flaws_of_a_forecast_are_named(projected, message, tmp_path):
    forecast_file(tmp_path, projected)
    with pytest.raises(InputError, match=r"mine\.yaml") as caught:
        load_measurements(["mine.yaml"], folder=tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kinds": ["statistical"]}, "2 pairs of errors, 1 kinds"),
        ({"kinds": ["statistical", "theory"]}, "kinds"),
        ({"luminosity": 0}, "luminosity"),
    ],
)
def test_flaws_of_what_scales_are_named(change, message, tmp_path):
    entry = {
        "id": "mine",
        "title": "mine",
        "observable": "R_K_nunu",
        "value": 2.0,
        "errors": [[0.3, -0.3], [0.2, -0.2]],
    } | change
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"measurements": [entry]}))
    with pytest.raises(InputError, match=message):
        load_measurements(["mine.yaml"], folder=tmp_path)
