"""Lambda_b -> Lambda: fixed numbers, free quarks, limits of the spins, sum rule, gradients."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from test_baryons_brute_force import Given

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.form_factors import FORM_FACTORS
from bsnunu_jax.hadrons.rows import baryon_rows, pseudoscalar_rows, vector_rows
from bsnunu_jax.observables import polarisation
from bsnunu_jax.rates import of_rows
from bsnunu_jax.rates.baryons import Baryons, free_quark
from bsnunu_jax.states import FermionPair, Neutrinos, Resonance, ScalarPair, TwoBody, VectorPair
from bsnunu_jax.states.base import Around
from bsnunu_jax.states.parity_odd import parity_odd

TOY = dict(
    zip(
        FORM_FACTORS["1/2"],
        (0.31, 0.37, 0.45, 0.42, 0.29, 0.33, 0.52, 0.41, 0.36, 0.27),
        strict=True,
    )
)
LAMBDA = Baryons(5.6196, 1.115683, 4.1, 0.09, Given({k: jnp.asarray(v) for k, v in TOY.items()}))
QUARK = free_quark(4.75, 0.1)

gamma = jax.jit(of_rows.gamma)
dgamma_dq2 = jax.jit(of_rows.dgamma_dq2)
integrated = jax.jit(of_rows.integrated_kernels, static_argnames="nodes")
alpha = jax.jit(polarisation.slope_asymmetry)
alpha_at = jax.jit(polarisation.slope_asymmetry_at)
p_lambda = jax.jit(polarisation.helicity_polarisation)
p_lambda_at = jax.jit(polarisation.helicity_polarisation_at)


@pytest.fixture(scope="module")
def no_sm(inputs):
    """Inputs whose neutrinos have new physics alone."""
    return eqx.tree_at(lambda i: i.values["X_t"], inputs, jnp.zeros(()))


def one_pair(CL=0.0, CR=0.0):
    """Coefficients of one pair of flavours."""
    return Neutrinos(*(jnp.zeros((3, 3), complex).at[0, 1].set(c) for c in (CL, CR)))


def shown(value, like):
    """A number with the digits of a printed one."""
    digits = len(like.split("e")[0].split(".")[1])
    return f"{float(value):.{digits}e}" if "e" in like else f"{float(value):.{digits}f}"


TOY_ROWS = {
    "S": "4.772160",
    "P": "6.511344",
    "V0": "12.789469",
    "A0": "19.052301",
    "SV": "7.812388",
    "PA": "11.138047",
    "V": "20.571588",
    "A": "19.765937",
    "E": "40.174435",
    "F": "24.505374",
    "VE": "22.051647",
    "AF": "20.454391",
    "SP": "5.574332",
    "V0A0": "15.609895",
    "SA0": "9.535231",
    "PV0": "9.125603",
    "VA": "5.821493",
    "EF": "-22.104864",
    "VF": "-1.910171",
    "AE": "-11.068985",
}
QUARK_ROWS = {
    "S": "17.5225",
    "P": "15.6225",
    "V0": "63.146709",
    "A0": "61.246709",
    "SV": "33.263918",
    "PA": "30.932616",
    "V": "92.491709",
    "A": "98.191709",
    "E": "138.115919",
    "F": "143.815919",
    "VE": "92.797847",
    "AF": "99.791753",
}


def test_toy_rows():
    """Sec. 10 of the notes on further modes, printed digits; two other programs made them."""
    q2 = jnp.asarray(6.0)
    rows = LAMBDA.rows(q2) | LAMBDA.seen("decaying").rows(q2)
    assert {k: shown(rows[k], v) for k, v in TOY_ROWS.items()} == TOY_ROWS
    quark = QUARK.rows(q2)
    assert {k: shown(quark[k], v) for k, v in QUARK_ROWS.items()} == QUARK_ROWS


def test_toy_neutrinos(no_sm):
    left, both, equal = one_pair(1.0), one_pair(1.0, 0.5), one_pair(1.0, 1.0)
    N2 = float(no_sm.N_0) ** 2
    assert shown(dgamma_dq2(LAMBDA, left, no_sm, 6.0) / N2, "2.716173e-3") == "2.716173e-03"
    assert shown(dgamma_dq2(LAMBDA, both, no_sm, 6.0) / N2, "3.449466e-3") == "3.449466e-03"
    assert shown(alpha_at(LAMBDA, left, no_sm, 6.0), "0.288639") == "-0.288639"
    assert shown(p_lambda_at(LAMBDA, left, no_sm, 6.0), "0.987034") == "-0.987034"
    assert shown(dgamma_dq2(QUARK, left, no_sm, 6.0) / N2, "1.4834599e-2") == "1.4834599e-02"
    assert shown(dgamma_dq2(QUARK, equal, no_sm, 6.0) / N2, "2.8782312e-2") == "2.8782312e-02"
    assert shown(gamma(LAMBDA, left, no_sm) / N2, "3.997854294e-2") == "3.997854294e-02"
    assert shown(gamma(QUARK, left, no_sm) / N2, "0.2023729776") == "0.2023729776"


def test_toy_pairs(no_sm):
    fermions = {
        "S1": "8.785698e-04",
        "P2": "1.275276e-03",
        "V1": "2.766605e-03",
        "A2": "2.649870e-03",
        "T1": "1.776541e-02",
        "T2": "1.702889e-02",
    }
    kernels = of_rows.kernels(LAMBDA, FermionPair(0.3, **dict.fromkeys(fermions, 1.0)), 6.0)
    assert {k: shown(kernels[k], v) for k, v in fermions.items()} == fermions
    scalars = of_rows.kernels(QUARK, ScalarPair(0.25, S=1.0, V=1.0), 5.0)
    assert shown(scalars["S"], "3.723822e-4") == "3.723822e-04"
    assert shown(scalars["V"], "3.547517e-3") == "3.547517e-03"
    vectors = VectorPair(0.25, V4=1.0, T2=1.0)
    found = of_rows.kernels(QUARK, vectors, 5.0)
    invariants = vectors.invariants(no_sm)
    assert shown(found["V4"] * invariants["V4"], "5.402868") == "5.402868"
    assert shown(found["T2"] * invariants["T2"], "2.006617") == "2.006617"
    several = FermionPair(0.5, S2=0.4 + 0.3j, P2=0.2j, V1=1.0, V2=0.5j, A2=-0.7, T1=0.3)
    assert shown(gamma(LAMBDA, several, no_sm), "0.1090950312") == "0.1090950312"
    assert shown(gamma(QUARK, several, no_sm), "0.5168828542") == "0.5168828542"


def test_toy_two_body(no_sm):
    X = TwoBody(2.0, S=0.3 + 0.4j, P=-0.2 + 0.7j)
    assert shown(gamma(LAMBDA, X, no_sm), "1.5094133e-2") == "1.5094133e-02"
    assert shown(alpha(LAMBDA, X, no_sm), "0.682104") == "0.682104"
    g_V, g_A = 0.5 - 0.1j, 0.2 + 0.6j
    alp = TwoBody(2.0, S=1j * (4.1 - 0.09) * g_V, P=-(4.1 + 0.09) * g_A)
    found = float(gamma(LAMBDA, alp, no_sm))
    assert shown(found, "0.2126650") == "0.2126650"
    rows = LAMBDA.rows(jnp.asarray(4.0))
    M, m = 5.6196, 1.115683
    two_body = np.sqrt(((M - m) ** 2 - 4) * ((M + m) ** 2 - 4)) / (16 * np.pi * M**3)
    expected = two_body * 4 * (abs(g_V) ** 2 * rows["V0"] + abs(g_A) ** 2 * rows["A0"])
    assert found == pytest.approx(float(expected), rel=1e-13, abs=0)
    # A vector of 2.3 GeV on its mass shell has the rows V and A.
    rows, s = LAMBDA.rows(jnp.asarray(2.3**2)), 2.3**2
    two_body = np.sqrt(((M - m) ** 2 - s) * ((M + m) ** 2 - s)) / (16 * np.pi * M**3)
    rate = abs(0.7 + 0.2j) ** 2 * rows["V"] + abs(-0.4 + 0.5j) ** 2 * rows["A"]
    assert shown(two_body * rate, "5.8879775e-2") == "5.8879775e-02"


def test_rows_of_a_free_quark():
    """With a = m_b + m_s, d = m_b - m_s they are short."""
    s, m_b, m_s = 7.3, 4.6, 0.3
    a, d, root = m_b + m_s, m_b - m_s, np.sqrt(s)
    plus, minus = a**2 - s, d**2 - s
    expected = {
        "S": plus,
        "P": minus,
        "V0": plus * d**2 / s,
        "A0": minus * a**2 / s,
        "SV": plus * d / root,
        "PA": minus * a / root,
        "V": minus * (a**2 / s + 2),
        "A": plus * (d**2 / s + 2),
        "E": minus * (1 + 2 * a**2 / s),
        "F": plus * (1 + 2 * d**2 / s),
        "VE": 3 * minus * a / root,
        "AF": 3 * plus * d / root,
    }
    found = free_quark(m_b, m_s).rows(jnp.asarray(s))
    assert found.keys() == expected.keys()
    for row, value in expected.items():
        assert float(found[row]) == pytest.approx(value, rel=1e-14, abs=0)


def test_longitudinal_rows_keep_four_form_factors():
    q2 = jnp.asarray(6.0)
    silent = {k: jnp.zeros(()) if "perp" in k else jnp.asarray(v) for k, v in TOY.items()}

    def rows(ff, longitudinal):
        masses = LAMBDA.m_B, LAMBDA.m_K
        return baryon_rows(q2, *masses, ff, LAMBDA.m_b, LAMBDA.m_s, longitudinal)

    long, alone = rows(TOY, True), rows(silent, False)
    assert {k: float(v) for k, v in long.items()} == {k: float(v) for k, v in alone.items()}
    assert float(long["S"]) == float(LAMBDA.rows(q2)["S"])


def test_left_handed_quarks_without_mass(no_sm):
    """P = -1 and alpha = -(1 - 2x)/(1 + 2x), over q2 -1/3; right-handed ones the opposite."""
    quark = free_quark(4.75, 0.0)
    for state, sign in ((one_pair(1.0), -1), (one_pair(0.0, 1.0), 1)):
        assert float(p_lambda(quark, state, no_sm)) == pytest.approx(sign, abs=1e-13)
        assert float(alpha(quark, state, no_sm)) == pytest.approx(sign / 3, abs=1e-13)
        for q2 in (0.0, 5.0, 20.0):
            x = q2 / 4.75**2
            expected = sign * (1 - 2 * x) / (1 + 2 * x)
            assert float(alpha_at(quark, state, no_sm, q2)) == pytest.approx(expected, abs=1e-11)


def test_only_a_spin_tells_left_from_right(no_sm):
    """C_L <-> C_R leaves the rate and turns the sign of alpha and P; of equal ones nothing."""
    left, right = one_pair(1.0, 0.4j), one_pair(0.4j, 1.0)
    assert float(gamma(LAMBDA, left, no_sm)) == pytest.approx(
        float(gamma(LAMBDA, right, no_sm)), rel=1e-14, abs=0
    )
    for of in (alpha, p_lambda):
        found = [float(of(LAMBDA, s, no_sm)) for s in (left, right)]
        assert found[0] == pytest.approx(-found[1], rel=1e-13, abs=0)
        assert abs(found[0]) > 0.05
        assert float(of(LAMBDA, one_pair(1.0, 1.0), no_sm)) == 0
    a_fb = polarisation.forward_backward_asymmetry(LAMBDA, left, no_sm, -0.4)
    assert float(a_fb) == pytest.approx(-0.2 * float(alpha(LAMBDA, left, no_sm)), rel=1e-14, abs=0)


def test_sum_rule(inputs, rng):
    """Massless neutrinos: R of Lambda follows from those of K and K*, whatever the couplings."""
    q2, C = 8.0, rng.normal(size=(4, 3, 3)) + 1j * rng.normal(size=(4, 3, 3))
    ones = {k: jnp.asarray(0.4) for k in ("f+", "f0", "fT", "V", "A0", "A1", "A12")}
    ones |= {k: jnp.asarray(0.3) for k in ("T1", "T2", "T23")}
    s = jnp.asarray(q2)
    hadrons = {
        "K": pseudoscalar_rows(s, 5.28, 0.494, ones, 4.1, 0.09),
        "K*": vector_rows(s, 5.28, 0.892, ones, 4.1, 0.09),
        "Lambda": LAMBDA.rows(s),
    }
    sm, new = (state.invariants(inputs) for state in (Neutrinos(), Neutrinos(*C)))

    def rate(rows, invariants):
        return float(invariants["vector"] * rows["V"] + invariants["axial"] * rows.get("A", 0.0))

    R = {k: rate(rows, new) / rate(rows, sm) for k, rows in hadrons.items()}
    v, w = (
        float(sm["vector"]) * float(hadrons[k]["V"]) / rate(hadrons[k], sm)
        for k in ("K*", "Lambda")
    )
    ratio = (1 - w) / (1 - v)
    assert R["Lambda"] == pytest.approx(ratio * R["K*"] + (1 - ratio) * R["K"], rel=1e-12, abs=0)


PAIRS = {
    "neutrinos": Neutrinos(jnp.eye(3), 2j * jnp.eye(3)),
    "fermions": FermionPair(0.4, S1=1.0, P1=1j, V2=0.5, A2=0.3j, T1=0.2, T2=0.1),
    "two fermions": FermionPair(0.2, 0.9, S1=1.0, A1=1j, V2=0.5, T1=0.3j, T2=0.1),
    "scalars": ScalarPair(0.7, S=1.0, P=0.5j, V=0.3, A=0.2),
    "vectors": VectorPair(0.6, S=1.0, A2=0.5j, V4=0.3, A5=0.2, T1=0.3, T2=0.1j),
    "X": Resonance(2.0, 0.2, S=1.0, P=0.4j),
}


@pytest.mark.parametrize("name", PAIRS)
def test_integrals(name, inputs):
    """Totals of the rate and of the slope against an adaptive integrator."""
    state = PAIRS[name]
    low = 0.0 if name in ("neutrinos", "X") else float(sum(state.masses)) ** 2
    high = float(of_rows.q2_max(LAMBDA))
    for hadrons, seen in ((LAMBDA, state), (LAMBDA.seen("decaying"), parity_odd(state))):
        expected = quad(
            lambda t, h=hadrons, s=seen: (
                float(dgamma_dq2(h, s, inputs, low + (high - low) * np.sin(t) ** 2))
                * (high - low)
                * np.sin(2 * t)
            ),
            0,
            np.pi / 2,
            epsrel=1e-11,
            limit=200,
        )[0]
        assert float(gamma(hadrons, seen, inputs)) == pytest.approx(expected, rel=1e-9, abs=0)


def test_bins_add_up(inputs):
    state = PAIRS["fermions"]
    edges = jnp.asarray([0.0, 3.0, 11.0, 30.0])
    for hadrons, seen in ((LAMBDA, state), (LAMBDA.seen("daughter"), parity_odd(state))):
        bins = jax.jit(lambda h, s: of_rows.binned_kernels(h, s, edges))(hadrons, seen)
        total = integrated(hadrons, seen)
        for k, v in bins.items():
            assert float(v.sum()) == pytest.approx(float(total[k]), rel=1e-9, abs=0)


def test_gradients(inputs):
    """Finite at thresholds, at the endpoint and at q2 = 0; equal to differences between them."""

    @jax.jit
    def rate_and_slope(m, q2, c, m_K):
        hadrons = Baryons(LAMBDA.m_B, m_K, LAMBDA.m_b, LAMBDA.m_s, LAMBDA.form_factors)
        state = FermionPair(m, S1=c, P1=0.3j * c, V1=1.0, A1=0.4, T1=0.2, T2=c)
        odd = parity_odd(state)
        return jnp.stack(
            [
                of_rows.dgamma_dq2(hadrons, state, inputs, q2),
                of_rows.dgamma_dq2(hadrons.seen("decaying"), odd, inputs, q2),
                of_rows.gamma(hadrons, state, inputs),
                polarisation.slope_asymmetry(hadrons, state, inputs),
                polarisation.helicity_polarisation(hadrons, Neutrinos(), inputs),
            ]
        )

    slopes = jax.jit(jax.jacfwd(rate_and_slope, argnums=(0, 1, 2, 3)))
    m_K, end = float(LAMBDA.m_K), float(of_rows.q2_max(LAMBDA))
    for m, q2 in ((0.5, 1.0), (0.0, 0.0), (0.3, end), (2.3, 6.0), (0.4, 0.0), (end**0.5 / 2, end)):
        found = slopes(m, q2, 0.7, m_K)
        assert np.isfinite(np.array(found)).all(), (m, q2)
    at, step = (0.4, 6.0, 0.7, m_K), 1e-5
    found = slopes(*at)
    for i in range(4):
        up, down = ([x + (j == i) * sign * step for j, x in enumerate(at)] for sign in (1, -1))
        difference = (rate_and_slope(*up) - rate_and_slope(*down)) / (2 * step)
        np.testing.assert_allclose(found[i], difference, rtol=1e-6, atol=1e-9)


def test_closed_channels_are_zero(inputs):
    heavy = FermionPair(2.3, V1=1.0, A1=1.0)
    assert float(gamma(LAMBDA, heavy, inputs)) == 0
    assert float(alpha(LAMBDA, heavy, inputs)) == 0
    assert float(alpha_at(LAMBDA, PAIRS["fermions"], inputs, 25.0)) == 0
    assert np.isnan(float(dgamma_dq2(LAMBDA, PAIRS["fermions"], inputs, jnp.nan)))


def test_no_operators_no_products(inputs):
    odd = parity_odd(FermionPair(0.4))
    assert odd.invariants(inputs) == {}
    assert odd.dark_rows(jnp.asarray(6.0)) == {}


def test_a_state_without_a_known_spin_is_refused():
    class Other(Around):
        state = Neutrinos()

    with pytest.raises(InputError, match="no polarisation is known for the final state Other"):
        parity_odd(Other())
