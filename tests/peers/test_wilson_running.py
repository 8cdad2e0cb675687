"""`running: wilson` of the model `smeft` against direct runs of wilson 2.5.2.

With wilson's own CKM elements, alpha and GF as inputs both sides have the same normalisation, so
the coefficients of the flavio basis themselves are compared. wilson's CKM matrix has the standard
phases, see test_wilson_matching.py for the s quark.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bsnunu_jax.inputs import Inputs, load_inputs
from bsnunu_jax.models import get_model
from bsnunu_jax.models.smeft import OF_SM
from bsnunu_jax.models.wilson_running import MATCHING_SCALE, column
from bsnunu_jax.observables.branching import branching_fraction
from bsnunu_jax.states.sectors import Sectors

wilson = pytest.importorskip("wilson", reason="needs wilson: pip install '.[test,wilson]'")
ckm_tree = pytest.importorskip("ckmutil.ckm").ckm_tree  # comes with wilson

pytestmark = [
    pytest.mark.peers,
    # scipy's and pandas' business inside wilson.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

LEPTONS = ("e", "mu", "tau")
MU_B = 4.8
CKM = {n: wilson.parameters.p[n] for n in ("Vus", "Vub", "Vcb", "gamma")}
V = ckm_tree(*CKM.values())
XI = V[2, 2] * V[2, 1].conj()
PHASE = XI / -abs(XI)


def inputs_of_wilson() -> Inputs:
    p, found = wilson.parameters.p, load_inputs()
    alpha = dict(found.roles)["alpha_hamiltonian"]
    values = CKM | {"VtbVts_abs": abs(XI), "GF": p["GF"], alpha: p["alpha_e"]}
    for name, value in values.items():
        found = eqx.tree_at(lambda i, n=name: i.values[n], found, value)
    return found


INPUTS = inputs_of_wilson()


def ours(names: dict[str, complex], **settings: object) -> Sectors:
    return get_model("smeft").build(names | {"running": "wilson"} | settings, INPUTS)


def peer(names: dict[str, complex], scale: float) -> dict[str, complex]:
    """All coefficients at once through wilson; hermitian conjugates for names it lacks."""
    known, given = set(wilson.wcxf.Basis["SMEFT", "Warsaw"].all_wcs), {}
    higgs = {"CHq1": "phiq1_23", "CHq3": "phiq3_23", "CHd": "phid_23"}
    pairs = {
        f"{a}{b}": (i + 1, j + 1) for i, a in enumerate(LEPTONS) for j, b in enumerate(LEPTONS)
    }
    for name, c in names.items():
        value = 1e-6 * c * PHASE
        if name in higgs:
            given[higgs[name]] = value
            continue
        stem, leptons = name[1:].split("_")
        i, j = pairs[leptons]
        if f"{stem}_{i}{j}23" in known:
            given[f"{stem}_{i}{j}23"] = value
        else:
            given[f"{stem}_{j}{i}32"] = np.conj(value)
    run = wilson.Wilson(given, scale, "SMEFT", "Warsaw")
    return run.match_run(MU_B, "WET", "flavio").dict


def by_name(s: Sectors) -> dict[str, complex]:
    n, c = s.invisible[0], s.charged
    found = {}
    for i, a in enumerate(LEPTONS):
        for j, b in enumerate(LEPTONS):
            found |= {
                f"CL_bsnu{b}nu{a}": n.CL[i, j],
                f"CR_bsnu{b}nu{a}": n.CR[i, j],
                f"C9_bs{b}{a}": c.C9[i, j],
                f"C10_bs{b}{a}": c.C10[i, j],
                f"C9p_bs{b}{a}": c.C9p[i, j],
                f"C10p_bs{b}{a}": c.C10p[i, j],
                f"CVL_bc{a}nu{b}": s.current.CVL[i, j],
            }
    return {k: complex(v) for k, v in found.items()}


@pytest.mark.parametrize(
    ("scale", "size", "rtol"), [(1000.0, 1e-5, 2e-5), (4000.0, 1e-5, 2e-5), (1000.0, 1e-2, 5e-4)]
)
def test_sum_of_columns_is_a_direct_run(scale: float, size: float, rtol: float) -> None:
    """All 30 coefficients, complex, at once.

    What is left at 1e-5 TeV^-2 is the conjugate of a coefficient (3e-4 in the charged current), and
    at 1e-2 the back-reaction on the parameters of the SM in wilson. There it also makes the mixing
    of the leptons exceed the 1e-7 from which on it rephases them: moduli do not see that.
    """
    rng = np.random.default_rng(3)
    c = size * (rng.normal(size=len(OF_SM)) + 1j * rng.normal(size=len(OF_SM)))
    names = dict(zip(OF_SM, map(complex, c), strict=True))
    mine, theirs = by_name(ours(names, scale=scale)), peer(names, scale)
    for stem in ("CL_bs", "CR_bs", "C9_bs", "C10_bs", "C9p_bs", "C10p_bs", "CVL_bc"):
        keys = [k for k in mine if k.startswith(stem)]
        found, expected = (np.array([x.get(k, 0.0) for k in keys]) for x in (mine, theirs))
        assert found.shape == (9,)
        assert np.abs(expected).min() > 0
        atol = (5e-4 if stem == "CVL_bc" else rtol) * np.abs(expected).max()
        if size < 1e-3:
            np.testing.assert_allclose(found, expected, rtol=0, atol=atol)
        same = slice(None, None, 4)  # ee, mumu, tautau
        np.testing.assert_allclose(found[same], expected[same], rtol=0, atol=atol)
        np.testing.assert_allclose(np.abs(found), np.abs(expected), rtol=0, atol=atol)


@pytest.mark.parametrize("name", ["Clq1_mumu", "Clq3_taue", "Cld_etau", "CHq1", "CHq3", "CHd"])
def test_no_way_to_run(name: str) -> None:
    """From m_Z to m_Z the strengths are those of tree level: normalisation, signs, order."""
    found = column(name, MATCHING_SCALE, MATCHING_SCALE)
    one, tree = load_inputs(), get_model("smeft").build({name: 1.0}, INPUTS)
    Pi = complex(get_model("smeft").build({"Clq1_ee": 1.0}, INPUTS).invisible[0].CL[0, 0])
    n, c = tree.invisible[0], tree.charged
    expected = [np.asarray(x) / Pi for x in (n.CL, n.CR, c.C9, c.C10, c.C9p, c.C10p)]
    # The Z's coupling to C_9 has wilson's sin^2 theta_W.
    rows = (0, 1, 3, 5) if name.startswith("CH") else range(6)
    for row in rows:
        np.testing.assert_allclose(found[row], expected[row], atol=1e-6)
    vector = 1 - 4 * float(one.values["sin2thetaW"])
    if name.startswith("CH"):
        of_z = np.diag(found[4 if name == "CHd" else 2])
        np.testing.assert_allclose(of_z, -vector, atol=6e-3)
    lq3 = {"Clq3_taue": (2, 0, 1.0), "CHq3": (1, 1, -1.0)}
    if name in lq3:
        i, j, value = lq3[name]
        assert found[6][i, j] == pytest.approx(value, abs=1e-6)
    else:
        np.testing.assert_allclose(found[6], 0, atol=1e-6)


@pytest.mark.parametrize("name", ["Clq1_tautau", "Clq3_mutau", "Cld_emu", "CHq1", "CHq3", "CHd"])
def test_tree_level_within_ten_percent(name: str) -> None:
    """From 1 TeV: the top's Yukawa and electroweak logarithms move C_L and C_10 by up to 10 %."""
    run, tree = (ours({name: 0.01}, running=r) for r in ("wilson", "tree"))
    moved = []
    for there, here in ((run.invisible[0], tree.invisible[0]), (run.charged, tree.charged)):
        for field in ("CL", "CR") if there is run.invisible[0] else ("C10", "C10p"):
            a, b = np.asarray(getattr(there, field)), np.asarray(getattr(here, field))
            at = b != 0
            moved += list(np.abs(a[at] / b[at] - 1))
    assert len(moved) > 1
    assert 2e-3 < max(moved) < 0.1


def test_mixing_into_other_flavours_of_leptons() -> None:
    """Closed lepton loops give a universal C_9, which tree level does not have."""
    C9 = np.asarray(ours({"Clq1_tautau": 0.01}).charged.C9)
    assert 0.005 < -(C9[0, 0] / C9[2, 2]).real < 0.02
    np.testing.assert_allclose(C9[0, 0], C9[1, 1], rtol=1e-3)


def test_gradient_under_jit() -> None:
    """The gradient of BR(B+ -> K+ inv) is that of differences, and goes through jit."""

    def rate(c: jax.Array) -> jax.Array:
        states = get_model("smeft").build(
            {"Clq1_tautau": c[0] + 1j * c[1], "CHq3": c[2], "running": "wilson"}, load_inputs()
        )
        return sum((branching_fraction("B+->K+", s, load_inputs()) for s in states), jnp.zeros(()))

    at, slope = jnp.array([0.02, -0.01, 0.01]), jax.jit(jax.value_and_grad(rate))
    value, gradient = slope(at)
    assert 1e-7 < float(value) < 1e-3
    step = 1e-5
    for k in range(3):
        up, down = (float(slope(at.at[k].add(s))[0]) for s in (step, -step))
        # A rate is quadratic in the coefficients: central differences are exact.
        assert float(gradient[k]) == pytest.approx((up - down) / (2 * step), rel=1e-6)
    assert float(jnp.abs(gradient).min()) > 0
