"""B -> X_s + invisible: closed forms, corrections, reach, the line of the K*, regions of M(X_s)."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from bsnunu_jax.cards.comparison import load_comparison
from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.kstar_width import KstarShape, with_s_wave
from bsnunu_jax.hadrons.transitions import TRANSITIONS
from bsnunu_jax.inputs import GROUPS, Nuisances, form_factor_sets, load_inputs
from bsnunu_jax.inputs.nuisances import DEFAULT_GROUPS
from bsnunu_jax.inputs.sets import form_factor_set
from bsnunu_jax.observables import branching, inclusive, kpi_window
from bsnunu_jax.observables.catalogue import OBSERVABLES, get_observable
from bsnunu_jax.observables.observable import uncertain
from bsnunu_jax.rates import inclusive as partons
from bsnunu_jax.rates import kernels
from bsnunu_jax.rates.baryons import free_quark
from bsnunu_jax.rates.hadronic_mass import FermiMotion, ShapeFunction, fraction_below
from bsnunu_jax.runs.compare import run_compare
from bsnunu_jax.runs.folder import run
from bsnunu_jax.runs.subject import held
from bsnunu_jax.scan.card import ScanCard
from bsnunu_jax.states import Neutrinos, ScalarPair, TwoBody

CORRECTIONS = partons.Corrections(0.22, -0.3, 0.12)
LINE = KstarShape(0.8955, 0.0473, 0.4937, 0.13957, 3.0)

gamma = jax.jit(partons.gamma)
spectrum = jax.jit(partons.dgamma_dq2)
share = jax.jit(inclusive.exclusive_share, static_argnums=0)


def closed_form(q2, m_b, m_s, left, right, product):
    """Spectrum of a pair of flavours over N_0^2, arXiv:0902.0160 in masses of GeV."""
    lam = ((m_b - m_s) ** 2 - q2) * ((m_b + m_s) ** 2 - q2)
    squares = (left + right) * (lam + 3 * q2 * (m_b**2 + m_s**2 - q2))
    return np.sqrt(lam) / (192 * np.pi**3 * m_b**3) * (squares - 12 * q2 * m_b * m_s * product)


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


WINDOWS = {
    (0.8955 - 0.075, 0.8955 + 0.075): "0.8013",
    (0.8955 - 0.1, 0.8955 + 0.1): "0.846",
    (0.0, 1.0): "0.866",
    (0.0, 1.6): "0.967",
}


@pytest.mark.parametrize("window", WINDOWS)
def test_windows_of_the_line(window):
    printed = WINDOWS[window]
    found = float(LINE.fraction(*window))
    assert f"{found:.{len(printed) - 2}f}" == printed
    low = max(window[0], float(LINE.threshold))
    density = jax.jit(lambda m: LINE.density(m))
    expected = quad(
        lambda m: 2 * m * float(density(jnp.asarray(m))),
        low,
        window[1],
        points=[0.85, 0.94],
        epsabs=1e-12,
        limit=200,
    )[0]
    assert found == pytest.approx(expected, abs=1e-9)


def test_running_width():
    """Gamma_0 at the peak, k^3 at the threshold, 0 below it, finite slopes everywhere."""
    assert float(LINE.running_width(jnp.asarray(0.8955))) == pytest.approx(0.0473, rel=1e-13)
    threshold = float(LINE.threshold)
    above = LINE.running_width(threshold + jnp.asarray([1e-6, 4e-6]))
    assert float(above[1] / above[0]) == pytest.approx(8.0, rel=1e-3)
    assert float(LINE.running_width(jnp.asarray(threshold - 1e-9))) == 0
    assert float(LINE.fraction(0.3, threshold)) == 0
    slope = jax.jit(
        jax.grad(lambda width, m: eqx.tree_at(lambda s: s.width, LINE, width).density(m), (0, 1))
    )
    for m in (0.5, threshold, 0.8955, 1.4):
        assert np.isfinite(slope(0.0473, m)).all()
    of = jax.jit(lambda width: eqx.tree_at(lambda s: s.width, LINE, width).fraction(0.0, 1.0))
    difference = (of(0.0474) - of(0.0472)) / 2e-4
    assert float(jax.grad(of)(0.0473)) == pytest.approx(float(difference), rel=1e-5)


def test_a_narrow_kstar_is_a_line():
    narrow = KstarShape(0.8955, 1e-6, 0.4937, 0.13957, 3.0)
    assert float(narrow.fraction(0.85, 0.94)) == pytest.approx(1.0, abs=2e-5)
    assert float(narrow.average(lambda m: m**3, 0.85, 0.94)) == pytest.approx(0.8955**3, rel=3e-5)


def test_a_wide_kstar_in_the_standard_model(inputs):
    """Relative to narrow x window: below 1 % within 100 MeV; F_L moves by 0.002 at most."""

    @jax.jit
    def at(m, fixed):
        """Rate and its longitudinal part at mass m, A12 or h_0 = 8 m_B m A12 fixed."""
        there = eqx.tree_at(lambda i: i.values["m_Kstar_0"], inputs, m)
        ff = inputs.form_factors["B->K*"]

        def scaled(q2):
            found = ff(q2)
            m_0 = inputs.values["m_Kstar_0"]
            return found | {"A12": found["A12"] * jnp.where(fixed, m_0 / m, 1.0)}

        there = eqx.tree_at(lambda i: i.form_factors["B->K*"], there, scaled)
        parts = (
            kernels.integrated_kernels("B0->K*0", Neutrinos(), there, longitudinal=long)["axial"]
            for long in (False, True)
        )
        full, long = parts
        vector = kernels.integrated_kernels("B0->K*0", Neutrinos(), there)["vector"]
        return jnp.stack([full + vector, long])

    shape = kpi_window.kstar_shape("B0->K*0", inputs)
    m_0 = float(inputs.values["m_Kstar_0"])
    narrow = at(m_0, False)
    for fixed, sign in ((False, 1), (True, -1)):
        found = shape.average(lambda m, f=fixed: at(m, f), m_0 - 0.1, m_0 + 0.1)
        inside = shape.fraction(m_0 - 0.1, m_0 + 0.1)
        change = float(found[0] / (narrow[0] * inside)) - 1
        assert abs(change) < 0.005
        F_L = float(found[1] / found[0])
        assert abs(F_L - float(narrow[1] / narrow[0])) < 0.0025
        wide = shape.average(lambda m, f=fixed: at(m, f), 0.0, 1.6)
        change = float(wide[0] / (narrow[0] * shape.fraction(0.0, 1.6))) - 1
        assert 0.003 < sign * change < 0.03


def test_regions_of_mass(inputs):
    """K; the K* up to 1.0 GeV with its S wave; the rest, so that all three are the total."""

    @jax.jit
    def of(state, s_wave):
        there = eqx.tree_at(lambda i: i.values["F_S_Kpi"], inputs, jnp.asarray(s_wave))
        return inclusive.mass_regions("B0->Xs", state, there)

    sm = of(Neutrinos(), 0.0)
    assert sum(map(float, sm)) == pytest.approx(3.35e-5, rel=1e-13, abs=0)
    kaon = float(branching.branching_fraction("B0->K0", Neutrinos(), inputs))
    kstar = float(branching.branching_fraction("B0->K*0", Neutrinos(), inputs))
    assert float(sm.kaon) == pytest.approx(kaon, rel=1e-14, abs=0)
    assert float(sm.kstar / kstar) == pytest.approx(0.866, abs=5e-4)
    assert f"{kaon / 3.35e-5:.2f}" == "0.14"
    assert f"{(kaon + kstar) / 3.35e-5:.2f}" == "0.40"
    wave = of(Neutrinos(), 0.05)
    assert float(wave.kstar) == pytest.approx(float(sm.kstar) / 0.95, rel=1e-14, abs=0)
    assert float(wave.rest + wave.kstar) == pytest.approx(float(sm.rest + sm.kstar), rel=1e-13)
    assert float(with_s_wave(jnp.asarray(0.9), 0.1)) == pytest.approx(1.0, rel=1e-15)
    both = of((Neutrinos(), ScalarPair(0.1, V=1e-8)), 0.0)
    assert all(float(a) > float(b) for a, b in zip(both, sm, strict=True))
    slope = jax.jit(jax.grad(lambda c: of(ScalarPair(0.3, P=c), 0.05).rest))(1e-8)
    assert np.isfinite(float(slope))


# Fractions below 0.6, 1.0, 1.1 and 1.8 GeV of an independent program.
CUTS = (0.6, 1.0, 1.1, 1.8)
FRACTIONS = [
    (FermiMotion(5.28, 0.1, 0.15, 0.3), (0.114, 0.46, 0.55, 0.95)),
    (FermiMotion(5.28, 0.1, 0.15, 0.41), (0.099, 0.37, 0.45, 0.88)),
    (FermiMotion(5.28, 0.1, 0.15, 0.5), (0.090, 0.33, 0.40, 0.82)),
    (ShapeFunction(5.28, 0.55, 0.3), (0.042, 0.28, 0.37, 0.89)),
    (ShapeFunction(5.28, 0.65, 0.45), (0.037, 0.24, 0.32, 0.84)),
    (ShapeFunction(5.28, 0.75, 0.5), (0.017, 0.16, 0.23, 0.77)),
]
below = jax.jit(jax.vmap(fraction_below, (None, 0, None, None)))


@pytest.mark.parametrize(("motion", "printed"), FRACTIONS)
def test_fractions_below_a_mass(motion, printed, inputs):
    found = np.asarray(below(motion, jnp.asarray(CUTS), Neutrinos(), inputs))
    for value, expected in zip(found, printed, strict=True):
        assert value == pytest.approx(expected, abs=0.0006 if expected < 0.12 else 0.006)


def test_motion_against_four_vectors(inputs, rng):
    """A Monte Carlo of quarks in motion: M(X) from the momenta of s and spectator."""
    n, m_B, m_s, m_sp, p_F = 400_000, 5.28, 0.1, 0.15, 0.41
    p = np.linalg.norm(rng.normal(scale=p_F / np.sqrt(2), size=(n, 3)), axis=1)
    E_sp = np.hypot(p, m_sp)
    W = np.sqrt(m_B**2 + m_sp**2 - 2 * m_B * E_sp)
    q2 = rng.uniform(0, 1, n) * (W - m_s) ** 2
    lam = ((W - m_s) ** 2 - q2) * ((W + m_s) ** 2 - q2)
    C, weight = float(inputs.C_L_SM), (W - m_s) ** 2 * W / (m_B - E_sp)
    weight *= closed_form(q2, W, m_s, C**2, 0.0, 0.0)
    k, cosine = np.sqrt(lam) / (2 * W), rng.uniform(-1, 1, n)
    # The s quark in the frame of b, boosted along the momentum of b, and the spectator against it.
    gamma_b, along = (m_B - E_sp) / W, p / W
    E_s = gamma_b * np.hypot(k, m_s) + along * k * cosine
    z_s = gamma_b * k * cosine + along * np.hypot(k, m_s)
    t2 = k**2 * (1 - cosine**2)
    mass = np.sqrt((E_s + E_sp) ** 2 - (z_s - p) ** 2 - t2)
    motion = FermiMotion(m_B, m_s, m_sp, p_F)
    found = below(motion, jnp.asarray(CUTS), Neutrinos(), inputs)
    for cut, value in zip(CUTS, found, strict=True):
        inside = (mass < cut) * weight
        error = np.sqrt(np.var(inside)) / np.sqrt(n) / weight.mean()
        assert float(value) == pytest.approx(inside.sum() / weight.sum(), abs=4 * error + 3e-4)


def test_slopes_of_motion(inputs):
    @jax.jit
    def one(p_F):
        return fraction_below(FermiMotion(5.28, 0.1, 0.15, p_F), 1.0, Neutrinos(), inputs)

    found = float(jax.jit(jax.grad(one))(0.41))
    difference = (float(one(0.42)) - float(one(0.40))) / 0.02
    assert found == pytest.approx(difference, rel=0.05)
    assert found < 0


def test_observables_of_regions(inputs):
    """Names, sums, the mean of both charges, and the S wave that is in them by default."""
    state = [Neutrinos(), ScalarPair(0.3, V=3e-9)]
    values = {
        name: float(get_observable(name).function(state, inputs))
        for name in OBSERVABLES
        if "Xsinv)" in name and name.startswith("BR(")
    }
    regions = ("[0,0.6]", "[0.6,1.0]", "[1.0,inf]")
    assert len(values) == 3 * 4
    for mode in ("B0->Xs", "B+->Xs", "B->Xs"):
        parts = [values[f"BR({mode}inv){region}"] for region in regions]
        assert sum(parts) == pytest.approx(values[f"BR({mode}inv)"], rel=1e-12, abs=0)
    for region in ("", *regions):
        of = {m: values[f"BR({m}inv){region}"] for m in ("B0->Xs", "B+->Xs", "B->Xs")}
        mean = (of["B0->Xs"] + of["B+->Xs"]) / 2
        assert of["B->Xs"] == pytest.approx(mean, rel=1e-13, abs=0)
    narrow = float(branching.branching_fraction("B0->K*0", state, inputs))
    inside = float(kpi_window.kstar_shape("B0->K*0", inputs).fraction(0.6, 1.0))
    expected = narrow * inside / 0.95
    assert values["BR(B0->Xsinv)[0.6,1.0]"] == pytest.approx(expected, rel=1e-12, abs=0)


def test_window_of_kpi(inputs):
    """Its part of the line and the S wave; the width counts for sum rules alone."""
    name, narrow = "BR_window(B0->K*0inv)", "BR(B0->K*0inv)"

    def value(name, inputs):
        return float(get_observable(name).function(Neutrinos(), inputs))

    assert value(name, inputs) / value(narrow, inputs) == pytest.approx(0.846 / 0.95, abs=1e-3)
    for sets, exponent in (("gkvd2018_lcsr", 1), ("gkvd2018_lcsrlattice", 0)):
        of = load_inputs(form_factors={"B->K*": sets})
        raised = eqx.tree_at(lambda i: i.values["norm_width_Kstar"], of, jnp.asarray(1.2))
        change = value(name, raised) / value(name, of)
        assert change == pytest.approx(1.2**exponent, rel=1e-13)
        assert value(narrow, raised) == value(narrow, of)
    assert uncertain([get_observable(narrow)]) == DEFAULT_GROUPS
    assert uncertain([get_observable(name)]) == tuple(
        g for g in GROUPS if g in (*DEFAULT_GROUPS, "Kpi")
    )
    assert Nuisances(inputs, ["Kpi"]).names == ("F_S_Kpi", "norm_width_Kstar")
    wider = eqx.tree_at(lambda i: i.values["F_S_Kpi"], inputs, jnp.asarray(0.1))
    assert value(name, wider) / value(name, inputs) == pytest.approx(0.95 / 0.9, rel=1e-13)


def test_sets_of_sum_rules_alone() -> None:
    """They have no lattice in their name."""
    for transition in TRANSITIONS:
        for name in form_factor_sets(transition):
            alone = name.endswith("_lcsr") or name == "mr2025"
            assert form_factor_set(transition, name).sum_rules is alone
