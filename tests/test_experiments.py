"""Each likelihood term is the published one: counting searches, averages, quoted values."""

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss
from scipy.integrate import cumulative_simpson, quad
from scipy.optimize import brentq
from scipy.signal import fftconvolve
from scipy.special import gammaln
from scipy.stats import gamma as gamma_distribution
from scipy.stats import norm

from bsnunu_jax.experiments import (
    Measurement,
    Predictions,
    load_measurements,
    log_likelihoods,
    measurement_names,
)
from bsnunu_jax.experiments.quoted.counting import CountingMeasurement, log_likelihood_of_signal
from bsnunu_jax.experiments.quoted.marginal_poisson import poisson
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.observables.branching import branching_fraction, branching_fraction_bins
from bsnunu_jax.states import Neutrinos


@dataclass
class Fixed:
    """Predictions that are known numbers."""

    br: Any = 0.0
    br_bins: Any = None

    def behind(self, detector: object) -> "Fixed":
        return self

    def branching_fraction(self, mode: str) -> jax.Array:
        return jnp.asarray(self.br)

    def observable(self, name: str) -> jax.Array:
        return jnp.asarray(self.br)

    def bins(self, mode: str, edges: np.ndarray) -> jax.Array:
        return jnp.asarray(self.br_bins)


def load(name: str) -> Any:
    return load_measurements([name])[0]


COUNTING = [n for n in measurement_names() if isinstance(load(n), CountingMeasurement)]
# Limits, Gaussians around 0, are in tests/test_quoted_limits.py.
GAUSSIAN = [n for n in measurement_names() if getattr(load(n), "value", 0)]
NO_NUISANCES = np.zeros(0)

# Mode, 90 % limit, events, signal yield (events - background), its systematic uncertainty.
# Belle 2017 (1702.03224) Tables I-II, Belle 2013 (1303.3719) Table I, BaBar 2013 (1303.7465)
# Tables IV-V, BaBar 2010 (delAmoSanchez:2010bk) Tables II-IV, KOTO 2024 (2411.11237).
PUBLISHED = {
    "belle_2017_Kplus": ("B+->K+", 1.9e-5, 83, 17.7, 3.4),
    "belle_2017_K0": ("B0->K0", 2.6e-5, 18, 0.6, 1.4),
    "belle_2017_Kstarplus": ("B+->K*+", 6.1e-5, 55, 16.2, 1.8),
    "belle_2017_Kstar0": ("B0->K*0", 1.8e-5, 13, -2.0, 1.8),
    "belle_2013_Kplus": ("B+->K+", 5.5e-5, 43, 13.3, 2.3),
    "belle_2013_K0": ("B0->K0", 19.4e-5, 4, 1.8, 1.0),
    "belle_2013_Kstarplus": ("B+->K*+", 4.0e-5, 21, -1.7, 1.5),
    "belle_2013_Kstar0": ("B0->K*0", 5.5e-5, 10, -2.3, 0.9),
    "belle_2017_piplus": ("B+->pi+", 1.4e-5, 228, 5.6, 5.9),
    "belle_2017_pi0": ("B0->pi0", 0.9e-5, 31, 0.2, 1.6),
    "belle_2017_rhoplus": ("B+->rho+", 3.0e-5, 151, 6.2, 2.4),
    "belle_2017_rho0": ("B0->rho0", 4.0e-5, 81, 11.9, 3.6),
    "belle_2013_piplus": ("B+->pi+", 9.8e-5, 107, 107 - 91.8, 1.4),
    "belle_2013_pi0": ("B0->pi0", 6.9e-5, 6, 6 - 2.5, 0.6),
    "belle_2013_rhoplus": ("B+->rho+", 21.3e-5, 90, 90 - 78.7, 4.1),
    "belle_2013_rho0": ("B0->rho0", 20.8e-5, 31, 31 - 29.4, 0.4),
    "babar_2013_Kplus": ("B+->K+", 3.7e-5, 6, 6 - 2.9, 0.1),
    "babar_2013_K0": ("B0->K0", 8.1e-5, 3, 3 - 2.9, 0.2),
    "babar_2013_Kstarplus": ("B+->K*+", 11.6e-5, 6, 6 - 4.3, 0.14),
    "babar_2013_Kstar0": ("B0->K*0", 9.3e-5, 9, 9 - 7.7, 0.5),
    "babar_2010_Kplus": ("B+->K+", 1.3e-5, 19.4, 1.8, 0.9),
    "babar_2010_K0": ("B0->K0", 5.6e-5, 6.1, 2.2, 0.4),
    "koto_2024_counts": ("KL->pi0", 2.2e-9, 0, -0.252, 0.081),
}
_NODES, _WEIGHTS = leggauss(16)
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
        lambda mu: np.exp(log_integrand(mu) - top),
        low,
        high,
        points=[peak],
        epsabs=0,
        epsrel=1e-12,
        limit=200,
    )
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

    def likelihood(s: np.ndarray) -> np.ndarray:
        data = m.observed, m.background, m.background_std
        return np.exp(log_likelihood_of_signal(s, *data, xp=np))

    def integral(low: float, high: float, panels: int = 16) -> float:
        edges = np.linspace(low, high, panels + 1)[:, None]
        half = (edges[1:] - edges[:-1]) / 2
        values = likelihood((edges[:-1] + half * (1 + _NODES)).ravel()).reshape(panels, -1)
        return float(np.sum(half * values * _WEIGHTS))

    ends = expected * np.array([0, 1, 4, 16])
    parts = [integral(*ends[i : i + 2]) for i in range(3)]
    finer = [integral(*ends[i : i + 2], panels=24) for i in range(3)]
    total = sum(parts)
    assert parts == pytest.approx(finer, rel=0, abs=1e-11 * total)
    found = brentq(
        lambda s: integral(0, s) - m.confidence_level * total,
        0.9 * expected,
        1.1 * expected,
        xtol=1e-13,
        rtol=1e-13,
    )
    assert found / m.events_per_br == pytest.approx(m.limit, rel=1e-9, abs=0)


@pytest.mark.parametrize("name", COUNTING)
def test_counting_likelihood_is_that_of_flavio(name: str) -> None:
    """flavio's `GeneralGammaUpperLimit`, made anew on a grid.

    The density of a Gamma distribution of n + 1 events, shifted by the background, is convolved
    with a normal one, restricted to positive signals and scaled so that the limit is a quantile.
    """
    m = load(name)
    reach = m.observed + 12 * np.sqrt(m.observed + 1) + 8 * m.background_std + 12
    # The density of no events jumps at 0: midway between two points.
    step = min(0.01, m.background_std / (20 if m.observed else 400))
    step = m.background / (np.ceil(m.background / step) + 0.5)
    signal = step * np.arange(-int((m.background + 1) / step), int(reach / step))
    half_width = int(9 * m.background_std / step)
    kernel = step * np.arange(-half_width, half_width + 1)
    density = (
        fftconvolve(
            gamma_distribution.pdf(signal + m.background, m.observed + 1),
            norm.pdf(kernel, 0, m.background_std),
            mode="same",
        )[signal >= 0]
        * step
    )
    signal = signal[signal >= 0]

    cumulative = cumulative_simpson(density, x=signal, initial=0)
    limit = np.interp(m.confidence_level, cumulative / cumulative[-1], signal)
    # The linear interpolation is good to (step/limit)^2.
    assert limit / m.limit == pytest.approx(m.events_per_br, rel=1e-5)

    points = np.flatnonzero(density > 1e-6 * density.max())[::500]
    found = np.array(
        [float(m.log_likelihood(Fixed(signal[i] / m.events_per_br), NO_NUISANCES)) for i in points]
    )
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


# Value and errors as the publications have them, in units of their own.
QUOTED_ELSEWHERE = {
    "paper_R_K_nunu": (5.3, (1.7,), (1.7,)),
    "paper_rD": (1.19, (0.10,), (0.10,)),
    "paper_rDstar": (1.12, (0.06,), (0.06,)),
    "paper_r_DeltaMs": (1.0, (0.1,), (0.1,)),
    "babar_2016_Ktautau": (1.31e-3, (0.66e-3, 0.35e-3), (0.61e-3, 0.25e-3)),
    "babar_2012_Kmutau": (-0.4e-5, (1.4e-5,), (0.9e-5,)),
    "babar_2012_Ktaumu": (0.8e-5, (1.9e-5,), (1.4e-5,)),
    "hflav_2015_DeltaMs": (17.757, (0.02,), (0.02,)),
    "hflav_2015_r_DeltaMs": (0.993, (0.058,), (0.058,)),  # derived: see test_mediators.py
    "na62_2026_Kpinunu": (9.6e-11, (1.9e-11,), (1.8e-11,)),
    "na62_2024_Kpinunu": (13.0e-11, (3.3e-11,), (3.0e-11,)),
    "na62_2021_Kpinunu": (10.6e-11, (4.0e-11, 0.9e-11), (3.4e-11, 0.9e-11)),
    "e949_2009_Kpinunu": (17.3e-11, (11.5e-11,), (10.5e-11,)),
    "planck_2018_Omega_h2": (0.120, (0.001,), (0.001,)),
    "planck_2018_Omega_h2_chpt": (0.120, (0.001, 0.012), (0.001, 0.012)),
}


def test_every_gaussian_is_quoted() -> None:
    assert set(GAUSSIAN) == {*QUOTED, *QUOTED_ELSEWHERE}


@pytest.mark.parametrize("name", QUOTED_ELSEWHERE)
def test_gaussian_of_another_observable(name: str) -> None:
    m = load(name)
    value, up, down = QUOTED_ELSEWHERE[name]
    expected = value, math.hypot(*up), math.hypot(*down)
    assert (m.value, m.upper, m.lower) == pytest.approx(expected, rel=1e-12, abs=0)


@pytest.mark.parametrize("name", QUOTED)
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
    ("na62_2026_Kpinunu", "na62_2021_Kpinunu"),
    ("na62_2024_Kpinunu", "na62_2026_Kpinunu"),
    ("koto_2024_counts", "koto_2024_KLpi0nunu"),
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


def test_events_of_koto_are_those_of_its_sensitivity() -> None:
    """The efficiency of the published limit and the published single event sensitivity."""
    m = load("koto_2024_counts")
    assert 1 / m.events_per_br == pytest.approx(9.33e-10, rel=0.03, abs=0)


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


def test_poisson_term() -> None:
    """-inf where an expectation cannot be, 0 of 0 is certain; its gradient finite everywhere."""
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
            if bad == observed[i] == 0:  # nothing expected, nothing seen
                assert float(function(broken)) == pytest.approx(value + 0.4, rel=1e-14)
            else:
                assert float(function(broken)) == -np.inf
            assert np.all(np.isfinite(slope(broken)))


def test_every_measurement_says_where_it_is_from() -> None:
    for name in measurement_names():
        m: Measurement = load(name)
        assert m.name == name
        assert m.title
        assert m.sources
        assert m.samples
        assert m.tree_tau
