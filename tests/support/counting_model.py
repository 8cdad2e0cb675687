"""A counting experiment with pyhf's likelihood, for tests of limits: bins and one systematic."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from bsnunu_jax.experiments.quoted.marginal_poisson import poisson, saturated_poisson
from bsnunu_jax.inference.problem.parameters import Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inputs import Nuisances
from bsnunu_jax.models import Model
from bsnunu_jax.states import Neutrinos, Scaled

# All that is read of these models' final state is its factor, the signal strength.
STRENGTH = Model("strength", "mu", ("mu",), lambda p, _: (Scaled(Neutrinos(), p["mu"]),))
AMPLITUDE = Model("amplitude", "mu = c^2", ("c",), lambda p, _: (Scaled(Neutrinos(), p["c"] ** 2),))


@dataclass(frozen=True, eq=False)
class Bins:
    """Poisson(n | mu signal + background + shift z), z ~ Normal(0, 1) if there are shifts."""

    observed: np.ndarray
    signal: np.ndarray
    background: np.ndarray
    shift: np.ndarray | None = None
    name: str = "bins"
    title: str = "bins of a test"
    samples: tuple[str, ...] = ("test",)
    sources: tuple[str, ...] = ()
    sm_spectrum: bool = False
    tree_tau: str = "none"

    @property
    def nuisance_names(self):
        return () if self.shift is None else ("z",)

    def rates(self, predictions, z):
        shift = 0.0 if self.shift is None else self.shift * z[0]
        return predictions.states[0].factor * self.signal + self.background + shift

    def log_likelihood(self, predictions, z):
        return poisson(self.observed, self.rates(predictions, z))

    @property
    def data(self):
        return jnp.asarray(self.observed)

    def with_data(self, data):
        return replace(self, observed=data)

    def expected_data(self, predictions, z):
        return self.rates(predictions, z)

    def sample_data(self, predictions, z, key):
        return jax.random.poisson(key, self.rates(predictions, z)).astype(float)

    def saturated(self, predictions, z):
        return saturated_poisson(self.observed)


def bins(observed, signal, background, shift=None) -> Bins:
    arrays = (np.array(a, dtype=float) for a in (observed, signal, background))
    return Bins(*arrays, None if shift is None else np.array(shift, dtype=float))


def counting_problem(inputs, measurement, low=0.0, high=10.0, *, amplitude=False) -> Problem:
    nuisances = Nuisances(inputs, ())
    if amplitude:
        c = Parameter("c", Uniform(-(high**0.5), high**0.5), "c", mirror=True)
        return Problem(AMPLITUDE, (c,), nuisances, (measurement,))
    return Problem(
        STRENGTH, (Parameter("mu", Uniform(low, high), "mu"),), nuisances, (measurement,)
    )
