"""Choose how a problem computes its rates: by quadrature at every point, or from Gram matrices."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bsnunu_jax.experiments.base import Predictions, Request
from bsnunu_jax.gram import Gram, basis, polarised, with_coefficients
from bsnunu_jax.inference.problem import Problem
from bsnunu_jax.invisible import InvisibleState, Neutrinos
from bsnunu_jax.modes import Annihilation, get_decay

# Gram matrices replace the quadrature if both agree to this, relative to the largest bin.
_AGREEMENT = 1e-11


def tabulate(problem: Problem) -> Problem:
    """The same problem with Gram matrices wherever they give the numbers of the quadrature.

    They do as long as only couplings, prefactors, lifetimes and form-factor coefficients vary; with
    a mass among the parameters or nuisances they do not, which two random points tell. Every final
    state has its own: SM neutrinos beside a pair of free mass keep theirs.
    """
    grams: dict[Request, tuple[Gram | None, ...]] = {}
    sm_grams: dict[Request, tuple[Gram | None, ...]] = {}
    requests, of_sm = _requests(problem)
    for request in sorted(requests | of_sm, key=repr):
        # The SM beside the states: where they are neutrinos too nothing is computed twice.
        beside = (Neutrinos(),) if request in of_sm else ()
        found = grams_of(problem, request, beside)
        own = len(found) - len(beside)
        for kept, part in ((grams, found[:own]), (sm_grams, found[own:])):
            if any(gram is not None for gram in part):
                kept[request] = part
    return replace(problem, grams=grams, sm_grams=sm_grams)


def _requests(problem: Problem) -> tuple[set[Request], set[Request]]:
    """The integrated kernels that the likelihood reads, of the model and of the SM."""
    seen: set[Request] = set()
    of_sm: set[Request] = set()

    def evaluate(theta: jax.Array) -> jax.Array:
        predictions = problem.predictions(theta)
        problem.log_likelihood_of(predictions, theta)
        seen.update(predictions.requested)
        of_sm.update(predictions.sm.requested)
        return theta

    jax.eval_shape(evaluate, jnp.zeros(problem.size))
    return seen, of_sm


def grams_of(
    problem: Problem, request: Request, beside: tuple[InvisibleState, ...] = ()
) -> tuple[Gram | None, ...]:
    """One Gram matrix a final state, or None where it is not all there is to it."""
    decay = get_decay(request[0])
    if isinstance(decay, Annihilation):
        return (None,) * len(beside)
    transition = decay.transition
    if not hasattr(problem.nuisances.inputs.form_factors[transition], "with_linear"):
        return (None,) * len(beside)

    def inputs_of(theta: jax.Array) -> Any:
        return problem.predictions(theta).inputs

    def linear(theta: jax.Array) -> jax.Array:
        return inputs_of(theta).form_factors[transition].linear

    def kernels(theta: jax.Array, b: jax.Array) -> list[dict[str, jax.Array]]:
        states = (*problem.predictions(theta).states, *beside)
        return Predictions(states, with_coefficients(inputs_of(theta), transition, b)).kernels(
            request
        )

    random = np.random.default_rng(0).normal(size=(2, problem.size))
    b = np.asarray(jax.jit(jax.vmap(linear))(jnp.asarray(random)))
    points = basis(b.shape[1])
    thetas = np.concatenate([np.zeros((len(points), problem.size)), random])
    found = jax.jit(jax.vmap(kernels))(
        jnp.asarray(thetas), jnp.asarray(np.concatenate([points, b]))
    )
    grams: list[Gram | None] = []
    for state in found:
        values = {k: np.asarray(v) for k, v in state.items()}
        gram = polarised({k: v[:-2] for k, v in values.items()}, b.shape[1], transition)
        agrees = _agree(gram, b, {k: v[-2:] for k, v in values.items()})
        grams.append(gram if agrees else None)
    return tuple(grams)


def _agree(gram: Gram, b: np.ndarray, expected: Mapping[str, np.ndarray]) -> bool:
    """Whether the quadratic forms give the integrated kernels at these coefficients."""
    for name, values in expected.items():
        products = np.einsum("pi,pj->pij", b, b).reshape(len(b), -1)
        difference = np.abs(products @ gram.matrix[name] - values).max()
        # Zeros tell nothing: a channel that is closed here may be open at other masses.
        if not np.abs(values).max() > 0 or not difference <= _AGREEMENT * np.abs(values).max():
            return False
    return True
