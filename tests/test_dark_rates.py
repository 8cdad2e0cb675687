"""Massive pairs: quadrature, thresholds, gradients, and the limits that physics asks for."""

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest

from bsnunu_jax import (
    FermionPair,
    InputError,
    Neutrinos,
    ScalarPair,
    SterileNeutrino,
    VectorPair,
    branching_fraction,
    load_inputs,
)
from bsnunu_jax.hadrons import kinematics
from bsnunu_jax.hadrons.transitions import REPORTED, get_mode
from bsnunu_jax.rates import kernels as rates

PAIRS = {"scalar": ScalarPair, "fermion": FermionPair, "vector": VectorPair}
THREE_BODY = ("B+->K+", "B0->K*0")


def pair(kind, m, operators=None, m_other=None):
    """A state with these operators, or all, at coefficient 1 (over powers of m for vectors)."""
    c = dict.fromkeys(operators or PAIRS[kind].operators, 1.0)
    if kind == "vector":
        return VectorPair.goldstone(m, c)
    return PAIRS[kind](m, m_other, **c)


def totals(mode, state, inputs):
    """Integrated kernels of the operators alone, without interferences."""
    found = programs.integrated_kernels(mode, state, inputs)
    return {k: v for k, v in found.items() if "*" not in k}


def double_exponential(low, high, n=240):
    """Nodes, distances from both ends and weights of tanh-sinh: blind to roots at the ends."""
    t = np.linspace(-3.6, 3.6, n)
    x, half = np.pi / 2 * np.sinh(t), (high - low) / 2
    weights = half * np.pi / 2 * np.cosh(t) / np.cosh(x) ** 2 * (t[1] - t[0])
    below = 2 * half / (1 + np.exp(-2 * x))
    return low + below, weights


@cache
def converged(mode, kind, m, m_other=None):
    """Integrals of the kernels with a rule that has nothing in common with that of the package."""
    inputs = load_inputs()
    decay = get_mode(mode)
    state = pair(kind, m, m_other=m_other)
    q2_max = kinematics.q2_max(inputs.values[decay.m_B], inputs.values[decay.m_K])
    threshold = (m + (m if m_other is None else m_other)) ** 2
    q2, weights = double_exponential(threshold, float(q2_max))
    kernels = programs.kernels(mode, state, inputs, jnp.asarray(q2))
    return {k: float(weights @ v) for k, v in kernels.items() if "*" not in k}


MASSES = [
    *((kind, m, None) for kind in PAIRS for m in (0.0, 1e-3, 0.02, 0.31, 1.4, 2.15)),
    *(("fermion", a, b) for a, b in ((0.0, 1e-3), (0.0, 1.1), (1e-3, 1.0), (0.3, 1.2))),
    ("scalar", 0.1, 1.3),
]


@pytest.mark.parametrize("mode", THREE_BODY)
@pytest.mark.parametrize(("kind", "m", "m_other"), MASSES)
def test_totals_are_converged(mode, kind, m, m_other, inputs):
    found = totals(mode, pair(kind, m, m_other=m_other), inputs)
    expected = converged(mode, kind, m, m_other)
    assert found.keys() == expected.keys()
    largest = max(expected.values())
    for operator, value in expected.items():
        assert float(found[operator]) == pytest.approx(value, rel=1e-10, abs=1e-14 * largest)


def test_totals_near_the_endpoint(inputs):
    """The last 0.1 MeV of the mass: the phase space shrinks to 1e-10 of itself."""
    for kind in PAIRS:
        end = float(
            jnp.sqrt(kinematics.q2_max(inputs.values["m_B_plus"], inputs.values["m_K_plus"]))
        )
        m = end / 2 - 1e-4
        found, expected = totals("B+->K+", pair(kind, m), inputs), converged("B+->K+", kind, m)
        for operator, value in expected.items():
            assert value > 0
            assert float(found[operator]) == pytest.approx(value, rel=1e-9, abs=0)


@pytest.mark.parametrize("m", [0.0, 1e-3, 5e-3, 0.05, 0.2392, 0.7, 2.2])
@pytest.mark.parametrize("kind", PAIRS)
def test_bins_of_belle2(kind, m, inputs):
    """100 bins of 0.23 GeV^2: each to 1e-6, and their sum is the total."""
    edges = jnp.append(jnp.linspace(0, 22.885, 101), 23.0)
    state = pair(kind, m)
    found = programs.binned_kernels("B+->K+", state, inputs, edges, nodes=4)
    fine = programs.binned_kernels("B+->K+", state, inputs, edges, nodes=60)
    for operator, value in totals("B+->K+", state, inputs).items():
        assert np.asarray(found[operator]) == pytest.approx(
            np.asarray(fine[operator]), rel=1e-6, abs=1e-13 * float(value)
        )
        assert float(jnp.sum(fine[operator])) == pytest.approx(float(value), rel=1e-10, abs=0)
    below = np.asarray(edges[1:]) <= 4 * m**2
    assert not np.asarray(found["S" if kind != "fermion" else "S1"])[below].any()


@pytest.mark.parametrize("mode", [*REPORTED, "Bs->inv"])
@pytest.mark.parametrize("kind", PAIRS)
def test_no_mass_makes_a_nan_and_closed_channels_are_zero(mode, kind, inputs):
    """Value and gradient over [0, 3 GeV], the endpoint itself among them."""
    masses = inputs.values
    end = (
        masses["m_B_s"]
        if mode == "Bs->inv"
        else masses[get_mode(mode).m_B] - masses[get_mode(mode).m_K]
    )
    grid = jnp.concatenate([jnp.linspace(0, 3, 61), jnp.asarray([end / 2, 1e-9, 1e-6])])

    @jax.jit
    @jax.vmap
    @jax.value_and_grad
    def both(m):
        return rates.gamma(mode, pair(kind, m), inputs)

    value, slope = both(grid)
    assert np.isfinite(value).all()
    assert np.isfinite(slope).all()
    closed = np.asarray(2 * grid >= end)
    assert closed.any()
    assert not np.asarray(value)[closed].any()
    assert not np.asarray(slope)[closed].any()
    assert (np.asarray(value)[~closed] > 0).all()


@pytest.mark.parametrize("mode", THREE_BODY)
@pytest.mark.parametrize("kind", PAIRS)
def test_gradients_in_the_mass(kind, mode, inputs):
    """First and second derivatives of the totals of every operator against differences."""

    def values(m):
        state = pair(kind, m)
        return jnp.stack(list(totals(mode, state, inputs).values()))

    def with_slopes(m):
        return jax.jvp(values, (m,), (1.0,))

    @jax.jit
    @jax.vmap
    def all_three(m):
        (value, slope), (_, bend) = jax.jvp(with_slopes, (m,), (1.0,))
        return value, slope, bend

    masses = jnp.asarray([1e-3, 0.4, 1.85])
    step = jnp.asarray([5e-5, 2e-4, 2e-4])
    around = {k: all_three(masses + k * step) for k in (-2, -1, 1, 2)}

    def difference(order):
        one, two = (around[k][order] - around[-k][order] for k in (1, 2))
        return (8 * one - two) / (12 * step[:, None])

    at, first, bend = map(np.asarray, all_three(masses))
    assert (at > 0).all()
    assert np.abs((first - difference(0)) / at).max() < 1e-8
    assert np.abs((bend - difference(1)) / at).max() < 1e-6 * np.abs(bend / at).max()


def test_gradients_of_bins(inputs):
    """The threshold in the first, second and last bin; an edge that does not move."""
    edges = jnp.asarray([0.0, 2.0, 14.3, 19.0, 23.0])

    def values(m):
        return rates.gamma_bins("B+->K+", pair("fermion", m, ["V2"]), inputs, edges)

    value, first = jax.jit(jax.vmap(values)), jax.jit(jax.vmap(jax.jacfwd(values)))
    masses, step = jnp.asarray([0.2, 0.9, 2.3]), 2e-4
    one, two = (value(masses + k * step) - value(masses - k * step) for k in (1, 2))
    expected = (8 * one - two) / (12 * step)
    scale = np.asarray(value(masses)).max(axis=1, keepdims=True)
    assert np.abs((first(masses) - expected) / scale).max() < 1e-8


def test_reverse_and_forward_gradients_in_everything(inputs):
    """Masses of mesons, form factors and quark masses too: all that moves nodes and integrand."""
    state = FermionPair(0.6, 0.9, V2=1e-3 + 2e-3j, A1=2e-3, P2=1e-3, T1=3e-4)

    @jax.jit
    def value(inputs):
        return rates.gamma("B0->K*0", state, inputs) * 1e9

    def moved(name, step):
        values = inputs.values | {name: inputs.values[name] + step}
        return eqx.tree_at(lambda i: i.values, inputs, values)

    @jax.jit
    def along(direction):
        return jax.jvp(value, (inputs,), (direction,))[1]

    back, nowhere = jax.jit(jax.grad(value))(inputs), jax.tree.map(jnp.zeros_like, inputs)
    for name in ("m_B_0", "m_Kstar_0", "mb_MSbar_4p8"):
        direction = eqx.tree_at(lambda i, n=name: i.values[n], nowhere, jnp.asarray(1.0))
        found, step = along(direction), 1e-4
        one, two = (value(moved(name, k * step)) - value(moved(name, -k * step)) for k in (1, 2))
        expected = (8 * one - two) / 12 / step
        assert float(back.values[name]) == pytest.approx(float(found), rel=1e-12)
        assert float(found) == pytest.approx(float(expected), rel=1e-8)


@pytest.mark.parametrize("mode", REPORTED)
def test_a_massless_fermion_is_a_neutrino(mode, inputs):
    """C_L^ij alone: N_0 (sbar_L g b_L)(nubar g (1 - g5) nu) = V1, V2, A1, A2 with N_0/2 each."""
    C = 3.7 - 1.2j
    flavours = jnp.zeros((3, 3), complex).at[0, 1].set(C)
    br = programs.branching_fraction
    expected = br(mode, Neutrinos(CL=flavours), inputs) - br(mode, Neutrinos(), inputs)
    c = complex(inputs.N_0) * C / 2
    for m, tolerance in ((0.0, 1e-12), (1e-4, 1e-7)):
        state = FermionPair(m, V1=c, V2=-c, A1=-c, A2=c)
        found = br(mode, state, inputs)
        assert float(found) == pytest.approx(float(expected), rel=tolerance)
    one = br(mode, SterileNeutrino(0.0, pair="nuN", V_LL=4 * c), inputs)
    assert float(one) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize(("vector", "scalar"), [("S", "S"), ("P", "P"), ("V4", "V"), ("A4", "A")])
def test_goldstone_limit(vector, scalar, inputs):
    """Longitudinal vectors of small mass: X_mu -> d_mu phi/m, e1.e2 -> (k1.k2)/m^2 = s/(2 m^2).

    With coefficients over m^2 the rate is that of scalars with (s/2)^2 under the integral.
    """
    mode = "B0->K*0" if scalar in "PA" else "B+->K+"
    decay = get_mode(mode)
    q2_max = kinematics.q2_max(inputs.values[decay.m_B], inputs.values[decay.m_K])
    q2, weights = ScalarPair(0.0, S=1.0).total_rule(q2_max, 40)
    state = ScalarPair(0.0, **{scalar: 1.0})
    spectrum = programs.spectrum(mode, state, inputs, q2)
    expected = float(weights @ (spectrum * (q2 / 2) ** 2))
    for m, tolerance in ((0.0, 1e-10), (1e-4, 1e-6)):
        found = programs.gamma(mode, pair("vector", m, [vector]), inputs)
        assert float(found) == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize(
    ("kind", "operator", "power"),
    [
        ("scalar", "P", 1),
        ("fermion", "P2", 1),
        ("fermion", "P1", 3),
        ("fermion", "A2", 1),
        ("vector", "P", 1),
        ("vector", "A3", 3),
    ],
)
def test_two_body_threshold(kind, operator, power, inputs):
    """Bs -> pair goes like sqrt(M - 2m)^power, its derivative like one power of M - 2m less."""
    M = float(inputs.values["m_B_s"])

    def value(gap):
        return rates.gamma("Bs->inv", pair(kind, (M - gap) / 2, [operator]), inputs)

    gaps = jnp.asarray([1e-7, 4e-7])
    ratio, slopes = jax.jit(jax.vmap(jax.value_and_grad(value)))(gaps)
    assert float(ratio[1] / ratio[0]) == pytest.approx(2.0**power, rel=1e-6)
    assert float(slopes[1] / slopes[0]) == pytest.approx(2.0 ** (power - 2), rel=1e-5)
    assert np.asarray(slopes) == pytest.approx(np.asarray(power * ratio / (2 * gaps)), rel=1e-6)


def test_one_compilation_for_all_masses_and_couplings(inputs):
    count = []

    @jax.jit
    def value(m, C):
        count.append(1)
        return branching_fraction("B+->K+", FermionPair(m, V2=C), inputs)

    for m in (0.0, 0.1, 1.0, 2.5):
        for C in (1e-8, 1e-8j, 0.0):
            value(m, C + 0j)
    assert len(count) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ScalarPair(0.5, V=1.0, real=True), "operator V vanishes: a real scalar"),
        (lambda: ScalarPair(0.5, 0.6, S=1.0, real=True), "two different particles"),
        (lambda: FermionPair(0.5, T1=1.0, majorana=True), "operator T1 vanishes: a Majorana"),
        (lambda: VectorPair(0.5, A4=1.0, real=True), "operator A4 vanishes"),
        (lambda: VectorPair(0.0, S=1.0), "is not above 0"),
        (lambda: VectorPair.goldstone(0.0, {"V7": 1.0}), "unknown operator 'V7'"),
        (lambda: SterileNeutrino(0.5, pair="NN", T_LL=1.0, majorana=True), "T_LL vanishes"),
        (lambda: SterileNeutrino(0.5, pair="nuN", V_LL=1.0, majorana=True), "for a pair NN"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(InputError, match=message):
        make()
