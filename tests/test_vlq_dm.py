"""Vector-like quarks: matching against the mass matrix, normalisation, refusals, domain."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest
from running_coefficients import integrated

from bsnunu_jax import Neutrinos
from bsnunu_jax.inputs.running import SCALAR, factor
from bsnunu_jax.models import vlq_dm
from bsnunu_jax.models.catalogue import Model, get_model
from bsnunu_jax.models.vlq_dm import PARAMETERS, SETTINGS, build, couplings, domain, refuse
from bsnunu_jax.observables.catalogue import get_observable
from bsnunu_jax.observables.dark_matter.catalogue import dark_observables

MODEL = Model("vlq-dm", "", PARAMETERS, build, rules=refuse, settings=SETTINGS, domain=domain)
CHARM = [get_observable(name) for name in ("BR(D0->inv)", "BR(D0->pi0inv)")]
OBSERVABLES = {o.name: o for o in (*dark_observables(), *CHARM)}
COMPLEX = {
    "m": 0.6,
    "mQ": 300.0,
    "mD": 500.0,
    "yq_s": 1.1 + 0.4j,
    "yq_b": -0.7 + 0.9j,
    "yd_s": 0.5 - 1.2j,
    "yd_b": 0.8 + 0.3j,
    "y1": 0.6 - 0.5j,
}
# Tree level alone.
TREE = COMPLEX | {"running": False}


def heavy(c, phi: float, v: float, masses: np.ndarray) -> np.ndarray:
    """M of -L = psibar_L M psi_R in (s, b, Q, D) for a constant phi."""
    m = np.zeros((4, 4), dtype=complex)
    m[:2, :2] = np.diag(masses)
    m[:2, 2] = -np.asarray(c.y_q) * phi
    m[3, :2] = -np.asarray(c.y_d) * phi
    m[2, 2], m[3, 3] = float(c.m_Q), float(c.m_D)
    m[2, 3] = -complex(c.y_1) * v / np.sqrt(2)
    return m


def light(m: np.ndarray) -> np.ndarray:
    """The mass matrix of the light quarks, heavy ones integrated out, kinetic terms normalised."""
    to_heavy, from_heavy = m[:2, 2:], m[2:, :2]
    inverse = np.linalg.inv(m[2:, 2:])
    mass = m[:2, :2] - to_heavy @ inverse @ from_heavy
    left, right = to_heavy @ inverse, inverse @ from_heavy

    def root(z: np.ndarray) -> np.ndarray:
        values, vectors = np.linalg.eigh(np.eye(2) + z)
        return vectors @ np.diag(values**-0.5) @ vectors.conj().T

    return root(left @ left.conj().T) @ mass @ root(right.conj().T @ right)


def test_matching_against_the_inverse_mass_matrix(inputs) -> None:
    """M_light = m - (1/2)(C^S + i C^P) phi^2, with the terms of order m_q/m_Q."""
    c, v = couplings(TREE, inputs), float(vlq_dm.vacuum_expectation(inputs))
    masses = np.array([float(inputs.role("m_s")), float(inputs.role("m_b"))])
    step = 10.0
    change = light(heavy(c, step, v, masses)) - light(heavy(c, 0.0, v, masses))
    exact = -2 * change / step**2
    for mass_terms, precision in ((True, 2e-6), (False, None)):
        found = np.array(
            [
                [
                    complex(vlq_dm.chirality_flip(c, inputs, i, j, mass_terms=mass_terms))
                    for j in "sb"
                ]
                for i in "sb"
            ]
        )
        if precision:
            np.testing.assert_allclose(found, exact, rtol=0, atol=precision * abs(exact).max())
        else:
            # The mass terms are seen: without them it does not fit.
            assert abs(found - exact).max() > 1e-3 * abs(exact).max()


def test_singular_values_of_the_complete_matrix(inputs) -> None:
    """Nothing is integrated out: the light singular values of M(phi) fall as the matching says."""
    c, v = couplings(TREE, inputs), float(vlq_dm.vacuum_expectation(inputs))
    masses = np.array([40.0, 90.0])  # heavy enough for rounding
    step = 30.0
    full = np.sort(np.linalg.svd(heavy(c, step, v, masses), compute_uv=False))[:2]
    effective = np.linalg.svd(light(heavy(c, step, v, masses)), compute_uv=False)
    np.testing.assert_allclose(full, np.sort(effective), rtol=1e-6)


def test_slide_formulas(inputs) -> None:
    """C^S_sb and C^P_sb as written in arXiv:2403.12485, C^S_bs = C^S_sb^*, C_uc."""
    c = couplings(TREE, inputs)
    v = float(vlq_dm.vacuum_expectation(inputs))
    y_q, y_d, y_1 = (np.asarray(a) for a in (c.y_q, c.y_d, c.y_1))
    m_s, m_b = float(inputs.role("m_s")), float(inputs.role("m_b"))
    Q, D = float(c.m_Q), float(c.m_D)
    first = y_q[0] * y_d[1] * y_1 * v / (np.sqrt(2) * Q * D)
    second = np.conj(y_q[1] * y_d[0] * y_1) * v / (np.sqrt(2) * Q * D)
    a = y_q[0] * np.conj(y_q[1]) / (2 * Q**2)
    b = np.conj(y_d[0]) * y_d[1] / (2 * D**2)
    S, P = vlq_dm.down_coefficients(c, inputs, "s", "b")
    assert complex(S) == pytest.approx(first + second + (a + b) * (m_s + m_b), rel=1e-12)
    assert 1j * complex(P) == pytest.approx(first - second - (a - b) * (m_s - m_b), rel=1e-12)
    mirrored = vlq_dm.down_coefficients(c, inputs, "b", "s")
    assert complex(mirrored[0]) == pytest.approx(np.conj(complex(S)), rel=1e-12)
    strange, pseudo = vlq_dm.down_coefficients(c, inputs, "s", "s")
    assert abs(complex(strange).imag) < 1e-12 * abs(strange)
    assert abs(complex(pseudo).imag) < 1e-12 * abs(pseudo)
    n = inputs.values
    V = np.asarray(vlq_dm.ckm_up_charm(inputs))
    assert abs(V[0, 0]) == pytest.approx(float(n["Vus"]), rel=1e-12)
    assert abs(V[0, 1]) == pytest.approx(float(n["Vub"]), rel=1e-12)
    assert abs(V[1, 1]) == pytest.approx(float(n["Vcb"]), rel=1e-12)
    rest = 1 - float(n["Vus"]) ** 2 - float(n["Vub"]) ** 2
    V_cd = -np.vdot(V[0], V[1]) / np.sqrt(rest)  # u and c rows are orthogonal, V_ud > 0
    assert abs(V_cd) ** 2 + (abs(V[1]) ** 2).sum() == pytest.approx(1, rel=1e-12)
    u, charm = V @ y_q
    uc_S, uc_P = vlq_dm.up_charm_coefficients(c, inputs)
    m_u, m_c = float(n["m_u_mc_MSbar"]), float(n["m_c_mc_MSbar"])
    product = u * np.conj(charm) / (2 * Q**2)
    assert complex(uc_S) == pytest.approx(product * (m_u + m_c), rel=1e-12)
    assert 1j * complex(uc_P) == pytest.approx(-product * (m_u - m_c), rel=1e-12)


def test_ratios_and_phases(inputs) -> None:
    """|C_ss| = c |1 + exp(2i rho)|, |C^{S,P}_sb| = c |r_d +- r_q exp(i theta)|."""
    r_d, r_q, theta, rho, y_1 = 0.03, 0.05, 0.8, 0.3, 0.7
    p = {"m": 0.6, "r_d": r_d, "r_q": r_q, "theta": theta, "rho": rho, "y1": y_1, "running": False}
    found = build(p | {"mass_terms": False}, inputs)
    v = float(vlq_dm.vacuum_expectation(inputs))
    c = 4 * y_1 * v / (np.sqrt(2) * 3000.0**2)
    assert float(found.dark.C_ss) == pytest.approx(c * abs(1 + np.exp(2j * rho)), rel=1e-12)
    pair = found.invisible[1].coefficients
    for name, sign in (("S", 1), ("P", -1)):
        exact = c * abs(r_d + sign * r_q * np.exp(1j * theta))
        assert 2 * abs(complex(pair[name])) == pytest.approx(exact, rel=1e-12)
    by_strange = build(
        {k: x for k, x in p.items() if k != "y1"}
        | {"C_ss": float(found.dark.C_ss), "mass_terms": False},
        inputs,
    )
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(by_strange), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_coefficients_run_as_quark_masses(inputs) -> None:
    """C_sb at 4.8 GeV, C_ss at 2 GeV, couplings at (m_Q m_D)^(1/2)."""
    p = COMPLEX | {"mQ": 2.0, "mD": 4.5}
    runs, tree = (couplings(p | {"running": x}, inputs) for x in (True, False))
    heavy = 1000 * np.sqrt(9.0)
    to_b, to_s = float(runs.to_b), float(runs.to_s)
    for found, high, low in ((to_b, heavy, 4.8), (to_s, 4.8, 2.0)):
        assert found == pytest.approx(integrated(SCALAR, high, low), rel=1e-8)
    # Quark masses at four loops between 4.8 and 4.2 GeV.
    for name in ("mb", "ms"):
        masses = [float(inputs.values[f"{name}_MSbar_{mu}"]) for mu in ("4p2", "4p8")]
        grown = float(factor(SCALAR, 4.8, 4.2, inputs))
        assert grown == pytest.approx(masses[0] / masses[1], rel=5e-3)
    # Without quark masses all of C_sb grows; terms with them have the masses of the scale.
    for i, j in ("sb", "bs"):
        bare, full = (
            [complex(vlq_dm.chirality_flip(c, inputs, i, j, mass_terms=x)) for x in (False, True)]
            for c in (tree, runs)
        )
        assert full[0] == pytest.approx(to_b * bare[0], rel=1e-12)
        assert full[1] - full[0] == pytest.approx(bare[1] - bare[0], rel=1e-9)
    # C_ss = Re(sqrt(2) y y y_1 v/(m_Q m_D)) m(2 GeV)/m(heavy) + m_s(2 GeV) (..).
    v, m_s = float(vlq_dm.vacuum_expectation(inputs)), float(inputs.role("m_s"))
    lead = np.sqrt(2) * v * p["yq_s"] * p["yd_s"] * p["y1"] / (2000.0 * 4500.0)
    rest = m_s * (abs(p["yq_s"]) ** 2 / 2000.0**2 + abs(p["yd_s"]) ** 2 / 4500.0**2)
    exact = to_s * (to_b * lead.real + rest)
    assert float(build(p, inputs).dark.C_ss) == pytest.approx(exact, rel=1e-12)


def test_C_ss_is_given_at_2_GeV(inputs) -> None:
    """It comes back as the coefficient of dark matter; C_sb is smaller by the way to 4.8 GeV."""
    p = {"m": 0.6, "C_ss": 1e-4, "r_d": 2e-3, "r_q": 1e-3, "mass_terms": False}
    runs, tree = (build(p | {"running": x}, inputs) for x in (True, False))
    for found in (runs, tree):
        assert float(found.dark.C_ss) == pytest.approx(1e-4, rel=1e-12)
    a, b = (complex(found.invisible[1].coefficients["S"]) for found in (runs, tree))
    assert b == pytest.approx(1e-4 * 3e-3 / 4, rel=1e-12)
    assert b / a == pytest.approx(float(factor(SCALAR, 4.8, 2.0, inputs)), rel=1e-12)
    assert b / a == pytest.approx(1.17, abs=0.005)
    # Charm runs with its masses alone.
    for name in "SP":
        assert runs.invisible[2].coefficients[name] == tree.invisible[2].coefficients[name]
    y_1 = [complex(couplings(p | {"running": x}, inputs).y_1).real for x in (True, False)]
    assert y_1[1] / y_1[0] == pytest.approx(float(factor(SCALAR, 3000.0, 2.0, inputs)), rel=1e-12)
    # What the domain takes for it.
    for mass in (1500.0, 3000.0, 1e4):
        assert float(factor(SCALAR, mass, 2.0, inputs)) == pytest.approx(vlq_dm._GROWTH, rel=0.07)
    sizes = [
        dict((n, x) for n, _, x in vlq_dm._sizes({"C_ss": (1e-4,) * 2} | s))["C_ss"]
        for s in ({}, {"running": (False, False)})
    ]
    assert sizes == pytest.approx(y_1, rel=0.01)


def test_rates_have_the_half_of_the_lagrangian(inputs) -> None:
    """physics.md, Sec. 8: dGamma/dq2 and Gamma(B_s) of L = (1/2) C (sbar b) phi^2, phi real."""
    found = build(COMPLEX | {"mQ": 3.0, "mD": 3.0}, inputs)
    c = couplings(COMPLEX | {"mQ": 3.0, "mD": 3.0}, inputs)
    S, P = (complex(a) for a in vlq_dm.down_coefficients(c, inputs, "s", "b"))
    n = {k: float(x) for k, x in inputs.values.items()}
    m_b, m_s = float(inputs.role("m_b")), float(inputs.role("m_s"))
    m_B, m_K, q2 = n["m_B_plus"], n["m_K_plus"], 6.0
    f0 = float(inputs.form_factors["B->K"](jnp.asarray(q2))["f0"])
    lam = ((m_B - m_K) ** 2 - q2) * ((m_B + m_K) ** 2 - q2)
    beta = np.sqrt(1 - 4 * 0.6**2 / q2)
    exact = np.sqrt(lam) * beta * (m_B**2 - m_K**2) ** 2 * f0**2 * abs(S) ** 2
    exact /= 512 * np.pi**3 * m_B**3 * (m_b - m_s) ** 2
    value = programs.dgamma_dq2("B+->K+", found.invisible[1], inputs, q2)
    assert float(value) == pytest.approx(exact, rel=1e-12)
    M = n["m_B_s"]
    beta = np.sqrt(1 - 4 * 0.6**2 / M**2)
    exact = beta / (32 * np.pi * M) * (abs(P) * n["f_Bs"] * M**2 / (m_b + m_s)) ** 2
    assert float(programs.gamma("Bs->inv", found.invisible[1], inputs)) == pytest.approx(
        exact, 1e-12
    )


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({}, "m"),
        ({"m": 0.0}, "m"),
        ({"m": 0.6j}, "m"),
        ({"m": 0.6, "mQ": 0}, "mQ"),
        ({"m": 0.6, "mD": -1}, "mD"),
        ({"m": 0.6, "r_q": -1}, "r_q"),
        ({"m": 0.6, "r_q": 1, "yq_b": 1}, "yq_b"),
        ({"m": 0.6, "y1": 1, "C_ss": 1e-4}, "C_ss"),
        ({"m": 0.6, "theta": 1, "yd_s": 2j}, "yd_s"),
        ({"m": 0.6, "C_ss": 1e-4, "yq_s": 0}, "yq_s"),
        ({"m": 0.6, "C_ss": 1e-4, "rho": np.pi / 2}, "rho"),
    ],
)
def test_refusals(parameters: dict, named: str) -> None:
    found = refuse({k: (x, x) for k, x in parameters.items()}, fit=False)
    assert found is not None
    assert found.parameter == named


def test_what_is_let_pass() -> None:
    points = (COMPLEX, {"m": 0.6, "C_ss": 1e-4, "r_q": 0.1, "rho": -1.0}, {"m": 0.6, "y1": 1})
    for parameters in points:
        assert refuse({k: (x, x) for k, x in parameters.items()}, fit=True) is None
    assert refuse({"m": (0.5, 0.9), "C_ss": (0, 1e-3), "rho": (1.0, 2.0)}, fit=True) is not None
    assert refuse({"m": (0.5, 0.9), "C_ss": (0, 1e-3), "rho": (-1.0, 1.5)}, fit=True) is None


def test_domain() -> None:
    """Warnings name the parameter; the benchmark of the slides has none."""

    def names(**p):
        return [r.parameter for r in domain({k: (x, x) for k, x in p.items()})]

    assert names(m=0.6) == []
    assert names(m=0.3, mQ=1.2, mD=1.49, yq_b=3.6, y1=1 + 4j) == ["mQ", "mD", "yq_b", "y1", "m"]
    lines = MODEL.check_domain({"mQ": (1.0, 2.0)}, lambda name: f"--set {name}")
    assert lines[0].startswith("--set mQ: 'mQ' is or can be below 1.5 TeV")


def test_observables_and_their_gradients(inputs) -> None:
    """Finite everywhere, also at zero couplings; without dark matter nan or 0."""
    names = ("m", "C_ss", "r_q", "r_d", "theta", "rho")

    def values(x):
        sectors = build(dict(zip(names, x, strict=True)), inputs)
        return jnp.stack([o.function(sectors, inputs) for o in OBSERVABLES.values()])

    both = jax.jit(lambda x: (values(x), jax.jacfwd(values)(x)))
    for x in (
        [0.6, 1e-4, 1e-3, 0.0, 0.0, 0.0],
        [0.45, 1e-4, 0.0, 2e-3, 1.0, 0.5],
        [0.6, 0.0, 0.0, 0.0, 0.0, 0.0],
    ):
        value, slope = both(jnp.array(x))
        assert np.isfinite(value).all()
        assert np.isfinite(slope).all()
    assert np.isnan(
        [
            float(OBSERVABLES[o].function(Neutrinos(), inputs))
            for o in ("Omega_h2", "sigmav", "sigmav_0", "p_ann")
        ]
    ).all()
    assert OBSERVABLES["BR(D0->inv)"].function(Neutrinos(), inputs) == 0
    assert all(o.needs for o in OBSERVABLES.values() if not o.name.startswith("BR"))
    assert dataclasses.is_dataclass(OBSERVABLES["p_ann"])
    assert get_model("vlq-dm").note
