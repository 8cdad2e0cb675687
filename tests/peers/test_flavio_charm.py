"""f_0 of D -> pi against flavio 2.7.1."""

import jax.numpy as jnp
import pytest

from bsnunu_jax.inputs import load_inputs

flavio = pytest.importorskip("flavio", reason="needs flavio: pip install '.[test,peers]'")

pytestmark = pytest.mark.peers


@pytest.mark.parametrize("q2", [0.0, 0.3, 1.0, 2.2, 2.98])
def test_form_factor(q2: float) -> None:
    quantity = flavio.classes.AuxiliaryQuantity["D->pi form factor"]
    theirs = quantity.prediction_central(flavio.default_parameters, None, q2)["f0"]
    ours = float(load_inputs().form_factors["D->pi"](jnp.asarray(q2))["f0"])
    assert ours == pytest.approx(theirs, rel=1e-12)
