"""Problems that differ in held values, data or luminosity share what is compiled."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from counting_model import bins, counting_problem

from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.inference.problem.parameters import Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.programs import arguments, numbers, program
from bsnunu_jax.inference.problem.tabulate import tabulate
from bsnunu_jax.inputs import Inputs, Nuisances, load_inputs
from bsnunu_jax.models import get_model


def pair(inputs: Inputs, mass: object, nuisances: Nuisances | None = None) -> Problem:
    fixed = {"m": mass, "operator": "V"}
    return Problem(
        get_model("scalar-pair"),
        (Parameter("Lambda", Uniform(1.0, 20.0), "Lambda"),),
        nuisances or Nuisances(inputs, ()),
        tuple(load_measurements(["babar_2013_K0"])),
        arguments(get_model("scalar-pair"), fixed),
    )


def counted() -> tuple[list[int], object]:
    """A program, and how often it was traced."""
    traced: list[int] = []

    @program
    def objective(problem: Problem, theta: jnp.ndarray) -> jnp.ndarray:
        traced.append(1)
        return problem.objective(theta)

    return traced, objective


def test_held_values_are_arguments(inputs: Inputs) -> None:
    nuisances = Nuisances(inputs, ())
    traced, objective = counted()
    values = []
    for mass in (0.3, 0.7, 1.1):
        problem = pair(inputs, mass, nuisances)
        theta = problem.theta([4.0])
        values.append(float(objective(problem, theta)))
        assert values[-1] == pytest.approx(float(problem.objective(theta)), rel=1e-12)
    assert len(traced) == 1
    assert len(set(values)) == 3


def test_tables_are_arguments(inputs: Inputs) -> None:
    nuisances = Nuisances(inputs, ())
    traced, objective = counted()
    for mass in (0.3, 0.7):
        problem = pair(inputs, mass, nuisances)
        fast = tabulate(problem)
        assert fast.grams
        theta = problem.theta([4.0])
        exact = float(problem.objective(theta))
        assert float(objective(fast, theta)) == pytest.approx(exact, rel=1e-9)
    assert len(traced) == 1


def test_another_kind_is_another_program(inputs: Inputs) -> None:
    nuisances = Nuisances(inputs, ())
    traced, objective = counted()
    first = pair(inputs, 0.3, nuisances)
    others = [
        replace(first, parameters=(Parameter("Lambda", Uniform(2.0, 20.0), "Lambda"),)),
        replace(first, fixed=arguments(first.model, {"m": 0.3, "operator": "A"})),
        replace(first, nuisances=Nuisances(load_inputs("flavio"), ())),
        replace(first, fixed=(("m", 0.3), ("operator", "V"))),
    ]
    for problem in (first, *others):
        objective(problem, problem.theta([4.0]))
    assert len(traced) == 1 + len(others)


def test_equal_problems_share_programs(inputs: Inputs) -> None:
    """As those of one card that is read twice."""
    traced, objective = counted()
    for _ in range(2):
        problem = pair(load_inputs(), 0.3, Nuisances(load_inputs(), ("ckm",)))
        objective(problem, problem.theta([4.0]))
    assert len(traced) == 1
    assert numbers(problem) == numbers(pair(inputs, 0.3, Nuisances(inputs, ("ckm",))))
    assert numbers(problem) != numbers(pair(inputs, 0.4, Nuisances(inputs, ("ckm",))))


def test_numpy_arrays_are_constants(inputs: Inputs) -> None:
    traced, objective = counted()
    measured = [bins([n], [10.0], [30.0]) for n in (33.0, 40.0)]
    problems = [counting_problem(inputs, m) for m in measured]
    for problem in (*problems, *problems):
        found = float(objective(problem, problem.theta([1.0])))
        exact = float(problem.objective(problem.theta([1.0])))
        assert found == pytest.approx(exact, rel=1e-12)
    assert len(traced) == 2


def test_what_may_be_held_as_an_argument() -> None:
    given = {"scale": 2000.0, "running": "wilson", "Clq1_ee": 1.5, "Clq3_ee": 0.0}
    found = dict(arguments(get_model("smeft"), given))
    assert found["scale"] == 2000.0
    assert isinstance(found["scale"], float)
    assert isinstance(found["Clq3_ee"], float)  # what is not there need not be computed
    assert isinstance(found["Clq1_ee"], jnp.ndarray)
    complex_one = dict(arguments(get_model("neutrinos"), {"CL_ee": 1 + 2j}))["CL_ee"]
    np.testing.assert_array_equal(np.asarray(complex_one), 1 + 2j)
