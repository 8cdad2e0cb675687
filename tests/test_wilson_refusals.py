"""What `running: wilson` of the model `smeft` refuses, without the package and with it."""

import sys

import jax
import pytest

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inputs import load_inputs
from bsnunu_jax.models import get_model, wilson_running
from bsnunu_jax.runs.predict import predict

INSTALL = "pip install 'bsnunu_jax[wilson]'"
CARD = """
title: running
model: smeft
parameters:
  Clq1_tautau: {prior: {uniform: [-0.05, 0.05]}}
fixed: {running: wilson}
data: [belle2_ita_2023]
"""


@pytest.fixture
def without(monkeypatch):
    """No wilson, even where it is installed."""
    monkeypatch.setitem(sys.modules, "wilson", None)


def refusal(**given):
    ranges = {k: v if isinstance(v, tuple) else (v, v) for k, v in given.items()}
    return get_model("smeft").rules(ranges | {"running": ("wilson", "wilson")}, True)


@pytest.mark.usefixtures("without")
def test_wilson_is_missing(tmp_path):
    with pytest.raises(InputError) as error:
        predict(["BR(B+->K+inv)"], model="smeft", settings=["Clq1_ee=0.01", "running=wilson"])
    assert (
        str(error.value) == f"--set running: running = wilson needs the package wilson; {INSTALL}"
    )
    card = tmp_path / "card.yaml"
    card.write_text(CARD, encoding="utf-8")
    with pytest.raises(InputError, match=r"card\.yaml:6.*needs the package wilson; pip install"):
        Card(card)
    with pytest.raises(InputError, match="needs the package wilson"):
        get_model("smeft").build({"CHd": 0.01, "running": "wilson", "scale": 777.0}, load_inputs())


@pytest.mark.parametrize(
    ("given", "parameter", "what"),
    [
        ({"CQN": 0.01, "mN": 0.5}, "CQN", "wilson does not know"),
        ({"Clq1_ee": 0.01, "CLNQdT32_mu": 0.01, "mN": 0.5}, "CLNQdT32_mu", "wilson does not know"),
        ({"scale": (500.0, 900.0)}, "scale", "runs from one scale"),
        ({"scale": 80.0}, "scale", "91.1876"),
    ],
)
def test_what_wilson_cannot_run(given, parameter, what, monkeypatch):
    monkeypatch.setattr(wilson_running, "installed", lambda: True)
    found = refusal(**given)
    assert found is not None
    assert found.parameter == parameter
    assert what in found.what
    assert refusal(Clq1_ee=0.01, scale=500.0) is None


def test_a_traced_scale():
    def left(scale):
        given = {"CHd": 0.01, "running": "wilson", "scale": scale}
        return get_model("smeft").build(given, load_inputs()).invisible[0].CL

    with pytest.raises(InputError, match="wilson runs from one scale"):
        jax.jit(left)(500.0)
