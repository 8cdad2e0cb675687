"""`scale`: coefficients given at a high scale, run to the scale of the quark masses in use."""

import json

import jax
import pytest
from running_coefficients import integrated

from bsnunu_jax.cli import main
from bsnunu_jax.inputs import load_inputs
from bsnunu_jax.models import get_model
from bsnunu_jax.observables import catalogue as observables

INPUTS = load_inputs()
# C(low)/C(high) = (alpha_s(high)/alpha_s(low))^(a/b_0), a = -gamma_0/2: mass and tensor current.
POWER = {"S": -4.0, "P": -4.0, "T": 4.0 / 3.0, "V": 0.0, "A": 0.0}


@pytest.mark.parametrize(
    ("model", "operator", "more"),
    [
        ("scalar-pair", "S", {"m": 0.4}),
        ("scalar-pair", "A", {"m": 0.4}),
        ("fermion-pair", "P1", {"m": 0.4}),
        ("fermion-pair", "T2", {"m": 0.4}),
        ("vector-pair", "T1", {"m": 0.4}),
        ("sterile-neutrino", "S_RL", {"mN": 0.4}),
    ],
)
def test_the_rate_goes_with_the_square_of_the_factor(model, operator, more):
    build = get_model(model).build
    given = {**more, operator: 1e-7}

    def rate(parameters):
        states = build(parameters, INPUTS)[1:]
        return float(
            observables.branching_fraction("B0->K*0", states, INPUTS)
            + observables.branching_fraction("B+->K+", states, INPUTS)
        )

    ratio = rate({**given, "scale": 1000.0}) / rate(given)
    expected = integrated(POWER[operator[0]], 1000.0, 4.8)
    assert ratio == pytest.approx(expected**2, rel=1e-7)
    (line,) = get_model(model).remarks({**given, "scale": 1000.0}, INPUTS)
    assert f"{operator} {ratio**0.5:.3f}" in line


def test_no_running_at_the_scale_itself():
    build = get_model("fermion-pair").build

    def rate(scale):
        states = build({"m": 0.4, "S1": 1e-7, "scale": scale}, INPUTS)[1:]
        return observables.branching_fraction("B+->K+", states, INPUTS)

    alone = observables.branching_fraction(
        "B+->K+", build({"m": 0.4, "S1": 1e-7}, INPUTS)[1:], INPUTS
    )
    value, slope = jax.value_and_grad(rate)(4.8)
    assert float(value) == pytest.approx(float(alone), rel=1e-12)
    assert float(slope) > 0


def test_charm_runs_to_its_own_scale():
    """Scalars of c -> u to m_c, where the masses of these quarks are."""
    model = get_model("scalar-pair")
    given = {"m": 0.4, "P": 1e-8, "quarks": "c->u"}

    def rate(parameters):
        return float(
            observables.branching_fraction("D0->inv", model.build(parameters, INPUTS)[1:], INPUTS)
        )

    m_c = float(INPUTS.values["m_c_mc_MSbar"])
    ratio = rate({**given, "scale": 1000.0}) / rate(given)
    assert ratio == pytest.approx(integrated(-4.0, 1000.0, m_c) ** 2, rel=1e-7)
    (line,) = model.remarks({**given, "scale": 1000.0}, INPUTS)
    assert line == f"running from 1000 to 1.273 GeV multiplies: P {ratio**0.5:.3f}"


def test_predict_prints_the_factor(capsys):
    arguments = [
        "predict",
        "BR(B+->K+inv)",
        "--model",
        "scalar-pair",
        "--set",
        "m=0.3",
        "--set",
        "S=1e-8",
        "--set",
        "scale=1000",
    ]
    with pytest.raises(SystemExit):
        main(arguments)
    assert "running from 1000 to 4.8 GeV multiplies: S 1.607" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main([*arguments, "--json"])
    assert "remarks" in json.loads(capsys.readouterr().out)
    with pytest.raises(SystemExit) as refused:
        main([*arguments[:-1], "scale=1"])
    assert refused.value.code == 2
    assert "below 2 GeV" in capsys.readouterr().err
