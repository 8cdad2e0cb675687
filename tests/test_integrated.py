"""Integrated rates, ratios and their gradients are those of dGamma/dq2, to 1e-10 or better."""

from collections.abc import Callable, Mapping
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest
from scipy.integrate import quad_vec

from bsnunu_jax.hadrons import kinematics
from bsnunu_jax.hadrons.transitions import MODES, REPORTED
from bsnunu_jax.inputs import Inputs, Nuisances, load_inputs, presets
from bsnunu_jax.numerics.quadrature import BIN_NODES, NODES
from bsnunu_jax.observables.branching import (
    branching_fraction,
    branching_fraction_bins,
    dbr_dq2,
    eta,
    longitudinal_fraction,
    longitudinal_fraction_at,
    ratio_to_sm,
)
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.states import Neutrinos, Universal

VECTOR_MODES = tuple(name for name in REPORTED if MODES[name].vector)
# Charges differ in masses alone: where every mode costs a compilation, one of each spin is enough.
ONE_OF_EACH_SPIN = ("B+->K+", "B0->K*0")
# Every invariant that a massless pair can have, so that all rows but the interferences count.
ALL_ROWS = Universal(cVL=6.4 + 0.3j, cVR=1.2 - 0.8j, cSL=2.1, cSR=-0.7j, cTL=1.5 + 0.4j)
BELLE2_EDGES = np.linspace(0.0, 22.885, 51)


def endpoint(inputs: Inputs, mode: str) -> float:
    decay = MODES[mode]
    return float(kinematics.q2_max(inputs.values[decay.m_B], inputs.values[decay.m_K]))


def integrals(
    function: Callable[[jax.Array], jax.Array], low: float, high: float, scale: np.ndarray
) -> np.ndarray:
    """Adaptive Gauss-Kronrod in q2 itself, each component to 1e-12 of `scale`."""
    found, error, info = quad_vec(
        lambda q2: np.asarray(function(jnp.asarray(q2))) / scale,
        low,
        high,
        epsabs=1e-12,
        epsrel=0,
        norm="max",
        limit=5000,
        full_output=True,
    )
    assert info.success
    assert error < 1e-12
    return found * scale


@cache
def stacked_kernels(mode: str) -> Callable[[jax.Array], jax.Array]:
    """The kernels of every invariant at one q2, default preset."""
    inputs = load_inputs()
    return jax.jit(lambda q2: in_order(rates.kernels(mode, ALL_ROWS, inputs, q2)))


def in_order(kernels: Mapping[str, jax.Array]) -> jax.Array:
    return jnp.stack([kernels[name] for name in sorted(kernels)])


def graded_rule(highest: float, pieces: int, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre piece by piece, the pieces shrinking by 4 towards the endpoint."""
    edges = highest * (1 - np.append(4.0 ** -np.arange(pieces), 0.0))
    x, weights = np.polynomial.legendre.leggauss(nodes)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + x)).ravel(), (half * weights).ravel()


def random_neutrinos(rng: np.random.Generator, scale: float = 5.0) -> Neutrinos:
    return Neutrinos(*(scale * (rng.normal(size=(4, 3, 3)) + 1j * rng.normal(size=(4, 3, 3)))))


@pytest.mark.parametrize("mode", REPORTED)
def test_totals_equal_adaptive_quadrature(mode: str, inputs: Inputs) -> None:
    found = in_order(programs.integrated_kernels(mode, ALL_ROWS, inputs))
    expected = integrals(stacked_kernels(mode), 0.0, endpoint(inputs, mode), found)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    too_few = in_order(programs.integrated_kernels(mode, ALL_ROWS, inputs, nodes=6))
    assert np.max(np.abs(too_few / expected - 1)) > 1e-7


@pytest.mark.parametrize("preset", presets())
@pytest.mark.parametrize("mode", REPORTED)
def test_totals_of_every_preset_are_converged(mode: str, preset: str) -> None:
    """Against a rule in q2 itself, graded towards the root at the endpoint."""
    inputs = load_inputs(preset)
    found = in_order(programs.integrated_kernels(mode, ALL_ROWS, inputs))
    references = []
    for pieces, nodes in ((24, 25), (30, 20)):
        q2, weights = graded_rule(endpoint(inputs, mode), pieces, nodes)
        values = programs.kernels(mode, ALL_ROWS, inputs, jnp.asarray(q2))
        references.append(in_order(values) @ weights)
    np.testing.assert_allclose(references[0], references[1], rtol=1e-12)
    np.testing.assert_allclose(found, references[1], rtol=1e-12)


@pytest.mark.parametrize("mode", REPORTED)
def test_total_rate_is_the_contraction_of_invariants_and_kernels(
    mode: str, inputs: Inputs, rng: np.random.Generator
) -> None:
    """gamma and branching_fraction against the integral of dGamma/dq2 with random couplings."""
    state = random_neutrinos(rng)
    found = np.asarray(programs.gamma(mode, state, inputs))
    expected = integrals(
        jax.jit(lambda q2: rates.dgamma_dq2(mode, state, inputs, q2)),
        0.0,
        endpoint(inputs, mode),
        found,
    )
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    lifetime = float(inputs.values[MODES[mode].tau_B]) * 1e-12 / float(inputs.values["hbar"])
    br = programs.branching_fraction(mode, [state], inputs)
    np.testing.assert_allclose(float(br), float(expected) * lifetime, rtol=1e-12)


@pytest.mark.parametrize("mode", REPORTED)
def test_bins_equal_adaptive_quadrature(mode: str, inputs: Inputs) -> None:
    edges = np.array([0.0, 0.1, 1.1, 6.0, 14.0, 19.0, 20.0, 25.0])
    highest = endpoint(inputs, mode)
    kernels = programs.binned_kernels(mode, ALL_ROWS, inputs, jnp.asarray(edges), nodes=NODES)
    found = np.asarray(in_order(kernels))
    for i, (low, high) in enumerate(zip(edges[:-1], np.minimum(edges[1:], highest), strict=True)):
        if low < high:
            expected = integrals(stacked_kernels(mode), low, high, found[:, i])
            np.testing.assert_allclose(found[:, i], expected, rtol=1e-11)
        else:
            assert np.all(found[:, i] == 0)
    totals = in_order(programs.integrated_kernels(mode, ALL_ROWS, inputs))
    np.testing.assert_allclose(found.sum(axis=1), totals, rtol=1e-13)


def test_few_nodes_suffice_in_the_bins_of_belle2(inputs: Inputs) -> None:
    """With BIN_NODES each of the 50 bins is within 1e-10 of the total rate."""

    def bins(nodes: int) -> jax.Array:
        edges = jnp.asarray(BELLE2_EDGES)
        return in_order(programs.binned_kernels("B+->K+", ALL_ROWS, inputs, edges, nodes=nodes))

    expected = bins(NODES)
    totals = expected.sum(axis=1, keepdims=True)
    assert np.max(np.abs(bins(BIN_NODES) - expected) / totals) < 1e-10
    assert np.max(np.abs(bins(2) - expected) / totals) > 1e-7


@pytest.mark.parametrize("mode", ONE_OF_EACH_SPIN)
def test_wide_bins_sum_to_the_total(mode: str, inputs: Inputs) -> None:
    edges = jnp.array([0.0, 10.0, 25.0])
    bins = jax.jit(lambda i: branching_fraction_bins(mode, [ALL_ROWS], i, edges))(inputs)
    total = programs.branching_fraction(mode, [ALL_ROWS], inputs)
    np.testing.assert_allclose(float(bins.sum()), float(total), rtol=1e-10)


@cache
def compiled_derivatives(mode: str) -> Callable:
    """Value of dGamma/dq2 and its gradient in q2, every input and every coefficient."""
    return jax.jit(
        jax.value_and_grad(lambda s, i, c: rates.dgamma_dq2(mode, c, i, s), argnums=(0, 1, 2))
    )


def derivatives(mode: str, inputs: Inputs, q2: float) -> tuple[float, np.ndarray]:
    value, gradient = compiled_derivatives(mode)(jnp.asarray(q2), inputs, ALL_ROWS)
    return float(value), np.concatenate([np.ravel(x) for x in jax.tree.leaves(gradient)])


@pytest.mark.parametrize("mode", ONE_OF_EACH_SPIN)
def test_closed_outside_the_phase_space(mode: str, inputs: Inputs) -> None:
    highest = endpoint(inputs, mode)
    for q2 in (-30.0, -1e-12, highest, np.nextafter(highest, np.inf), 24.0, 1e6):
        value, gradient = derivatives(mode, inputs, q2)
        assert value == 0
        assert np.all(gradient == 0)


@pytest.mark.parametrize("mode", ONE_OF_EACH_SPIN)
def test_finite_at_the_ends_of_the_phase_space(mode: str, inputs: Inputs) -> None:
    highest = endpoint(inputs, mode)
    for q2 in (0.0, 1e-300, 1e-13, 1e-12, highest * (1 - 1e-12), np.nextafter(highest, 0)):
        value, gradient = derivatives(mode, inputs, q2)
        assert np.isfinite(value)
        assert value >= 0
        assert np.all(np.isfinite(gradient))
        assert np.any(gradient != 0)


@pytest.mark.parametrize("mode", REPORTED)
def test_value_at_zero_is_the_limit(mode: str, inputs: Inputs) -> None:
    """A massless pair at q2 = 0: only the helicity-zero vector and axial amplitudes survive."""
    decay = MODES[mode]
    m_B, m_K = (float(inputs.values[m]) for m in (decay.m_B, decay.m_K))
    ff = {k: float(v) for k, v in inputs.form_factors[decay.transition](jnp.asarray(0.0)).items()}
    lam = (m_B**2 - m_K**2) ** 2
    row = 64 * (m_B * m_K * ff["A12"]) ** 2 if decay.vector else lam * ff["f+"] ** 2
    squares = float(inputs.N_0) ** 2 * 3 * float(inputs.C_L_SM) ** 2
    expected = squares * np.sqrt(lam) * row / (384 * np.pi**3 * m_B**3)
    found = programs.dgamma_dq2(mode, Neutrinos(), inputs, jnp.asarray(0.0))
    np.testing.assert_allclose(float(found), expected, rtol=1e-11)


@pytest.mark.parametrize("mode", ONE_OF_EACH_SPIN)
def test_bins_beyond_the_endpoint_are_closed(mode: str, inputs: Inputs) -> None:
    edges = jnp.array([0.0, 15.0, endpoint(inputs, mode), 23.5, 30.0])
    rate = jax.jit(
        jax.value_and_grad(
            lambda i, chosen: jnp.dot(rates.gamma_bins(mode, ALL_ROWS, i, edges), chosen)
        )
    )
    value, gradient = rate(inputs, jnp.array([0.0, 0.0, 1.0, 1.0]))
    assert value == 0
    assert all(np.all(np.asarray(leaf) == 0) for leaf in jax.tree.leaves(gradient))
    value, gradient = rate(inputs, jnp.array([1.0, 1.0, 0.0, 0.0]))
    assert value > 0
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(gradient))


def interference(state: Neutrinos, inputs: Inputs) -> dict[str, float]:
    """The flavour sums of Eqs. (10) and (12) of arXiv:2309.12741, divided by 3 |C_L^SM|^2."""
    CL, CR, CLp, CRp = (np.asarray(c) for c in (state.CL, state.CR, state.CLp, state.CRp))
    C = float(inputs.C_L_SM)
    sums = {
        "sm_L": 2 * C * np.trace(CL).real,
        "sm_R": 2 * C * np.trace(CR).real,
        "squares": sum(np.sum(np.abs(c) ** 2) for c in (CL, CR, CLp, CRp)),
        "plus": np.sum(np.abs(CL + CR) ** 2) + np.sum(np.abs(CLp + CRp) ** 2),
        "cross": np.sum((CL * CR.conj() + CLp * CRp.conj()).real),
    }
    return {name: float(value) / (3 * C**2) for name, value in sums.items()}


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_equations_10_and_12_of_the_paper(preset: str, rng: np.random.Generator) -> None:
    inputs = load_inputs(preset)
    ratios = jax.jit(
        lambda state: (
            ratio_to_sm("B+->K+", [state], inputs),
            ratio_to_sm("B0->K*0", [state], inputs),
        )
    )
    h = float(eta(inputs))
    for _ in range(5):
        state = random_neutrinos(rng)
        r_K, r_Kstar = (float(r) for r in ratios(state))
        t = interference(state, inputs)
        eq_10a = 1 + t["sm_L"] + t["sm_R"] + t["plus"]
        eq_10b = 1 + t["sm_L"] + t["squares"] - 2 * h * (t["sm_R"] / 2 + t["cross"])
        eq_12 = 2 * (1 + h) * (t["sm_R"] / 2 + t["cross"])
        assert r_K == pytest.approx(eq_10a, rel=1e-12)
        assert r_Kstar == pytest.approx(eq_10b, rel=1e-12)
        assert r_K - r_Kstar == pytest.approx(eq_12, rel=1e-12, abs=1e-12 * r_K)


@pytest.mark.parametrize("charged", [True, False])
def test_left_handed_currents_alone_do_not_split_the_ratios(
    charged: bool, inputs: Inputs, rng: np.random.Generator
) -> None:
    """C_L only, or off-diagonal C_R only (claim 7): R_K = R_K* for every charge."""
    CR = random_neutrinos(rng).CR * (1 - jnp.eye(3))
    modes = ("B+->K+", "B+->K*+") if charged else ("B0->K0", "B0->K*0")
    for state in (Neutrinos(CR=CR), Neutrinos(CL=random_neutrinos(rng).CL)):
        r_K, r_Kstar = (float(ratio_to_sm(mode, [state], inputs)) for mode in modes)
        assert r_K > 1.5
        assert r_K == pytest.approx(r_Kstar, rel=4e-15, abs=0)


ETA = {
    "gkvd2018_lcsr": 0.689,
    "gkvd2018_lcsrlattice": 0.637,
    "gkvd2018v1_lcsrlattice_flavio": 0.632,
    "bsz2015v2_lcsrlattice": 0.666,
    "grvdv2023": 0.642,
}


@pytest.mark.parametrize(("name", "value"), ETA.items())
def test_eta(name: str, value: float) -> None:
    """F_-/F_+ of Eq. (11); the paper quotes 0.63."""
    assert round(float(eta(load_inputs("default", {"B->K*": name}))), 3) == value


def test_eta_is_the_ratio_of_the_integrals_of_equation_11(inputs: Inputs) -> None:
    m_B, m_V = float(inputs.values["m_B_0"]), float(inputs.values["m_Kstar_0"])
    x_K = (m_V / m_B) ** 2

    @jax.jit
    def F_terms(x: jax.Array) -> jax.Array:
        ff = inputs.form_factors["B->K*"](x * m_B**2)
        lam = (1 - x_K - x) ** 2 - 4 * x_K * x
        axial = x * ff["A1"] ** 2 + 32 * x_K / (1 + np.sqrt(x_K)) ** 2 * ff["A12"] ** 2
        vector = x * lam / (1 + np.sqrt(x_K)) ** 4 * ff["V"] ** 2
        return jnp.sqrt(lam) * jnp.stack([axial, vector])

    axial, vector = integrals(F_terms, 0.0, (1 - np.sqrt(x_K)) ** 2, np.ones(2))
    assert float(eta(inputs)) == pytest.approx((axial - vector) / (axial + vector), rel=1e-11)


@pytest.mark.parametrize(
    ("name", "correlated", "uncertainty"),
    [
        ("gkvd2018v1_lcsrlattice_flavio", True, 0.030),
        ("gkvd2018_lcsrlattice", True, 0.029),
        ("gkvd2018v1_lcsrlattice_flavio", False, 0.086),
    ],
)
def test_uncertainty_of_eta(name: str, correlated: bool, uncertainty: float) -> None:
    """From draws of the form factors; the 0.09 of the paper ignores their correlations."""
    nuisances = Nuisances(load_inputs("default", {"B->K*": name}), groups=["B->K*"])
    if not correlated:
        sigma = jnp.sqrt(jnp.sum(nuisances.roots["B->K*"] ** 2, axis=1))
        nuisances = eqx.tree_at(lambda n: n.roots["B->K*"], nuisances, jnp.diag(sigma))
    n = 20000
    draws = nuisances.draw(jax.random.key(1), n)
    values = jax.jit(jax.vmap(lambda z: eta(nuisances.shift(z))))(draws)
    monte_carlo_error = uncertainty / np.sqrt(2 * n)
    tolerance = 0.0005 + 3 * monte_carlo_error  # of the last digit quoted, and of the draws
    assert float(jnp.std(values)) == pytest.approx(uncertainty, abs=tolerance)


def test_numbers_of_the_standard_model(inputs: Inputs) -> None:
    br = float(branching_fraction("B+->K+", [Neutrinos()], inputs))
    assert br == pytest.approx(4.97e-6, abs=0.01e-6)
    c_sm = float(load_inputs("paper").C_L_SM)
    assert 2 * c_sm / (3 * c_sm**2) == pytest.approx(-0.105, abs=0.001)
    assert 1 / (3 * c_sm**2) == pytest.approx(0.0083, abs=0.0002)


def test_smallest_ratio_of_the_vector_mode_in_the_new_range() -> None:
    """Claim 8: with C_R^tautau and C_R^mutau alone and R_K >= 3.6, R_K* is smallest at mutau = 0.

    Eqs. (10) then read R_K = 1 + (2 C x + x^2)/(3 C^2), R_K* = 1 + (x^2 - 2 eta C x)/(3 C^2) with
    x = C_R^tautau: the smallest R_K* lies where R_K = 3.6, at x = |C| - sqrt(C^2 + 7.8 C^2).
    """

    def smallest(C: float, h: float) -> tuple[float, float]:
        x = abs(C) - np.sqrt(C**2 + 3 * 2.6 * C**2)
        return float(x), float(1 + (x**2 - 2 * h * C * x) / (3 * C**2))

    x, R_Kstar = smallest(-6.352, 0.63)
    assert x == pytest.approx(-12.49, abs=0.005)
    assert R_Kstar == pytest.approx(1.463, abs=0.0005)

    inputs = load_inputs("paper")
    ratios = jax.jit(
        jax.vmap(
            lambda tautau, mutau: jnp.stack(
                [
                    ratio_to_sm(
                        mode, [Neutrinos.named({"CR_tautau": tautau, "CR_mutau": mutau})], inputs
                    )
                    for mode in ("B+->K+", "B0->K*0")
                ]
            )
        )
    )
    x, R_Kstar = smallest(float(inputs.C_L_SM), float(eta(inputs)))
    at_minimum = ratios(jnp.array([x]), jnp.zeros(1))[0]
    assert at_minimum.tolist() == pytest.approx([3.6, R_Kstar], rel=1e-12)

    step = 0.02  # the slopes there are dR_K/dx = -0.31 and dR_K*/dx = -0.14 per unit of x
    tautau, mutau = np.meshgrid(np.arange(-30, 30, step), np.arange(0, 15, 0.5))
    R = np.asarray(ratios(jnp.asarray(tautau.ravel()), jnp.asarray(mutau.ravel())))
    allowed = R[:, 0] >= 3.6
    best = np.argmin(np.where(allowed, R[:, 1], np.inf))
    assert R[best, 1] >= R_Kstar
    assert R[best, 1] == pytest.approx(R_Kstar, abs=0.14 * step)
    assert mutau.ravel()[best] == 0
    assert tautau.ravel()[best] == pytest.approx(x, abs=step)


@pytest.mark.parametrize("mode", VECTOR_MODES)
def test_longitudinal_fraction_is_the_ratio_of_integrals(mode: str, inputs: Inputs) -> None:
    states = [ALL_ROWS]

    @jax.jit
    def parts(s: jax.Array) -> jax.Array:
        total = dbr_dq2(mode, states, inputs, s)
        return jnp.stack([longitudinal_fraction_at(mode, states, inputs, s) * total, total])

    scale = np.full(2, float(branching_fraction(mode, states, inputs)))
    longitudinal, total = integrals(parts, 0.0, endpoint(inputs, mode), scale)
    found = float(longitudinal_fraction(mode, states, inputs))
    assert found == pytest.approx(longitudinal / total, rel=1e-11)
    at_zero = longitudinal_fraction_at(mode, [Neutrinos()], inputs, jnp.asarray(0.0))
    assert float(at_zero) == pytest.approx(1.0, abs=1e-11)
    assert float(longitudinal_fraction_at(mode, states, inputs, jnp.asarray(25.0))) == 0


@pytest.mark.parametrize("mode", ONE_OF_EACH_SPIN)
def test_jit_eager_and_vmap_agree(mode: str, inputs: Inputs, rng: np.random.Generator) -> None:
    states = [random_neutrinos(rng) for _ in range(3)]
    q2 = jnp.array([0.0, 3.0, 25.0])
    edges = jnp.array([0.0, 5.0, 15.0, 25.0])
    functions = {
        "differential": lambda state, s: rates.dgamma_dq2(mode, state, inputs, s),
        "total": lambda state, s: rates.gamma(mode, state, inputs) + 0 * s,
        "bins": lambda state, s: rates.gamma_bins(mode, state, inputs, edges) + 0 * s,
    }
    batch = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
    for function in functions.values():
        eager = np.array([function(state, s) for state, s in zip(states, q2, strict=True)])
        jitted = jax.jit(function)
        one_by_one = [jitted(state, s) for state, s in zip(states, q2, strict=True)]
        mapped = jax.jit(jax.vmap(function))(batch, q2)
        np.testing.assert_allclose(one_by_one, eager, rtol=2e-14)
        np.testing.assert_allclose(mapped, eager, rtol=2e-14)


def central_difference(function: Callable[[float], float], x: float, h: float) -> float:
    """Five-point stencil, exact for polynomials up to x^4."""
    far = function(x + 2 * h) - function(x - 2 * h)
    near = function(x + h) - function(x - h)
    return float((8 * near - far) / (12 * h))


@pytest.mark.parametrize("mode", ONE_OF_EACH_SPIN)
def test_gradient_in_the_coefficients(mode: str, inputs: Inputs, rng: np.random.Generator) -> None:
    """Rates are quadratic: a wide stencil is exact. 72 real numbers of `Neutrinos`."""

    @jax.jit
    def function(flat: jax.Array) -> jax.Array:
        parts = flat.reshape(2, 4, 3, 3)
        return rates.gamma(mode, Neutrinos(*(parts[0] + 1j * parts[1])), inputs)

    flat = 5 * rng.normal(size=72)
    gradient = np.asarray(jax.grad(function)(jnp.asarray(flat)))
    steps = 3.0 * np.eye(72)
    expected = [float(function(flat + e) - function(flat - e)) / 6.0 for e in steps]
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-12 * np.abs(gradient).max())
    assert np.abs(gradient).min() > 0


@pytest.mark.parametrize("mode", ONE_OF_EACH_SPIN)
def test_gradient_in_the_universal_coefficients(mode: str, inputs: Inputs) -> None:
    @jax.jit
    def function(c: jax.Array) -> jax.Array:
        return rates.gamma(mode, Universal(*(c[:5] + 1j * c[5:])), inputs)

    c = np.array([6.0, -1.0, 2.0, 3.0, 1.5, 0.2, 0.7, -2.0, 1.0, -0.4])
    gradient = jax.grad(function)(jnp.asarray(c))
    expected = [float(function(c + e) - function(c - e)) / 4.0 for e in 2 * np.eye(10)]
    np.testing.assert_allclose(gradient, expected, rtol=1e-11)


@pytest.mark.parametrize("mode", ONE_OF_EACH_SPIN)
def test_gradient_in_the_form_factor_coefficients(mode: str, inputs: Inputs) -> None:
    """Quadratic for BSZ; the factor L of HPQCD multiplies them, so that the rate is quartic."""
    transition = MODES[mode].transition

    @jax.jit
    def function(coefficients: jax.Array) -> jax.Array:
        shifted = eqx.tree_at(
            lambda i: i.form_factors[transition].coefficients, inputs, coefficients
        )
        return rates.gamma(mode, ALL_ROWS, shifted)

    central = np.asarray(inputs.form_factors[transition].coefficients)
    gradient = np.asarray(jax.grad(function)(jnp.asarray(central)))
    expected = [
        central_difference(lambda h, e=e: float(function(central + h * e)), 0.0, 0.1)
        for e in np.eye(central.size)
    ]
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-12 * np.abs(gradient).max())


@pytest.mark.parametrize("mode", ONE_OF_EACH_SPIN)
def test_gradient_in_the_scalar_inputs(mode: str, inputs: Inputs) -> None:
    """Masses (they move the endpoint), CKM, X_t, quark masses, the lifetime."""
    decay = MODES[mode]
    names = (decay.m_B, decay.m_K, decay.tau_B, "VtbVts_abs", "X_t", "GF", "mb_MSbar_4p8")

    @jax.jit
    def function(x: jax.Array) -> jax.Array:
        values = inputs.values | dict(zip(names, x, strict=True))
        shifted = eqx.tree_at(lambda i: i.values, inputs, values)
        state = eqx.tree_at(lambda s: s.cVL, ALL_ROWS, ALL_ROWS.cVL - shifted.C_L_SM)
        return branching_fraction(mode, [state], shifted)

    central = np.array([float(inputs.values[name]) for name in names])
    gradient = jax.jit(jax.grad(function))(jnp.asarray(central))
    expected = [
        central_difference(lambda h, e=e: float(function(central + h * e)), 0.0, 5e-4) / step
        for step, e in zip(central, np.diag(central), strict=True)
    ]
    np.testing.assert_allclose(gradient, expected, rtol=1e-8)
    assert np.all(np.asarray(gradient) != 0)


@pytest.mark.parametrize("mode", ONE_OF_EACH_SPIN)
def test_gradient_in_q2(mode: str, inputs: Inputs) -> None:
    function = jax.jit(lambda s: rates.dgamma_dq2(mode, ALL_ROWS, inputs, s))
    slope = jax.jit(jax.grad(function))
    for q2 in (0.3, 5.0, 16.0):
        expected = central_difference(lambda s: float(function(s)), q2, 0.003)
        np.testing.assert_allclose(float(slope(q2)), expected, rtol=1e-8)
