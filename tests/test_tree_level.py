"""The tree-level tau contribution is the product of two two-body decays with a fixed helicity."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bsnunu_jax import InputError, load_inputs
from bsnunu_jax.observables import tree_level
from bsnunu_jax.runs.predict import predict


def test_product_of_branching_fractions_from_amplitudes(inputs):
    """Gamma = sum |M|^2 p/(8 pi M^2) with M = (GF/sqrt2) V f p^mu u_nu g_mu (1 - g5) v_tau."""
    v = {k: float(x) for k, x in inputs.values.items()}
    m_B2, m_K2, m_tau2 = (v[k] ** 2 for k in ("m_B_plus", "m_K_plus", "m_tau"))

    def squared(ckm, f, p2, p_nu, p_tau, nu_tau):
        return v["GF"] ** 2 / 2 * ckm**2 * f**2 * 8 * abs(2 * p_nu * p_tau - p2 * nu_tau)

    def width(square, heavy2, light2):
        return square * (heavy2 - light2) / (2 * heavy2**0.5) / (8 * np.pi * heavy2)

    nu = (m_B2 - m_tau2) / 2  # p.k = k.t for the meson's momentum p = k + t
    to_tau = width(squared(v["Vub"], v["f_Bplus"], m_B2, nu, (m_B2 + m_tau2) / 2, nu), m_B2, m_tau2)
    nu = (m_tau2 - m_K2) / 2  # crossed: t = p + k; two spins of the tau to average
    to_kaon = width(
        squared(v["Vus"], v["f_Kplus"], m_K2, nu, (m_tau2 + m_K2) / 2, nu) / 2, m_tau2, m_K2
    )
    expected = to_tau * to_kaon * float(inputs.lifetime("tau_B_plus") * inputs.lifetime("tau_tau"))
    assert float(tree_level.branching_fraction(inputs)) == pytest.approx(expected, rel=1e-12)


def test_spectrum_integrates_to_the_total_and_follows_the_trace(inputs):
    grid = jnp.linspace(0, 23, 200_001)
    spectrum = np.asarray(jax.vmap(lambda s: tree_level.dbr_dq2(inputs, s))(grid))
    total = np.trapezoid(spectrum, grid)
    assert total == pytest.approx(float(tree_level.branching_fraction(inputs)), rel=1e-9)
    v = {k: float(x) for k, x in inputs.values.items()}
    tau2, b2, k2 = v["m_tau"] ** 2, v["m_B_plus"] ** 2, v["m_K_plus"] ** 2
    # |M|^2 ~ 2 (k1.t)(k2.t) - m_tau^2 k1.k2 at the tau pole, flat phase space in q2
    trace = (b2 - tau2) * (tau2 - k2) / 2 - tau2 * np.array([1.0, 7.0]) / 2
    found = [float(tree_level.dbr_dq2(inputs, jnp.asarray(s))) for s in (1.0, 7.0)]
    assert found[0] / found[1] == pytest.approx(trace[0] / trace[1], rel=1e-12)


def test_the_switch_of_predict_adds_it():
    names = ["BR(B+->K+inv)", "BR_tree(B+->K+inv)"]
    without = predict(names)["observables"]
    with_it = predict(names, tree_tau=True)["observables"]
    assert with_it[names[0]] == pytest.approx(sum(without.values()), rel=1e-14)
    assert with_it[names[1]] == without[names[1]]
    with pytest.raises(InputError, match=r"f_K\*"):
        predict(["BR(B+->K*+inv)"], tree_tau=True)
    with pytest.raises(InputError, match="preset 'eos' has no f_Bplus"):
        predict(["BR_tree(B+->K+inv)"], preset="eos")


def test_value_used_by_belle2():
    """Belle II subtracts 0.61e-6; ours differs by the inputs, |Vub| = 3.64e-3 foremost."""
    assert float(tree_level.branching_fraction(load_inputs())) == pytest.approx(6.1e-7, rel=0.1)
