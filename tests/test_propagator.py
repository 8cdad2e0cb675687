"""Integrals of |1/(1 - q2/M^2 - i Gamma/M)|^2 beside adaptive quadrature, any width and mass."""

from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from bsnunu_jax.numerics import propagator

END = 22.9
EDGES = np.append(np.linspace(0.0, 22.885, 101), 25.0)
LOOKED_AT = (0, 1, 3, 20, 22, 50, 96, 98, 99)


def smooth(q2, m: float, np_=np):
    """Roots at the threshold and at the end, and a pole beyond: what rates have."""
    inside = np_.maximum(q2 - 4 * m * m, 0.0)
    beta = np_.sqrt(inside / np_.maximum(q2, 1e-300))
    return beta**3 * np_.sqrt(np_.maximum(END - q2, 0.0)) / (1 - q2 / 29.3)


def adaptive(m: float, M: float, width: float, low: float, high: float) -> float:
    """Cut around the peak, in an angle that removes both roots."""
    threshold = 4 * m * m
    low, high = max(low, threshold), min(high, END)
    if high <= low:
        return 0.0

    def angle(q2: float) -> float:
        part = (q2 - threshold) / (END - threshold)
        return 2 * np.arcsin(np.sqrt(min(max(part, 0.0), 1.0)))

    def f(theta: float) -> float:
        q2 = threshold + (END - threshold) * np.sin(theta / 2) ** 2
        slope = (END - threshold) * np.sin(theta) / 2
        return smooth(q2, m) * slope / ((1 - q2 / M**2) ** 2 + (width / M) ** 2)

    gamma = M * max(width, 1e-12)
    near = [M * M] + [M * M + s * gamma * 10.0**k for s in (-1, 1) for k in range(-1, 7)]
    near += [threshold * k for k in (1.5, 3, 10, 100)]
    cuts = sorted(angle(x) for x in [low, *(x for x in near if low < x < high), high])
    return sum(quad(f, a, b, epsabs=0, epsrel=1e-12, limit=200)[0] for a, b in pairwise(cuts))


@partial(jax.jit, static_argnums=3)
def computed(m, M, width, nodes=(64, 20)):
    end = jnp.asarray(END)
    q2, weights = propagator.pair_rule((m, m), end, M, width, nodes[0])
    of_bins, bin_weights = propagator.pair_bin_rule(
        jnp.asarray(EDGES), (m, m), end, M, width, nodes[1]
    )
    bins = jnp.sum(bin_weights * smooth(of_bins, m, jnp), axis=1)
    return weights @ smooth(q2, m, jnp), bins


# A mediator below the threshold or beyond the end needs no width.
POINTS = [
    (m, M, width)
    for m in (0.0, 0.05, 0.6, 2.2)
    for M in (0.5, 2.3, 4.7, float(np.sqrt(END)), 6.0)
    for width in (0.0, 1e-4, 0.01, 2.0)
    if width > 0 or 2 * m > M or M > 5
]


@pytest.mark.parametrize("m", sorted({p[0] for p in POINTS}))
def test_totals_and_bins(m: float) -> None:
    for _, M, width in (p for p in POINTS if p[0] == m):
        total, bins = (np.asarray(x) for x in computed(m, M, width))
        expected = adaptive(m, M, width, 0.0, END)
        assert float(total) == pytest.approx(expected, rel=1e-10, abs=0), (M, width)
        assert float(bins.sum()) == pytest.approx(expected, rel=1e-9, abs=0), (M, width)
        for i in LOOKED_AT:
            of_bin = adaptive(m, M, width, EDGES[i], EDGES[i + 1])
            assert bins[i] == pytest.approx(of_bin, rel=1e-8, abs=1e-9 * expected), (M, width, i)


def test_a_closed_channel_is_0() -> None:
    total, bins = computed(3.0, 2.3, 0.1)
    assert float(total) == 0.0
    assert not np.any(np.asarray(bins))


def test_light_pairs_in_a_light_mediator() -> None:
    """The worst case in bins: 1 MeV pairs from 0.3 GeV, half a bin wide in ln q2."""
    total, bins = (np.asarray(x) for x in computed(5e-4, 0.3, 1e-3))
    expected = adaptive(5e-4, 0.3, 1e-3, 0.0, END)
    assert float(total) == pytest.approx(expected, rel=1e-8)
    assert float(bins.sum()) == pytest.approx(expected, rel=1e-3)
