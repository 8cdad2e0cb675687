"""A heavy neutral lepton that mixes: unitarity at m_N = 0, each final state alone, lifetimes."""

import numpy as np
import pytest

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inputs.detectors import detector
from bsnunu_jax.models import get_model
from bsnunu_jax.observables.public import branching_fraction
from bsnunu_jax.rates.escape import seen_in
from bsnunu_jax.states import Neutrinos, SterileNeutrino

MIXED = {"U2_e": 0.1, "U2_mu": 0.25, "U2_tau": 0.05}


def states_of(**parameters):
    return lambda inputs: get_model("hnl").build(parameters, inputs)


@pytest.mark.parametrize("mode", ["B+->K+", "B0->K*0", "B+->rho+", "Lambdab->Lambda"])
def test_a_massless_n_is_one_more_neutrino(mode: str, inputs) -> None:
    """Of V and U a unitary 4 x 4 matrix: the sum of all final states is the SM."""
    sm = float(branching_fraction(mode, Neutrinos(), inputs))
    found = float(branching_fraction(mode, states_of(mN=0.0, **MIXED)(inputs), inputs))
    assert found == pytest.approx(sm, rel=1e-10)


def test_every_final_state_has_its_share(inputs) -> None:
    """tr (1 - U U^dagger)^2 = 3 - 2 U^2 + U^4, 2 U^2 (1 - U^2) and U^4 of one flavour's SM rate."""
    U2 = sum(MIXED.values())
    sm = float(branching_fraction("B+->K+", Neutrinos(), inputs)) / 3
    neutrinos, one, two, *_ = states_of(mN=0.0, **MIXED)(inputs)
    shares = 3 - 2 * U2 + U2**2, 2 * U2 * (1 - U2), U2**2
    for state, share in zip((neutrinos, one, two), shares, strict=True):
        found = float(branching_fraction("B+->K+", state, inputs))
        assert found == pytest.approx(share * sm, rel=1e-10)


def test_a_heavy_n_is_that_of_its_operator(inputs) -> None:
    _, one, *_ = states_of(mN=1.5, U2_tau=0.01)(inputs)
    K = 2 * float(inputs.N_0) * float(inputs.C_L_SM)
    alone = SterileNeutrino(1.5, pair="nuN", V_LL=K * np.sqrt(2 * 0.01 * 0.99))
    of = [float(branching_fraction("B0->K*0", s, inputs)) for s in (one, alone)]
    assert of[0] == pytest.approx(of[1], rel=1e-13)


def test_what_decays_is_lost(inputs) -> None:
    inner = detector("belle2_inner")
    made = states_of(mN=1.5, U2_mu=0.1, ctau=0.0)(inputs)
    seen = [seen_in(s, inner, inputs) for s in made]
    light = float(branching_fraction("B+->K+", made[0], inputs))
    assert float(branching_fraction("B+->K+", seen, inputs)) == pytest.approx(light, rel=1e-12)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"U2_e": 0.1}, "mN"),
        ({"mN": 1.0}, "mixing"),
        ({"mN": 1.0, "U2_e": -0.1}, "below 0"),
        ({"mN": 1.0, "U2_e": 0.6, "U2_mu": 0.6}, "above 1"),
        ({"mN": 1.0, "U2_e": 0.1, "ctau": -1.0}, "lifetime"),
    ],
)
def test_bad_parameters_are_one_line(parameters, named: str) -> None:
    ranges = {k: (v, v) for k, v in parameters.items()}
    with pytest.raises(InputError, match=named):
        get_model("hnl").check_values(ranges, lambda name: name)
