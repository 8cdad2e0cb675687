"""Gradients of integrated rates in coefficients, form factors, inputs and q2: differences."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from integrals import ALL_ROWS, ONE_OF_EACH_SPIN

from bsnunu_jax.hadrons.transitions import MODES
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.observables.public import branching_fraction
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.states import Neutrinos, ScalarPair, Universal


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


@pytest.mark.parametrize("state", [Neutrinos(), ScalarPair(0.5, V=1e-6)], ids=["nu", "pair"])
def test_slope_in_an_edge_is_the_spectrum_there(state, inputs: Inputs) -> None:
    """Also where the nodes stay as the mass moves."""

    def function(edge: jax.Array) -> jax.Array:
        edges = jnp.stack([jnp.asarray(2.0), edge])
        return rates.gamma_bins("B+->K+", state, inputs, edges)[0]

    expected = float(rates.dgamma_dq2("B+->K+", state, inputs, 5.0))
    for slope in (jax.grad(function), jax.jit(jax.grad(function)), jax.jacfwd(function)):
        assert float(slope(5.0)) == pytest.approx(expected, rel=1e-8)
