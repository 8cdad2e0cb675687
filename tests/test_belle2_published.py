"""The published Belle II likelihood: pyhf's numbers, any spectrum, and no altered file."""

import shutil
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm, poisson

from bsnunu_jax.errors import InputError
from bsnunu_jax.experiments import Predictions, load_measurements
from bsnunu_jax.experiments.belle2_published import CHECKSUMS, WORKSPACE, check_files
from bsnunu_jax.experiments.null_model import null_br
from bsnunu_jax.experiments.workspace import read_workspace
from bsnunu_jax.invisible import Universal

NAME = "belle2_knunu_2023"


@pytest.fixture(scope="module")
def published(likelihood_dir):
    (measurement,) = load_measurements([NAME], likelihood=likelihood_dir)
    return measurement


@pytest.fixture(scope="module")
def profile(likelihood_dir):
    """-2 ln L of the complete workspace in mu, all nuisances profiled, MC statistics collapsed."""
    model = read_workspace(likelihood_dir / WORKSPACE)
    split = len(model.alphas)

    def objective(z, mu):
        return -2 * model.collapsed_log_density(z[:split], mu[None], z[split:])

    local = jax.jit(lambda z, mu: (
        objective(z, mu), jax.grad(objective)(z, mu), jax.hessian(objective)(z, mu)
    ))  # fmt: skip

    def minimum(mu):
        mu, z, damping = jnp.asarray(mu), np.zeros(split + len(model.observed)), 1e-3
        value, gradient, hessian = local(z, mu)
        for _ in range(100):
            if np.abs(gradient).max() < 1e-8:
                break
            trial = z - np.linalg.solve(hessian + damping * np.eye(z.size), gradient)
            new = local(trial, mu)
            if new[0] <= value:
                z, (value, gradient, hessian), damping = trial, new, damping / 10
            else:
                damping *= 10
        return float(value)

    return minimum


def test_signal_strength(profile):
    """mu = 4.599 +- 1.334, q(0) = 11.973, q(1) = 7.377 (pyhf's converged fit)."""
    best = profile(4.599)
    assert profile(0.0) - best == pytest.approx(11.973, abs=2e-3)
    assert profile(1.0) - best == pytest.approx(7.377, abs=2e-3)
    below, above = profile(4.599 - 0.02), profile(4.599 + 0.02)
    assert below > best
    assert above > best
    assert profile(4.599 - 1.335) - best == pytest.approx(1, abs=0.02)
    assert profile(4.599 + 1.340) - best == pytest.approx(1, abs=0.02)


def test_null_model_gives_the_nominal_signal(published):
    assert published.null_br.sum() == pytest.approx(4.966e-6, rel=1e-4)
    weights = np.asarray(published.weights(jnp.asarray(published.null_br)))
    np.testing.assert_allclose(weights, 1, rtol=1e-14)
    assert published.signal.sum() == 18
    nominal = published.model.nominal[published.signal]
    sums = published.underflow + published.density.sum(axis=1)
    # rows 0 and 1 of the hadronic tag: one MC event on a bin edge
    np.testing.assert_allclose(sums, nominal, atol=3.2e-5)


def test_underflow_keeps_its_weight(published):
    weights = np.asarray(published.weights(jnp.asarray(0 * published.null_br)))
    sums = published.underflow + published.density.sum(axis=1)
    np.testing.assert_allclose(weights[published.signal], published.underflow / sums, rtol=1e-13)
    np.testing.assert_array_equal(weights[~published.signal], 1)


def test_parameters_that_a_fit_replaces_are_gone(published):
    assert published.model.factors == ()
    assert not [a for a in published.model.alphas if a.startswith("corr_ff")]
    assert len(published.nuisance_names) == len(published.model.alphas) == 48


def test_rotation_is_orthogonal(published):
    identity = published.rotation @ published.rotation.T
    np.testing.assert_allclose(identity, np.eye(len(identity)), atol=1e-12)


def test_marginal_is_the_integral_over_the_rates(published, rng):
    z = jnp.asarray(rng.normal(size=len(published.nuisance_names)))
    weights = jnp.where(published.signal, 3.0, 1.0)
    mean, spread = (
        np.asarray(a) for a in published.model.collapsed_moments(published.entries(weights, z))
    )
    expected = 0.0
    for n, m, s in zip(published.observed, mean, spread, strict=True):
        shift = m - s**2
        mode = (shift + np.sqrt(shift**2 + 4 * n * s**2)) / 2
        width = 1 / np.sqrt(n / max(mode, 1e-6) ** 2 + 1 / s**2)
        peak = poisson.logpmf(n, mode) + norm.logpdf(mode, m, s)
        cuts = [max(0.0, mode + k * width) for k in (-10, -3, 0, 3, 10, 40)]
        value = sum(
            quad(
                lambda x, n=n, m=m, s=s, peak=peak: np.exp(
                    poisson.logpmf(n, x) + norm.logpdf(x, m, s) - peak
                ),
                *edges, epsabs=0, epsrel=1e-12, limit=200,
            )[0]
            for edges in pairwise(cuts)
            if edges[0] < edges[1]
        )  # fmt: skip
        expected += peak
        expected += np.log(value)
    assert float(published.marginal(weights, z)) == pytest.approx(expected, abs=1e-8)


def test_any_spectrum_with_finite_gradients(published, inputs):
    z = jnp.zeros(len(published.nuisance_names))

    def value(c):
        states = (Universal(c[0], 0, c[1], 0, c[2]),)
        return published.log_likelihood(Predictions(states, inputs), z)

    gradient = jax.jit(jax.grad(value))(jnp.array([11.0, 1.0, 8.0]))
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).min() > 0


def test_counts_add_up(published, inputs):
    z = jnp.zeros(len(published.nuisance_names))
    prediction = Predictions((Universal.standard_model(inputs),), inputs)
    signal, background = published.counts(prediction, z)
    total = published.model.bin_rates(published.entries(
        published.weights(prediction.bins(published.mode, published.q2_edges)), z
    ))  # fmt: skip
    np.testing.assert_allclose(signal + background, total, rtol=1e-13)
    assert len(published.labels) == len(published.observed) == 30
    off_resonance = np.array(["off-resonance" in label for label in published.labels])
    assert np.all(np.asarray(signal)[off_resonance] == 0)


def test_null_model_integrates_exactly():
    (builtin,) = load_measurements([NAME])
    edges = np.linspace(0, 22.885, 101)
    fine = null_br(edges, builtin.null_model)
    np.testing.assert_allclose(fine.reshape(50, 2).sum(axis=1), builtin.null_br, rtol=1e-12)


@pytest.mark.parametrize("name", CHECKSUMS)
def test_altered_files_are_refused(likelihood_dir, tmp_path, name):
    for file in CHECKSUMS:
        shutil.copy(likelihood_dir / file, tmp_path / file)
    check_files(tmp_path)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(InputError, match=f"{name}: checksum .*expected {CHECKSUMS[name]}"):
        check_files(tmp_path)
    path.unlink()
    with pytest.raises(InputError, match=f"{name}: no such file.*hepdata"):
        load_measurements([NAME], likelihood=tmp_path)


def test_a_likelihood_without_its_data_set_is_refused(tmp_path):
    with pytest.raises(InputError, match="add belle2_knunu_2023"):
        load_measurements(["belle_2017_K0"], likelihood=tmp_path)
