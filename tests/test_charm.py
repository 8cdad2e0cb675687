"""D0 -> phi phi and D0 -> pi0 phi phi against amplitudes, and the form factor f_0."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brute_force_identical import REAL_SCALARS
from brute_force_pairs import quadratic_forms
from scipy.integrate import quad

from bsnunu_jax import Neutrinos, Nuisances, ScalarPair, branching_fraction
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.observables import branching

# flavio 2.7.1, "D->pi form factor" at q2 = 0, 1, 2, 2.9 GeV^2.
FLAVIO = {0.0: 0.612, 1.0: 0.7290001260847812, 2.0: 0.8964626723479925, 2.9: 1.1079350485952886}


def pair(m, S=0.0, P=0.0):
    """L = (1/2) [S (ubar c) + P (ubar i gamma_5 c)] phi^2."""
    return ScalarPair(m, S=S / 2, P=P / 2, real=True, quarks="c->u")


PION = jax.jit(lambda m, c, i: branching.branching_fraction("D0->pi0", pair(m, S=c), i))


def f0(inputs, q2):
    return inputs.form_factors["D->pi"](jnp.asarray(q2))["f0"]


@pytest.mark.parametrize("q2", FLAVIO)
def test_form_factor(q2: float, inputs) -> None:
    assert float(f0(inputs, q2)) == pytest.approx(FLAVIO[q2], rel=1e-12)


def test_spectrum_with_a_pion(inputs) -> None:
    """Both contractions and 1/2 for identical phi, 1/sqrt(2) of ubar u in the pi0, 1/2 in L."""
    v = {k: float(x) for k, x in inputs.values.items()}
    m, c = 0.4, 2e-6 + 1e-6j
    for q2 in (0.7, 1.5, 2.7):
        names = {"f+": 0.0, "f0": float(f0(inputs, q2)), "fT": 0.0}
        names |= {"m_b": v["m_c_mc_MSbar"], "m_s": v["m_u_mc_MSbar"]}
        forms = quadratic_forms(
            q2, v["m_D_0"], v["m_pi_0"], names, REAL_SCALARS, m, m, vector=False
        )
        scalar = list(REAL_SCALARS.operators).index("S")
        rate = 0.5 * abs(c / 2) ** 2 * forms[0, scalar, scalar].real
        found = branching.dbr_dq2("D0->pi0", pair(m, S=c), inputs, q2)
        assert float(found) == pytest.approx(rate * float(inputs.lifetime("tau_D_0")), rel=1e-12)


@pytest.mark.parametrize("m", [0.05, 0.5, 0.85])
def test_total_with_a_pion(m: float, inputs) -> None:
    end = float((inputs.values["m_D_0"] - inputs.values["m_pi_0"]) ** 2)
    dbr_dq2 = jax.jit(lambda q2: branching.dbr_dq2("D0->pi0", pair(m, S=1e-6), inputs, q2))

    def spectrum(t: float) -> float:
        """q2 from the threshold to the end, without the roots."""
        width = end - 4 * m**2
        q2 = 4 * m**2 + width * np.sin(t) ** 2
        return float(dbr_dq2(q2)) * width * np.sin(2 * t)

    exact = quad(spectrum, 0, np.pi / 2, epsabs=0, epsrel=1e-9)[0]
    assert float(PION(m, 1e-6, inputs)) == pytest.approx(exact, rel=1e-8)


def test_closed_decays(inputs) -> None:
    """Exactly 0 with slope 0, and a finite slope near the threshold."""
    slope = jax.jit(jax.grad(PION))
    for m in (0.9, 2.0):
        assert PION(m, 1e-6, inputs) == 0
        assert slope(m, 1e-6, inputs) == 0
    h = 1e-5
    numeric = (PION(0.5 + h, 1e-6, inputs) - PION(0.5 - h, 1e-6, inputs)) / (2 * h)
    assert float(slope(0.5, 1e-6, inputs)) == pytest.approx(float(numeric), rel=1e-6)
    dark = jax.value_and_grad(
        lambda m: branching.branching_fraction("D0->inv", pair(m, P=1e-6), inputs)
    )
    assert dark(0.95) == (0, 0)
    assert np.isfinite(dark(0.932)).all()
    assert np.isfinite(jax.grad(lambda c: PION(0.5, c, inputs))(0.0))


def test_invisible(inputs) -> None:
    """models.md: beta/(32 pi m_D) |C_P f_D m_D^2/(m_c + m_u)|^2."""
    v = {k: float(x) for k, x in inputs.values.items()}
    c = 3e-7 - 2e-7j
    amplitude = abs(c) * v["f_D"] * v["m_D_0"] ** 2 / (v["m_c_mc_MSbar"] + v["m_u_mc_MSbar"])
    beta = np.sqrt(1 - 4 * 0.6**2 / v["m_D_0"] ** 2)
    exact = v["tau_D_0"] * 1e-12 / v["hbar"] * beta * amplitude**2 / (32 * np.pi * v["m_D_0"])
    found = branching_fraction("D0->inv", pair(0.6, P=c), inputs)
    assert float(found) == pytest.approx(exact, rel=1e-13)


def test_nothing_of_the_sm_and_of_the_b(inputs) -> None:
    """The SM is taken as 0, pairs of b -> s do not count, nor these pairs in decays of the B."""
    other = ScalarPair(0.5, S=1e-6, P=1e-6)
    for mode in ("D0->pi0", "D0->inv"):
        assert branching_fraction(mode, [Neutrinos(), other], inputs) == 0
    both = [Neutrinos(), pair(0.5, S=1e-6, P=1e-6)]
    for mode in ("B+->K+", "B0->K*0", "Bs->inv"):
        assert branching_fraction(mode, both, inputs) == branching_fraction(
            mode, Neutrinos(), inputs
        )


def test_form_factors_that_are_not_there(inputs) -> None:
    """Of D -> pi there is f_0 alone: a current is refused, not taken as 0."""
    with pytest.raises(InputError, match="D->pi in use lack those of V"):
        branching_fraction("D0->pi0", ScalarPair(0.5, V=1e-6, quarks="c->u"), inputs)


def test_nuisances(inputs) -> None:
    """Group `D->pi`: the covariance of (a0, a1, a2) propagates to f_0."""
    nuisances = Nuisances(inputs, ["charm", "D->pi"])
    assert nuisances.names[:4] == ("tau_D_0", "f_D", "m_c_mc_MSbar", "ChPT_B")
    slope = jax.jacobian(lambda z: f0(nuisances.shift(z), 0.0))
    error = float(jnp.linalg.norm(slope(jnp.zeros(nuisances.size))))
    assert error == pytest.approx(0.0355, rel=1e-12)
    slope = jax.jacobian(lambda z: f0(nuisances.shift(z), 2.0))
    assert 0.01 < float(jnp.linalg.norm(slope(jnp.zeros(nuisances.size)))) < 0.06
