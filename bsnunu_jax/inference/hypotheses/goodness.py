"""Goodness of fit: the saturated model, and posterior predictive checks."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.stats import chi2

from bsnunu_jax.inference.hypotheses.ensembles import DataSets, Fits
from bsnunu_jax.inference.hypotheses.profile_likelihood import ProfileLikelihood
from bsnunu_jax.inference.problem.problem import Data, Problem
from bsnunu_jax.inference.problem.programs import program
from bsnunu_jax.numerics.batch import chunked_vmap

_CHUNK = 64


@dataclass(frozen=True)
class Goodness:
    """The saturated-model test.

    Attributes:
        statistic: 2 ln L_saturated - 2 ln L_best, constraint terms included.
        dof: bins and quoted values minus fitted parameters, without directions that the data do not
            see. A nuisance adds a constraint and a parameter.
        p_value: of chi2 with so many degrees of freedom, NaN if there are none.
    """

    statistic: float
    dof: int
    p_value: float


def saturated_statistic(likelihood: ProfileLikelihood, sets: DataSets, best: Fits) -> np.ndarray:
    """2 ln L_saturated - 2 ln L_best of every data set from its best fit, shape (n,).

    In the saturated model every bin expects what suits its data best and every nuisance is at the
    centre of its constraint (Baker and Cousins, Nucl. Instrum. Meth. 221 (1984) 437).
    """
    values, nuisances = likelihood.parameters(best)
    saturated = _saturated(likelihood.problem, values, nuisances, sets.data, sets.growth)
    return best.objective - np.asarray(saturated)


@program
def _saturated(
    problem: Problem, values: Array, nuisances: Array, data: Data, growth: Array | None
) -> Array:
    """-2 ln L_saturated of many data sets."""

    def one(values: Array, nuisances: Array, data: Data, growth: Array | None) -> Array:
        return problem.at_luminosity(growth).saturated_deviance(values, nuisances, data)

    return jax.vmap(one)(values, nuisances, data, growth)


def goodness_of_fit(likelihood: ProfileLikelihood) -> Goodness:
    """The saturated-model statistic of the observed data and its asymptotic p-value."""
    statistic = float(saturated_statistic(likelihood, likelihood.observed, likelihood.best)[0])
    bins = sum(d.size for d in likelihood.problem.data)
    dof = bins - likelihood.unconstrained
    return Goodness(statistic, dof, float(chi2.sf(statistic, dof)) if dof > 0 else float("nan"))


def posterior_predictive(
    problem: Problem,
    values: Float[np.ndarray, "n p"],
    nuisances: Float[np.ndarray, "n m"],
    *,
    seed: int = 0,
) -> tuple[float, int]:
    """Posterior predictive p-value and the number of draws behind it.

    For every draw of the posterior one replica of the data is made; p is the fraction of draws for
    which the replica is further from the model than the observed data are. The distance is -2 ln of
    the likelihood of the data over its saturated value, at the draw (Gelman, Meng and Stern,
    Statistica Sinica 6 (1996) 733): nothing is fitted again.

    Args:
        problem: model and data.
        values: draws of the parameters.
        nuisances: draws of the nuisances.
        seed: seed of the replicas.
    """
    observed = problem.data

    def further(values: Array, nuisances: Array, key: Array) -> Array:
        def distance(data: tuple[Array, ...]) -> Array:
            saturated = problem.saturated_deviance(values, nuisances, data)
            return problem.deviance(values, nuisances, data) - saturated

        return distance(problem.sample_data(values, nuisances, key)) >= distance(observed)

    keys = jax.random.split(jax.random.key(seed), len(values))
    run = jax.jit(lambda *draws: chunked_vmap(further, *draws, chunk=_CHUNK))
    found = run(jnp.asarray(values), jnp.asarray(nuisances), keys)
    return float(np.asarray(found).mean()), len(values)
