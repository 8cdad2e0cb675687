"""The scale Lambda of one operator by its strength, the rate over that at 1 TeV.

Lambda has no value without a signal, its strength Lambda^-q has: 0. A pair adds to the rate of the
SM and nothing interferes, so that strength is to a pair what a signal strength is to the SM.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.problem.parameters import Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.models import Model
from bsnunu_jax.models.model import Parameters
from bsnunu_jax.models.strength import SCALE
from bsnunu_jax.states import Neutrinos, Scaled

STRENGTH = "strength"


@dataclass(frozen=True, eq=False)
class ScaleStrength:
    """A problem with the strength of an operator in place of its Lambda.

    Attributes:
        problem: with the parameter `strength`.
        power: q of the rate, which goes like Lambda^-q.
    """

    problem: Problem
    power: float

    def strength(self, scale: Any) -> Any:
        """The rate over that at Lambda = 1 TeV; 0 for an infinite Lambda [TeV]."""
        return np.asarray(scale, dtype=float) ** -self.power

    def scale(self, strength: Any) -> Any:
        """Lambda [TeV] of a strength, infinite for 0."""
        with np.errstate(divide="ignore"):
            return np.asarray(strength, dtype=float) ** (-1 / self.power)

    @classmethod
    def of(cls, problem: Problem) -> "ScaleStrength":
        """The problem with Lambda replaced; the range of the strength ends at the lowest Lambda.

        Raises:
            InputError: unless the model is a pair beside the SM with one operator and fixed masses.
        """
        (old,) = (p for p in problem.parameters if p.name == SCALE)
        free = [p.name for p in problem.parameters if p.name in ("m", "m1", "m2", "mN", "scale")]
        if free:
            raise InputError(
                f"{', '.join(free)} is fitted, without a signal it has no meaning",
                where="--parameter Lambda",
                allowed=f"fix it: --set {free[0]}=0.5",
            )
        model, fixed = problem.model, dict(problem.fixed)
        inputs = problem.nuisances.inputs
        if len(_states(model, fixed, 1.0, inputs)) != 2:
            raise InputError(
                f"{model.name!r} is no pair beside the SM neutrinos",
                where="--parameter Lambda",
                allowed="a card of scalar-pair, fermion-pair, vector-pair or sterile-neutrino",
            )
        powers = [_power(model, fixed, scale, inputs) for scale in (2.0, 5.0)]
        assert abs(powers[0] - powers[1]) < 1e-9, "Lambda appears with several powers"
        power = round(powers[0], 9)

        def build(parameters: Parameters, inputs: Inputs) -> Any:
            others = {k: v for k, v in parameters.items() if k != STRENGTH}
            sm, pair = _states(model, others, 1.0, inputs)
            return sm, Scaled(pair, jnp.real(jnp.asarray(parameters[STRENGTH])))

        highest = float(old.prior.range[0]) ** -power
        parameter = Parameter(STRENGTH, Uniform(0.0, highest), r"\Lambda^{-q}")
        made = replace(
            problem,
            model=Model(f"{model.name} by strength", model.description, (STRENGTH,), build),
            parameters=tuple(parameter if p is old else p for p in problem.parameters),
            grams={},
            sm_grams={},
        )
        return cls(made, power)


def _states(model: Model, given: Mapping[str, Any], scale: float, inputs: Inputs) -> Any:
    """SM neutrinos and the pair at a Lambda [TeV]; none for other models."""
    states = model.build({**given, SCALE: scale}, inputs)
    pair = isinstance(states, tuple) and len(states) == 2 and isinstance(states[0], Neutrinos)
    return states if pair else ()


def _power(model: Model, given: Mapping[str, Any], scale: float, inputs: Inputs) -> float:
    """q from the rates at 1 TeV and at another scale."""
    rates = [
        max(abs(float(v)) for v in _states(model, given, x, inputs)[1].invariants(inputs).values())
        for x in (1.0, scale)
    ]
    return float(-np.log(rates[1] / rates[0]) / np.log(scale))
