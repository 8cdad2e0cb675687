"""ALP, dark Higgs and light Z' in physical couplings, beside their written-out rates."""

import numpy as np
import programs
import pytest
from pair_comparison import form_factors, meson_masses

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import MODES
from bsnunu_jax.inputs.detectors import detector
from bsnunu_jax.models import get_model
from bsnunu_jax.models.light_particles import alp_of_w, scalar_of_mixing
from bsnunu_jax.rates.escape import escape_of_pair, geometry_of, seen_in
from bsnunu_jax.states import DerivativeLine, FermionPair, TwoBody, VectorLine
from bsnunu_jax.states.conjugated import conjugated
from bsnunu_jax.states.parity_odd import parity_odd


def rate(mode: str, inputs, model: str, **parameters) -> float:
    _, state = get_model(model).build(parameters, inputs)
    return float(programs.gamma(mode, state, inputs))


def two_body(mode: str, inputs, m: float) -> tuple[float, float, float, float, dict[str, float]]:
    m_B, m_K = meson_masses(inputs, mode)
    lam = (m_B**2 - (m_K + m) ** 2) * (m_B**2 - (m_K - m) ** 2)
    return m_B, m_K, lam, np.sqrt(lam) / (16 * np.pi * m_B**3), form_factors(inputs, mode, m * m)


@pytest.mark.parametrize("mode", ["B+->K+", "B0->pi0", "B0->K*0", "B+->rho+"])
def test_alp(mode: str, every_set) -> None:
    """|gV|^2 sqrt(lam) D^2 f0^2/(16 pi mB^3), |gA|^2 lam^{3/2} A0^2/(16 pi mB^3)."""
    gV, gA, m = 2e-8 - 1e-8j, 3e-8 + 2e-8j, 1.7
    m_B, m_K, lam, unit, ff = two_body(mode, every_set, m)
    if MODES[mode].vector:
        expected = unit * abs(gA) ** 2 * lam * ff["A0"] ** 2
    else:
        expected = unit * abs(gV) ** 2 * (m_B**2 - m_K**2) ** 2 * ff["f0"] ** 2
    quarks = MODES[mode].quarks
    found = rate(mode, every_set, "alp", m=m, gV=gV, gA=gA, quarks=quarks)
    assert found == pytest.approx(MODES[mode].factor * expected, rel=1e-12, abs=0)
    heavy, light = every_set.quark_masses(quarks)
    on_shell = TwoBody(m, 1j * (heavy - light) * gV, -(heavy + light) * gA, quarks)
    assert found == pytest.approx(float(programs.gamma(mode, on_shell, every_set)), rel=1e-12)
    left = rate(mode, every_set, "alp", m=m, gL=2e-8, quarks=quarks)
    assert left == pytest.approx(
        rate(mode, every_set, "alp", m=m, gV=1e-8, gA=-1e-8, quarks=quarks), rel=1e-13, abs=0
    )


@pytest.mark.parametrize("mode", ["B+->K+", "B0->K*0"])
def test_light_zprime(mode: str, inputs) -> None:
    """Polarisation sum -g + q q/M^2: lam f+^2/M^2 for K; for K* helicities of V, A1, A12."""
    gV, gA, m = 2e-8 - 1e-8j, 3e-8 + 2e-8j, 1.7
    m_B, m_K, lam, unit, ff = two_body(mode, inputs, m)
    if mode == "B+->K+":
        expected = abs(gV) ** 2 * lam * ff["f+"] ** 2 / m**2
    else:
        vector = 2 * lam * ff["V"] ** 2 / (m_B + m_K) ** 2
        axial = 2 * (m_B + m_K) ** 2 * ff["A1"] ** 2 + 64 * (m_B * m_K * ff["A12"]) ** 2 / m**2
        expected = abs(gV) ** 2 * vector + abs(gA) ** 2 * axial
    found = rate(mode, inputs, "light-zprime", m=m, gV=gV, gA=gA)
    assert found == pytest.approx(unit * expected, rel=1e-12, abs=0)
    over = rate(mode, inputs, "light-zprime", m=m, hV=gV / m, hA=gA / m)
    assert over == pytest.approx(found, rel=1e-13, abs=0)


@pytest.mark.parametrize(
    ("mode", "ratios"),
    [
        ("B+->K+", {"V": ("f+", "f0")}),
        ("B0->K*0", {"A": ("A12", "A0")}),
        ("Lambdab->Lambda", {"V": ("f+", "f0"), "A": ("g+", "g0")}),
    ],
)
def test_a_massless_longitudinal_vector_is_an_alp(mode: str, ratios, inputs) -> None:
    """As far as form factors obey f0 = f+ at q2 = 0: those of Lambda_b are extrapolations."""
    m_B, m_K = meson_masses(inputs, mode)
    ff = form_factors(inputs, mode, 1e-10)
    for x, (longitudinal, timelike) in ratios.items():
        vector = rate(mode, inputs, "light-zprime", m=1e-5, **{f"h{x}": 2e-8})
        alp = rate(mode, inputs, "alp", m=1e-5, **{f"g{x}": 2e-8})
        unit = 8 * m_B * m_K / (m_B**2 - m_K**2) if timelike == "A0" else 1.0
        expected = alp * (unit * ff[longitudinal] / ff[timelike]) ** 2
        assert vector == pytest.approx(expected, rel=1e-8, abs=0)


def test_free_quarks_have_no_form_factors_between_the_two(inputs) -> None:
    for x in "VA":
        vector = rate("B0->Xs", inputs, "light-zprime", m=1e-5, **{f"h{x}": 2e-8})
        alp = rate("B0->Xs", inputs, "alp", m=1e-5, **{f"g{x}": 2e-8})
        assert vector == pytest.approx(alp, rel=1e-9, abs=0)


def test_loops(inputs) -> None:
    """|gL|/gaW = 9.6e-5 and BR = 1.8e-5 for 1e-4/GeV; 0.38 s_theta^2, both at m_t = 163.5."""
    ratio = float(inputs.values["VtbVts_abs"]) / 0.0412
    assert float(abs(alp_of_w("b->s", inputs))) / ratio == pytest.approx(9.6e-5, rel=0.02)
    tau = float(inputs.lifetime("tau_B_plus"))
    br = tau * rate("B+->K+", inputs, "alp", m=0.3, gaW=1e-4) / ratio**2
    assert br == pytest.approx(1.8e-5, rel=0.03)
    higgs = tau * rate("B+->K+", inputs, "dark-higgs", m=1e-3, s_theta=1e-3) / ratio**2
    assert higgs * 1e6 == pytest.approx(0.38, rel=0.05)
    v = {k: float(x) for k, x in inputs.values.items()}
    vev = (np.sqrt(2) * v["GF"]) ** -0.5
    heavy = float(inputs.quark_masses("b->s")[0])
    expected = 3 * np.sqrt(2) * v["GF"] * v["m_t_MSbar"] ** 2 / (16 * np.pi**2) * heavy / vev
    found = float(scalar_of_mixing("b->s", inputs))
    assert found == pytest.approx(-expected * v["VtbVts_abs"], rel=1e-12, abs=0)


def test_a_scalar_with_right_handed_quarks_alone(inputs) -> None:
    """C sbar P_R b: K and K* see |C|^2/4, a spin the whole parity violation."""
    _, state = get_model("dark-higgs").build({"m": 1.0, "s_theta": 0.1}, inputs)
    found = {k: float(x) for k, x in state.invariants(inputs).items()}
    assert found["scalar"] == pytest.approx(found["pseudoscalar"], rel=1e-14)
    odd = float(parity_odd(state).invariants(inputs)["S*P"])
    assert abs(odd) == pytest.approx(found["scalar"], rel=1e-14, abs=0)


def test_what_polarisation_and_k_long_see_of_a_vector(inputs) -> None:
    """As of the vector and axial currents of a pair that go with one dark current."""
    V, A = 1.0 + 2j, -0.5 + 1j
    line = VectorLine(0.1, V, A, "s->d")
    pair = FermionPair(0.05, V1=V, A1=A, quarks="s->d")
    of_line, of_pair = (conjugated(s).invariants(inputs) for s in (line, pair))
    for name, operator in (("vector", "V1"), ("axial", "A1")):
        assert float(of_line[name]) == pytest.approx(float(of_pair[operator]), rel=1e-14)
    assert float(of_line["vector"]) == 4.0
    of_line, of_pair = (parity_odd(s).invariants_in("s->d", inputs) for s in (line, pair))
    assert float(of_line["V*A"]) == pytest.approx(float(of_pair["V1*A1"]), rel=1e-14)
    of_line, of_pair = (s.mixing_invariants(inputs) for s in (line, pair))
    for name, operator in (("vector", "V1"), ("axial", "A1")):
        assert float(of_line[name]) == pytest.approx(float(of_pair[operator]), rel=1e-14)


@pytest.mark.parametrize(("m", "table"), [(0.3, 0.8444), (1.0, 0.5588), (2.0, 0.2693)])
def test_what_leaves_the_calorimeter(m: float, table: float, inputs) -> None:
    """1 m in Belle II's inner face of the calorimeter: one X of any kind, a pair at every q2."""
    inner = detector("belle2_inner")
    for model, coupling in (("alp", "gV"), ("dark-higgs", "s_theta"), ("light-zprime", "hV")):
        _, made = get_model(model).build({"m": m, coupling: 1e-8, "ctau": 1.0}, inputs)
        seen = seen_in(made, inner, inputs)
        of = [float(programs.gamma("B+->K+", s, inputs)) for s in (made, seen)]
        assert of[1] / of[0] == pytest.approx(table, abs=5e-5)


def test_pairs_of_a_narrow_mediator_leave_as_those_at_its_mass(inputs) -> None:
    p = {"M": 2.3, "m": 0.4, "gV": 1e-8, "dV": 0.05, "ctau": 1.0}
    _, made = get_model("vector-mediator").build(p, inputs)
    inner = detector("belle2_inner")
    seen = seen_in(made, inner, inputs)
    of = [float(programs.gamma("B+->K+", s, inputs)) for s in (made, seen)]
    m_B, m_K = meson_masses(inputs, "B+->K+")
    p_q = np.sqrt((m_B**2 - (m_K + 2.3) ** 2) * (m_B**2 - (m_K - 2.3) ** 2)) / (2 * m_B)
    geometry = geometry_of(inner)
    at_mass = escape_of_pair(geometry, (0.4, 0.4), (1.0, 1.0), 2.3**2, p_q)
    assert of[1] / of[0] == pytest.approx(float(at_mass), rel=1e-3)


REFUSED = [
    ("alp", {"m": 1.0, "gV": 1e-8, "ctau": -1.0}, "lifetime"),
    ("alp", {"gV": 1e-8}, "missing"),
    ("alp", {"m": 0.0, "gV": 1e-8}, "keep it above 0"),
    ("alp", {"m": 5.4, "gV": 1e-8}, "no decay of b->s is open"),
    ("alp", {"m": 1.0}, "no coupling"),
    ("alp", {"m": 0.1, "gaW": 1e-4, "quarks": "c->u"}, "no loop"),
    ("dark-higgs", {"m": 0.5j, "s_theta": 0.1}, "complex"),
    ("dark-higgs", {"m": 0.5, "s_theta": 2.0}, "a sine"),
    ("light-zprime", {"m": 1.0, "gV": 1e-8, "hV": 1e-8}, "keep one"),
]


@pytest.mark.parametrize(("model", "parameters", "named"), REFUSED)
def test_bad_parameters_are_one_line(model: str, parameters, named: str) -> None:
    ranges = {k: (v, v) for k, v in parameters.items()}
    with pytest.raises(InputError, match=named):
        get_model(model).check_values(ranges, lambda name: name)


def test_a_fitted_mass_is_refused() -> None:
    ranges = {"m": (1.0, 2.0), "gV": (0.0, 1e-8)}
    with pytest.raises(InputError, match="fix m"):
        get_model("alp").check_values(ranges, lambda name: name, fit=True)


def test_couplings_do_not_change_the_kind(inputs) -> None:
    _, state = get_model("alp").build({"m": 1.0, "gV": 1e-8, "quarks": "b->d"}, inputs)
    assert isinstance(state, DerivativeLine)
    assert state.quarks == "b->d"
