"""K -> pi nu nubar and form factors of K -> pi against flavio 2.7.1, the SM and new physics."""

import jax.numpy as jnp
import numpy as np
import pytest

from bsnunu_jax.inputs import load_inputs
from bsnunu_jax.observables.public import branching_fraction
from bsnunu_jax.states import Neutrinos

flavio = pytest.importorskip("flavio", reason="needs flavio: pip install '.[test,peers]'")
wilson = pytest.importorskip("wilson", reason="needs flavio: pip install '.[test,peers]'")

pytestmark = pytest.mark.peers

FLAVOURS = ("e", "mu", "tau")
MODES = {"K+->pi+": "BR(K+->pinunu)", "KL->pi0": "BR(KL->pinunu)"}


def draws() -> list[tuple[np.ndarray, np.ndarray]]:
    """The SM and four draws that are symmetric in the flavours, for flavio's K_L."""
    rng = np.random.default_rng(7)
    z = 4 * (rng.normal(size=(4, 2, 3, 3)) + 1j * rng.normal(size=(4, 2, 3, 3)))
    symmetric = (z + z.swapaxes(-1, -2)) / 2
    return [(np.zeros((3, 3)), np.zeros((3, 3))), *((left, right) for left, right in symmetric)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("point", range(5))
def test_branching_fraction(mode: str, point: int) -> None:
    left, right = draws()[point]
    given = {
        f"{name}_sdnu{a}nu{b}": matrix[j, i]
        for name, matrix in (("CL", left), ("CR", right))
        for i, a in enumerate(FLAVOURS)
        for j, b in enumerate(FLAVOURS)
    }
    wc = wilson.Wilson(given, 2.0, "WET-3", "flavio")
    theirs = flavio.np_prediction(MODES[mode], wc)
    state = Neutrinos(elsewhere={"s->d": {"CL": left, "CR": right}})
    ours = float(branching_fraction(mode, state, load_inputs("flavio")))
    assert ours == pytest.approx(float(theirs), rel=1e-10, abs=0)


@pytest.mark.parametrize("q2", [0.0, 0.03, 0.08, 0.12])
def test_form_factors(q2: float) -> None:
    quantity = flavio.classes.AuxiliaryQuantity["K->pi form factor"]
    theirs = quantity.prediction_central(flavio.default_parameters, None, q2)
    ours = load_inputs().form_factors["K->pi"](jnp.asarray(q2))
    for name in ("f+", "f0", "fT"):
        assert float(ours[name]) == pytest.approx(theirs[name], rel=1e-12)
