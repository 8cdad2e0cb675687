"""Pairs of distinct particles: every operator and interference against explicit amplitudes."""

import brute_force as bf
import numpy as np
import programs
import pytest
from brute_force_pairs import STERILE, quadratic_forms
from brute_force_vectors import polarizations
from numpy.polynomial.legendre import leggauss
from pair_cases import DISTINCT, OPPOSITE_TENSORS
from pair_comparison import COMPLETE, compare_spectra, form_factors, meson_masses, restricted

from bsnunu_jax.hadrons import kinematics
from bsnunu_jax.hadrons.transitions import MODES, REPORTED
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.states import FermionPair, ScalarPair, VectorPair


@pytest.mark.parametrize("mode", COMPLETE)
@pytest.mark.parametrize("name", DISTINCT)
def test_spectrum(name: str, mode: str, every_set: Inputs, rng: np.random.Generator) -> None:
    compare_spectra(DISTINCT[name], mode, every_set, rng)


@pytest.mark.parametrize("mode", ["B+->K+", "B0->K*0"])
@pytest.mark.parametrize("name", DISTINCT)
def test_total(name: str, mode: str, inputs: Inputs, rng: np.random.Generator) -> None:
    """The amplitudes integrated over q2 with all couplings on."""
    case = DISTINCT[name]
    masses = case.draw_masses(rng)[0]
    threshold = sum(masses) ** 2
    width = float(kinematics.q2_max(*meson_masses(inputs, mode))) - threshold
    nodes, weights = leggauss(48)
    angles = np.pi / 4 * (nodes + 1)  # q2 - threshold = width sin^2: smooth at both roots
    q2 = threshold + width * np.sin(angles) ** 2
    jacobian = np.pi / 4 * width * np.sin(2 * angles)
    n = len(case.operators)
    couplings = rng.normal(size=n) + 1j * rng.normal(size=n)

    def spectrum(x: float) -> float:
        forms = quadratic_forms(
            x,
            *meson_masses(inputs, mode),
            form_factors(inputs, mode, x),
            case.amplitudes,
            *masses,
            vector=MODES[mode].vector,
        )
        form = restricted(case, forms.sum(axis=0))
        return float((couplings @ form @ couplings.conj()).real)

    expected = float((weights * jacobian) @ [spectrum(float(x)) for x in q2])
    state = case.state(*masses, **dict(zip(case.operators, couplings, strict=True)))
    assert float(programs.gamma(mode, state, inputs)) == pytest.approx(expected, rel=1e-9, abs=0)


def test_one_mass_stands_for_two(inputs: Inputs) -> None:
    for state, couplings in (
        (ScalarPair, {"S": 1.0, "V": 2j}),
        (FermionPair, {"V1": 1.0, "T1": 2j}),
    ):
        one, two = state(0.7, **couplings), state(0.7, 0.7, **couplings)
        found = [float(programs.dgamma_dq2("B+->K+", s, inputs, 5.0)) for s in (one, two)]
        assert found[0] == pytest.approx(found[1], rel=1e-14)
        assert found[0] > 0


def test_polarization_vectors_are_complete() -> None:
    """sum e e* = -g + k k/m^2, which gives orthogonality to k and the norm -1."""
    k = np.array([[np.sqrt(0.7**2 + 1.1**2 + 0.3**2 + 2.0**2), 1.1, -0.3, 2.0]])
    e = polarizations(k, 0.7)[0]
    assert np.abs(e.T @ e.conj() - np.outer(k, k) / 0.7**2 + np.diag(bf.METRIC)).max() < 1e-13


def test_tensors_of_opposite_chirality_vanish(inputs: Inputs) -> None:
    """(s sigma P_L b)(nubar sigma P_R N) is 0: there is no such operator."""
    names = list(STERILE.operators)
    ff = form_factors(inputs, "B0->K*0", 6.0)
    forms = quadratic_forms(
        6.0, *meson_masses(inputs, "B0->K*0"), ff, STERILE, 0.0, 1.1, vector=True
    )
    diagonal = dict(zip(names, np.diag(forms.sum(axis=0)).real, strict=True))
    for name in OPPOSITE_TENSORS:
        assert diagonal[name] < 1e-28 * diagonal["T_LL"]


@pytest.mark.parametrize("mode", REPORTED)
def test_massless_vectors_are_goldstone_bosons(mode: str, inputs: Inputs) -> None:
    """At m -> 0 longitudinal X are scalars phi: e -> k/m and X^dag.X -> (q2/2 m^2) phi^dag phi."""
    for q2 in (0.7, 6.0, 13.0):
        for operator in ("S", "P", "V4", "A4"):
            vectors = VectorPair.goldstone(0.0, {operator: 1.0})
            scalars = ScalarPair(0.0, **{operator[0]: q2 / 2})
            found, expected = (
                float(programs.dgamma_dq2(mode, state, inputs, q2)) for state in (vectors, scalars)
            )
            assert found == pytest.approx(expected, rel=1e-12, abs=0)
