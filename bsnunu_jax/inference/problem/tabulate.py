"""Choose how a problem computes its rates: by quadrature at every point, or from Gram matrices."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from bsnunu_jax.experiments.measurement import Request
from bsnunu_jax.experiments.predictions import Predictions
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import Annihilation, get_decay, get_mode
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.programs import Arrays, Whole, shared
from bsnunu_jax.rates.forms import Gram, Table, forms, with_coefficients
from bsnunu_jax.states import InvisibleState, Neutrinos
from bsnunu_jax.states.sectors import Listening

Requests = tuple[Request, ...]


def tabulate(problem: Problem) -> Problem:
    """The same problem with Gram matrices wherever they give the numbers of the quadrature.

    They do as long as only couplings, prefactors, lifetimes and form-factor coefficients vary; with
    a mass among the parameters or nuisances they do not, which the structure of the kernels tells.
    Every final state has its own: SM neutrinos beside a pair of free mass keep theirs.
    """
    read = reads(problem)
    # The SM beside the states.
    of_sm = grams_of(problem, read.of_sm, sm=True)
    return replace(problem, grams=grams_of(problem, read.requests), sm_grams=of_sm)


def grams_of(problem: Problem, requests: Sequence[Request], *, sm: bool = False) -> Table:
    """Gram matrices of these requests, None where kernels depend on more than form factors.

    Args:
        problem: gives inputs and what of them varies.
        requests: what is wanted; of an annihilation there are none.
        sm: of SM neutrinos in place of the final states of the model.
    """
    wanted = tuple(r for r in requests if not isinstance(get_decay(r[0]), Annihilation))
    if not wanted:
        return Table()
    (made, fixed), arrays = _forms.of(problem, wanted, sm)
    found = [
        {r: gram for r, gram in known.items() if r in form}
        for known, form in zip(made(arrays), fixed, strict=True)
    ]
    rows = {r: tuple(known.get(r) for known in found) for r in wanted}
    kept = {r: row for r, row in rows.items() if any(gram is not None for gram in row)}
    return Table(tuple(kept), tuple(kept.values()))


class Reads(NamedTuple):
    """What a likelihood asks of the predictions.

    Attributes:
        requests: integrated kernels of the model.
        of_sm: those of the SM.
        observed: names of observables.
        sectors: what they take of the model beside the invisible states, by the names of `SECTORS`.
    """

    requests: Requests
    of_sm: Requests
    observed: tuple[str, ...]
    sectors: tuple[str, ...]


def reads(problem: Problem) -> Reads:
    """What the likelihood reads: traced, not declared, whatever the kind of measurement."""
    return _reads.of(problem)[0]


@shared
def _reads(whole: Whole, arrays: Arrays) -> Reads:
    found: list[set[Any]] = []

    def evaluate(arrays: Arrays) -> Array:
        problem = whole(arrays)
        theta = jnp.zeros(problem.size)
        predictions = problem.predictions(theta)
        predictions.sectors = listening = Listening(predictions.sectors)
        problem.log_likelihood_of(predictions, theta)
        found.extend((predictions.requested, predictions.sm.requested, predictions.observed))
        found.append(set(listening.heard))
        return theta

    jax.eval_shape(evaluate, arrays)
    return Reads(*(tuple(sorted(names, key=repr)) for names in found))


@shared
def _forms(
    whole: Whole, arrays: Arrays, wanted: Requests, sm: bool
) -> tuple[Callable[[Arrays], list[dict[Request, Gram]]], list[set[Request]]]:
    """The program of the forms of every final state, and which of them do."""

    def states(predictions: Predictions) -> Sequence[InvisibleState]:
        return (Neutrinos(),) if sm else predictions.states

    def made(arrays: Arrays) -> list[tuple[Gram | None, ...]]:
        problem = whole(arrays)
        predictions = problem.predictions(jnp.zeros(problem.size))
        known = [forms(s, predictions.inputs, wanted) for s in states(predictions)]
        return [tuple(of_state.get(r) for r in wanted) for of_state in known]

    compiled = jax.jit(made)

    def by_request(arrays: Arrays) -> list[dict[Request, Gram]]:
        # Requests are no keys that a tree could sort.
        rows = [zip(wanted, row, strict=True) for row in compiled(arrays)]
        return [{r: gram for r, gram in row if gram is not None} for row in rows]

    return by_request, _fixed(whole, arrays, wanted, states)


def _fixed(
    whole: Whole,
    arrays: Arrays,
    requests: Requests,
    states: Callable[[Predictions], Sequence[InvisibleState]],
) -> list[set[Request]]:
    """State by state the requests whose kernels know of a point its form factors alone."""
    transitions = {get_mode(mode).transition for mode, *_ in requests}

    def central(arrays: Arrays) -> Predictions:
        problem = whole(arrays)
        return problem.predictions(jnp.zeros(problem.size))

    def linear(arrays: Arrays) -> dict[str, Array]:
        known = central(arrays).inputs.form_factors
        return {t: known[t].linear for t in sorted(transitions) if hasattr(known[t], "linear")}

    b = {t: jnp.zeros(x.shape) for t, x in jax.eval_shape(linear, arrays).items()}
    theta = jax.eval_shape(lambda arrays: jnp.zeros(whole(arrays).size), arrays)

    def kernels(at: Mapping[str, Any], state: int, asked: Sequence[Request]) -> list[Any]:
        predictions = whole(at["arrays"]).predictions(at["theta"])
        inputs = predictions.inputs
        for transition in b:
            inputs = with_coefficients(inputs, transition, at[transition])
        alone = Predictions((states(predictions)[state],), inputs)
        return [alone.behind(*r[2:]).kernels(r)[0] for r in asked]

    found = []
    for i in range(len(jax.eval_shape(lambda arrays: [*states(central(arrays))], arrays))):

        def moves(asked: Sequence[Request], i: int = i) -> bool:
            given = {"arrays": arrays, "theta": jnp.zeros(theta.shape), **b}
            return depends(lambda at: kernels(at, i, asked), given, {"theta"})

        fixed = requests if not moves(requests) else [r for r in requests if not moves([r])]
        found.append(set(fixed))
    return found


def depends(
    function: Callable[[Mapping[str, Any]], Any], arguments: Mapping[str, Any], names: set[str]
) -> bool:
    """Whether any output of a function depends on some of its arguments.

    >>> import jax.numpy as jnp
    >>> both = {"x": jnp.ones(()), "y": jnp.ones(())}
    >>> depends(lambda at: 2 * at["x"], both, {"y"})
    False
    """
    points = {k: v[None] if k in names else v for k, v in arguments.items()}
    mapped = {k: 0 if k in names else None for k in arguments}
    every: Callable[..., Any] = jax.vmap(function, in_axes=(mapped,), out_axes=None)
    try:
        # An output that does not depend on what is mapped is not mapped, and may be one for all.
        jax.eval_shape(every, points)
    except InputError:
        raise
    except ValueError:
        return True
    return False
