"""B -> K(*) X: the Breit-Wigner to rounding for any width, its limits, edges and gradients."""

from functools import cache
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest
from scipy.integrate import quad

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.kinematics import q2_max
from bsnunu_jax.hadrons.transitions import MODES, REPORTED
from bsnunu_jax.inputs import load_inputs
from bsnunu_jax.models import get_model
from bsnunu_jax.numerics import breit_wigner
from bsnunu_jax.numerics.quadrature import BIN_NODES
from bsnunu_jax.observables.public import (
    branching_fraction,
    branching_fraction_bins,
    branching_fraction_np,
    dbr_dq2,
    longitudinal_fraction,
)
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.states import Neutrinos, Resonance, TwoBody

EDGES = np.linspace(0.0, 22.885, 101)  # the bins of Belle II's number densities
K, KSTAR = "B+->K+", "B0->K*0"


@cache
def numbers(mode: str) -> dict[str, float]:
    """Masses of the mode in GeV."""
    inputs, decay = load_inputs(), MODES[mode]
    return {
        "m_B": float(inputs.values[decay.m_B]),
        "m_K": float(inputs.values[decay.m_K]),
        "m_b": float(inputs.role("m_b")),
        "m_s": float(inputs.role("m_s")),
    }


@cache
def form_factor(mode: str) -> np.polynomial.Chebyshev:
    """f_0 or A_0, interpolated to rounding: adaptive quadrature calls it often."""
    inputs, decay, n = load_inputs(), MODES[mode], numbers(mode)
    name = "A0" if decay.vector else "f0"
    exact = jax.jit(jax.vmap(lambda q2: inputs.form_factors[decay.transition](q2)[name]))
    domain = [0.0, (n["m_B"] - n["m_K"]) ** 2]
    found = np.polynomial.Chebyshev.interpolate(lambda q2: np.asarray(exact(q2)), 40, domain)
    x = np.linspace(*domain, 77)
    np.testing.assert_allclose(found(x), exact(x), rtol=1e-12)
    return found


def two_body(mode: str, q2: float) -> float:
    """Gamma(B -> K X) for S = 1, of B -> K* X for P = 1, at m_X^2 = q2 [GeV], written out."""
    n, ff = numbers(mode), float(form_factor(mode)(q2))
    m_B, m_K = n["m_B"], n["m_K"]
    lam = m_B**4 + m_K**4 + q2**2 - 2 * (m_B**2 * m_K**2 + m_B**2 * q2 + m_K**2 * q2)
    lam = max(lam, 0.0)
    if MODES[mode].vector:
        return lam**1.5 * ff**2 / (16 * np.pi * m_B**3 * (n["m_b"] + n["m_s"]) ** 2)
    row = ((m_B**2 - m_K**2) * ff / (n["m_b"] - n["m_s"])) ** 2
    return np.sqrt(lam) * row / (16 * np.pi * m_B**3)


def integral(mode: str, m: float, width: float, low: float, high: float) -> float:
    """Adaptive quadrature of the formula, cut around the peak; in u, where the end is smooth."""
    n = numbers(mode)
    end, gamma = (n["m_B"] - n["m_K"]) ** 2, m * width

    def f(u: float) -> float:
        q2 = end * (1 - u * u)
        return two_body(mode, q2) * 2 * u * end * gamma / np.pi / ((q2 - m * m) ** 2 + gamma**2)

    near = [m * m] + [m * m + s * gamma * 10.0**k for s in (-1, 1) for k in range(6)]
    q2 = [low, *sorted(x for x in near if low < x < high), high]
    u = [np.sqrt(max(1 - x / end, 0.0)) for x in reversed(q2)]
    return sum(quad(f, a, b, epsabs=0, epsrel=1e-11, limit=200)[0] for a, b in pairwise(u))


@cache
def computed(mode: str, nodes: int = BIN_NODES):
    """Total and bins for S = P = 1 as functions of mass and width, compiled."""
    inputs = load_inputs()

    def both(m, width):
        state = Resonance(m, width, S=1, P=1)
        bins = rates.gamma_bins(mode, state, inputs, jnp.asarray(EDGES), nodes=nodes)
        return rates.gamma(mode, state, inputs), bins

    return jax.jit(both)


# Wide and narrow, in the middle, on an edge of a bin, at both ends of the phase space, beyond it.
POINTS = [
    (2.1, 0.1),
    (2.1, 0.001),
    (0.1, 0.001),
    (0.1, 0.1),
    (4.3, 1.0),
    (2.0, 3.0),
    (5.5, 0.1),
    (float(np.sqrt(EDGES[20])), 0.001),
    (4.78, 0.001),
    (4.78, 0.02),
    (4.35, 0.001),
]


@pytest.mark.parametrize(("m", "width"), POINTS)
@pytest.mark.parametrize("mode", [K, KSTAR])
def test_totals_and_bins_are_the_integrals_of_the_formula(mode: str, m: float, width: float):
    end = (numbers(mode)["m_B"] - numbers(mode)["m_K"]) ** 2
    total, bins = (np.asarray(a) for a in computed(mode)(m, width))
    assert float(total) == pytest.approx(integral(mode, m, width, 0.0, end), rel=1e-10)
    peak = int(np.clip(np.searchsorted(EDGES, m * m) - 1, 0, 99))
    for i in {0, 5, max(peak - 1, 0), peak, min(peak + 1, 99), 60, 83, 99}:
        if EDGES[i] >= end:
            assert bins[i] == 0
        else:
            expected = integral(mode, m, width, EDGES[i], min(EDGES[i + 1], end))
            assert bins[i] == pytest.approx(expected, rel=1e-6), i


@pytest.mark.parametrize("nodes", [8, 20])
def test_wide_bins(nodes: int, inputs):
    edges = np.array([0.0, 4.0, 8.0, 25.0])
    end = (numbers(K)["m_B"] - numbers(K)["m_K"]) ** 2
    for m, width in ((2.1, 0.1), (2.1, 0.001), (2.0, 0.5)):
        state = Resonance(m, width, S=1)
        found = programs.gamma_bins(K, state, inputs, jnp.asarray(edges), nodes=nodes)
        expected = [integral(K, m, width, a, min(b, end)) for a, b in pairwise(edges)]
        np.testing.assert_allclose(found, expected, rtol=1e-5 if nodes == 8 else 1e-10)


@pytest.mark.parametrize("mode", [K, KSTAR])
def test_spectrum_is_the_formula(mode: str, inputs):
    S, P = 2e-8 - 1e-8j, 3e-8 + 0.5e-8j
    state = Resonance(2.1, 0.3, S, P)
    square = abs(P) ** 2 if MODES[mode].vector else abs(S) ** 2
    for q2 in (0.0, 1.0, 4.4, 17.0):
        expected = square * two_body(mode, q2) * float(breit_wigner.density(q2, 2.1, 0.3))
        assert float(programs.dgamma_dq2(mode, state, inputs, q2)) == pytest.approx(
            expected, rel=1e-9
        )
    for q2 in (-1.0, 23.0):
        assert float(programs.dgamma_dq2(mode, state, inputs, q2)) == 0


@pytest.mark.parametrize("mode", REPORTED)
def test_two_body_rate(mode: str, inputs):
    state = TwoBody(1.7, S=1e-8 + 2e-8j, P=-3e-8)
    square = 9e-16 if MODES[mode].vector else 5e-16
    expected = square * two_body(mode, 1.7**2)
    assert float(programs.gamma(mode, state, inputs)) == pytest.approx(expected, rel=1e-11)
    bins = np.asarray(programs.gamma_bins(mode, state, inputs, jnp.asarray(EDGES)))
    assert bins.sum() == pytest.approx(expected, rel=1e-11)
    assert np.flatnonzero(bins).tolist() == [np.searchsorted(EDGES, 1.7**2) - 1]


def test_the_line_is_in_the_upper_of_two_bins(inputs):
    bins = programs.gamma_bins(K, TwoBody(2.0, S=1), inputs, jnp.array([0.0, 4.0, 5.0]))
    assert np.flatnonzero(bins).tolist() == [1]


@pytest.mark.parametrize("mode", [K, KSTAR])
def test_narrow_resonance_is_the_two_body_decay(mode: str, inputs):
    """The tails cost a share proportional to the width."""
    line = float(programs.gamma(mode, TwoBody(2.1, S=1, P=1), inputs))
    loss = [float(computed(mode)(2.1, w)[0]) / line - 1 for w in (1e-3, 1e-4)]
    assert abs(loss[0]) < 1e-3
    assert loss[0] / loss[1] == pytest.approx(10, rel=1e-2)


@pytest.mark.parametrize("mode", [K, KSTAR])
def test_closed_channel(mode: str, inputs):
    def rate(m):
        return rates.gamma(mode, TwoBody(m, S=1, P=1), inputs)

    n = numbers(mode)
    for m in (n["m_B"] - n["m_K"], 5.0, 100.0):
        value, slope = jax.value_and_grad(rate)(jnp.asarray(m))
        assert value == 0
        assert slope == 0


def test_two_body_slope_at_the_threshold(inputs):
    """The rate goes as the root of the distance, its slope as the inverse."""
    end = numbers(K)["m_B"] - numbers(K)["m_K"]
    slope = jax.jit(jax.grad(lambda m: rates.gamma(K, TwoBody(m, S=1), inputs)))
    ratio = float(slope(end - 1e-8)) / float(slope(end - 1e-6))
    assert ratio == pytest.approx(10, rel=1e-4)


@cache
def sums_with_slopes(mode: str):
    """Three sums over bins as a function of (m, width), and their Jacobian, compiled."""

    both = computed(mode)  # made here: what is cached must not be traced

    def sums(x):
        total, bins = both(x[0], x[1])
        return jnp.stack([total, bins @ jnp.cos(jnp.arange(100.0)), bins[19]])

    return sums, jax.jit(jax.jacrev(sums))


@pytest.mark.parametrize(("m", "width"), [(2.1, 0.1), (2.1, 0.002), (4.78, 0.01), (0.3, 0.05)])
@pytest.mark.parametrize("mode", [K, KSTAR])
def test_gradients_are_finite_differences(mode: str, m: float, width: float):
    weighted, slopes = sums_with_slopes(mode)
    x = np.array([m, width])
    found = np.asarray(slopes(x))
    for k, step in enumerate((0.02 * width, 0.02 * width)):
        e = step * np.eye(2)[k]
        near, far = (
            np.asarray(weighted(x + j * e)) - np.asarray(weighted(x - j * e)) for j in (1, 2)
        )
        np.testing.assert_allclose(found[:, k], (8 * near - far) / (12 * step), rtol=2e-3)


def test_gradients_where_the_phase_space_ends(inputs):
    """Bins beyond the endpoint, the peak on the endpoint and beyond: finite, closed bins 0."""
    end = numbers(KSTAR)["m_B"] - numbers(KSTAR)["m_K"]
    slope = jax.jit(jax.jacrev(lambda x: computed(KSTAR)(x[0], x[1])[1]))
    for m in (end, 4.7, 9.0):
        found = np.asarray(slope(jnp.array([m, 0.1])))
        assert np.isfinite(found).all()
        assert np.any(found[0] != 0)
        assert np.all(found[90:] == 0)


@cache
def typed(line: bool):
    """Numbers of the model with BR = 9e-6 and P = 1e-8 at a width, compiled; the line has none."""
    inputs = load_inputs()

    def predictions(width):
        parameters = {"m": 2.1, "BR": 9e-6} | ({} if line else {"width": width})
        states = get_model("resonance").build(parameters, inputs)
        with_P = get_model("resonance").build(parameters | {"P": 1e-8}, inputs)
        bins = branching_fraction_bins(K, states, inputs, jnp.array([0.0, 10.0, 23.0]))
        return {
            "BR_NP": branching_fraction_np(K, states, inputs),
            "of bins": bins.sum() - branching_fraction(K, [Neutrinos()], inputs),
            "K*": branching_fraction_np(KSTAR, states, inputs),
            "with P": branching_fraction_np(K, with_P, inputs),
            "K* with P": branching_fraction_np(KSTAR, with_P, inputs),
            "F_L": longitudinal_fraction(KSTAR, with_P, inputs),
        }

    return jax.jit(predictions)


@pytest.mark.parametrize("width", [0.0, 0.001, 0.1, 1.0])
def test_br_is_what_one_types(width: float):
    found = {name: float(x) for name, x in typed(width == 0)(width).items()}
    for name in ("BR_NP", "of bins", "with P"):
        assert found[name] == pytest.approx(9e-6, rel=1e-9)
    assert found["K*"] == pytest.approx(0, abs=1e-18)
    assert found["K* with P"] > 1e-6
    assert 0.5 < found["F_L"] < 1  # P alone is longitudinal


def test_br_has_a_gradient_at_zero_and_none_in_a_closed_channel(inputs):
    def br(x, m):
        states = get_model("resonance").build({"m": m, "BR": x}, inputs)
        return branching_fraction(K, states, inputs)

    assert float(jax.grad(br)(0.0, 2.1)) == pytest.approx(1, rel=1e-12)
    assert [float(g) for g in jax.grad(br, (0, 1))(1e-6, 6.0)] == [0, 0]


def test_parameters_may_be_traced(inputs):
    def total(x):
        states = get_model("resonance").build({"m": x[0], "width": x[1], "BR": x[2]}, inputs)
        return branching_fraction_np(K, states, inputs)

    value, slope = jax.jit(jax.value_and_grad(total))(jnp.array([2.1, 0.1, 9e-6]))
    assert float(value) == pytest.approx(9e-6, rel=1e-10)
    # BR fixes the total: the shape cannot change it.
    np.testing.assert_allclose(slope, [0, 0, 1], atol=1e-12)


def test_a_line_has_no_spectrum(inputs):
    for states in ([TwoBody(2.1, S=1)], get_model("resonance").build({"m": 2.1}, inputs)):
        with pytest.raises(InputError, match="no q2 spectrum"):
            dbr_dq2(K, states, inputs, 3.0)


@pytest.mark.parametrize(("m", "width"), [(2.1, 0.0), (0.0, 0.1), (2.1, -0.1), (-2.1, 0.1)])
def test_resonances_need_a_mass_and_a_width(m: float, width: float):
    with pytest.raises(InputError, match="not above 0"):
        Resonance(m, width)


def test_the_endpoint_is_the_one_of_the_rates(inputs):
    decay = MODES[K]
    end = float(q2_max(inputs.values[decay.m_B], inputs.values[decay.m_K]))
    assert end == pytest.approx((numbers(K)["m_B"] - numbers(K)["m_K"]) ** 2, rel=1e-15)


@pytest.mark.parametrize(
    ("quarks", "mode", "m", "other"),
    [
        ("b->d", "B+->pi+", 1.2, "B0->pi0"),
        ("s->d", "K+->pi+", 0.135, "KL->pi0"),
        ("c->u", "D0->pi0", 0.5, None),
    ],
)
@pytest.mark.parametrize("width", [0.0, 0.01])
def test_other_quarks(inputs, quarks, mode, m, other, width):
    """`BR` is that of the first decay into a pseudoscalar, whatever the width; b -> s is the SM."""
    neutrinos, found = get_model("resonance").build(
        {"m": m, "width": width, "BR": 3e-9, "quarks": quarks}, inputs
    )
    assert float(branching_fraction(mode, [found], inputs)) == pytest.approx(3e-9, rel=1e-12, abs=0)
    assert float(branching_fraction("B+->K+", [found], inputs)) == 0
    sm = branching_fraction("B+->K+", [neutrinos], inputs)
    assert float(branching_fraction("B+->K+", [neutrinos, found], inputs)) == float(sm)
    if other:
        assert 0 < float(branching_fraction(other, [found], inputs)) < 3e-8


def test_a_real_coupling_of_a_scalar_is_seen_by_the_long_kaon(inputs):
    """(sbar d) X is even under CP for real S: K_L -> pi0 X by Re S, none by Im S."""
    real, imaginary = (TwoBody(0.135, S=c, quarks="s->d") for c in (1e-12, 1e-12j))
    charged = [float(branching_fraction("K+->pi+", [x], inputs)) for x in (real, imaginary)]
    neutral = [float(branching_fraction("KL->pi0", [x], inputs)) for x in (real, imaginary)]
    assert charged[0] == pytest.approx(charged[1], rel=1e-14, abs=0)
    assert neutral[1] == 0
    assert 0.5 < neutral[0] / charged[0] < 5
