"""Omega h^2 against Radau in ln(Y/Y_eq) and diffrax; gradients; degrees of freedom."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from equation_of_state import ideal_gas, logs_and_slope, table
from freeze_out import omega_h2 as radau

from bsnunu_jax.observables.dark_matter.degrees_of_freedom import degrees_of_freedom
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


# T [GeV], g_rho, g_s: rows of the file of the authors that lie on no row of the table, read in
# sthamann/TFPT (gstar_saikawa_shirai_2018.csv).
_PUBLISHED = (
    (9.5473753e-05, 4.1819504, 4.6718816),
    (0.0019794741, 10.686847, 10.686913),
    (0.014427562, 10.868036, 10.845496),
    (0.029992236, 12.568909, 12.353211),
    (0.050584819, 14.658133, 14.351318),
    (0.076847418, 16.246809, 15.930671),
    (0.094718284, 17.346354, 16.968905),
    (0.24269132, 46.837214, 44.078068),
    (1.048784, 70.306681, 69.292249),
)


def test_published_degrees_of_freedom() -> None:
    """Between the rows of the table, and where two parts of the equation of state meet."""
    T, rho, entropy = np.transpose(_PUBLISHED)
    found = np.array(degrees_of_freedom(T)[:2])
    np.testing.assert_allclose(found, [rho, entropy], rtol=1.5e-5)
    meeting = degrees_of_freedom(np.array([0.11674502, 0.15975158]))
    np.testing.assert_allclose(meeting[0], [19.36712, 30.263013], rtol=1.6e-3)


@pytest.mark.parametrize(("T", "precision"), [(0.03, 1.5e-3), (0.05, 5e-4), (0.1, 1.2e-2)])
def test_hadron_gas(T: float, precision: float) -> None:
    """An ideal gas of hadrons, leptons and photons; QED corrections, more hadrons from 70 MeV."""
    found = np.array(degrees_of_freedom(T)[:2])
    np.testing.assert_allclose(found, ideal_gas(np.array([T]))[:, 0], rtol=precision)


def test_interpolated_degrees_of_freedom() -> None:
    """Scipy's spline through the temperatures as printed, to six digits, and the table itself."""
    T = np.geomspace(1.1e-5, 2.0, 401)
    log_rho, log_s, slope = logs_and_slope(T)
    of = jax.jit(degrees_of_freedom)
    found = np.array(of(T))
    np.testing.assert_allclose(found[:2], np.exp([log_rho, log_s]), rtol=7e-6)
    root = np.exp(log_s - log_rho / 2) * (1 + slope / 3)
    np.testing.assert_allclose(found[2], root, rtol=7e-5)
    tangent = np.asarray(jax.jit(jax.vmap(jax.grad(lambda t: degrees_of_freedom(t)[1])))(T))
    np.testing.assert_allclose(tangent * T / found[1], slope, rtol=0, atol=3e-4)
    rows = table()
    np.testing.assert_allclose(np.array(of(rows[:, 0])[:2]), rows[:, 1:].T, rtol=8e-6)


def test_entropy_belongs_to_the_energy() -> None:
    """T ds = d rho from 10 MeV, below which neutrinos leave: s from the integral of d rho/T."""
    T = np.geomspace(0.01, 2.0, 5000)
    g_rho, g_s, _ = (np.asarray(g) for g in degrees_of_freedom(T))
    # In units of 2 pi^2/45; trapezoids in rho.
    rho, s = 0.75 * g_rho * T**4, g_s * T**3
    integral = s[0] + np.concatenate(
        [[0.0], np.cumsum(np.diff(rho) * (1 / T[1:] + 1 / T[:-1]) / 2)]
    )
    np.testing.assert_allclose(integral[T < 0.13], s[T < 0.13], rtol=1.5e-4)
    np.testing.assert_allclose(integral, s, rtol=3e-4)


def test_cold_and_hot_degrees_of_freedom() -> None:
    """3.38 and 3.93 today, 10.75 less 0.2 % of QED before e+ e- annihilate; held above 2 GeV."""
    cold = [float(g) for g in degrees_of_freedom(1e-7)]
    assert cold[:2] == pytest.approx([3.3831, 3.9309], abs=1e-4)
    assert float(degrees_of_freedom(5e-3)[1]) == pytest.approx(10.75, rel=2.2e-3)
    assert float(degrees_of_freedom(4.0)[0]) == float(degrees_of_freedom(3.0)[0])


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
