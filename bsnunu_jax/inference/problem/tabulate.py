"""Choose how a problem computes its rates: by quadrature at every point, or from Gram matrices."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from bsnunu_jax.experiments.measurement import Request
from bsnunu_jax.experiments.predictions import Predictions
from bsnunu_jax.hadrons.transitions import Annihilation, get_decay, get_mode
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.numerics.structure import depends
from bsnunu_jax.rates.forms import Gram, forms, with_coefficients
from bsnunu_jax.states import InvisibleState, Neutrinos

# By request, one entry a final state.
Table = dict[Request, tuple[Gram | None, ...]]


def tabulate(problem: Problem) -> Problem:
    """The same problem with Gram matrices wherever they give the numbers of the quadrature.

    They do as long as only couplings, prefactors, lifetimes and form-factor coefficients vary; with
    a mass among the parameters or nuisances they do not, which the structure of the kernels tells.
    Every final state has its own: SM neutrinos beside a pair of free mass keep theirs.
    """
    requests, of_sm = reads(problem)
    grams = grams_of(problem, sorted(requests, key=repr))
    # The SM beside the states.
    sm_grams = grams_of(problem, sorted(of_sm, key=repr), (Neutrinos(),))
    return replace(problem, grams=grams, sm_grams=sm_grams)


def reads(problem: Problem) -> tuple[set[Request], set[Request]]:
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
    problem: Problem, requests: Sequence[Request], states: Sequence[InvisibleState] | None = None
) -> Table:
    """Gram matrices of these requests, None where kernels depend on more than form factors.

    Args:
        problem: gives inputs and what of them varies.
        requests: what is wanted; of an annihilation there are none.
        states: final states in place of those of the model.
    """
    wanted = [r for r in requests if not isinstance(get_decay(r[0]), Annihilation)]
    if not wanted:
        return {}

    def states_at(predictions: Predictions) -> Sequence[InvisibleState]:
        return predictions.states if states is None else states

    @jax.jit
    def made(theta: Array) -> list[dict[Request, Gram]]:
        predictions = problem.predictions(theta)
        return [forms(s, predictions.inputs, wanted) for s in states_at(predictions)]

    # NumPy arrays: constants of whatever is compiled with them.
    found = [
        {r: gram for r, gram in known.items() if r in fixed}
        for known, fixed in zip(
            jax.tree.map(np.asarray, made(jnp.zeros(problem.size))),
            _fixed(problem, wanted, states_at),
            strict=True,
        )
    ]
    rows = {r: tuple(known.get(r) for known in found) for r in wanted}
    return {r: row for r, row in rows.items() if any(gram is not None for gram in row)}


def _fixed(
    problem: Problem,
    requests: Sequence[Request],
    states_at: Callable[[Predictions], Sequence[InvisibleState]],
) -> list[set[Request]]:
    """State by state the requests whose kernels know of a point its form factors alone."""
    central = jnp.zeros(problem.size)
    transitions = {get_mode(mode).transition for mode, _ in requests}

    def linear() -> dict[str, Array]:
        known = problem.predictions(central).inputs.form_factors
        return {t: known[t].linear for t in sorted(transitions) if hasattr(known[t], "linear")}

    b = {t: jnp.zeros(x.shape) for t, x in jax.eval_shape(linear).items()}

    def kernels(at: Mapping[str, Array], state: int, asked: Sequence[Request]) -> list[Any]:
        predictions = problem.predictions(at["theta"])
        inputs = predictions.inputs
        for transition in b:
            inputs = with_coefficients(inputs, transition, at[transition])
        alone = Predictions((states_at(predictions)[state],), inputs)
        return [alone.kernels(r)[0] for r in asked]

    found = []
    for i in range(len(jax.eval_shape(lambda: [*states_at(problem.predictions(central))]))):

        def moves(asked: Sequence[Request], i: int = i) -> bool:
            given = {"theta": central, **b}
            return depends(lambda at: kernels(at, i, asked), given, {"theta"})

        fixed = requests if not moves(requests) else [r for r in requests if not moves([r])]
        found.append(set(fixed))
    return found
