"""B -> X_s + invisible: closed forms of the partons, corrections, normalisation, reach."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from parton_spectrum import closed_form
from scipy.integrate import quad

from bsnunu_jax.cards.comparison import load_comparison
from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inputs import Nuisances
from bsnunu_jax.observables import branching, inclusive, kpi_window
from bsnunu_jax.rates import inclusive as partons
from bsnunu_jax.rates.baryons import free_quark
from bsnunu_jax.runs.compare import run_compare
from bsnunu_jax.runs.folder import run
from bsnunu_jax.runs.subject import held
from bsnunu_jax.scan.card import ScanCard
from bsnunu_jax.states import Neutrinos, ScalarPair, TwoBody

CORRECTIONS = partons.Corrections(0.22, -0.3, 0.12)

gamma = jax.jit(partons.gamma)
spectrum = jax.jit(partons.dgamma_dq2)
share = jax.jit(inclusive.exclusive_share, static_argnums=0)


@pytest.mark.parametrize("q2", [0.0, 0.4, 11.0, 19.0])
def test_neutrinos_have_a_closed_form(q2, inputs, rng):
    m_b, m_s = 4.7, 0.3
    C = rng.normal(size=(4, 3, 3)) + 1j * rng.normal(size=(4, 3, 3))
    found = float(spectrum(free_quark(m_b, m_s), Neutrinos(*C), inputs, q2))
    C[0] += float(inputs.C_L_SM) * np.eye(3)
    expected = sum(
        closed_form(
            q2, m_b, m_s, np.sum(abs(L) ** 2), np.sum(abs(R) ** 2), np.sum((L * R.conj()).real)
        )
        for L, R in ((C[0], C[1]), (C[2], C[3]))
    )
    assert found == pytest.approx(float(inputs.N_0) ** 2 * expected, rel=1e-11, abs=0)


def test_without_strange_mass_it_is_the_decay_of_the_muon(inputs):
    """Gamma = N_0^2 |C|^2 m_b^5/(384 pi^3) a flavour, and 2 (1 - x)^2 (1 + 2 x) of it in x."""
    quark, one = free_quark(4.7, 0.0), float(inputs.N_0 * inputs.C_L_SM) ** 2
    total = 3 * one * 4.7**5 / (384 * np.pi**3)
    assert float(gamma(quark, Neutrinos(), inputs)) == pytest.approx(total, rel=1e-12, abs=0)
    x = 0.3
    found = float(spectrum(quark, Neutrinos(), inputs, x * 4.7**2)) * 4.7**2
    assert found == pytest.approx(total * 2 * (1 - x) ** 2 * (1 + 2 * x), rel=1e-12, abs=0)


def test_corrections(inputs):
    """kappa = 0.83 and 1 + (lambda_1 - 9 lambda_2)/(2 m_b^2), whose shape adds up to it."""
    quark = free_quark(4.7, 0.0)
    plain = float(gamma(quark, Neutrinos(), inputs))
    found = float(gamma(quark, Neutrinos(), inputs, CORRECTIONS))
    kappa = 1 - 2 * 0.22 / (3 * np.pi) * (np.pi**2 - 6.25)
    power = 1 + (-0.3 - 9 * 0.12) / (2 * 4.7**2)
    assert f"{kappa:.2f}" == "0.83"
    assert found == pytest.approx(kappa * power * plain, rel=1e-12, abs=0)
    quark = free_quark(4.7, 0.2)
    end = 4.5**2
    integral = quad(
        lambda t: (
            float(spectrum(quark, Neutrinos(), inputs, end * np.sin(t) ** 2, CORRECTIONS))
            * end
            * np.sin(2 * t)
        ),
        0,
        np.pi / 2,
        epsrel=1e-11,
    )[0]
    total = float(gamma(quark, Neutrinos(), inputs, CORRECTIONS))
    assert total == pytest.approx(integral, rel=1e-9, abs=0)
    pair = ScalarPair(0.3, S=1.0)  # kappa alone
    ratio = gamma(quark, pair, inputs, CORRECTIONS) / gamma(quark, pair, inputs)
    assert float(ratio) == pytest.approx(kappa, rel=1e-13, abs=0)


def test_rates_of_the_standard_model_by_mass(inputs):
    """BR(B0) = 2.60, 3.06, 3.40e-5 for m_b = 4.55, 4.7, 4.8 GeV with |V| = 0.0411, C = -6.35."""
    scale = (0.0411 / float(inputs.values["VtbVts_abs"])) ** 2
    scale *= (6.35 / float(inputs.C_L_SM)) ** 2
    kappa = partons.Corrections(0.17 / (2 / (3 * np.pi) * (np.pi**2 - 6.25)), -0.3, 0.12)
    assert float(kappa.kappa) == pytest.approx(0.83, rel=1e-12)
    tau = float(inputs.lifetime("tau_B_0"))
    for m_b, printed in ((4.55, "2.60"), (4.7, "3.06"), (4.8, "3.40")):
        found = scale * tau * float(gamma(free_quark(m_b, 0.1), Neutrinos(), inputs, kappa))
        assert f"{1e5 * found:.2f}" == printed


def test_normalisation(inputs):
    """The stated SM value whatever the masses; new physics in units of it."""

    @jax.jit
    def of(m_b, m_s, stated, state):
        numbers = {"m_b_parton": m_b, "m_s_parton": m_s, "BR_SM_B0_Xs": stated}
        there = eqx.tree_at(lambda i: i.values, inputs, inputs.values | numbers)
        return branching.branching_fraction("B0->Xs", state, there)

    double = Neutrinos(jnp.eye(3) * inputs.C_L_SM)
    for m_b, m_s, stated in ((4.55, 0.05, 3.35e-5), (4.8, 0.1, 2.9e-5)):
        sm, new = (float(of(m_b, m_s, stated, state)) for state in (Neutrinos(), double))
        assert sm == pytest.approx(stated, rel=1e-13, abs=0)
        assert new == pytest.approx(4 * stated, rel=1e-13, abs=0)
    charged = branching.branching_fraction("B+->Xs", Neutrinos(), inputs)
    assert float(charged) == pytest.approx(3.62e-5, rel=1e-13, abs=0)
    pair, quark = ScalarPair(0.4, S=1e-8, A=1e-8), free_quark(4.7, 0.1)
    ratio = gamma(quark, pair, inputs) / gamma(quark, Neutrinos(), inputs)
    found = branching.branching_fraction("B0->Xs", pair, inputs)
    assert float(found) == pytest.approx(3.35e-5 * float(ratio), rel=1e-13, abs=0)
    with pytest.raises(InputError, match=r"B0->K0 is no inclusive decay; B0->Xs or B\+->Xs"):
        inclusive.mass_regions("B0->K0", Neutrinos(), inputs)
    with pytest.raises(InputError, match=r"B0->K0 has no K\*; one of B\+->K\*\+"):
        kpi_window.kstar_shape("B0->K0", inputs)


def test_uncertainty_of_the_stated_rate(inputs):
    """The amplitude carries 3 % of the rate, for both charges."""
    nuisances = Nuisances(inputs, ["B->Xs"])
    assert nuisances.size == 1
    for mode in ("B0->Xs", "B+->Xs"):
        up, down = (
            float(branching.branching_fraction(mode, Neutrinos(), nuisances.shift(jnp.array([z]))))
            for z in (1.0, -1.0)
        )
        assert (up - down) / (up + down) == pytest.approx(0.03, abs=1e-4)


def test_spectrum_of_the_mode(inputs):
    """That of the partons, 0 beyond their end."""
    quark, mode = free_quark(4.7, 0.1), "B0->Xs"
    for state in (Neutrinos(), ScalarPair(0.4, S=1e-8, P=1e-8j, V=2e-9)):
        scale = branching.branching_fraction(mode, state, inputs) / gamma(quark, state, inputs)
        for q2 in (3.0, 20.0):
            found = float(branching.dbr_dq2(mode, state, inputs, q2))
            expected = float(scale * spectrum(quark, state, inputs, q2))
            assert found == pytest.approx(expected, rel=1e-12, abs=0)
        assert float(branching.dbr_dq2(mode, state, inputs, 4.6**2 + 1e-9)) == 0


# Exclusive over parton rate, m_b = 4.7 GeV, by operator and mass of the scalars.
SHARES = {
    ("S", 0.1): "0.64",
    ("S", 1.0): "1.13",
    ("S", 1.5): "2.3",
    ("S", 2.1): "18",
    ("V", 0.1): "0.33",
    ("V", 1.0): "0.53",
    ("V", 1.5): "0.86",
    ("V", 2.1): "4.4",
    ("P", 0.1): "0.37",
    ("P", 1.0): "0.54",
    ("P", 1.5): "0.78",
    ("P", 2.1): "0.41",
}


def test_reach(inputs):
    """Where K and K* exceed the parton rate it is refused; numbers of an independent program."""
    for (operator, m), printed in SHARES.items():
        found = float(share("B0->Xs", ScalarPair(m, **{operator: 1.0}), inputs))
        digits = len(printed.split(".")[1]) if "." in printed else 0
        assert found == pytest.approx(float(printed), abs=0.6 * 10**-digits), (operator, m)
    sm = share("B0->Xs", Neutrinos(), inputs)
    assert inclusive.check_reach(sm, "nu nubar") == ()
    beyond = share("B+->Xs", ScalarPair(1.5, S=1.0), inputs)
    with pytest.raises(InputError, match=r"B -> X_s \+ scalars: K and K\* alone are 2\d\d % of"):
        inclusive.check_reach(beyond, "scalars")
    assert len(inclusive.check_reach(beyond, "scalars", "warn")) == 1
    assert inclusive.check_reach(beyond, "scalars", "ignore") == ()
    assert inclusive.check_reach(jnp.asarray([0.1, 0.79]), "scalars") == ()
    assert float(share("B+->Xs", TwoBody(4.65, S=1.0), inputs)) == np.inf
    assert float(share("B+->Xs", ScalarPair(2.5, S=1.0), inputs)) == 0.0


CARD = """
title: inclusive
model: scalar-pair
domain: %s
fixed: {operator: S}
parameters:
  m: {prior: {uniform: [0, %s]}}
  Lambda: {prior: {log_uniform: [1, 30]}}
data: [%s]
"""


@pytest.mark.parametrize(
    ("highest", "data", "said"),
    [(1.5, "belle2_2025_Xs", True), (0.1, "belle2_2025_Xs", False), (1.5, "belle_2017_K0", False)],
)
def test_reach_of_a_card(highest, data, said, tmp_path):
    """At the ends of the parameters; only where data or predictions are inclusive."""
    path = tmp_path / "card.yaml"
    path.write_text(CARD % ("warn", highest, data))
    card = Card(path)
    assert isinstance(card.problem.size, int)
    lines = [line for line in card.warnings if "parton rate" in line]
    assert len(lines) == said
    path.write_text(CARD % ("error", highest, data))
    if said:
        assert "B -> X_s + scalar-pair: K and K* alone are 2" in lines[0]
        with pytest.raises(InputError, match=r"card\.yaml:3.*parton rate"):
            Card(path).problem
    else:
        assert Card(path).problem


def test_reach_is_said_by_runs(tmp_path, capsys):
    """Fits, limits and profiles make their folders in one place; scans likewise."""
    path = tmp_path / "card.yaml"
    path.write_text(CARD % ("warn", 1.5, "belle2_2025_Xs"))
    card = Card(path)
    assert card.problem
    with run(tmp_path / "out", card, quiet=True):
        pass
    assert "K and K* alone are" in capsys.readouterr().err
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert any("parton rate" in line for line in manifest["warnings"])


COMPARISON = """
title: inclusive
data: [belle2_2025_Xs]
inputs: {nuisances: []}
best_fit: {starts: 2}
variants:
- model: scalar-pair
  fixed: {operator: S, m: %s}
  parameters: {Lambda: {prior: {log_uniform: [1, 30]}}}
- {model: neutrinos, parameters: {CR_ee: {prior: {uniform: [0, 20]}}}}
"""


@pytest.mark.parametrize(("mass", "said"), [(1.5, True), (0.1, False)])
def test_reach_of_a_comparison(mass, said, tmp_path, capsys):
    """Of every variant, before anything is computed: the last of the card is neutrinos."""
    path = tmp_path / "card.yaml"
    path.write_text(COMPARISON % mass)
    run_compare(load_comparison([path]), tmp_path / "out", quiet=True, masses=3)
    assert ("K and K* alone are" in capsys.readouterr().err) is said
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert any("parton rate" in line for line in manifest["warnings"]) is said


@pytest.mark.parametrize(("mass", "said"), [("1.5", True), ("0.1", False)])
def test_reach_of_a_projection(mass, said, tmp_path):
    """At the values that are held for it, not at those of the card."""
    path = tmp_path / "card.yaml"
    path.write_text(CARD % ("warn", 1.5, "belle2_2025_Xs"))
    card = Card(path)
    assert held(card, {"m": mass}).parameters
    assert any("parton rate" in line for line in card.warnings) is said


SCAN = """
title: inclusive
model: scalar-pair
fixed: {operator: S, Lambda: 5}
design: {parameters: {m: {linspace: [0.5, 1.5, 3]}}}
observables: ['BR(B0->Xsinv)']
"""


def test_reach_of_a_scan(tmp_path):
    path = tmp_path / "scan.yaml"
    path.write_text(SCAN)
    card = ScanCard(path)
    assert card.study.observables
    assert any("parton rate" in line for line in card.warnings)
