"""Every dGamma/dq2 is the phase-space integral of explicit amplitudes, squared numerically."""

from collections.abc import Callable
from functools import cache

import brute_force
import jax.numpy as jnp
import numpy as np
import programs
import pytest
from pair_comparison import COMPLETE, form_factors, meson_masses

from bsnunu_jax.hadrons import kinematics
from bsnunu_jax.hadrons.rows import pseudoscalar_rows, vector_rows
from bsnunu_jax.hadrons.transitions import MODES, REPORTED
from bsnunu_jax.inputs import Inputs, load_inputs
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.states import Neutrinos, Universal

VECTOR_MODES = tuple(name for name in REPORTED if MODES[name].vector)
NO_USUAL = {"Bs->K": "gvdv2020_lcsrlattice"}
ROWS = ("S", "P", "V0", "A0", "SV", "PA", "V", "A", "E", "F", "VE", "AF")
# The amplitudes cancel in T1 - T2 and lose digits as 1/q2, and in lambda at the endpoint.
LOWEST_Q2, HIGHEST_FRACTION = 0.01, 0.99
TOLERANCE = 1e-11


def q2_points(inputs: Inputs, mode: str, rng: np.random.Generator, n: int) -> list[float]:
    """Both ends and n random points between them."""
    highest = HIGHEST_FRACTION * float(kinematics.q2_max(*meson_masses(inputs, mode)))
    return [LOWEST_Q2, *rng.uniform(LOWEST_Q2, highest, n).tolist(), highest]


def complex_normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Of the size of the SM coefficient, so that the interference counts."""
    return 5 * (rng.normal(size=shape) + 1j * rng.normal(size=shape))


def brute_force_rate(
    inputs: Inputs, mode: str, q2: float, couplings: brute_force.Couplings
) -> float:
    rate = brute_force.dgamma_dq2_fermions(
        q2,
        *meson_masses(inputs, mode),
        form_factors(inputs, mode, q2),
        couplings,
        vector=MODES[mode].vector,
    )
    return MODES[mode].factor * rate


def test_signs_of_the_amplitudes_hang_together() -> None:
    assert brute_force.convention_deviation() < 1e-12


@pytest.mark.parametrize("preset", ["default", "flavio"])
@pytest.mark.parametrize("mode", COMPLETE)
def test_neutrinos(mode: str, preset: str, rng: np.random.Generator) -> None:
    """Random complex C_L, C_R, C_L', C_R'; the SM sits on the diagonal of C_L.

    Those of b -> d stand beside others of b -> s, which must not count.
    """
    inputs = load_inputs(preset, NO_USUAL, time_integrated=False)  # see test_time_integrated.py
    quarks = MODES[mode].quarks
    CL, CR, CLp, CRp = complex_normal(rng, (4, 3, 3))
    state = Neutrinos(CL, CR, CLp, CRp)
    if quarks != "b->s":
        elsewhere = {quarks: {"CL": CL, "CR": CR, "CLp": CLp, "CRp": CRp}}
        state = Neutrinos(*complex_normal(rng, (4, 3, 3)), elsewhere=elsewhere)
    total_CL = CL + np.diag(np.broadcast_to(inputs.sm_coefficient(quarks), 3))
    for q2 in q2_points(inputs, mode, rng, 3):
        expected = float(inputs.normalisation(quarks)) ** 2 * sum(
            brute_force_rate(inputs, mode, q2, brute_force.neutrino_couplings(*pair))
            for pair in zip(total_CL.flat, CR.flat, CLp.flat, CRp.flat, strict=True)
        )
        found = rates.dgamma_dq2(mode, state, inputs, jnp.asarray(q2))
        assert float(found) == pytest.approx(expected, rel=TOLERANCE, abs=0)


@pytest.mark.parametrize("mode", VECTOR_MODES)
def test_longitudinal_part(mode: str, inputs: Inputs, rng: np.random.Generator) -> None:
    CL, CR, CLp, CRp = complex_normal(rng, (4, 3, 3))
    state = Neutrinos(CL, CR, CLp, CRp)
    total_CL = CL + float(inputs.C_L_SM) * np.eye(3)
    for q2 in q2_points(inputs, mode, rng, 2):
        ff = form_factors(inputs, mode, q2)
        expected = float(inputs.N_0) ** 2 * sum(
            brute_force.helicity_split(
                q2, *meson_masses(inputs, mode), ff, brute_force.neutrino_couplings(*pair)
            )[0]
            for pair in zip(total_CL.flat, CR.flat, CLp.flat, CRp.flat, strict=True)
        )
        kernel = rates.kernels(mode, state, inputs, jnp.asarray(q2), longitudinal=True)
        found = rates.contract(state.invariants(inputs), kernel)
        assert float(found) == pytest.approx(expected, rel=TOLERANCE, abs=0)


def chiral_scalar(x: int) -> dict[tuple[str, str], complex]:
    """(s P_x b)(nubar P_L N), x = -1 (L) or +1 (R); P stands for i g5, so g5 = -i P."""
    quark, pair = {"S": 0.5, "P": -0.5j * x}, {"S": 0.5, "P": 0.5j}
    return {(a, b): p * q for a, p in quark.items() for b, q in pair.items()}


def chiral_tensor() -> dict[tuple[str, str], complex]:
    """(s sigma P_L b)(nubar sigma P_L N)."""
    parts = {"T": 0.5, "T5": -0.5}
    return {(a, b): p * q for a, p in parts.items() for b, q in parts.items()}


def combine(*terms: tuple[complex, brute_force.Couplings]) -> dict[tuple[str, str], complex]:
    total: dict[tuple[str, str], complex] = {}
    for coefficient, couplings in terms:
        for key, value in couplings.items():
            total[key] = total.get(key, 0) + coefficient * value
    return total


@pytest.mark.parametrize("mode", REPORTED)
@pytest.mark.parametrize(
    "present",
    [("cVL", "cVR"), ("cSL", "cSR"), ("cTL",), ("cVL", "cVR", "cSL", "cSR", "cTL")],
    ids="+".join,
)
def test_universal(
    present: tuple[str, ...], mode: str, inputs: Inputs, rng: np.random.Generator
) -> None:
    """EOS' set against chiral operators, three flavours.

    With H = -(4 GF/sqrt2) VtbVts* alpha/(2 pi) sum C (s Gamma b)(nubar Gamma' P_L N), that is with
    coefficients 2 N_0 C, and N distinct from nu, the vector terms are those of one flavour pair.
    EOS' scalar and tensor terms (arXiv:2111.04327) are exactly twice what these operators give
    with the same coefficient. Without neutrino masses vector terms do not interfere with the
    others, and the scalar does not with the tensor once the directions are integrated: the
    coherent sum below would show it.
    """
    c = {name: 0j for name in ("cVL", "cVR", "cSL", "cSR", "cTL")}
    c |= {name: complex(complex_normal(rng, ())) for name in present}
    vector = brute_force.neutrino_couplings(c["cVL"], c["cVR"])  # contains (1 - g5) = 2 P_L
    flipping = combine(
        (2 * c["cSL"], chiral_scalar(-1)),
        (2 * c["cSR"], chiral_scalar(+1)),
        (2 * c["cTL"], chiral_tensor()),
    )
    for q2 in q2_points(inputs, mode, rng, 2):
        expected = (
            3
            * float(inputs.N_0) ** 2
            * (
                brute_force_rate(inputs, mode, q2, vector)
                + 2 * brute_force_rate(inputs, mode, q2, flipping)
            )
        )
        found = rates.dgamma_dq2(mode, Universal(**c), inputs, jnp.asarray(q2))
        assert float(found) == pytest.approx(expected, rel=TOLERANCE, abs=0)


def test_universal_standard_model_is_neutrinos_without_new_physics(inputs: Inputs) -> None:
    for mode in (*REPORTED, "Bs->phi", "B0->rho0"):
        found = programs.gamma(mode, Universal.standard_model(inputs), inputs)
        expected = programs.gamma(mode, Neutrinos(), inputs)
        assert float(found) == pytest.approx(float(expected), rel=1e-14, abs=0)


def rows_from_amplitudes(
    rate: Callable[[brute_force.Couplings], float], s: float, m1: float, m2: float
) -> dict[str, float]:
    """The twelve hadronic rows, isolated with massive fermions of unequal mass.

    For one operator dGamma/dq2 = J0 row x r0 + J1 row x r1 (Sg = m1 + m2, Dl = m1 - m2,
    s_+ = s - Sg^2, s_- = s - Dl^2; `rate` comes divided by the phase space):

        r_SS = 2 s_+     r_PP = 2 s_-     r0_VV = 2 Dl^2 s_+/s     r0_AA = 2 Sg^2 s_-/s
        r1_VV = 2 s_- (2 s + Sg^2)/(3 s)         r1_AA = 2 s_+ (2 s + Dl^2)/(3 s)
        r1_EE = 2 s_- (s + 2 Sg^2)/(3 s)         r1_BB = 2 s_+ (s + 2 Dl^2)/(3 s)

    so two dark currents give two equations for the two rows of a quark current. Interferences are
    half the difference of the rates with both signs of one coefficient.
    """
    Sg, Dl = m1 + m2, m1 - m2
    s_plus, s_minus, root = s - Sg**2, s - Dl**2, np.sqrt(s)
    currents = np.array(
        [
            [2 * s_minus * (2 * s + Sg**2) / (3 * s), 2 * Dl**2 * s_plus / s],
            [2 * s_plus * (2 * s + Dl**2) / (3 * s), 2 * Sg**2 * s_minus / s],
        ]
    )
    r_EE, r_BB = 2 * s_minus * (s + 2 * Sg**2) / (3 * s), 2 * s_plus * (s + 2 * Dl**2) / (3 * s)

    def one(*operator: str) -> float:
        return rate({(operator[0], operator[1]): 1.0})

    def interference(a: tuple[str, str], b: tuple[str, str], phase: complex) -> float:
        return (rate({a: 1.0, b: phase}) - rate({a: 1.0, b: -phase})) / 2

    V, V0 = np.linalg.solve(currents, [one("V", "V"), one("V", "A")])
    A, A0 = np.linalg.solve(currents, [one("A", "V"), one("A", "A")])
    E, F = np.linalg.solve(
        4 * np.array([[r_EE, r_BB], [r_BB, r_EE]]), [one("T", "T"), one("T", "T5")]
    )
    pair = s_minus * Sg / root
    return {
        "S": one("S", "S") / (2 * s_plus),
        "P": one("P", "P") / (2 * s_minus),
        "V0": V0,
        "A0": A0,
        "V": V,
        "A": A,
        "E": E,
        "F": F,
        "SV": interference(("S", "P"), ("V", "A"), 1j) / (4 * pair),
        "PA": interference(("P", "P"), ("A", "A"), 1.0) / (4 * pair),
        "VE": interference(("V", "V"), ("T", "T"), 1.0) / (8 * pair),
        "AF": interference(("A", "V"), ("T", "T5"), 1.0) / (-8 * pair),
    }


@cache
def both_rows(mode: str, fraction: float, longitudinal: bool) -> tuple[dict, dict]:
    """(rows of the package, rows of the amplitudes) at a fraction of the q2 range."""
    inputs = load_inputs(form_factors=NO_USUAL)
    m_B, m_K = meson_masses(inputs, mode)
    q2 = LOWEST_Q2 + fraction * (HIGHEST_FRACTION * (m_B - m_K) ** 2 - LOWEST_Q2)
    m1, m2 = 0.45 * np.sqrt(q2), 0.2 * np.sqrt(q2)
    ff = form_factors(inputs, mode, q2)
    lam12 = (q2 - (m1 + m2) ** 2) * (q2 - (m1 - m2) ** 2)
    lam = float(kinematics.kallen(q2, m_B, m_K))
    phase_space = np.sqrt(lam * lam12) / (256 * np.pi**3 * m_B**3 * q2)

    def rate(couplings: brute_force.Couplings) -> float:
        if longitudinal:
            found = brute_force.helicity_split(q2, m_B, m_K, ff, couplings, m1, m2)[0]
        else:
            found = brute_force.dgamma_dq2_fermions(
                q2, m_B, m_K, ff, couplings, m1, m2, vector=MODES[mode].vector
            )
        return found / phase_space

    args = jnp.asarray(q2), m_B, m_K, ff, ff["m_b"], ff["m_s"]
    vector = MODES[mode].vector
    found = vector_rows(*args, longitudinal=longitudinal) if vector else pseudoscalar_rows(*args)
    return found, rows_from_amplitudes(rate, q2, m1, m2)


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize(
    ("mode", "longitudinal"),
    [(mode, False) for mode in COMPLETE] + [(m, True) for m in COMPLETE if MODES[m].vector],
)
def test_hadronic_row(mode: str, longitudinal: bool, row: str) -> None:
    """Rows that no massless pair can see are pinned too; an absent row must vanish."""
    for fraction in (0.0, 0.21, 0.64, 1.0):
        found, expected = both_rows(mode, fraction, longitudinal)
        if row in found:
            assert float(found[row]) == pytest.approx(expected[row], rel=TOLERANCE, abs=0)
            assert expected[row] > 0
        else:
            largest = max(abs(value) for value in expected.values())
            assert abs(expected[row]) < 1e-12 * largest
