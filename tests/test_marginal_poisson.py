"""Poisson counts with a Gaussian rate integrated out: values and derivatives of all orders."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import gammaln
from scipy.integrate import quad
from scipy.stats import norm, poisson

from bsnunu_jax.experiments.quoted.counting import log_likelihood_of_signal


def reference(mean: float, count: int, std: float) -> float:
    def integrand(mu: float) -> float:
        return poisson.pmf(count, mu) * norm.pdf(mu, mean, std)

    reach = 12 * std + 12 * np.sqrt(count + 1)
    low, high = max(0.0, mean - reach), mean + reach + count
    return float(
        np.log(
            quad(
                integrand,
                low,
                high,
                epsabs=0,
                epsrel=1e-11,
                limit=400,
                points=[max(low, mean), max(low, float(count))],
            )[0]
        )
    )


@jax.jit
def total(mean, std, counts):
    return jnp.sum(log_likelihood_of_signal(mean, counts, jnp.zeros_like(mean), std, nodes=64))


POINT = jnp.array([3.0, 11.0, 0.4, 60.0]), jnp.array([0.6, 2.0, 1.5, 0.05])
COUNTS = jnp.array([4.0, 7.0, 0.0, 55.0])


def test_values():
    expected = sum(
        reference(float(m), int(n), float(s)) for m, s, n in zip(*POINT, COUNTS, strict=True)
    )
    assert total(*POINT, COUNTS) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("argument", [0, 1])
def test_first_and_second_derivatives_against_differences_of_the_integral(argument):
    def one(x, i):
        point = [float(a[i]) for a in POINT]
        point[argument] = x
        return reference(point[0], int(COUNTS[i]), point[1])

    gradient = jax.jit(jax.grad(total, argument))(*POINT, COUNTS)
    hessian = np.asarray(jax.jit(jax.hessian(total, argument))(*POINT, COUNTS))
    for i in (0, 1, 2):
        x = float(POINT[argument][i])
        h = 2e-2 * x
        f = [one(x + k * h, i) for k in (-2, -1, 0, 1, 2)]
        first = (f[0] - 8 * f[1] + 8 * f[3] - f[4]) / (12 * h)
        second = (-f[0] + 16 * f[1] - 30 * f[2] + 16 * f[3] - f[4]) / (12 * h**2)
        assert gradient[i] == pytest.approx(first, rel=1e-4, abs=1e-7)
        assert hessian[i, i] == pytest.approx(second, rel=1e-3, abs=1e-6)
    assert np.abs(hessian - np.diag(np.diag(hessian))).max() == 0


def test_the_moments_are_the_derivatives_of_the_sum_over_nodes():
    """To all orders that are used, in reverse over forward mode and the other way round."""

    x, weights = (a[None] for a in np.polynomial.legendre.leggauss(200))

    def plain(mean, std, counts):
        low, high = jax.lax.stop_gradient((jnp.maximum(0.0, mean - 7 * std), mean + 9 * std + 8))
        half = (high - low)[:, None] / 2
        mu = low[:, None] + half * (1 + x)
        pull = (mu - mean[:, None]) / std[:, None]
        terms = counts[:, None] * jnp.log(mu) - mu - pull**2 / 2
        sums = jnp.sum(half * weights * jnp.exp(terms), axis=1)
        return jnp.sum(jnp.log(sums / std / jnp.sqrt(2 * jnp.pi)) - gammaln(counts + 1))

    smooth, counts = tuple(a[:3] for a in POINT), COUNTS[:3]
    for outer, inner in ((jax.jacfwd, jax.hessian), (jax.jacrev, jax.jacfwd)):
        ours, theirs = (jax.jit(outer(inner(f, (0, 1))))(*smooth, counts) for f in (total, plain))
        for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)


def test_derivatives_in_the_counts():
    counts = np.asarray(COUNTS) + 3.0
    slope = jax.jit(jax.grad(total, 2))(*POINT, counts)
    for i, step in enumerate(1e-4 * np.eye(4)):
        up, down = (total(*POINT, counts + h) for h in (step, -step))
        assert slope[i] == pytest.approx(float(up - down) / 2e-4, rel=1e-6)
