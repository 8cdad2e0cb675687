"""What arXiv:2309.12741 says of leptoquarks and Z' models, as computed numbers.

R_K of C_L alone and of one chirality is a ratio of invariants, without form factors.
"""

import equinox as eqx
import jax
import numpy as np
import pytest

from bsnunu_jax.inputs import load_inputs
from bsnunu_jax.models import get_model
from bsnunu_jax.models.matching import Pi
from bsnunu_jax.observables import bs_mixing
from bsnunu_jax.observables.catalogue import get_observable
from bsnunu_jax.observables.public import branching_fraction
from bsnunu_jax.states import Neutrinos
from bsnunu_jax.states.sectors import ChargedCurrent, Sectors

# The paper's C_SM and alpha(m_Z) with |VtbVts*| of a unitary matrix, so that it goes with Vcb.
_PAPER = load_inputs("paper")
INPUTS = eqx.tree_at(
    lambda i: i.values["VtbVts_abs"], _PAPER, load_inputs("flavio").values["VtbVts_abs"]
)
PI = float(Pi(INPUTS)) * 1e-6  # TeV^2
C_SM = float(INPUTS.C_L_SM)


def built(name: str, **parameters: complex) -> Sectors:
    return get_model(name).build(parameters, INPUTS)


def ratio(state: Neutrinos) -> float:
    """R_K = R_K* of C_L alone, R_K of all coefficients."""
    of_sm = Neutrinos().invariants(INPUTS)["vector"]
    return float(state.invariants(INPUTS)["vector"] / of_sm)


def r_D(current: ChargedCurrent) -> float:
    """R_D over its SM value: a left-handed current, rates of the three neutrinos add."""
    row = np.eye(3)[2] + np.asarray(current.CVL)[2]
    return float(np.sum(np.abs(row) ** 2))


def s0(C_L: float) -> Sectors:
    """S0 with C_L^tautau alone and |lam_3tau| << |lam_2tau|."""
    return built("S0", M=2.0, lam_2tau=1e4, lam_3tau=C_L * 2 * 2.0**2 / PI / 1e4)


def test_conventions() -> None:
    assert round(C_SM, 3) == -6.353
    assert Pi(INPUTS) < 0
    assert float(Pi(INPUTS)) == pytest.approx(-5.9e8, rel=5e-3)
    assert float(s0(-3.0).invisible[0].CL[2, 2].real) == pytest.approx(-3.0, rel=1e-12)


def test_s0_cannot_do_both() -> None:
    """R = 2.7 means r_D = 1.022 (0.948 at the other root), r_D = 1.12 means R = 26."""
    slope = float(s0(-1.0).current.CVL[2, 2].real) / -1.0
    assert slope == pytest.approx(-1.188e-3, abs=1e-6)
    low, high = C_SM * (-1 + np.sqrt(6.1)), C_SM * (-1 - np.sqrt(6.1))
    for C_L, stated, r in ((low, -9.34, 1.022), (high, 22.04, 0.948)):
        s = s0(C_L)
        assert pytest.approx(stated, abs=0.005) == C_L
        assert ratio(s.invisible[0]) == pytest.approx(2.7, rel=1e-10)
        assert round(r_D(s.current), 3) == r
    C_L = (np.sqrt(1.12) - 1) / slope
    s = s0(C_L)
    assert round(r_D(s.current), 2) == 1.12
    assert round(C_L) == -49
    assert round(ratio(s.invisible[0])) == 26


def test_numbers_of_the_text_have_the_other_sign() -> None:
    """Its 6 % and R = 14 follow with VtbVts* = +Vcb, Vcs = 1, which no unitary matrix has."""
    wrong = float(INPUTS.role("alpha_hamiltonian")) / (2 * np.pi)
    high = C_SM * (-1 - np.sqrt(6.1))
    assert round((1 + wrong * high) ** 2 - 1, 4) == 0.0556
    C_L = (np.sqrt(1.12) - 1) / wrong
    assert ratio(Neutrinos.named({"CL_tautau": C_L})) == pytest.approx(14.23, abs=0.01)
    assert round(ratio(Neutrinos.named({"CL_tautau": -C_L}))) == 24


def test_s0_without_the_strange_quark() -> None:
    """lam_2tau = 0: r_D = 1.12 with R = 1 at lam_3tau = 2.94, M = 1.5 TeV."""
    s = built("S0", M=1.5, lam_3tau=2.94)
    assert ratio(s.invisible[0]) == 1.0
    assert round(r_D(s.current), 2) == 1.12


def test_triplets_change_the_charged_current_otherwise() -> None:
    """S1 lowers r_D where it raises R, V1 has half of S0's current at the same C_L."""
    slope = complex(s0(-1.0).current.CVL[2, 2]) / -1.0
    for name, factor, sign in (("S1", 2, -1.0), ("V1", -0.5, 0.5)):
        product = -1.0 * factor * 2.0**2 / PI
        s = built(name, M=2.0, lam_2tau=1e4, lam_3tau=product / 1e4)
        assert float(s.invisible[0].CL[2, 2].real) == pytest.approx(-1.0, rel=1e-12)
        assert complex(s.current.CVL[2, 2]) == pytest.approx(-sign * slope, rel=1e-6)
        assert (r_D(s.current) < 1) == (name == "S1")


@pytest.mark.parametrize(
    ("name", "factor", "apart", "single", "universal"),
    [("S1", 1.0, 1.109, 1.113, 1.164), ("V1", -1.0, 1.486, 1.552, 1.729)],
)
def test_bound_from_c9(
    name: str, factor: float, apart: float, single: float, universal: float
) -> None:
    """R at C_9^mumu = C_9^ee = -1: one leptoquark a flavour, one for both, tau as well."""

    def with_c9(*leptons: str) -> Sectors:
        strength = -1.0 / (factor * PI)  # M = 1 TeV
        heavy = {f"lam_3{i}": 1.0 for i in leptons}
        return built(name, M=1.0, **{f"lam_2{i}": strength for i in leptons}, **heavy)

    of_each = [with_c9(i) for i in ("e", "mu", "tau")]
    for n, s in enumerate(of_each):
        assert float(s.charged.C9[n, n].real) == pytest.approx(-1.0, rel=1e-12)
    C = [s.invisible[0].CL for s in of_each]
    assert round(ratio(Neutrinos(CL=C[0] + C[1])), 3) == apart
    assert round(ratio(Neutrinos(CL=sum(C))), 3) == universal
    assert round(ratio(with_c9("e", "mu").invisible[0]), 3) == single


def test_one_leptoquark_cannot_be_symmetric_with_c_mumu_zero() -> None:
    """Rank 1: C^mumu = C^mutau C^taumu/C^tautau."""
    for name in ("S2tilde", "V2"):
        C = (
            built(name, M=2.0, lam_2mu=0.3, lam_3mu=0.2j, lam_2tau=0.5, lam_3tau=0.7)
            .invisible[0]
            .CR
        )
        assert complex(C[1, 1] * C[2, 2]) == pytest.approx(complex(C[1, 2] * C[2, 1]), rel=1e-12)


def mixing_limit(shift: float) -> float:
    """|g/M| [1/TeV] of one chirality at this shift of Delta M_s, M = 1 TeV."""
    per_2 = float(bs_mixing.delta_m_ratio(built("zprime", gR=1e-3, MZp=1.0), INPUTS) - 1) * 1e6
    return float(np.sqrt(shift / per_2))


def test_sterile_neutrino_with_one_chirality() -> None:
    """R_K = 1 + |C'|^2/(3 C_SM^2); Bs mixing bounds it with a bound on gN/M alone."""
    C = np.sqrt(3) * -C_SM
    assert round(C, 1) == 11.0
    g10, g20 = mixing_limit(0.1), mixing_limit(0.2)
    assert round(C / (-PI * g10), 1) == 4.3
    assert round(C / (-PI * g20), 1) == 3.0
    assert round(C * np.sqrt(2.6) / (-PI * g10), 1) == 6.9
    for R in (2.0, 3.6):
        s = built("zprime", MZp=1.0, gR=g10, gN=C * np.sqrt(R - 1) / (-PI * g10))
        assert ratio(s.invisible[0]) == pytest.approx(R, rel=1e-12)
        assert float(bs_mixing.delta_m_ratio(s, INPUTS)) == pytest.approx(1.1, rel=1e-12)


@pytest.mark.parametrize(("shift", "slope"), [(0.1, 0.89), (0.2, 1.78)])
def test_left_right_model(shift: float, slope: float) -> None:
    """R_K = R_K* <= 1 + 0.89 X^2 (10 %), so about 2 for X = cot(thR) tan(thW) MW/M <= 1."""
    v = {k: float(x) for k, x in INPUTS.values.items()}
    over_mw = np.sqrt(np.sqrt(2) * v["GF"]) * 1000  # g/(2 MW) [1/TeV]
    VV = mixing_limit(shift) / over_mw
    if shift == 0.1:
        assert round(VV, 5) == 1.06e-3
    for X in (0.5, 1.0):
        # g tan cot/2 = (g/2) X M/MW at M = 1 TeV, at fixed X |V*V|.
        s = built("zprime", MZp=1.0, gR=over_mw * VV, gN=-over_mw * X)
        C = abs(complex(s.invisible[0].CRp[0, 0]))
        assert pytest.approx(np.sqrt(shift / 0.1) * 10.4 * X, rel=5e-3) == C
        assert (ratio(s.invisible[0]) - 1) / X**2 == pytest.approx(slope, abs=0.006)


def test_both_chiralities_are_a_tuning() -> None:
    """At gR/gL = 0.111 Delta M_s is free: (R_K - 1)/(R_K* - 1) = 1.42, 3.6 goes with 2.84."""
    names = ("R_K_nunu", "R_Kstar_nunu")

    @jax.jit
    def values(gN: float) -> list[jax.Array]:
        s = get_model("zprime").build({"MZp": 1.0, "gL": 0.01, "gR": 0.00111, "gN": gN}, INPUTS)
        found = [get_observable(n).function(s, INPUTS) for n in names]
        return [*found, bs_mixing.delta_m_ratio(s, INPUTS)]

    R, R_star, delta = (float(x) for x in values(1.0))
    assert round((R - 1) / (R_star - 1), 2) == pytest.approx(1.42, abs=0.011)
    R, R_star, delta = (float(x) for x in values(np.sqrt(2.6 / (R - 1))))
    assert pytest.approx(3.6) == R
    assert round(R_star, 2) == pytest.approx(2.84, abs=0.011)
    assert abs(delta - 1) < 0.01


def test_mixing_with_the_z_is_universal() -> None:
    """C_10^(')ii = C_{L,R}^ii and C_9 = -(1 - 4 s_W^2) C_10; |C_10'| = 0.5 moves R by 0.16."""
    s = built("zprime", MZp=5.0, gL=1e-3j, gR=2e-3, xi=0.1)
    v, one = 1 - 4 * float(INPUTS.values["sin2thetaW"]), np.eye(3)
    n, c = s.invisible[0], s.charged
    for C, C9, C10 in ((n.CL, c.C9, c.C10), (n.CR, c.C9p, c.C10p)):
        np.testing.assert_allclose(C, complex(C[0, 0]) * one, atol=1e-15)
        np.testing.assert_allclose(C10, C, rtol=1e-14)
        np.testing.assert_allclose(C9, -v * np.asarray(C), rtol=1e-14)
    xi_g = -PI * 2e-4 * 0.3704 / 0.0911876**2
    assert complex(n.CR[0, 0]) == pytest.approx(xi_g, rel=2e-3)
    shifts = [abs(ratio(Neutrinos(CR=x * one)) - 1) for x in (0.5, -0.5)]
    assert round(max(shifts), 2) == 0.16


def test_l_mu_minus_l_tau() -> None:
    """C_L^mumu = -C_L^tautau = C_9^mumu/2, C_10 = 0; R_K = 1.004 at C_9^mumu = -1."""
    g = -1.0 / (-PI * 2)  # gL gp at 1 TeV
    s = built("lmu-ltau", MZp=1.0, gp=1.0, gL=g, gR=0.001)
    n, c = s.invisible[0], s.charged
    assert complex(c.C9[1, 1]) == pytest.approx(-1.0, rel=1e-12)
    np.testing.assert_allclose(n.CL, np.asarray(c.C9) / 2, rtol=1e-14)
    np.testing.assert_allclose(n.CR, np.asarray(c.C9p) / 2, rtol=1e-14)
    assert complex(n.CL[2, 2]) == pytest.approx(-complex(n.CL[1, 1]))
    assert not np.any(c.C10)
    left = built("lmu-ltau", MZp=1.0, gp=1.0, gL=g)
    assert round(ratio(left.invisible[0]), 3) == 1.004


def test_rates_of_operators_of_n() -> None:
    """B+ -> K+ nu N at C = 0.01/TeV^2 and mN = 0: V 1.393e-6, S 1.955e-6, T 2.946e-6 at mu_b."""
    masses = ("mb_MSbar_4p8", 4.195), ("ms_MSbar_4p8", 0.0925)
    inputs = load_inputs()
    for name, value in masses:
        inputs = eqx.tree_at(lambda i, n=name: i.values[n], inputs, value)
    smeft = get_model("smeft")

    @jax.jit
    def rates(p: dict[str, float]) -> list[jax.Array]:
        return [branching_fraction("B+->K+", state, inputs) for state in smeft.build(p, inputs)]

    # At this scale nothing runs; each of the lepton flavours and both orders of quarks add one.
    _, V, S, T = rates({"CQN": 0.01, "CLNQd_e": 0.01, "CLNQdT_tau": 0.01, "mN": 0.0, "scale": 4.8})
    assert float(V) == pytest.approx(1.393e-6, rel=5e-4)
    assert float(S) == pytest.approx(1.955e-6, rel=5e-4)
    assert float(T) == pytest.approx(2.946e-6, rel=5e-4)


@pytest.mark.parametrize(
    ("name", "given", "parameter"),
    [
        ("S0", {}, "M"),
        ("V2", {"M": 0.0}, "M"),
        ("S1", {"M": 1j}, "M"),
        ("rpv", {}, "m_sdL3"),
        ("rpv", {"m_suL1": 2.0}, "m_suL1"),
        ("smeft", {"CQN": 1.0}, "mN"),
        ("smeft", {"mN": 1.0}, "mN"),
        ("smeft", {"scale": -1.0}, "scale"),
        ("zprime", {"gL": 1.0}, "MZp"),
        ("zprime", {"MZp": 1.0, "mN": 0.5}, "mN"),
        ("zprime", {"MZp": 1.0, "gnu_ee": 1j}, "gnu_ee"),
        ("lmu-ltau", {"MZp": -1.0}, "MZp"),
    ],
)
def test_refusals(name: str, given: dict[str, complex], parameter: str) -> None:
    refusal = get_model(name).rules({k: (x, x) for k, x in given.items()}, False)
    assert refusal is not None
    assert refusal.parameter == parameter


def test_domains() -> None:
    """Soft limits: couplings beyond sqrt(4 pi), masses that the LHC can pair-produce."""
    lines = get_model("S2tilde").check_domain(
        {"M": (1.0, 3.0), "lam_3tau": (-4.0, 1.0), "lam_2tau": (0.0, 3.5)}, lambda name: name
    )
    assert len(lines) == 2
    assert "lam_3tau" in lines[0]
    assert "from memory, unverified" in lines[1]
    assert not get_model("S2tilde").check_domain({"M": (2.0, 2.0)}, str)
    assert get_model("zprime").check_domain({"MZp": (0.01, 1.0)}, str)
    assert get_model("smeft").check_domain({"Clq1_ee": (0.0, 200.0)}, str)
