"""Bessel functions, cross sections and thermal averages against independent integrals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from freeze_out import gondolo_gelmini, log_average
from scipy import special

from bsnunu_jax.observables.dark_matter.annihilation import CM3_PER_S, at_rest, cross_section
from bsnunu_jax.observables.dark_matter.bessel import k1e, kve
from bsnunu_jax.observables.dark_matter.thermal import eta, scaled_eta, thermal_average
from bsnunu_jax.states.sectors import DarkScalar

Z = np.geomspace(0.5, 1e5, 200)
AVERAGE = jax.jit(lambda m, x, i: thermal_average(DarkScalar(m, 1e-4), i, x))
SLOPE = jax.jit(jax.grad(lambda m, x, i: thermal_average(DarkScalar(m, 1e-4), i, x)))


@pytest.mark.parametrize("nu", [0, 1, 2])
def test_bessel_functions(nu: int) -> None:
    np.testing.assert_allclose(kve(nu, Z), special.kve(nu, Z), rtol=1e-12)
    slope = jax.vmap(jax.grad(lambda z: kve(nu, z)))(Z)
    exact = special.kve(nu, Z) - (special.kve(abs(nu - 1), Z) + special.kve(nu + 1, Z)) / 2
    np.testing.assert_allclose(slope, exact, rtol=1e-6)


def test_series_of_k1() -> None:
    z = Z[Z >= 2]
    np.testing.assert_allclose(k1e(jnp.asarray(z)), special.k1e(z), rtol=1e-11)


@pytest.mark.parametrize("x", [1.0, 3.0, 20.0, 60.0, 1000.0])
@pytest.mark.parametrize("ratio", [0.2, 0.7, 0.99, 0.99999, 1.0, 1.00001, 1.01, 1.3, 3.0])
def test_thermal_function(x: float, ratio: float) -> None:
    """eta is 64 pi m^2 <sigma v> for |M|^2 = 1 and ratio = m_f/m."""
    m = 0.5
    factor, log = gondolo_gelmini(x, m, ratio * m)
    exact = 64 * np.pi * m**2 * factor
    assert float(scaled_eta(x, ratio**2)) == pytest.approx(exact, rel=1e-8)
    assert float(eta(x, ratio**2)) == pytest.approx(exact * np.exp(log), rel=1e-8)


@pytest.mark.parametrize("m", [0.3, 0.493, 0.5, 0.6, 0.9])
def test_thermal_average_of_all_channels(m: float, inputs) -> None:
    for x in (2.0, 22.0):
        exact = np.exp(log_average(x, m, 1e-4, inputs.values))
        assert float(AVERAGE(m, x, inputs)) == pytest.approx(exact, rel=1e-8)


@pytest.mark.parametrize("threshold", ["m_K_plus", "m_K_0", "m_eta"])
def test_thresholds_are_smooth(threshold: str, inputs) -> None:
    """Value and slope are continuous, and the slope is that of finite differences."""
    m = float(inputs.values[threshold])
    for x in (3.0, 20.0, 50.0):
        at = [float(SLOPE(m + e, x, inputs)) for e in (-1e-7, 0.0, 1e-7)]
        assert np.isfinite(at).all()
        assert at[0] == pytest.approx(at[2], rel=1e-3)
        assert at[1] == pytest.approx(at[2], rel=1e-3)
        h = 1e-5
        for centre in (m - 1e-3, m + 1e-3, 0.7):
            up, down = (float(AVERAGE(centre + e, x, inputs)) for e in (h, -h))
            slope = float(SLOPE(centre, x, inputs))
            assert slope == pytest.approx((up - down) / (2 * h), rel=1e-5, abs=1e-13)


def test_cross_section_at_rest_and_closed(inputs) -> None:
    """sigma v = 2 beta sigma at threshold; cold averages tend to it; closed: 0 with slope 0."""
    dark, beta = DarkScalar(0.6, 1e-4), 1e-5
    s = 4 * 0.6**2 / (1 - beta**2)
    slow = 2 * beta * float(cross_section(dark, inputs, s))
    assert slow == pytest.approx(float(at_rest(dark, inputs)), rel=1e-5)
    assert float(AVERAGE(0.6, 1e7, inputs)) == pytest.approx(slow, rel=1e-5)
    value, slope = jax.value_and_grad(lambda m: at_rest(DarkScalar(m, 1e-4), inputs))(0.4)
    assert value == slope == 0
    assert float(cross_section(DarkScalar(0.3, 1e-4), inputs, 0.5)) == 0
    # physics.md: eta -> 2 sqrt(1 - z).
    assert float(eta(1e7, 0.3)) == pytest.approx(2 * np.sqrt(0.7), rel=1e-6)


def test_units() -> None:
    """2.4e-26 cm^3/s = 2.056e-9 GeV^-2 (the slides have 2.2e-9)."""
    in_gev = 2.4e-26 / CM3_PER_S
    assert in_gev == pytest.approx(2.056e-9, abs=0.0005e-9)
