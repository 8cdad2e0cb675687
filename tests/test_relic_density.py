"""Omega h^2 against Radau in ln(Y/Y_eq) and diffrax; gradients; degrees of freedom."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from freeze_out import omega_h2 as radau

from bsnunu_jax.observables.dark_matter.degrees_of_freedom import degrees_of_freedom, ideal_gas
from bsnunu_jax.observables.dark_matter.relic_density import omega_h2
from bsnunu_jax.states.sectors import DarkScalar

_POINTS = 9
_COMPILED = jax.jit(
    jax.vmap(
        jax.value_and_grad(lambda m, c, i: omega_h2(DarkScalar(m, c), i), argnums=(0, 1)),
        in_axes=(0, 0, None),
    )
)


def gradient(m, c_ss, inputs):
    """Value and slopes in m and C_ss, always with the one compiled program."""
    m, c_ss = (np.resize(np.atleast_1d(a), _POINTS) for a in (m, c_ss))
    return jax.tree.map(np.asarray, _COMPILED(m, c_ss, inputs))


def value(m, c_ss, inputs) -> np.ndarray:
    """Omega h^2."""
    return gradient(m, c_ss, inputs)[0]


@pytest.mark.parametrize(
    ("T", "expected", "precision"),
    [(0.03, (12.57, 12.36), 1e-3), (0.05, (14.62, 14.31), 1e-3), (0.1, (17.7, 17.3), 1e-2)],
)
def test_degrees_of_freedom(T: float, expected: tuple[float, float], precision: float) -> None:
    """The fits of arXiv:1803.01038."""
    np.testing.assert_allclose(ideal_gas(np.array([T])).ravel(), expected, rtol=precision)


def test_interpolated_degrees_of_freedom() -> None:
    T = np.geomspace(2.1e-5, 0.149, 101)
    found = np.array(degrees_of_freedom(T))
    rho, entropy = ideal_gas(T)
    np.testing.assert_allclose(found[:2], [rho, entropy], rtol=1e-9)
    h = 1e-4
    hot, cold = (np.log(ideal_gas(T * np.exp(e))[1]) for e in (h, -h))
    root = entropy / np.sqrt(rho) * (1 + (hot - cold) / (6 * h))
    np.testing.assert_allclose(found[2], root, rtol=1e-7)
    slope = jax.vmap(jax.grad(lambda t: degrees_of_freedom(t)[1]))(T)
    np.testing.assert_allclose(slope * T / entropy, (hot - cold) / (2 * h), rtol=0, atol=1e-6)


def test_cold_and_hot_degrees_of_freedom() -> None:
    """3.36 and 3.91 today; before e+ e- annihilate 10.75; held above 150 MeV."""
    cold = [float(g) for g in degrees_of_freedom(1e-7)]
    assert cold[:2] == pytest.approx([3.363, 3.909], abs=1e-3)
    assert float(degrees_of_freedom(5e-3)[1]) == pytest.approx(10.75, rel=2e-3)
    assert float(degrees_of_freedom(0.4)[0]) == float(degrees_of_freedom(0.15)[0])


@pytest.mark.parametrize(
    ("m", "c_ss"), [(0.35, 3e-3), (0.48, 1e-4), (0.4937, 1e-4), (0.7, 1.3e-4), (0.9, 1e-2)]
)
def test_against_radau(m: float, c_ss: float, inputs) -> None:
    found = float(value(m, c_ss, inputs)[0])
    assert found == pytest.approx(radau(m, c_ss, inputs.values), rel=1e-5)


def test_against_diffrax(inputs) -> None:
    """W = ln(Y/Y_eq) by Kvaerno5 from x = 5 to 50 with the averages of the package."""
    pytest.importorskip("diffrax")
    from freeze_out_ode import omega_h2_diffrax

    m, c_ss = 0.6, 1e-4
    with jax.numpy_rank_promotion("allow"):
        exact = float(jax.jit(partial(omega_h2_diffrax, table=True))(m, c_ss, inputs))
    found = float(value(m, c_ss, inputs)[0])
    assert found == pytest.approx(exact, rel=1e-5)


def test_gradients(inputs) -> None:
    m = jnp.array([0.3, 0.45, 0.493677, 0.4937, 0.497611, 0.52, 0.547862, 0.6, 0.9])
    c = jnp.full(m.shape, 1e-4)
    found, (in_m, in_c) = gradient(m, c, inputs)
    assert np.isfinite([found, in_m, in_c]).all()
    h = 1e-6
    smooth = np.array([0, 1, 5, 7, 8])
    numeric = (value(m + h, c, inputs) - value(m - h, c, inputs)) / (2 * h)
    np.testing.assert_allclose(in_m[smooth], numeric[smooth], rtol=1e-5)
    numeric = (value(m, c * (1 + h), inputs) - value(m, c * (1 - h), inputs)) / (2 * h * c)
    np.testing.assert_allclose(in_c, numeric, rtol=1e-6)


def test_smooth_at_thresholds(inputs) -> None:
    """The slope in m is continuous: its change falls like the root of the distance."""
    distances = np.array([-1e-5, -1e-7, 0.0, 1e-7, 1e-5])
    for name in ("m_K_plus", "m_K_0", "m_eta"):
        m = float(inputs.values[name]) + distances
        slopes = gradient(m, 1e-4, inputs)[1][0]
        far, near = slopes[4] - slopes[0], slopes[3] - slopes[1]
        assert abs(near) < abs(far) / 8
        assert slopes[2] == pytest.approx((slopes[1] + slopes[3]) / 2, rel=2e-3)


def test_limits_of_the_coupling(inputs) -> None:
    """Finite with finite slope at coupling 0, falling, almost as 1/C^2 for a large one."""
    c = jnp.array([0.0, 1e-9, 1e-6, 1e-4, 1e-3])
    found, (in_m, in_c) = gradient(0.6, c, inputs)
    assert np.isfinite([found, in_m, in_c]).all()
    assert in_c[0] == 0
    assert (np.diff(found[:5]) < 0).all()
    assert 70 < found[3] / found[4] < 100
