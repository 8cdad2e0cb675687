"""SMEFT at tree level and the running of Bs mixing against wilson 2.5.2.

wilson's CKM matrix has the standard phases; here the s quark is rephased so that VtbVts* is
negative. The same physics is a coefficient times VtbVts*/(-|VtbVts*|) there.
"""

import equinox as eqx
import jax
import numpy as np
import pytest

from bsnunu_jax.inputs import load_inputs, running
from bsnunu_jax.models import get_model
from bsnunu_jax.models.matching import ckm
from bsnunu_jax.observables import bs_mixing
from bsnunu_jax.states.sectors import BsMixing, Sectors

wilson = pytest.importorskip("wilson", reason="needs wilson: pip install '.[test,peers]'")
ckm_tree = pytest.importorskip("ckmutil.ckm").ckm_tree  # comes with wilson

pytestmark = pytest.mark.peers

FLAVIO = load_inputs("flavio")
LEPTONS = ("e", "mu", "tau")
SCALE = 91.1876
RTOL = 1e-6


def parameters() -> dict[str, float]:
    """Ours under wilson's names; its Z couplings follow from m_W, m_Z and alpha."""
    v = {k: float(x) for k, x in FLAVIO.values.items()}
    return wilson.parameters.p | {
        "GF": v["GF"],
        "alpha_e": float(FLAVIO.role("alpha_hamiltonian")),
        "alpha_s": v["alpha_s_mZ"],
        "m_Z": v["m_Z"],
        "m_W": v["m_W"],
        "m_b": 4.195,
        **{n: v[n] for n in ("Vus", "Vub", "Vcb", "gamma")},
        "loop_order": 0,
    }


V = ckm_tree(*(parameters()[n] for n in ("Vus", "Vub", "Vcb", "gamma")))
XI = V[2, 2] * V[2, 1].conj()
PHASE = XI / -abs(XI)
# The preset rounds |VtbVts*| as this matrix has it.
INPUTS = eqx.tree_at(lambda i: i.values["VtbVts_abs"], FLAVIO, abs(XI))


def peer(names: dict[str, complex]) -> dict[str, complex]:
    """flavio-basis coefficients of Warsaw ones [TeV^-2], matched at m_Z without running."""
    wc = wilson.wcxf.WC(
        "SMEFT",
        "Warsaw",
        SCALE,
        wilson.wcxf.WC.dict2values({k: c * 1e-6 * PHASE for k, c in names.items()}),
    )
    p = parameters()
    return wc.match("WET", "JMS", parameters=p).translate("flavio", parameters=p).dict


def ours(names: dict[str, complex]) -> Sectors:
    return get_model("smeft").build(names, INPUTS)


def test_ckm_matrix() -> None:
    """flavio's and wilson's `Tree` matrix, the column of s rephased."""
    rephased = V * np.array([1, PHASE, 1])
    np.testing.assert_allclose(ckm(FLAVIO), rephased, atol=1e-12)
    assert complex(ckm(FLAVIO)[2, 1]).imag == pytest.approx(0, abs=1e-17)


def compare(warsaw: dict[str, complex], names: dict[str, complex]) -> None:
    theirs, s = peer(warsaw), ours(names)
    n, c = s.invisible[0], s.charged
    size = max(abs(x) for k, x in theirs.items() if k.startswith(("CL_bs", "CR_bs")))
    for i, a in enumerate(LEPTONS):
        for j, b in enumerate(LEPTONS):
            expected = {
                f"CL_bsnu{b}nu{a}": n.CL,
                f"CR_bsnu{b}nu{a}": n.CR,
                f"C9_bs{b}{a}": c.C9,
                f"C10_bs{b}{a}": c.C10,
                f"C9p_bs{b}{a}": c.C9p,
                f"C10p_bs{b}{a}": c.C10p,
            }
            for name, matrix in expected.items():
                # flavio writes equal flavours once: C9_bsmumu.
                found = theirs.get(name, 0.0)
                assert complex(matrix[i, j]) == pytest.approx(found, rel=RTOL, abs=1e-12 * size)


@pytest.mark.parametrize(("stem", "prefix"), [("Clq1", "lq1"), ("Clq3", "lq3"), ("Cld", "ld")])
def test_contact_terms(stem: str, prefix: str) -> None:
    """All nine flavours of leptons, complex coefficients; the charged current of lq3."""
    rng = np.random.default_rng(7)
    values = 1e-2 * (rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3)))
    warsaw, names = {}, {}
    for i, j in np.ndindex(3, 3):
        # Of two coefficients that are Hermitian conjugates wilson wants one.
        lepton, quark = f"{i + 1}{j + 1}", "23"
        warsaw[f"{prefix}_{lepton}{quark}"] = values[i, j]
        names[f"{stem}_{LEPTONS[i]}{LEPTONS[j]}"] = values[i, j]
    known = set(wilson.wcxf.Basis["SMEFT", "Warsaw"].all_wcs)
    conjugate = {k: (k if k in known else f"{prefix}_{k[-3]}{k[-4]}32") for k in warsaw}
    given = {
        conjugate[k]: (c if k in known else np.conj(c * PHASE) / PHASE) for k, c in warsaw.items()
    }
    compare(given, names)
    if stem == "Clq3":
        theirs, s = peer(given), ours(names)
        for i, j in np.ndindex(3, 3):
            found = theirs[f"CVL_bc{LEPTONS[i]}nu{LEPTONS[j]}"]
            assert complex(s.current.CVL[i, j]) == pytest.approx(found, rel=RTOL)


@pytest.mark.parametrize(
    ("ours_name", "warsaw"), [("CHq1", "phiq1_23"), ("CHq3", "phiq3_23"), ("CHd", "phid_23")]
)
def test_couplings_to_the_higgs_current(ours_name: str, warsaw: str) -> None:
    """C_10 = C_L exactly; C_9 with the weak mixing angle that wilson takes from m_W and m_Z."""
    value = 0.01 - 0.02j
    theirs = peer({warsaw: value})
    s = ours({ours_name: value})
    n, c = s.invisible[0], s.charged
    right = ours_name == "CHd"
    of_nu, nine, ten = (n.CR, c.C9p, c.C10p) if right else (n.CL, c.C9, c.C10)
    side, p = ("R", "p") if right else ("L", "")
    vector = 1 - 4 * float(INPUTS.values["sin2thetaW"])
    for i, a in enumerate(LEPTONS):
        assert complex(of_nu[i, i]) == pytest.approx(theirs[f"C{side}_bsnu{a}nu{a}"], rel=RTOL)
        assert complex(ten[i, i]) == pytest.approx(theirs[f"C10{p}_bs{a}{a}"], rel=RTOL)
        ratio = theirs[f"C9{p}_bs{a}{a}"] / theirs[f"C10{p}_bs{a}{a}"]
        assert complex(nine[i, i] / ten[i, i]) == pytest.approx(-vector, rel=1e-12)
        # sin^2 theta_W from alpha(4.8), GF and m_W: some percent from the MSbar value.
        assert abs(ratio + vector) < 0.1
        if ours_name == "CHq3":
            found = theirs[f"CVL_bc{a}nu{a}"]
            assert complex(s.current.CVL[i, i]) == pytest.approx(found, rel=RTOL)


@pytest.mark.parametrize("mu", [91.1876, 163.0])
def test_running_of_mixing(mu: float) -> None:
    """M12 of each operator from mu to 4.2 GeV, within 0.4 %."""
    # Operators of the flavio basis: CVLL_bsbs, CVRR_bsbs, CVLR_bsbs with the same normalisation.
    names = {"CVLL_bsbs": "C_VLL", "CVRR_bsbs": "C_VRR", "CVLR_bsbs": "C_VLR"}
    VLL, VLR, SLR = (float(x) for x in bs_mixing.matrix_elements(FLAVIO))
    elements = {"CVLL_bsbs": VLL, "CVRR_bsbs": VLL, "CVLR_bsbs": VLR, "CSLR_bsbs": SLR}
    m12 = jax.jit(lambda c: bs_mixing.M12_NP(Sectors((), mixing=c), FLAVIO))
    for name, field in names.items():
        w = wilson.Wilson({name: 1e-10}, mu, "WET", "flavio")
        w.set_option("qed_order", 0)
        w.set_option("parameters", {"alpha_s": 0.1184, "m_Z": 91.1876, "m_b": 4.195})
        run = w.match_run(4.2, "WET", "flavio", sectors=("sbsb",)).dict
        theirs = -sum(complex(run.get(k, 0)) * x for k, x in elements.items())
        mine = complex(m12(BsMixing(**{field: 1e-10}, mu=mu)))
        assert mine == pytest.approx(theirs, rel=4e-3)


def test_scalar_and_tensor() -> None:
    """The currents of the quarks in b -> c tau nu, which run as those of b -> s."""
    for name, a in (("CSR_bctaunutau", running.SCALAR), ("CT_bctaunutau", running.TENSOR)):
        w = wilson.Wilson({name: 1e-3}, SCALE, "WET", "flavio")
        w.set_option("parameters", {"alpha_s": 0.1184, "m_Z": 91.1876, "m_b": 4.195})
        w.set_option("qed_order", 0)
        found = w.match_run(4.2, "WET", "flavio", sectors=("cbtaunu",)).dict[name]
        mine = float(running.factor(a, SCALE, 4.2, FLAVIO))
        assert mine == pytest.approx(complex(found).real / 1e-3, rel=5e-3)
