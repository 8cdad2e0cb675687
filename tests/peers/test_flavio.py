"""Branching ratios, spectra and F_L against flavio 2.7.1, in one process, SM and new physics."""

import jax.numpy as jnp
import numpy as np
import programs
import pytest

from bsnunu_jax.hadrons.form_factors import SSE
from bsnunu_jax.hadrons.transitions import MODES
from bsnunu_jax.inputs import load_inputs
from bsnunu_jax.inputs.sets import form_factor_set
from bsnunu_jax.observables import tree_level
from bsnunu_jax.states import Neutrinos

oracles = pytest.importorskip("oracles", reason="needs flavio and EOS: pip install '.[test,peers]'")

pytestmark = pytest.mark.peers

RTOL = 1e-10
FRACTIONS = np.array([0.003, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 0.999])  # of q2_max
INPUTS = load_inputs("flavio")


def _points() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """C_L, C_R: the SM, ten draws of complex matrices of the size of C_L^SM, two of equal flavours.

    All of B -> K(*), the SM and two of each of other decays.
    """
    rng = np.random.default_rng(20260419)
    draws = rng.normal(scale=5.0, size=(10, 2, 2, 3, 3))
    matrices = {"sm": np.zeros((2, 3, 3), complex)}
    matrices |= {f"np{i}": d for i, d in enumerate(draws[:, 0] + 1j * draws[:, 1])}
    equal = rng.normal(scale=5.0, size=(2, 2, 2))
    for i, (left, right) in enumerate(equal[..., 0] + 1j * equal[..., 1]):
        matrices[f"universal{i}"] = np.stack([left * np.eye(3), right * np.eye(3)])
    return {name: (left, right) for name, (left, right) in matrices.items()}


POINTS = _points()
FEW = ("sm", "np0", "np1", "universal0", "universal1")


def _cases(modes: tuple[str, ...]) -> pytest.MarkDecorator:
    cases = {
        f"{mode}-{point}": (mode, *POINTS[point])
        for mode in modes
        for point in (POINTS if mode in oracles.MODES else FEW)
    }
    return pytest.mark.parametrize(("mode", "c_l", "c_r"), cases.values(), ids=cases.keys())


def _state(mode: str, c_l: np.ndarray, c_r: np.ndarray) -> Neutrinos:
    """The coefficients in the quark transition of the mode."""
    quarks = MODES[mode].quarks
    if quarks == "b->s":
        return Neutrinos(c_l, c_r)
    return Neutrinos(elsewhere={quarks: {"CL": c_l, "CR": c_r}})


@pytest.mark.parametrize("mode", oracles.FLAVIO_DECAYS)
def test_q2_max(mode: str) -> None:
    q2 = oracles.flavio_q2_max(mode) * np.array([1 - 1e-12, 1 + 1e-12])
    inside, outside = programs.dbr_dq2(mode, [Neutrinos()], INPUTS, q2)
    assert inside > 0
    assert outside == 0


@_cases(tuple(oracles.FLAVIO_DECAYS))
def test_branching_ratio(mode: str, c_l: np.ndarray, c_r: np.ndarray) -> None:
    ours = programs.branching_fraction(mode, [_state(mode, c_l, c_r)], INPUTS)
    np.testing.assert_allclose(ours, oracles.flavio_br(mode, c_l, c_r), rtol=RTOL)


@_cases(tuple(oracles.FLAVIO_DECAYS))
def test_spectrum(mode: str, c_l: np.ndarray, c_r: np.ndarray) -> None:
    q2 = FRACTIONS * oracles.flavio_q2_max(mode)
    ours = programs.dbr_dq2(mode, [_state(mode, c_l, c_r)], INPUTS, q2)
    np.testing.assert_allclose(ours, oracles.flavio_spectrum(mode, q2, c_l, c_r), rtol=RTOL)


@_cases(oracles.FLAVIO_VECTORS)
def test_longitudinal_fraction(mode: str, c_l: np.ndarray, c_r: np.ndarray) -> None:
    q2 = FRACTIONS * oracles.flavio_q2_max(mode)
    ours = programs.longitudinal_fraction_at(mode, [_state(mode, c_l, c_r)], INPUTS, q2)
    np.testing.assert_allclose(ours, oracles.flavio_fl(mode, q2, c_l, c_r), rtol=RTOL)


@pytest.mark.parametrize("mode", ["B+->pi+", "B+->rho+"])
def test_native_totals(mode: str) -> None:
    """What flavio itself integrates, with its own rule."""
    zero = np.zeros((3, 3))
    ours = programs.branching_fraction(mode, [Neutrinos()], INPUTS)
    theirs = oracles.flavio_br_native(mode, zero, zero)
    assert float(ours) == pytest.approx(theirs, rel=1e-5, abs=0)


@pytest.mark.parametrize(("mode", "hadron"), [("B+->K+", "K"), ("B+->pi+", "pi")])
def test_tree_level_part(mode: str, hadron: str) -> None:
    ours = float(tree_level.branching_fraction(mode, INPUTS))
    assert ours == pytest.approx(oracles.flavio_tree(hadron), rel=1e-6, abs=0)


# By flavio's names.
BARYONIC = {
    "fVt": "f0",
    "fV0": "f+",
    "fVperp": "fperp",
    "fAt": "g0",
    "fA0": "g+",
    "fAperp": "gperp",
    "fT0": "h+",
    "fTperp": "hperp",
    "fT50": "ht+",
    "fT5perp": "htperp",
}


def test_baryonic_form_factors_lack_a_term_in_flavio() -> None:
    """Of the coefficients of the fit of higher order it takes two of three."""
    table = form_factor_set("Lambdab->Lambda", "dm2016_ho")
    given = zip(table.parameters, table.central, strict=True)
    two = {name: float(c) for name, c in given if not name.startswith("a2")}
    of = oracles.flavio_parameters()
    own = {"m_Lambdab": "m_Lambdab", "m_Lambda": "m_Lambda", "m_B": "m_B+", "m_K": "m_K+"}
    masses = {**table.masses, **{ours: of[theirs] for ours, theirs in own.items()}}
    masses = {name: jnp.asarray(mass) for name, mass in masses.items()}
    values = SSE(jnp.asarray([*two.values()]), masses, tuple(two), table.transition)
    for q2 in (0.5, 8.0, 19.0):
        ours = values(jnp.asarray(q2))
        theirs = oracles.flavio_form_factors("Lambdab->Lambda", q2)
        assert {f: float(ours[BARYONIC[f]]) for f in theirs} == pytest.approx(theirs, rel=1e-12)
    whole = load_inputs("flavio", {"Lambdab->Lambda": "dm2016_ho"})
    true = whole.form_factors["Lambdab->Lambda"](jnp.asarray(8.0))
    theirs = oracles.flavio_form_factors("Lambdab->Lambda", 8.0)
    low = {BARYONIC[f]: 1 - theirs[f] / float(true[BARYONIC[f]]) for f in ("fV0", "fA0")}
    assert low == pytest.approx({"f+": 0.20, "g+": 0.35}, abs=0.005)  # docs/conventions.md
