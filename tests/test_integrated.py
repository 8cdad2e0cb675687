"""Integrated rates and bins are the integrals of dGamma/dq2, to 1e-10 or better; their ends."""

from collections.abc import Callable, Mapping
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest
from integrals import ALL_ROWS, ONE_OF_EACH_SPIN, endpoint, integrals, random_neutrinos

from bsnunu_jax.hadrons.transitions import MODES, REPORTED
from bsnunu_jax.inputs import Inputs, load_inputs, presets
from bsnunu_jax.numerics.quadrature import BIN_NODES, NODES
from bsnunu_jax.observables.public import branching_fraction_bins
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.states import Neutrinos

BELLE2_EDGES = np.linspace(0.0, 22.885, 51)


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
