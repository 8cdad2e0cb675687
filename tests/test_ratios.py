"""Ratios to the SM, eta and F_L: Eqs. (10) to (12) of arXiv:2309.12741 and claims 7 and 8."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from integrals import ALL_ROWS, VECTOR_MODES, endpoint, integrals, random_neutrinos

from bsnunu_jax.inputs import Inputs, Nuisances, load_inputs
from bsnunu_jax.observables.public import (
    branching_fraction,
    dbr_dq2,
    eta,
    longitudinal_fraction,
    longitudinal_fraction_at,
    ratio_to_sm,
)
from bsnunu_jax.states import Neutrinos


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
