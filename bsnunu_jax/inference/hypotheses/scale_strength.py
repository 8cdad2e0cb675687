"""The scale Lambda of one operator by its strength, the rate over that at 1 TeV.

Lambda has no value without a signal, its strength Lambda^-q has: 0. A pair adds to the rate of the
SM and nothing interferes, so that strength is to a pair what a signal strength is to the SM.
"""

from functools import cache
from typing import Any

import jax.numpy as jnp

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.problem.parameters import Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.models import Model
from bsnunu_jax.models.model import Parameters
from bsnunu_jax.models.strength import SCALE, Strength
from bsnunu_jax.states import Scaled

STRENGTH = "strength"


def by_strength(problem: Problem) -> tuple[Problem, Strength]:
    """The problem with the strength of its operator in place of Lambda, and that strength.

    The range of the strength ends at the lowest Lambda.

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
    strength = problem.model.strength(dict(problem.fixed))
    if strength is None:
        raise InputError(
            f"{problem.model.name!r} is no pair beside the SM neutrinos",
            where="--parameter Lambda",
            allowed="a card of scalar-pair, fermion-pair, vector-pair or sterile-neutrino",
        )
    highest = float(strength.strength(old.prior.range[0]))
    parameter = Parameter(STRENGTH, Uniform(0.0, highest), r"\Lambda^{-q}")
    fitted = tuple(parameter if p is old else p for p in problem.parameters)
    return problem.of_model(_by_strength(problem.model), fitted, problem.fixed), strength


@cache
def _by_strength(model: Model) -> Model:
    """A pair model with the strength of its operator in place of Lambda: one object, one kind."""

    def build(parameters: Parameters, inputs: Inputs) -> Any:
        others = {k: v for k, v in parameters.items() if k != STRENGTH}
        sm, pair = model.build({**others, SCALE: 1.0}, inputs)
        return sm, Scaled(pair, jnp.real(jnp.asarray(parameters[STRENGTH])))

    return Model(f"{model.name} by strength", model.description, (STRENGTH,), build)
