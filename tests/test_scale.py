"""`scale`: coefficients given at a high scale, run to the scale of the quark masses in use."""

import json

import jax
import jax.numpy as jnp
import pytest
from scipy.integrate import solve_ivp

from bsnunu_jax.cli import main
from bsnunu_jax.inputs import load_inputs
from bsnunu_jax.inputs.running import alpha_s
from bsnunu_jax.models import get_model
from bsnunu_jax.observables import catalogue as observables

INPUTS = load_inputs()
# C(low)/C(high) = (alpha_s(high)/alpha_s(low))^(a/b_0), a = -gamma_0/2: mass and tensor current.
POWER = {"S": -4.0, "P": -4.0, "T": 4.0 / 3.0, "V": 0.0, "A": 0.0}


def integrated(a: float, high: float, low: float) -> float:
    """C(low)/C(high) from the renormalisation group equation, nf = 6, 5 and 4 where they hold."""
    ln_alpha = jax.jit(jax.grad(lambda t: jnp.log(alpha_s(jnp.exp(t), INPUTS))))
    thresholds = [float(INPUTS.values[k]) for k in ("m_t_MSbar", "mb_mb_MSbar")]
    edges = [high, *(x for x in thresholds if low < x < high), low]
    total = 0.0
    for nf, first, last in zip((6, 5, 4), edges[:-1], edges[1:], strict=False):
        b_0 = 11 - 2 * nf / 3
        steps = solve_ivp(
            lambda t, _, b=b_0: [-a / b * float(ln_alpha(t))],
            [float(jnp.log(first)), float(jnp.log(last))],
            [0.0],
            rtol=1e-9,
            atol=1e-12,
        )
        total += float(steps.y[0, -1])
    return float(jnp.exp(total))


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
