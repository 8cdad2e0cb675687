"""mu times the SM: scaled rates, negative ones too, and gradients at 0."""

import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest

from bsnunu_jax.hadrons.transitions import REPORTED
from bsnunu_jax.models import get_model
from bsnunu_jax.observables.public import branching_fraction, branching_fraction_bins, dbr_dq2
from bsnunu_jax.states import Neutrinos, Scaled, TwoBody, Universal


@pytest.mark.parametrize("mode", ["B+->K+", "B0->K*0"])
@pytest.mark.parametrize("mu", [4.6, 0.0, -2.0])
def test_every_rate_is_scaled(mode: str, mu: float, inputs):
    states = get_model("signal-strength").build({"mu": mu}, inputs)
    edges = jnp.array([0.0, 4.0, 8.0, 25.0])
    for f in (
        lambda s: branching_fraction(mode, s, inputs),
        lambda s: branching_fraction_bins(mode, s, inputs, edges),
        lambda s: dbr_dq2(mode, s, inputs, 5.0),
    ):
        np.testing.assert_allclose(f(states), mu * f([Neutrinos()]), rtol=1e-14, atol=0)


def test_the_default_is_the_sm(inputs):
    states = get_model("signal-strength").build({}, inputs)
    for mode in REPORTED:
        found = branching_fraction(mode, states, inputs)
        assert found == branching_fraction(mode, [Neutrinos()], inputs)


def test_the_gradient_at_zero_is_the_sm(inputs):
    def br(mu):
        states = get_model("signal-strength").build({"mu": mu}, inputs)
        return branching_fraction("B+->K+", states, inputs)

    sm = float(branching_fraction("B+->K+", [Neutrinos()], inputs))
    assert float(jax.grad(br)(0.0)) == pytest.approx(sm, rel=1e-14)


def test_any_state_can_be_scaled(inputs):
    state = Universal(cVL=1.0, cSL=2j, cTL=0.5)
    found = programs.gamma("B0->K*0", Scaled(state, 3.0), inputs)
    assert float(found) == pytest.approx(
        3 * float(programs.gamma("B0->K*0", state, inputs)), rel=1e-14
    )
    assert Scaled(state, 3.0).has_spectrum
    assert not Scaled(TwoBody(1.0), 3.0).has_spectrum
