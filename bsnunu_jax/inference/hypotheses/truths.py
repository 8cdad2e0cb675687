"""What data expect if the SM, or a model at a point, is true: the "today" of a forecast."""

from collections.abc import Mapping

import jax.numpy as jnp
from jaxtyping import Array

from bsnunu_jax.inference.problem.problem import Data, Problem
from bsnunu_jax.inference.problem.programs import program
from bsnunu_jax.models import get_model


def expecting_sm(problem: Problem) -> Problem:
    """The same problem if all its data were what the SM expects, uncertain inputs at their centres.

    Those that nobody has measured have values then, and errors.
    """
    return _expecting(problem, problem.of_model(get_model("neutrinos")), jnp.zeros(0))


def expecting(problem: Problem, values: Mapping[str, float]) -> Problem:
    """The same of the model at a point, one value a fitted parameter."""
    at = jnp.array([float(values[p.name]) for p in problem.parameters])
    return _expecting(problem, problem, at)


def _expecting(problem: Problem, truth: Problem, values: Array) -> Problem:
    nuisances = jnp.zeros(truth.size - len(truth.parameters))
    return problem.with_data(_expected(truth, values, nuisances))


@program
def _expected(problem: Problem, values: Array, nuisances: Array) -> Data:
    return problem.expected_data(values, nuisances)
