"""Real scalars, Majorana fermions, real vectors against amplitudes with both contractions."""

import numpy as np
import pytest
from brute_force_identical import charge_conjugation_deviation
from brute_force_pairs import quadratic_forms
from pair_cases import IDENTICAL, OPPOSITE_TENSORS
from pair_comparison import COMPLETE, compare_spectra, form_factors, meson_masses

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import MODES
from bsnunu_jax.inputs import Inputs


@pytest.mark.parametrize("mode", COMPLETE)
@pytest.mark.parametrize("name", IDENTICAL)
def test_spectrum(name: str, mode: str, every_set: Inputs, rng: np.random.Generator) -> None:
    compare_spectra(IDENTICAL[name], mode, every_set, rng)


def test_spinors_of_a_particle_that_is_its_own_antiparticle() -> None:
    assert charge_conjugation_deviation() < 1e-14


@pytest.mark.parametrize("name", IDENTICAL)
def test_operators_that_vanish(name: str, inputs: Inputs) -> None:
    """The two contractions cancel for just these operators, whatever the mode."""
    case, largest = IDENTICAL[name], 0.0
    for mode in ("B+->K+", "B0->K*0"):
        forms = quadratic_forms(
            6.0,
            *meson_masses(inputs, mode),
            form_factors(inputs, mode, 6.0),
            case.amplitudes,
            0.7,
            0.7,
            vector=MODES[mode].vector,
        )
        diagonal = np.diag(forms.sum(axis=0)).real
        largest = np.maximum(largest, diagonal / diagonal.max())
    names = np.array(list(case.amplitudes.operators))
    assert set(names[largest < 1e-28]) == set(case.left_out)


@pytest.mark.parametrize("name", IDENTICAL)
def test_vanishing_operators_are_refused(name: str) -> None:
    case = IDENTICAL[name]
    case.state(0.7, 0.7, **dict.fromkeys(case.operators, 1.0))
    for operator in set(case.left_out) - set(OPPOSITE_TENSORS):
        with pytest.raises(InputError, match=operator):
            case.state(0.7, 0.7, **{operator: 1.0})
