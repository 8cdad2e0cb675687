"""Likelihoods quoted as curves and correlated values: the published points, Gaussian limits."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.stats import multivariate_normal

from bsnunu_jax.experiments.catalogue import read_measurements
from bsnunu_jax.foundation.errors import InputError

COMMON = dict(samples=(), sources=(), sm_spectrum=False, tree_tau="none", name="m", title="m")

TEXT = """\
sm_spectrum: false
measurements:
  - id: curve
    title: A curve
    unverified: true
    observable: BR(B+->K+inv)
    curve:
      values: {values}
      likelihood: {likelihood}
  - id: pair
    title: A pair
    observables: [R_K_nunu, R_Kstar_nunu]
    values: [2.8, 1.1]
    errors: [0.9, 0.4]
    correlation: [[1, -0.39], [-0.39, 1]]
"""
VALUES = [-2.0, -1.0, 0.5, 1.0, 2.5]


@pytest.fixture
def measurements(tmp_path):
    path = tmp_path / "data.yaml"
    gauss = [float(np.exp(-0.5 * ((x - 0.3) / 0.8) ** 2)) for x in VALUES]
    path.write_text(TEXT.format(values=VALUES, likelihood=gauss))
    return read_measurements(path)


def predicting(**values):
    found = SimpleNamespace(observable=lambda name: jnp.asarray(values[name.partition("(")[0]]))
    found.behind = lambda detector: found
    return found


def test_the_curve_passes_through_its_points(measurements):
    curve = measurements[0]
    assert curve.title == "A curve [unverified]"
    found = jax.vmap(curve.log_density)(jnp.array(VALUES))
    expected = np.log(curve.likelihood) - np.log(max(curve.likelihood))
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-15)
    between = np.linspace(-2, 2.5, 37)
    spline = CubicSpline(VALUES, expected, bc_type="natural")
    np.testing.assert_allclose(jax.vmap(curve.log_density)(between), spline(between), atol=1e-13)


def test_the_curve_goes_on_as_a_gaussian(measurements):
    """Value and slope are continuous; far away ln L is that of a Gaussian with both."""
    curve = measurements[0]
    slope = jax.grad(curve.log_density)
    for end, sign in ((-2.0, -1), (2.5, 1)):
        step = 1e-9 * sign
        for f in (curve.log_density, slope):
            assert float(f(end + step)) == pytest.approx(float(f(end - step)), rel=1e-7)
        at, bend = float(curve.log_density(end)), float(slope(end - step))
        sigma = np.sqrt(-2 * at) / abs(bend)
        far = end + sign * 7.0
        expected = -0.5 * ((far - end) / sigma + sign * np.sqrt(-2 * at)) ** 2
        assert float(curve.log_density(far)) == pytest.approx(expected, rel=1e-6)
        assert np.isfinite(float(slope(far)))


def test_correlated_values_are_a_multivariate_gaussian(measurements):
    pair = measurements[1]
    covariance = np.array([[0.81, -0.39 * 0.36], [-0.39 * 0.36, 0.16]])
    normal = multivariate_normal([2.8, 1.1], covariance)
    for x in ([2.8, 1.1], [3.9, 0.2], [1.0, 1.7]):
        prediction = predicting(R_K_nunu=x[0], R_Kstar_nunu=x[1])
        found = pair.log_likelihood(prediction, jnp.zeros(0))
        expected = normal.logpdf(x) - normal.logpdf([2.8, 1.1])
        assert float(found) == pytest.approx(expected, rel=1e-12, abs=1e-14)
    keys = jax.random.split(jax.random.key(1), 20_000)
    at = predicting(R_K_nunu=1.0, R_Kstar_nunu=2.0)
    draws = jax.vmap(lambda k: pair.sample_data(at, jnp.zeros(0), k))(keys)
    np.testing.assert_allclose(np.cov(np.asarray(draws).T), covariance, atol=0.03)
    np.testing.assert_allclose(pair.with_data(jnp.array([1.0, 2.0])).data, [1.0, 2.0])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[-2.0, -1.0,", "[-1.0, -2.0,", "do not increase"),
        ("[-2.0, -1.0,", "[-1.0,", "4 values, 5 likelihoods"),
        ("-0.39, 1]]", "-1.39, 1]]", "positive symmetric 2 x 2"),
        ("[0.9, 0.4]", "[0.9]", "2 observables need 2 values"),
        ("R_K_nunu", "dBR/dq2(B+->K+inv)", "spectrum"),
    ],
)
def test_bad_entries_name_the_line(tmp_path, old, new, message):
    path = tmp_path / "data.yaml"
    text = TEXT.format(values=VALUES, likelihood=[0.1, 0.5, 1.0, 0.7, 0.1])
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=message) as error:
        read_measurements(path)
    assert "data.yaml:" in str(error.value)
