"""Each likelihood term is the published one: counting searches, averages, Belle II's 18 bins."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from scipy.integrate import cumulative_simpson, quad
from scipy.optimize import brentq
from scipy.signal import fftconvolve
from scipy.special import gammaln
from scipy.stats import gamma as gamma_distribution
from scipy.stats import norm

from bsnunu_jax.errors import InputError
from bsnunu_jax.experiments import (
    Measurement,
    Predictions,
    load_measurements,
    log_likelihoods,
    measurement_names,
)
from bsnunu_jax.experiments.belle2 import Belle2Binned
from bsnunu_jax.experiments.counting import CountingMeasurement, log_likelihood_of_signal
from bsnunu_jax.experiments.gaussian import GaussianMeasurement
from bsnunu_jax.experiments.poisson import poisson
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.invisible import Neutrinos, Universal
from bsnunu_jax.observables import branching_fraction, branching_fraction_bins


@dataclass
class Fixed:
    """Predictions that are known numbers."""

    br: Any = 0.0
    br_bins: Any = None

    def branching_fraction(self, mode: str) -> jax.Array:
        return jnp.asarray(self.br)

    def observable(self, name: str) -> jax.Array:
        return jnp.asarray(self.br)

    def bins(self, mode: str, edges: np.ndarray) -> jax.Array:
        return jnp.asarray(self.br_bins)


def load(name: str) -> Any:
    return load_measurements([name])[0]


COUNTING = [n for n in measurement_names() if isinstance(load(n), CountingMeasurement)]
GAUSSIAN = [n for n in measurement_names() if isinstance(load(n), GaussianMeasurement)]
NO_NUISANCES = np.zeros(0)

# Mode, 90 % limit, events, signal yield (events - background), its systematic uncertainty.
# Belle 2017 (1702.03224) Tables I-II, Belle 2013 (1303.3719) Table I, BaBar 2013 (1303.7465)
# Tables IV-V, BaBar 2010 (delAmoSanchez:2010bk) Tables II-IV.
PUBLISHED = {
    "belle_2017_Kplus": ("B+->K+", 1.9e-5, 83, 17.7, 3.4),
    "belle_2017_K0": ("B0->K0", 2.6e-5, 18, 0.6, 1.4),
    "belle_2017_Kstarplus": ("B+->K*+", 6.1e-5, 55, 16.2, 1.8),
    "belle_2017_Kstar0": ("B0->K*0", 1.8e-5, 13, -2.0, 1.8),
    "belle_2013_Kplus": ("B+->K+", 5.5e-5, 43, 13.3, 2.3),
    "belle_2013_K0": ("B0->K0", 19.4e-5, 4, 1.8, 1.0),
    "belle_2013_Kstarplus": ("B+->K*+", 4.0e-5, 21, -1.7, 1.5),
    "belle_2013_Kstar0": ("B0->K*0", 5.5e-5, 10, -2.3, 0.9),
    "babar_2013_Kplus": ("B+->K+", 3.7e-5, 6, 6 - 2.9, 0.1),
    "babar_2013_K0": ("B0->K0", 8.1e-5, 3, 3 - 2.9, 0.2),
    "babar_2013_Kstarplus": ("B+->K*+", 11.6e-5, 6, 6 - 4.3, 0.14),
    "babar_2013_Kstar0": ("B0->K*0", 9.3e-5, 9, 9 - 7.7, 0.5),
    "babar_2010_Kplus": ("B+->K+", 1.3e-5, 19.4, 1.8, 0.9),
    "babar_2010_K0": ("B0->K0", 5.6e-5, 6.1, 2.2, 0.4),
}
LIMITS_ON_K_SHORT = {"belle_2017_K0": 1.3e-5, "belle_2013_K0": 9.7e-5}


@pytest.mark.parametrize("name", COUNTING)
def test_counting_numbers_are_the_published_ones(name: str) -> None:
    m = load(name)
    mode, limit, observed, yield_, std = PUBLISHED[name]
    assert (m.mode, m.limit, m.observed, m.background_std) == (mode, limit, observed, std)
    assert m.background == pytest.approx(observed - yield_, rel=1e-14)
    assert m.confidence_level == 0.9
    assert m.nuisance_names == ()
    assert m.sm_spectrum


@pytest.mark.parametrize("name", LIMITS_ON_K_SHORT)
def test_limits_on_k_short_are_doubled(name: str) -> None:
    """BR(B0 -> K0) = 2 BR(B0 -> K_S): the same events stand for half the efficiency."""
    m = load(name)
    assert m.mode == "B0->K0"
    assert m.limit == pytest.approx(2 * LIMITS_ON_K_SHORT[name], rel=1e-14, abs=0)
    assert "K_S" in m.note


def log_likelihood_by_quad(m: CountingMeasurement, signal: float) -> float:
    """ln int dmu mu^n e^-mu/n! Normal(mu | s + b, sigma), integrated adaptively."""
    n, sigma, mean = m.observed, m.background_std, signal + m.background
    shifted = mean - sigma**2
    peak = (shifted + np.sqrt(shifted**2 + 4 * n * sigma**2)) / 2
    width = 1 / np.sqrt(n / peak**2 + 1 / sigma**2)

    def log_integrand(mu: float) -> float:
        return n * np.log(mu) - mu - gammaln(n + 1) + norm.logpdf(mu, mean, sigma)

    top = log_integrand(peak)
    low, high = max(0.0, peak - 14 * width), peak + 14 * width
    value, error = quad(
        lambda mu: np.exp(log_integrand(mu) - top), low, high,
        points=[peak], epsabs=0, epsrel=1e-12, limit=200,
    )  # fmt: skip
    assert error < 1e-11 * value
    return float(top + np.log(value))


@pytest.mark.parametrize("name", COUNTING)
def test_counting_likelihood_is_its_definition(name: str) -> None:
    """From no signal to twice the limit; beyond, where ln L has fallen far, still to 1e-7."""
    m = load(name)
    for multiple, tolerance in {0.0: 1e-10, 0.4: 1e-10, 1.0: 1e-10, 2.0: 1e-10, 6.0: 1e-7}.items():
        br = multiple * m.limit
        expected = log_likelihood_by_quad(m, br * m.events_per_br)
        found = float(m.log_likelihood(Fixed(br), NO_NUISANCES))
        assert found == pytest.approx(expected, rel=0, abs=tolerance)


@pytest.mark.parametrize("name", COUNTING)
def test_flat_prior_limit_is_the_published_one(name: str) -> None:
    m = load(name)
    expected = m.limit * m.events_per_br

    def likelihood(s: float) -> float:
        return np.exp(log_likelihood_of_signal(
            np.float64(s), m.observed, m.background, m.background_std, xp=np
        ))  # fmt: skip

    def integral(low: float, high: float) -> float:
        return float(quad(likelihood, low, high, epsabs=0, epsrel=1e-12, limit=200)[0])

    total = integral(0, expected) + integral(expected, 4 * expected)
    total += integral(4 * expected, 16 * expected)
    found = brentq(
        lambda s: integral(0, s) - m.confidence_level * total, 0.9 * expected, 1.1 * expected,
        xtol=1e-13, rtol=1e-13,
    )  # fmt: skip
    assert found / m.events_per_br == pytest.approx(m.limit, rel=1e-9, abs=0)


@pytest.mark.parametrize("name", COUNTING)
def test_counting_likelihood_is_that_of_flavio(name: str) -> None:
    """flavio's `GeneralGammaUpperLimit`, made anew on a grid.

    The density of a Gamma distribution of n + 1 events, shifted by the background, is convolved
    with a normal one, restricted to positive signals and scaled so that the limit is a quantile.
    """
    m = load(name)
    reach = m.observed + 12 * np.sqrt(m.observed + 1) + 8 * m.background_std + 12
    step = min(0.01, m.background_std / 20)
    signal = step * np.arange(-int((m.background + 1) / step), int(reach / step))
    half_width = int(9 * m.background_std / step)
    kernel = step * np.arange(-half_width, half_width + 1)
    density = fftconvolve(
        gamma_distribution.pdf(signal + m.background, m.observed + 1),
        norm.pdf(kernel, 0, m.background_std), mode="same",
    )[signal >= 0] * step  # fmt: skip
    signal = signal[signal >= 0]

    cumulative = cumulative_simpson(density, x=signal, initial=0)
    limit = np.interp(m.confidence_level, cumulative / cumulative[-1], signal)
    # The linear interpolation is good to (step/limit)^2.
    assert limit / m.limit == pytest.approx(m.events_per_br, rel=1e-5)

    points = np.flatnonzero(density > 1e-6 * density.max())[::500]
    found = np.array([
        float(m.log_likelihood(Fixed(signal[i] / m.events_per_br), NO_NUISANCES)) for i in points
    ])  # fmt: skip
    np.testing.assert_allclose(found, np.log(density[points]), rtol=0, atol=1e-7)


def test_counting_gradient_is_finite_and_right() -> None:
    m = load("belle_2017_Kstar0")
    slope = jax.jit(jax.grad(lambda br: m.log_likelihood(Fixed(br), NO_NUISANCES)))
    for br in (0.0, 1e-5, 1e-3, 1.0):
        assert np.isfinite(slope(br))
    h = 1e-8
    ends = [float(m.log_likelihood(Fixed(1e-5 + s * h), NO_NUISANCES)) for s in (1, -1)]
    assert float(slope(1e-5)) == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-6)


# Value, upper and lower errors in units of 1e-6, as quoted.
QUOTED = {
    "belle2_2023_br": (23, (5, 5), (5, 4)),
    "belle2_2023_ita_br": (27, (5, 5), (5, 5)),
    "belle2_2023_hta_br": (11, (9, 8), (8, 5)),
    "belle2_2021_br": (19, (13, 8), (13, 7)),
    "average_2021_br": (11, (4,), (4,)),
    "average_2023_br": (13, (4,), (4,)),
}


@pytest.mark.parametrize("name", GAUSSIAN)
def test_gaussian_has_the_quoted_sides(name: str) -> None:
    """-pull^2/2 with the quadratic sum of the errors of the side where the prediction lies."""
    m = load(name)
    value, up, down = QUOTED[name]
    for pull, errors in ((0.7, up), (-1.3, down)):
        br = (value + pull * math.hypot(*errors)) * 1e-6
        found = float(m.log_likelihood(Fixed(br), NO_NUISANCES))
        assert found == pytest.approx(-(pull**2) / 2, rel=1e-12)
    assert float(m.log_likelihood(Fixed(value * 1e-6), NO_NUISANCES)) == pytest.approx(0, abs=1e-12)


SHARING = [
    ("average_2023_br", "belle_2017_Kplus"),
    ("average_2023_br", "belle2_knunu_2023"),
    ("average_2021_br", "babar_2010_Kplus"),
    ("average_2021_br", "average_2023_br"),
    ("belle2_knunu_2023", "belle2_2023_br"),
    ("belle2_knunu_2023", "belle2_2023_hta_br"),
    ("belle2_2023_br", "belle2_2023_ita_br"),
    ("belle2_2021_br", "belle2_2023_ita_br"),
]


@pytest.mark.parametrize("pair", SHARING, ids="+".join)
def test_data_are_not_used_twice(pair: tuple[str, str]) -> None:
    for names in (pair, pair[::-1], ("babar_2013_Kstar0", *pair)):
        with pytest.raises(InputError, match="contain the same data") as caught:
            load_measurements(names)
        assert all(repr(name) in str(caught.value) for name in pair)


def test_independent_data_are_combined() -> None:
    """All searches with Belle II's likelihood; ITA and HTA, which Belle II combines itself."""
    names = [*COUNTING, "belle2_knunu_2023"]
    assert [m.name for m in load_measurements(names)] == names
    assert len(load_measurements(["belle2_2023_ita_br", "belle2_2023_hta_br"])) == 2


def test_unknown_and_repeated_measurements_are_refused() -> None:
    with pytest.raises(InputError, match="unknown measurement 'belle_2018_Kplus'"):
        load_measurements(["belle_2018_Kplus"])
    with pytest.raises(InputError, match="'belle_2013_K0'"):
        load_measurements(["belle_2013_K0", "belle_2013_K0"])


def test_joint_evaluation_is_that_of_each_measurement() -> None:
    """`log_likelihoods` batches the searches and hands each its own nuisances, in any order."""
    names = ["belle2_knunu_2023", "belle_2013_K0", "belle_2017_Kplus", "babar_2013_Kstar0"]
    predictions = Fixed(2e-5, 3 * load("belle2_knunu_2023").null_br)
    for order in (names, names[::-1]):
        measurements = load_measurements(order)
        z = np.linspace(-0.5, 0.5, sum(len(m.nuisance_names) for m in measurements))
        found = log_likelihoods(measurements, predictions, jnp.asarray(z))
        assert set(found) == set(order)
        for m in measurements:
            own = z if m.nuisance_names else NO_NUISANCES
            expected = float(m.log_likelihood(predictions, own))
            assert float(found[m.name]) == pytest.approx(expected, rel=1e-13)


def test_predictions_are_the_observables(inputs: Inputs) -> None:
    """What a measurement reads is what the observables of the same name give."""
    state = Neutrinos.named({"CR_tautau": -9.0})
    edges = np.array([0.0, 0.5, 1.0])

    @jax.jit
    def both(state: Neutrinos) -> Any:
        predictions = Predictions([state], inputs)
        br = branching_fraction("B+->K+", [state], inputs)
        bins = branching_fraction_bins("B+->K+", [state], inputs, jnp.asarray(edges))
        read = (
            predictions.branching_fraction("B+->K+"),
            predictions.observable("BR(B+->K+inv)"),
            *predictions.bins("B+->K+", edges),
        )
        return jnp.stack(read), jnp.stack([br, br, *bins])

    found, expected = both(state)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.fixture(scope="module")
def belle2() -> Belle2Binned:
    return load("belle2_knunu_2023")


@cache
def belle2_table() -> dict[str, Any]:
    path = resources.files("bsnunu_jax.experiments") / "data" / "belle2_knunu_2023.yaml"
    return yaml.safe_load(path.read_text())


def test_whitened_covariance(belle2: Belle2Binned) -> None:
    sigma = np.sqrt(np.diag(belle2.covariance))
    difference = (belle2.root @ belle2.root.T - belle2.covariance) / np.outer(sigma, sigma)
    assert np.max(np.abs(difference)) < 1e-13
    np.testing.assert_array_equal(belle2.covariance, np.array(belle2_table()["covariance"]))
    assert len(belle2.nuisance_names) == belle2.root.shape[1] == 36


def null_model(q2: float) -> float:
    """dBR/dq2 of the null model of the published densities (arXiv:2402.08417, HPQCD 2022)."""
    G_F, alpha, X_t, sin2, V = 1.1663787e-5, 1 / 127.952, 1.468, 0.23124, 0.04185
    hbar, tau, m_B, m_K = 6.582119569e-25, 1.638e-12, 5.279495, 0.495644
    m_pole, log_factor = 5.4158, 1.304
    root, root_0 = np.sqrt((m_B + m_K) ** 2 - q2), m_B + m_K
    z = (root - root_0) / (root + root_0)
    series = 0.2545 - 0.71 * (z - z**3 / 3) + 0.32 * (z**2 + 2 * z**3 / 3)
    f_plus = log_factor * series / (1 - q2 / m_pole**2)
    momentum = np.sqrt(((m_B - m_K) ** 2 - q2) * ((m_B + m_K) ** 2 - q2)) / (2 * m_B)
    prefactor = (G_F * alpha * X_t / sin2 * V) ** 2 * tau / hbar / (32 * np.pi**5)
    return float(prefactor * momentum**3 * f_plus**2)


def in_bins(spectrum: Callable[[float], float], edges: np.ndarray) -> np.ndarray:
    return np.array([
        quad(spectrum, low, high, epsabs=0, epsrel=1e-13)[0]
        for low, high in pairwise(edges)
    ])  # fmt: skip


def test_null_model(belle2: Belle2Binned) -> None:
    np.testing.assert_allclose(belle2.null_br, in_bins(null_model, belle2.q2_edges), rtol=1e-12)
    assert belle2.null_br.sum() == pytest.approx(4.966e-6, abs=0.0005e-6)


def test_standard_model_signal_is_the_published_yield(belle2: Belle2Binned) -> None:
    """To six digits in each of 50 numbers; one event of 3e-5 sits between HTA bins 0 and 1."""
    found = np.asarray(belle2.signal(jnp.asarray(belle2.null_br)))
    rounding = 0.5e-5 * np.max(belle2.events, axis=1) * np.sqrt(50)
    rounding[12:14] += 3.05e-5
    published = np.array(belle2_table()["signal_SM"])
    assert np.all(np.abs(found - published) < rounding)
    assert np.all(rounding < 1e-4 * published)


def test_signal_is_reweighted_bin_by_bin(belle2: Belle2Binned, rng: np.random.Generator) -> None:
    weights = rng.uniform(0, 3, size=belle2.null_br.size)
    found = belle2.signal(jnp.asarray(weights * belle2.null_br))
    expected = belle2.underflow + (belle2.events * weights).sum(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def log_likelihood_by_hand(m: Belle2Binned, signal: np.ndarray, shifts: np.ndarray) -> float:
    """sum ln Poisson(n | b + db + s exp(ls + ds)) with shifts = (db, ds)."""
    expected = m.background + shifts[:18] + signal * np.exp(m.log_efficiency + shifts[18:])
    return float(np.sum(m.observed * np.log(expected) - expected - gammaln(m.observed + 1)))


def test_belle2_log_likelihood(belle2: Belle2Binned, rng: np.random.Generator) -> None:
    finite = 0
    for _ in range(20):
        z, weights = 0.5 * rng.normal(size=36), rng.uniform(0, 10, size=50)
        found = float(belle2.log_likelihood(Fixed(br_bins=weights * belle2.null_br), z))
        shifts = belle2.root @ z
        if np.all(belle2.background + shifts[:18] > 0):
            signal = belle2.underflow + belle2.events @ weights
            expected = log_likelihood_by_hand(belle2, signal, shifts)
            assert found == pytest.approx(expected, rel=1e-12)
            finite += 1
    assert finite >= 5


def profile(m: Belle2Binned, mu: float | None) -> tuple[float, float, float]:
    """(minimum of -2 ln L, mu, its Hessian error) over all nuisances, and over mu if None.

    Newton steps in Cholesky-whitened nuisances: another root than that of the package.
    """
    root = np.linalg.cholesky(m.covariance)
    strength = np.asarray(m.signal(jnp.asarray(m.null_br)))
    free = mu is None
    theta = np.append(np.zeros(36), 4.0 if free else mu)

    def parts(theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        shifts = root @ theta[:36]
        efficient = strength * np.exp(m.log_efficiency + shifts[18:])
        expected = m.background + shifts[:18] + theta[36] * efficient
        if np.any(expected <= 0):
            return np.inf, expected, efficient
        objective = -2 * log_likelihood_by_hand(m, theta[36] * strength, shifts)
        return objective + float(theta[:36] @ theta[:36]), expected, efficient

    penalty = np.diag(np.append(np.full(36, 2.0), 0.0))
    value, expected, efficient = parts(theta)
    for _ in range(100):
        signal_rows = theta[36] * efficient[:, None] * root[18:]
        jacobian = np.column_stack([root[:18] + signal_rows, efficient])
        slope = -2 * (m.observed / expected - 1)
        gradient = jacobian.T @ slope + penalty @ theta
        hessian = penalty + 2 * jacobian.T @ ((m.observed / expected**2)[:, None] * jacobian)
        hessian[:36, :36] += root[18:].T @ (slope[:, None] * signal_rows)
        mixed = root[18:].T @ (slope * efficient)
        hessian[:36, 36] += mixed
        hessian[36, :36] += mixed
        n = 37 if free else 36
        step, size = np.zeros(37), 1.0
        step[:n] = -np.linalg.solve(hessian[:n, :n], gradient[:n])
        if np.max(np.abs(step)) < 1e-9:
            error = np.sqrt(2 * np.linalg.inv(hessian)[36, 36]) if free else 0.0
            return value, float(theta[36]), float(error)
        while (trial := parts(theta + size * step))[0] > value + 1e-10:
            size /= 2
        theta = theta + size * step
        value, expected, efficient = trial
    raise AssertionError("the profile did not converge")


def test_signal_strength_of_belle2(belle2: Belle2Binned) -> None:
    """mu = 4.60 +- 1.32 and the profile of the signal strength; Belle II quotes 4.6 +- 1.3."""
    lowest, mu, error = profile(belle2, None)
    assert mu == pytest.approx(4.60, abs=0.005)
    assert error == pytest.approx(1.32, abs=0.005)
    q = {0: 13.69, 1: 8.19, 2: 4.17, 3: 1.54, 6: 1.08, 8: 5.91, 10: 13.82}
    found = {mu: profile(belle2, float(mu))[0] - lowest for mu in q}
    assert found == pytest.approx(q, abs=0.01)


def test_poisson_term() -> None:
    """-inf where an expectation is not positive, its gradient finite everywhere."""
    observed = np.array([3.0, 0.0, 7.0])
    function = jax.jit(lambda e: poisson(observed, e))
    slope = jax.jit(jax.grad(function))
    expected = np.array([2.5, 0.4, 9.0])
    value = np.sum(observed * np.log(expected) - expected) - np.log(6) - np.log(5040)
    assert float(function(expected)) == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(slope(expected), observed / expected - 1, rtol=1e-14)
    for bad in (0.0, -1.0):
        for i in range(3):
            broken = expected.copy()
            broken[i] = bad
            assert float(function(broken)) == -np.inf
            assert np.all(np.isfinite(slope(broken)))


def test_belle2_gradient_is_finite(belle2: Belle2Binned, inputs: Inputs) -> None:
    """In couplings and nuisances, also where background shifts make an expectation negative."""

    @jax.jit
    def derivatives(c: jax.Array, z: jax.Array) -> Any:
        def function(c: jax.Array, z: jax.Array) -> jax.Array:
            state = Universal(c[0], cVR=c[1], cSL=c[2], cTL=c[3])
            return belle2.log_likelihood(Predictions([state], inputs), z)

        return jax.value_and_grad(function, argnums=(0, 1))(c, z)

    for scale in (0.0, 0.3):
        value, gradient = derivatives(jnp.array([6.4, 1.0, 3.0, 0.0]), scale * jnp.ones(36))
        assert np.isfinite(value)
        assert all(np.all(np.isfinite(g)) for g in gradient)
    downwards = -np.linalg.lstsq(belle2.root, np.append(belle2.background, np.zeros(18)))[0]
    value, gradient = derivatives(jnp.array([0.0, 0.0, 0.0, 0.0]), jnp.asarray(2 * downwards))
    assert float(value) == -np.inf
    assert all(np.all(np.isfinite(g)) for g in gradient)


@cache
def published_densities(folder: Path) -> np.ndarray:
    """18 x 101: events without a true q2, then 100 bins on [0, 22.885] GeV^2."""
    names = ("ita_regA", "ita_regB", "hta")
    files = [folder / f"number_density_{name}.csv" for name in names]
    return np.vstack([np.loadtxt(file, delimiter=",") for file in files])


def test_table_is_the_published_density_merged_by_two(
    belle2: Belle2Binned, likelihood_dir: Path
) -> None:
    densities = published_densities(likelihood_dir)
    merged = densities[:, 1::2] + densities[:, 2::2]
    np.testing.assert_allclose(belle2.events, merged, rtol=0.5e-5, atol=0)
    np.testing.assert_allclose(belle2.underflow, densities[:, 0], rtol=2e-5, atol=0)
    np.testing.assert_allclose(belle2.q2_edges, np.linspace(0, 22.885, 51), rtol=1e-14)


def test_counts_and_yields_are_those_of_the_workspace(
    belle2: Belle2Binned, likelihood_dir: Path
) -> None:
    workspace = json.loads((likelihood_dir / "combined_likelihood.json").read_text())
    observed = {o["name"]: o["data"] for o in workspace["observations"]}
    channels = [c for c in workspace["channels"] if c["name"][:3] in ("A__", "B__", "sgn")]
    signal = [s for c in channels for s in c["samples"] if s["name"].startswith(("signal", "sgn"))]
    np.testing.assert_array_equal(
        belle2.observed, np.concatenate([observed[c["name"]] for c in channels])
    )
    np.testing.assert_allclose(
        belle2_table()["signal_SM"], np.concatenate([s["data"] for s in signal]), rtol=1e-12
    )


SPECTRA = ("SM", "scalar", "tensor", "low q2", "high q2")


def br_in_bins(spectrum: str, edges: np.ndarray, inputs: Inputs) -> np.ndarray:
    states = {"SM": Neutrinos(), "scalar": Universal(0, cSL=5.0), "tensor": Universal(0, cTL=3.0)}
    if spectrum in states:
        bins = jax.jit(lambda e: branching_fraction_bins("B+->K+", [states[spectrum]], inputs, e))
        return np.asarray(bins(jnp.asarray(edges)))
    shapes = {"low q2": lambda q2: np.exp(-q2 / 3), "high q2": lambda q2: (q2 / 22.9) ** 2}
    return in_bins(lambda q2: null_model(q2) * shapes[spectrum](q2), edges)


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_half_the_bins_in_true_q2_are_enough(
    spectrum: str, belle2: Belle2Binned, inputs: Inputs, likelihood_dir: Path
) -> None:
    """Yields from the 50 built-in bins within 3 % of those from the 100 published ones.

    Fit bins with less than 1e-3 of the signal are left out: with mu = 5 they hold below one of
    about 850 signal events and change no fit, and a handful of simulated events makes them up.
    """
    edges = np.linspace(0, 22.885, 101)
    weights = br_in_bins(spectrum, edges, inputs) / in_bins(null_model, edges)
    densities = published_densities(likelihood_dir)
    expected = densities[:, 0] + densities[:, 1:] @ weights
    found = np.asarray(belle2.signal(jnp.asarray(br_in_bins(spectrum, belle2.q2_edges, inputs))))
    relevant = expected > 1e-3 * expected.sum()
    assert relevant.sum() >= 15
    np.testing.assert_allclose(found[relevant], expected[relevant], rtol=0.03)


def test_every_measurement_says_where_it_is_from() -> None:
    for name in measurement_names():
        m: Measurement = load(name)
        assert m.name == name
        assert m.title
        assert m.sources
        assert m.samples
        assert m.tree_tau
