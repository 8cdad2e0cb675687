"""What a reader must know of a prediction: no data of its mode, or no part of the model in it."""

from collections.abc import Mapping

from bsnunu_jax.inference.problem.measured import is_measured, measured
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.sampling.predictive import Predictive
from bsnunu_jax.observables.catalogue import equals_sm

# Remarks by the mark that stands for them in tables.
FREE, OF_SM = "(p)", "(SM)"
REMARKS = {
    FREE: "not constrained by these data: none is of this mode",
    OF_SM: "SM value: the model has no part in it",
}
MARKS = {text: mark for mark, text in REMARKS.items()}


def remarks(problem: Problem, predictive: Predictive) -> Mapping[str, str]:
    """One of `REMARKS` for every predicted observable that needs it, by name.

    Args:
        problem: the data, and the model as fitted.
        predictive: predictions of draws, those of the SM with the same inputs beside them.
    """
    seen = measured(problem)
    found = {}
    for name, values in predictive.observables.items():
        sm = predictive.sm_observables.get(name)
        if sm is not None and equals_sm(values, sm):
            found[name] = REMARKS[OF_SM]
        elif not is_measured(name, seen):
            found[name] = REMARKS[FREE]
    return found
