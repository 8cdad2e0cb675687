"""How well the SM describes the same data, uncertain inputs and measurement nuisances profiled."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import minimize

from bsnunu_jax.inference.fits.best_fit import Minimum, best_fit
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.programs import program
from bsnunu_jax.inference.problem.tabulate import tabulate
from bsnunu_jax.models import get_model


def sm_objective(problem: Problem) -> float:
    """-2 ln (likelihood x nuisance terms) of the SM at its minimum over the nuisances."""
    sm = problem.of_model(get_model("neutrinos"))

    def numbers(z: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = _objective(sm, z)
        return float(value), np.asarray(gradient)

    start = np.zeros(sm.size)
    if not start.size:
        return numbers(start)[0]
    options = {"ftol": 1e-13, "gtol": 1e-6, "maxiter": 1000}
    return float(minimize(numbers, start, jac=True, method="L-BFGS-B", options=options).fun)


def objective_without_priors(problem: Problem, minimum: Minimum) -> float:
    """-2 ln (likelihood x nuisance terms) of a minimum: comparable with the SM's."""
    return minimum.objective + 2 * float(_log_prior(problem, jnp.asarray(minimum.theta)))


@program
def _objective(problem: Problem, z: Float[Array, " size"]) -> tuple[Array, Array]:
    return jax.value_and_grad(problem.objective)(z)


@program
def _log_prior(problem: Problem, theta: Float[Array, " size"]) -> Float[Array, ""]:
    values = problem.values(theta)
    terms = [p.prior.constraint(values[i]) for i, p in enumerate(problem.parameters)]
    return sum(terms, start=jnp.zeros(()))


def sm_fit(problem: Problem) -> tuple[Problem, Minimum]:
    """The SM on the same data, and its minimum over the nuisances."""
    sm = problem.of_model(get_model("neutrinos"))
    if not sm.size:
        value = float(sm.objective(jnp.zeros(0)))
        return sm, Minimum({}, {}, [], value, [], [], [], 1, 1.0, -value / 2)
    sm = tabulate(sm)
    return sm, best_fit(sm, starts=1, errors=False).best
