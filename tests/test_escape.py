"""Escape before decay: a table, integrals over directions, thrown particles, derivatives."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from bsnunu_jax.rates.escape import Cylinder, Sphere, escape, escape_of_pair

M_B, M_K, BOOST = 5.27934, 0.493677, 0.284
INNER = {"radius": 1.25, "forward": 1.96, "backward": 1.02, "boost": BOOST}
OUTER = {"radius": 3.3, "forward": 2.85, "backward": 2.35, "boost": BOOST}
# Flat, long, one-sided, at rest.
SHAPES = (
    INNER,
    OUTER,
    {"radius": 2.0, "forward": 0.5, "backward": 3.9, "boost": 0.8},
    {"radius": 1.0, "forward": 2.0, "backward": 1.5, "boost": 0.0},
)

cylinder = jax.jit(lambda shape, m, p, ctau: escape(Cylinder(**shape), m, p, ctau))
sphere = jax.jit(lambda radius, m, p, ctau: escape(Sphere(radius, BOOST), m, p, ctau))
slopes = jax.jit(
    jax.grad(lambda shape, m, p, ctau: escape(Cylinder(**shape), m, p, ctau), argnums=(0, 1, 2, 3))
)
pair = jax.jit(
    lambda shape, masses, ctau, q2, p_q: escape_of_pair(Cylinder(**shape), masses, ctau, q2, p_q)
)


def momentum(m):
    return np.sqrt((M_B**2 - (M_K + m) ** 2) * (M_B**2 - (M_K - m) ** 2)) / (2 * M_B)


def at(c, shape, m, p, ctau):
    """The probability in one direction, from the length of the straight line to the wall."""
    gamma = np.hypot(1, shape["boost"])
    energy = np.hypot(m, p)
    along = gamma * p * c + shape["boost"] * energy
    across = p * np.sqrt(1 - c * c)
    total = np.hypot(along, across)
    angle = np.arctan2(across, along)
    end = shape["forward"] if along > 0 else shape["backward"]
    length = min(shape["radius"] / np.sin(angle), end / abs(np.cos(angle)))
    boost_of_x = total / m
    return np.exp(-length / (boost_of_x * ctau))


def integrated(shape, m, p, ctau):
    """By halves of an adaptive rule, which has to find the kinks itself."""
    cuts = np.linspace(-1, 1, 41)
    parts = [
        quad(at, a, b, args=(shape, m, p, ctau), epsabs=1e-15, epsrel=1e-12, limit=400)[0]
        for a, b in itertools.pairwise(cuts)
    ]
    return sum(parts) / 2


@pytest.mark.parametrize(
    ("shape", "m", "expected"),
    [
        (INNER, 0.3, ".1883 .8444 .9832 .9983"),
        (INNER, 1.0, ".0037 .5588 .9432 .9942"),
        (INNER, 2.0, ".000005 .2693 .8756 .9868"),
        (OUTER, 0.3, ".0242 .6762 .9614 .9961"),
        (OUTER, 1.0, ".000015 .2645 .8733 .9865"),
        (OUTER, 2.0, ".0000000005 .0565 .7368 .9697"),
    ],
)
def test_table(shape, m, expected):
    """To the digits that are printed there."""
    for ctau, text in zip((0.1, 1.0, 10.0, 100.0), expected.split(), strict=True):
        last = 10.0 ** -(len(text) - 1)
        assert abs(float(cylinder(shape, m, momentum(m), ctau)) - float(text)) < 0.51 * last


@pytest.mark.parametrize("shape", SHAPES, ids=["inner", "outer", "flat", "at rest"])
@pytest.mark.parametrize(("m", "p"), [(0.3, 2.5), (1.0, 2.4), (4.0, 0.6), (4.5, 0.1), (3.0, 1.05)])
def test_is_the_integral_over_directions(shape, m, p):
    for ctau in (0.05, 1.0, 30.0):
        expected = integrated(shape, m, p, ctau)
        assert float(cylinder(shape, m, p, ctau)) == pytest.approx(expected, rel=1e-10, abs=1e-15)


def test_monte_carlo(rng):
    """Decays of particles that are thrown, boosted and followed to the wall."""
    m, p, ctau, n = 1.0, 2.4, 0.8, 400_000
    c, phi = rng.uniform(-1, 1, n), rng.uniform(0, 2 * np.pi, n)
    s = np.sqrt(1 - c * c)
    gamma = np.hypot(1, BOOST)
    vector = np.stack(
        [p * s * np.cos(phi), p * s * np.sin(phi), gamma * p * c + BOOST * np.hypot(m, p)]
    )
    decay = rng.exponential(ctau, n) * vector / m
    outside = (np.hypot(*decay[:2]) > 1.25) | (decay[2] > 1.96) | (decay[2] < -1.02)
    expected = float(cylinder(INNER, m, p, ctau))
    assert abs(outside.mean() - expected) < 4 * np.sqrt(expected * (1 - expected) / n)


def test_sphere():
    m, p, ctau, radius = 1.3, 2.2, 0.7, 1.0

    def one(c):
        gamma = np.hypot(1, BOOST)
        total = np.hypot(gamma * p * c + BOOST * np.hypot(m, p), p * np.sqrt(1 - c * c))
        return np.exp(-radius * m / (total * ctau)) / 2

    expected = quad(one, -1, 1, epsabs=1e-15)[0]
    assert float(sphere(radius, m, p, ctau)) == pytest.approx(expected, rel=1e-13)


def test_limits():
    """Nothing that decays at once is seen, everything stable is, and 1 - <D m>/ctau in between."""
    p = momentum(1.0)
    assert float(cylinder(INNER, 1.0, p, jnp.inf)) == pytest.approx(1, rel=1e-14)
    assert float(cylinder(INNER, 0.0, p, 1e-3)) == pytest.approx(1, rel=1e-14)
    assert float(cylinder(INNER, 1.0, p, 1e-5)) == 0
    late = [float(cylinder(INNER, 1.0, p, ctau)) for ctau in (1e5, 1e6)]
    assert (1 - late[0]) / (1 - late[1]) == pytest.approx(10, rel=1e-4)
    assert float(cylinder(OUTER, 1.0, p, 1.0)) < float(cylinder(INNER, 1.0, p, 1.0))


@pytest.mark.parametrize(("m", "p"), [(0.3, 2.5), (4.0, 0.6), (4.5, 0.1)])
def test_derivatives(m, p):
    """In sizes, boost, mass, momentum and lifetime, beside differences."""
    point = (INNER, m, p, 0.9)
    of_shape, *rest = slopes(*point)
    for name, slope in of_shape.items():
        h = 1e-5
        up, down = (
            float(cylinder(INNER | {name: INNER[name] + s * h}, *point[1:])) for s in (1, -1)
        )
        assert float(slope) == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-9)
    for k, slope in enumerate(rest, 1):
        h = 1e-5
        moved = [
            float(cylinder(*(x + s * h if i == k else x for i, x in enumerate(point))))
            for s in (1, -1)
        ]
        assert float(slope) == pytest.approx((moved[0] - moved[1]) / (2 * h), rel=1e-6, abs=1e-9)
    assert all(np.isfinite(x) for x in slopes(INNER, m, p, jnp.inf)[1:])


def test_pairs():
    """Both escape: the square at threshold, an integral over their direction elsewhere."""
    root, p_q = 2.0, 1.5
    # At threshold both have half the energy.
    at_rest = float(pair(INNER, (1.0, 1.0), (0.9, 0.9), root**2, p_q))
    assert at_rest == pytest.approx(float(cylinder(INNER, 1.0, p_q / 2, 0.9)) ** 2, rel=1e-9)
    masses, q2 = (0.4, 0.9), 6.0
    root, E_q = np.sqrt(q2), np.sqrt(q2 + p_q**2)
    E_1 = (q2 + 0.4**2 - 0.9**2) / (2 * root)
    k = np.sqrt(E_1**2 - 0.4**2)

    def both(x, first, second):
        found = 1.0
        for m, rest, sign, ctau in ((0.4, E_1, 1, first), (0.9, root - E_1, -1, second)):
            energy = (E_q * rest + sign * p_q * k * x) / root
            found *= float(cylinder(INNER, m, np.sqrt(energy**2 - m**2), ctau))
        return found / 2

    for ctau in ((0.9, 2.0), (jnp.inf, 0.5)):
        expected = quad(both, -1, 1, args=ctau, epsrel=1e-8)[0]
        assert float(pair(INNER, masses, ctau, q2, p_q)) == pytest.approx(expected, rel=1e-6)
