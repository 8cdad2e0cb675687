"""Measurements with other data: Asimov data, toys, saturated models, all of them traceable."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from quoted_values import quoted_value
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.special import gammaln
from scipy.stats import norm

from bsnunu_jax.experiments import Predictions, load_measurements
from bsnunu_jax.experiments.measurement import Generative, ProfiledMeasurement
from bsnunu_jax.experiments.quoted.counting import (
    log_likelihood_of_signal,
    sample_counts,
    saturated_marginal,
)
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.problem.parameters import Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inputs import Nuisances
from bsnunu_jax.models import get_model
from bsnunu_jax.states import Neutrinos

BELLE2, SEARCH = "belle2_knunu_2023", "belle_2017_Kstar0"
RATIO = quoted_value("R_K_nunu", 4.0, 1.5, 0.5, name="ratio")


@pytest.fixture(scope="module")
def measurements():
    return {m.name: m for m in (*load_measurements([BELLE2, SEARCH]), RATIO)}


@pytest.fixture(scope="module")
def state(inputs):
    return Neutrinos.named({"CR_tautau": -9.0})


@pytest.mark.parametrize("name", [BELLE2, SEARCH, "ratio"])
def test_other_data_are_traced_and_leave_the_rest(measurements, state, inputs, name):
    m = measurements[name]
    assert isinstance(m, Generative)
    z = jnp.full(len(m.nuisance_names), 0.2)

    @jax.jit
    def value(data):
        return m.with_data(data).log_likelihood(Predictions([state], inputs), z)

    data = m.data
    own = jax.jit(lambda z: m.log_likelihood(Predictions([state], inputs), z))(z)
    assert float(value(data)) == pytest.approx(float(own), rel=1e-14)
    several = np.stack([data, np.asarray(data) + 1.5])
    batch = jax.jit(jax.vmap(value))(several)
    np.testing.assert_allclose(batch, [value(d) for d in several], rtol=1e-12)
    assert m.with_data(data + 1.5).data == pytest.approx(np.asarray(data) + 1.5)
    np.testing.assert_array_equal(m.data, data)  # the original is as it was


def test_coordinates_and_calibrations_stay(measurements):
    belle2, search = measurements[BELLE2], measurements[SEARCH]
    assert belle2.with_data(2 * belle2.data).rotation is belle2.rotation
    assert search.with_data(search.data + 20).events_per_br == search.events_per_br


@pytest.mark.parametrize("name", [BELLE2, SEARCH, "ratio"])
def test_asimov_data_suit_the_model(measurements, state, inputs, name):
    """No other data have a saturated model closer to the prediction."""
    m = measurements[name]
    z = np.full(len(m.nuisance_names), 0.3)
    asimov = np.asarray(jax.jit(lambda z: m.expected_data(Predictions([state], inputs), z))(z))

    @jax.jit
    def distance(data):
        other, predictions = m.with_data(data), Predictions([state], inputs)
        profiled = isinstance(other, ProfiledMeasurement)
        method = other.profile_log_likelihood if profiled else other.log_likelihood
        return other.saturated(predictions, z) - method(predictions, z)

    # A marginalised background has some skewness.
    assert float(distance(asimov)) == pytest.approx(0, abs=2e-3)
    assert distance(m.data) > distance(asimov)
    assert distance(asimov + 2) > distance(asimov)


def test_toys_of_a_quoted_value_have_two_sides(inputs):
    """The density of the value is exp(-pull^2/2), each side with its own width."""
    keys = jax.random.split(jax.random.key(5), 20_000)
    draw = jax.jit(
        jax.vmap(lambda k: RATIO.sample_data(Predictions([Neutrinos()], inputs), jnp.zeros(0), k))
    )
    toys = np.asarray(draw(keys))
    below = toys[toys < 1]
    above = toys[toys >= 1]
    # a value below the prediction has it above: the upper error, 1.5
    assert len(below) / len(toys) == pytest.approx(0.75, abs=0.015)
    assert np.sqrt(((below - 1) ** 2).mean()) == pytest.approx(1.5, rel=0.03)
    assert np.sqrt(((above - 1) ** 2).mean()) == pytest.approx(0.5, rel=0.05)


def test_counts_with_an_uncertain_rate_follow_the_marginal():
    mean, spread, number = 3.0, 2.5, 40_000
    shape = (number,)
    toys = np.asarray(
        sample_counts(jax.random.key(2), jnp.full(shape, mean), jnp.full(shape, spread))
    )
    k = np.arange(40.0)
    p = np.exp(np.asarray(log_likelihood_of_signal(np.full(40, mean), k, 0.0, spread, xp=np)))
    p /= norm.cdf(mean / spread)  # rates are positive
    assert p.sum() == pytest.approx(1, abs=1e-6)
    found = np.array([(toys == i).mean() for i in k])
    np.testing.assert_allclose(found, p, atol=4.5 * np.sqrt(0.25 / number))


# mu^n has a branch point at rate 0 where n is below 1 and not whole.
@pytest.mark.parametrize(("n", "accuracy"), [(0.0, 1e-9), (0.37, 1e-6), (12.5, 1e-9)])
def test_counts_need_not_be_whole(n, accuracy):
    mean, spread = 9.3, 2.1
    exact, _ = quad(
        lambda x: np.exp(n * np.log(x) - x - gammaln(n + 1)) * norm.pdf(x, mean, spread),
        1e-12,
        80,
        epsabs=0,
        epsrel=1e-12,
        points=[5, 9, 14],
    )
    observed = jnp.asarray(n)[None]
    numbers = jnp.full(1, mean), jnp.full(1, spread)
    found = jax.jit(lambda n: log_likelihood_of_signal(numbers[0], n, 0.0, numbers[1]))(observed)
    assert float(found[0]) == pytest.approx(np.log(exact), abs=accuracy)


def test_saturated_marginal_is_the_maximum():
    observed, spread = np.array([0.0, 3.0, 150.0]), np.array([2.0, 0.4, 20.0])
    total = 0.0
    for n, s in zip(observed, spread, strict=True):
        best = minimize_scalar(
            lambda m, n=n, s=s: -float(log_likelihood_of_signal(np.array(m), n, 0.0, s, xp=np)),
            bounds=(0, n + 10),
            method="bounded",
            options={"xatol": 1e-10},
        )
        total -= best.fun
    found = jax.jit(saturated_marginal)(observed, spread)
    assert float(found) == pytest.approx(total, abs=1e-9)


def test_objective_with_other_data_and_centres(measurements, inputs):
    problem = Problem(
        get_model("neutrinos"),
        (Parameter("CR_tautau", Uniform(-30, 30), "C"),),
        Nuisances(inputs, ("ckm",)),
        tuple(measurements.values()),
    )
    values, z = jnp.array([-8.0]), jnp.full(problem.size - 1, 0.1)
    objective, toy = jax.jit(problem.objective_at), jax.jit(problem.sample_data)
    default = objective(values, z)
    same = objective(values, z, data=problem.data, centres=np.zeros(z.size))
    assert float(same) == pytest.approx(float(default), rel=1e-13)
    centred = objective(values, z, centres=z)
    assert float(default - centred) == pytest.approx(0.01 * z.size)
    asimov = jax.jit(problem.expected_data)(values, z)
    assert objective(values, z, data=asimov, centres=np.zeros(z.size)) < default
    toys = [toy(values, z, jax.random.key(k)) for k in (1, 1, 2)]
    np.testing.assert_array_equal(toys[0][0], toys[1][0])
    assert not np.array_equal(toys[0][0], toys[2][0])


def test_a_measurement_that_cannot_is_named(inputs):
    class Fixed:
        name = title = "fixed"
        samples = sources = nuisance_names = ()
        sm_spectrum, tree_tau = False, "none"

        def log_likelihood(self, predictions, z):
            return jnp.zeros(())

    parameter = Parameter("CR_tautau", Uniform(-30, 30), "C")
    problem = Problem(get_model("neutrinos"), (parameter,), Nuisances(inputs, ()), (Fixed(),))
    assert float(problem.objective(problem.theta([1.0]))) == 0
    with pytest.raises(InputError, match="the data of 'fixed' cannot be exchanged"):
        problem.data


def test_toys_of_bins(measurements, inputs, state):
    """Poisson counts around rates that spread by their MC statistics."""
    m = measurements[BELLE2]
    z = jnp.zeros(len(m.nuisance_names))
    other = m.with_data(m.data + 1)
    np.testing.assert_array_equal(other.observed, m.observed + 1)
    mean, spread = (np.asarray(a) for a in m.moments(Predictions([state], inputs), z))
    keys = jax.random.split(jax.random.key(1), 4000)
    draw = jax.jit(jax.vmap(lambda k: m.sample_data(Predictions([state], inputs), z, k)))
    toys = np.asarray(draw(keys))
    assert (toys == np.round(toys)).all()
    sure = mean > 4 * spread  # not cut at rate 0
    assert sure.sum() > 20
    variance = mean + spread**2
    pulls = (toys.mean(0) - mean) / np.sqrt(variance / 4000)
    assert np.abs(pulls[sure]).max() < 4.5
    np.testing.assert_allclose(toys.var(0)[sure] / variance[sure], 1, atol=0.12)
