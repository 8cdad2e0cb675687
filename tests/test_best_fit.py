"""The best fit finds every minimum of -2 ln L, with errors where the profile is up by 1."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from quoted_values import quoted_value
from scipy.optimize import minimize_scalar

from bsnunu_jax import Neutrinos, branching_fraction
from bsnunu_jax.experiments.quoted.values import GaussianMeasurement
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.fits.best_fit import BestFit, best_fit
from bsnunu_jax.inference.problem.parameters import LogUniform, Normal, Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inputs import Nuisances
from bsnunu_jax.models import get_model


def ratio(value: float, error: float, observable: str = "R_K_nunu") -> GaussianMeasurement:
    return quoted_value(observable, value, error)


def problem_of(inputs, parameters, *measurements, groups=()) -> Problem:
    return Problem(get_model("neutrinos"), parameters, Nuisances(inputs, groups), measurements)


@pytest.fixture(scope="module")
def two_branches(inputs):
    """R_K fixes |C_SM + C_R^tautau|: two solutions, on either side of -C_SM."""
    problem = problem_of(inputs, (Parameter("CR_tautau", Uniform(-30, 30), "C"),), ratio(4.6, 0.3))
    return problem, best_fit(problem, starts=12)


def test_both_branches_found_at_the_roots_of_the_quadratic(two_branches, inputs):
    _, fit = two_branches
    c = float(inputs.C_L_SM)
    roots = sorted(np.roots([1 / (3 * c**2), 2 / (3 * c), 1 - 4.6]).real)
    found = sorted(m.values["CR_tautau"] for m in fit.minima)
    assert found == pytest.approx(roots, abs=1e-9)
    assert sum(m.starts for m in fit.minima) == fit.converged == 12


def test_errors_end_where_the_quadratic_is_up_by_one(two_branches, inputs):
    """R = 4.3 and 4.9; the mean of the linear errors is right to the second order."""
    _, fit = two_branches
    c = float(inputs.C_L_SM)
    near, far = (sorted(np.roots([1 / (3 * c**2), 2 / (3 * c), 1 - r]).real) for r in (4.3, 4.9))
    for m in fit.minima:
        x = m.values["CR_tautau"]
        ends = sorted(min(roots, key=lambda root: abs(root - x)) for roots in (near, far))
        assert m.intervals["CR_tautau"] == pytest.approx(ends, rel=1e-5)
        slope = 2 / (3 * c) + 2 * x / (3 * c**2)
        assert m.errors["CR_tautau"] == pytest.approx(0.3 / abs(slope), rel=1e-3)


def test_laplace_weights_are_the_shares_of_the_posterior(two_branches):
    problem, fit = two_branches
    grid = np.linspace(-29.99, 29.99, 20001)
    theta = jax.vmap(lambda v: problem.theta([v]))(jnp.asarray(grid))
    density = np.exp(-0.5 * np.asarray(jax.vmap(problem.objective)(theta)))
    middle = -float(problem.nuisances.inputs.C_L_SM)
    left = density[grid < middle].sum() / density.sum()
    weights = {m.values["CR_tautau"] < middle: m.weight for m in fit.minima}
    assert weights[True] == pytest.approx(left, abs=0.01)
    assert sum(weights.values()) == pytest.approx(1)


def test_a_minimum_at_an_edge_weighs_what_its_part_does(inputs):
    """C up to 12 ends on the slope of the second solution, where -2 ln L bends down."""
    problem = problem_of(inputs, (Parameter("CR_tautau", Uniform(-30, 12), "C"),), ratio(4.6, 1.3))
    fit = best_fit(problem, starts=8)
    grid = np.linspace(-29.99, 11.99, 20001)
    theta = jax.vmap(lambda v: problem.theta([v]))(jnp.asarray(grid))
    density = np.exp(-0.5 * np.asarray(jax.vmap(problem.objective)(theta)))
    right = density[grid > -float(inputs.C_L_SM)].sum() / density.sum()
    assert len(fit.minima) == 2
    assert fit.minima[1].values["CR_tautau"] == 12
    assert fit.minima[1].weight == pytest.approx(right, abs=0.015)


def test_mirror_images_are_one_minimum(inputs):
    parameters = (Parameter("CR_mutau", Uniform(-30, 30), "C", ("CR_taumu",), mirror=True),)
    fit = best_fit(problem_of(inputs, parameters, ratio(4.6, 0.3)), starts=8)
    c = float(inputs.C_L_SM)
    assert len(fit.minima) == 1  # the saddle at 0 is not one
    assert fit.best.values["CR_mutau"] == pytest.approx(np.sqrt(3.6 * 3 * c**2 / 2), abs=1e-8)
    assert fit.mirrored == ("CR_mutau",)


def test_nuisances_widen_the_error_as_profiling_says(inputs):
    """BR = 2e-5(1e-6) with |VtbVts*| free: BR goes like its square, profiled by hand."""
    measurement = replace(ratio(2e-5, 1e-6, "BR(B+->K+inv)"), name="br")
    parameters = (Parameter("CR_tautau", Uniform(-30, 5), "C"),)
    fixed = best_fit(problem_of(inputs, parameters, measurement), starts=4).best
    free = best_fit(problem_of(inputs, parameters, measurement, groups=["ckm"]), starts=4).best
    assert free.objective == pytest.approx(0, abs=1e-12)
    share = 0.00093 / float(inputs.values["VtbVts_abs"])

    def profile(c):
        br = float(branching_fraction("B+->K+", Neutrinos.named({"CR_tautau": c}), inputs))
        return minimize_scalar(
            lambda z: ((br * (1 + share * z) ** 2 - 2e-5) / 1e-6) ** 2 + z**2,
            bounds=(-5, 5),
            method="bounded",
            options={"xatol": 1e-10},
        ).fun

    for end in free.intervals["CR_tautau"]:
        assert profile(end) == pytest.approx(1, abs=2e-4)
    assert free.errors["CR_tautau"] > 1.3 * fixed.errors["CR_tautau"]


def test_json_round_trip(two_branches):
    _, fit = two_branches
    assert BestFit.from_dict(fit.as_dict()) == fit


@pytest.mark.parametrize("prior", [Uniform(-3, 8), LogUniform(0.1, 20), Normal(1.0, 0.5)])
def test_coordinates_invert_and_jacobians_are_derivatives(prior):
    u = jnp.asarray(0.37)
    value = prior.value(u)
    assert float(prior.coordinate(value)) == pytest.approx(0.37, abs=1e-12)
    slope = jax.grad(prior.value)(u)
    assert float(prior.log_jacobian(u)) == pytest.approx(float(jnp.log(slope)), abs=1e-12)
    assert np.isfinite(float(prior.log_density(value)))


def test_a_minimum_at_the_edge_of_a_prior(inputs):
    """R_K < 1 wanted, C >= 0 allowed with C_SM < 0 reachable only beyond the edge."""
    parameters = (Parameter("CR_tautau", Uniform(-30, 0), "C"),)
    fit = best_fit(problem_of(inputs, parameters, ratio(0.5, 0.1)), starts=6)
    assert fit.converged == 6
    assert len(fit.minima) == 1
    assert fit.best.values["CR_tautau"] == pytest.approx(0, abs=1e-12)
    c = float(inputs.C_L_SM)

    def minus_2_log_l(x):
        return ((1 + 2 * x / (3 * c) + x**2 / (3 * c**2) - 0.5) / 0.1) ** 2

    rise = minus_2_log_l(0.0) - minus_2_log_l(-1e-6)
    # the error is where -2 ln L is up by 1, inside the range
    assert fit.best.intervals["CR_tautau"][1] is None
    assert fit.best.errors["CR_tautau"] == pytest.approx(1 / (-rise / 1e-6), rel=0.02)
    assert fit.best.theta != fit.best.inside


def test_an_even_parameter_cut_at_0(inputs):
    """The density is even: cut at 0 the minimum is quartic in the coordinate of the descent."""
    parameters = (Parameter("CR_mutau", Uniform(0, 30), "C", ("CR_taumu",)),)
    fit = best_fit(problem_of(inputs, parameters, ratio(0.9, 0.3)), starts=6)
    assert fit.converged == 6
    assert fit.best.values["CR_mutau"] == pytest.approx(0, abs=1e-12)
    c = float(inputs.C_L_SM)
    # R - 0.9 = 0.1 + 2 x^2/(3 c^2) = sqrt(0.1^2 + 0.3^2) where -2 ln L is up by 1
    end = np.sqrt(1.5 * c**2 * (np.sqrt(0.1) - 0.1))
    assert fit.best.intervals["CR_mutau"] == [None, pytest.approx(end, rel=1e-4)]
    assert fit.best.errors["CR_mutau"] == pytest.approx(end, rel=1e-4)


def test_log_uniform_priors_are_fitted(inputs):
    parameters = (Parameter("CRp_tautau", LogUniform(1e-2, 100), "C"),)
    fit = best_fit(problem_of(inputs, parameters, ratio(4.6, 0.3)), starts=6)
    c = float(inputs.C_L_SM)
    assert fit.best.values["CRp_tautau"] == pytest.approx(np.sqrt(3.6 * 3 * c**2), rel=0.02)


def test_nothing_to_find_is_said(inputs):
    parameters = (Parameter("CR_tautau", Uniform(1e150, 1e200), "C"),)
    with pytest.raises(InputError, match=r"starts of the best fit converged; raise best_fit"):
        best_fit(problem_of(inputs, parameters, ratio(4.6, 0.3)), starts=4)
