"""Counting experiments without events, with backgrounds known well, exactly, or hardly at all."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gammaln, log_ndtr

from bsnunu_jax.experiments.quoted.counting import (
    CountingMeasurement,
    log_likelihood_of_signal,
    sample_counts,
    saturated_marginal,
)


@jax.jit
def with_slopes(e, n, s):
    """ln L, its first and its second derivative in the signal."""

    def value(signal):
        return log_likelihood_of_signal(signal, n, 0.0, s)

    return jnp.stack([value(e), jax.grad(value)(e), jax.grad(jax.grad(value))(e)])


def without_events(e: float, s: float) -> list[float]:
    """The integral of e^-mu over positive rates in closed form, as the slopes of its logarithm."""
    x = e / s - s
    hazard = np.exp(-(x**2) / 2 - log_ndtr(x)) / np.sqrt(2 * np.pi)
    return [s * s / 2 - e + log_ndtr(x), hazard / s - 1, -hazard * (x + hazard) / s**2]


def by_quadrature(e: float, n: float, s: float) -> list[float]:
    def moment(k: int) -> float:
        def integrand(mu: float) -> float:
            p = (mu - e) / s
            density = np.exp(n * np.log(mu) - mu - gammaln(n + 1) - p**2 / 2)
            return density * (1, p / s, (p**2 - 1) / s**2)[k] / s / np.sqrt(2 * np.pi)

        low, high = max(0.0, e - 12 * s), e + 12 * s
        points = [x for x in (e - 2 * s, e, e + 2 * s) if low < x < high]
        return quad(integrand, low, high, points=points, epsabs=0, epsrel=1e-10, limit=300)[0]

    one, first, second = (moment(k) for k in range(3))
    return [np.log(one), first / one, second / one - (first / one) ** 2]


def poisson(e: float, n: float) -> list[float]:
    return [n * np.log(e) - e - gammaln(n + 1), n / e - 1, -n / e**2]


@pytest.mark.parametrize("s", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("off", [-1e-3, -1e-8, -1e-15, 0.0, 1e-15, 1e-8, 1e-3])
def test_no_event_where_the_mean_is_the_variance(s: float, off: float):
    e = s * s * (1 + off)
    np.testing.assert_allclose(with_slopes(e, 0.0, s), without_events(e, s), rtol=1e-9, atol=1e-10)
    some = with_slopes(e, 2.0, s)
    np.testing.assert_allclose(some, by_quadrature(e, 2.0, s), rtol=1e-8, atol=1e-9)


def test_the_case_of_one_plus_minus_one():
    assert with_slopes(1.0, 0.0, 1.0)[0] == pytest.approx(-1.193147180560, abs=1e-10)


@pytest.mark.parametrize("n", [0.0, 5.0, 3.7])
@pytest.mark.parametrize("s", [0.0, 1e-300, 1e-100, 1e-30, 1e-15, 1e-9, 1e-6, 1e-5])
def test_a_narrow_background_is_a_certain_one(n: float, s: float):
    np.testing.assert_allclose(with_slopes(4.0, n, s), poisson(4.0, n), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("n", [5.0, 60.0])
@pytest.mark.parametrize("s", [0.1, 0.5, 3.0, 30.0, 1e3])
def test_wider_ones_are_the_integral(n: float, s: float):
    found = with_slopes(4.0, n, s)
    expected = by_quadrature(4.0, n, s)
    np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-9)


@pytest.mark.parametrize("s", [0.1, 2.0, 30.0, 1e3])
def test_wide_ones_without_events(s: float):
    np.testing.assert_allclose(
        with_slopes(4.0, 0.0, s), without_events(4.0, s), rtol=1e-4 if s > 100 else 1e-7, atol=1e-9
    )


def test_the_slope_in_the_width_is_that_of_heat():
    """d ln L/ds = s (L''/L), to the last digit however narrow."""
    for s in (1e-9, 1e-3, 1.0):
        found = jax.grad(log_likelihood_of_signal, 3)(4.0, 5.0, 0.0, s)
        _, first, second = np.asarray(with_slopes(4.0, 5.0, s))
        assert float(found) == pytest.approx(s * (second + first**2), rel=1e-9)


def test_a_certain_rate_of_nothing():
    assert with_slopes(0.0, 0.0, 0.0).tolist() == [0.0, -1.0, 0.0]
    assert with_slopes(0.0, 3.0, 0.0)[0] == -np.inf
    assert with_slopes(-1.0, 0.0, 0.0)[0] == -np.inf
    assert np.isnan(with_slopes(np.nan, 3.0, 0.5)[0])


def counting(**numbers: float) -> CountingMeasurement:
    return CountingMeasurement(
        "B+->K+",
        name="toy",
        title="Toy",
        limit=1.8e-5,
        confidence_level=0.9,
        samples=(),
        sources=(),
        sm_spectrum=True,
        tree_tau="no",
        **numbers,
    )


def test_the_efficiency_of_a_certain_background():
    narrow, certain = (
        counting(observed=5.0, background=4.0, background_std=s).events_per_br for s in (1e-4, 0.0)
    )
    assert certain == pytest.approx(narrow, rel=1e-8)
    # no event and no background: e^-s, of which 90 % lie below ln 10
    none = counting(observed=0.0, background=0.0, background_std=0.0)
    assert none.events_per_br * 1.8e-5 == pytest.approx(np.log(10), rel=1e-8)


def test_toys_of_a_certain_rate_are_poisson():
    mean = jnp.concatenate([jnp.full(4000, 3.0), jnp.zeros(10)])
    toys = np.asarray(sample_counts(jax.random.key(1), mean, jnp.zeros(4010)))
    assert toys[:4000].mean() == pytest.approx(3, abs=0.11)
    assert toys[:4000].var() == pytest.approx(3, abs=0.3)
    assert (toys[4000:] == 0).all()


def test_saturated_terms_without_events_and_without_width():
    found = saturated_marginal(jnp.array([0.0, 7.0]), jnp.zeros(2))
    assert float(found) == pytest.approx(poisson(7.0, 7.0)[0], abs=1e-9)
