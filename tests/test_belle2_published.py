"""The published Belle II likelihood: pyhf's numbers, any spectrum, and no altered file."""

import json
import shutil
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import chi2, norm, poisson

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.experiments import Predictions, load_measurements
from bsnunu_jax.experiments.histfactory.closed_form import null_br
from bsnunu_jax.experiments.histfactory.workspace import read_workspace
from bsnunu_jax.experiments.quoted.counting import log_likelihood_of_signal, most_likely_rate
from bsnunu_jax.experiments.quoted.marginal_poisson import poisson as poisson_terms
from bsnunu_jax.experiments.records.record import CHECKSUMS, WORKSPACE, check_files
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.fits.sm import sm_objective
from bsnunu_jax.inference.hypotheses.hypotest import local_significance
from bsnunu_jax.states import Universal

NAME = "belle2_knunu_2023"
FITS = Path(__file__).parents[1] / "fits"


@pytest.fixture(scope="module")
def published(likelihood_dir):
    (measurement,) = load_measurements([NAME], likelihood=likelihood_dir)
    return measurement


def descend(objective, x, *arguments):
    """Damped Newton steps to the bottom: the point, the value and the Hessian there."""
    damping = 1e-3
    value, gradient, hessian = objective(x, *arguments)
    for _ in range(100):
        if np.abs(gradient).max() < 1e-8:
            break
        trial = x - np.linalg.solve(hessian + damping * np.eye(x.size), gradient)
        new = objective(trial, *arguments)
        # At the bottom rounding decides whether the value falls.
        if new[0] <= value or np.abs(new[1]).max() < np.abs(gradient).max() < 1e-3:
            x, (value, gradient, hessian), damping = trial, new, damping / 10
        else:
            damping *= 10
    assert np.abs(gradient).max() < 1e-6
    return x, float(value), np.asarray(hessian)


def with_derivatives(objective):
    """The objective with gradient and Hessian in its first argument, compiled."""
    return jax.jit(
        lambda x, *a: (objective(x, *a), jax.grad(objective)(x, *a), jax.hessian(objective)(x, *a))
    )


class Strength:
    """mu of some channels of the complete workspace, nuisances profiled, MC statistics collapsed.

    The MC statistics are collapsed but not marginalised: the profile is pyhf's.
    """

    def __init__(self, folder, prefixes):
        names = [c["name"] for c in json.loads((folder / WORKSPACE).read_text())["channels"]]
        channels = [n for n in names if n.startswith(prefixes)]
        self.model = model = read_workspace(folder / WORKSPACE, channels=channels).model
        split = len(model.alphas)

        def objective(x):
            return -2 * model.collapsed_log_density(x[1 : 1 + split], x[:1], x[1 + split :])

        start = np.zeros(1 + split + len(model.observed))
        start[0] = 1.0
        self.point, self.lowest, hessian = descend(with_derivatives(objective), start)
        self.mu, self.error = self.point[0], np.sqrt(2 * np.linalg.inv(hessian)[0, 0])
        self._at = with_derivatives(lambda z, mu: objective(jnp.concatenate([mu[None], z])))

    def q(self, mu):
        """-2 ln L of mu above its minimum."""
        return descend(self._at, self.point[1:], jnp.asarray(mu, dtype=float))[1] - self.lowest

    def side(self, sign):
        """The distance at which q is 1."""
        near, far = (self.mu + sign * f * self.error for f in (0.8, 1.3))
        return abs(brentq(lambda mu: self.q(mu) - 1, near, far, xtol=1e-3) - self.mu)


@pytest.mark.parametrize(
    ("prefixes", "mu", "error", "up", "down", "q_0", "q_1"),
    [
        (("A__", "B__", "C__", "D__", "sgn1_had"), 4.599, 1.334, 1.340, 1.335, 11.973, 7.377),
        (("A__", "B__", "C__", "D__"), 5.418, 1.468, 1.481, 1.470, 12.503, 8.600),
        (("sgn1_had",), 2.184, 2.127, 2.359, 1.972, 1.243, 0.339),
    ],
    ids=["combined", "ITA", "HTA"],
)
def test_signal_strength(likelihood_dir, prefixes, mu, error, up, down, q_0, q_1):
    """pyhf 0.7.6 on the same channels: mu, MINOS errors and q with iminuit.

    The symmetric error is that of the Hessian of pyhf's density (JAX backend, after Newton steps).
    """
    found = Strength(likelihood_dir, prefixes)
    assert found.mu == pytest.approx(mu, abs=0.01)
    assert found.error == pytest.approx(error, abs=1e-3)
    assert found.side(+1) == pytest.approx(up, abs=0.01)
    assert found.side(-1) == pytest.approx(down, abs=0.01)
    assert found.q(0) == pytest.approx(q_0, abs=2e-3)
    assert found.q(1) == pytest.approx(q_1, abs=2e-3)


@pytest.mark.parametrize(
    ("profiled", "strength", "error"), [(True, 4.599, 1.360), (False, 4.440, 1.323)]
)
def test_signal_strength_of_the_card(likelihood_dir, profiled, strength, error):
    """The card's fit is that of the workspace but for its form factors.

    Integrating over the MC statistics instead of profiling them moves mu from 4.60 to 4.44. All
    form-factor coefficients of the card move the rate, the systematics of the workspace its shape.
    """
    model = read_workspace(likelihood_dir / WORKSPACE).model

    def workspace(x):
        mean, spread = model.collapsed_moments(model.entry_rates(x[1:], x[:1]))
        if profiled:
            rate = most_likely_rate(mean, model.observed, spread)
            terms = (
                poisson_terms(model.observed, rate) - jnp.sum((rate - mean) ** 2 / spread**2) / 2
            )
        else:
            terms = jnp.sum(log_likelihood_of_signal(mean, model.observed, 0.0, spread))
        return -2 * terms + jnp.sum(x[1:] ** 2)

    start = np.zeros(1 + len(model.alphas))
    start[0] = 4.0
    expected, lowest, _ = descend(with_derivatives(workspace), start)
    assert expected[0] == pytest.approx(strength, abs=2e-3)
    problem = Card(FITS / "belle2_mu.yaml", likelihood=likelihood_dir).problem

    def card(mu, z):
        return problem.objective_at(mu, z, profiled=profiled)

    start = np.zeros(problem.size)
    start[0] = 4.0
    found, bottom, hessian = descend(with_derivatives(lambda x: card(x[:1], x[1:])), start)
    assert found[0] == pytest.approx(expected[0], abs=0.02)
    assert np.sqrt(2 * np.linalg.inv(hessian)[0, 0]) == pytest.approx(error, abs=2e-3)
    for mu in (0.0, 1.0):
        q_card = (
            descend(with_derivatives(lambda z, m: card(m[None], z)), found[1:], jnp.asarray(mu))[1]
            - bottom
        )
        q_workspace = (
            descend(
                with_derivatives(lambda z, m: workspace(jnp.concatenate([m[None], z]))),
                expected[1:],
                jnp.asarray(mu),
            )[1]
            - lowest
        )
        assert q_card == pytest.approx(q_workspace, abs=0.03)


def test_resonance_of_the_card(likelihood_dir):
    """m_X = 2.1 GeV, BR = 9e-6 as in arXiv:2602.09666, which quotes 3.0 standard deviations."""
    problem = Card(FITS / "belle2_resonance.yaml", likelihood=likelihood_dir).problem
    unit = jnp.array([1.0, 1e-6])

    def objective(x):
        return problem.objective_at(unit * x[:2], x[2:])

    start = np.zeros(problem.size)
    start[:2] = 2.0, 8.0
    point, best, hessian = descend(with_derivatives(objective), start)
    errors = np.sqrt(2 * np.linalg.inv(hessian).diagonal()[:2])
    np.testing.assert_allclose(point[:2], [2.112, 8.996], atol=2e-3)
    np.testing.assert_allclose(errors, [0.103, 2.65], rtol=0.02)
    gain = sm_objective(problem) - best
    assert gain == pytest.approx(13.135, abs=0.01)
    local = {dof: norm.isf(chi2.sf(gain, dof) / 2) for dof in (1, 2)}
    assert local == pytest.approx({1: 3.624, 2: 3.195}, abs=3e-3)
    # CLs, 3.0 as quoted: the same tail over that of the best-fit hypothesis
    assert local_significance(gain, 2) == pytest.approx((local[2], 3.02), abs=0.01)


def test_channels_are_kept_with_what_acts_on_them(likelihood_dir):
    path = likelihood_dir / WORKSPACE
    whole, hta = read_workspace(path).model, read_workspace(path, channels=["sgn1_had"]).model
    here = np.array([channel == "sgn1_had" for channel, _ in whole.entries])
    assert hta.observed.tolist() == whole.observed[-6:].tolist()
    np.testing.assert_array_equal(hta.nominal, whole.nominal[here])
    used = {
        m["name"]
        for c in json.loads(path.read_text())["channels"]
        if c["name"] == "sgn1_had"
        for s in c["samples"]
        for m in s["modifiers"]
        if m["type"] in ("histosys", "normsys")
    }
    assert set(hta.alphas) == used
    assert len(hta.alphas) < len(whole.alphas)
    with pytest.raises(InputError, match=r"no channel 'A'; channels: A__.*sgn1_had"):
        read_workspace(path, channels=["A"])


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
        np.asarray(a)
        for a in jax.jit(lambda w, z: published.model.collapsed_moments(published.entries(w, z)))(
            weights, z
        )
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
                *edges,
                epsabs=0,
                epsrel=1e-12,
                limit=200,
            )[0]
            for edges in pairwise(cuts)
            if edges[0] < edges[1]
        )
        expected += peak
        expected += np.log(value)
    found = jax.jit(lambda mean, spread: published.marginal(mean, spread))(mean, spread)
    assert float(found) == pytest.approx(expected, abs=1e-8)


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
    total = published.model.bin_rates(
        published.entries(published.weights(prediction.bins(published.mode, published.q2_edges)), z)
    )
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
