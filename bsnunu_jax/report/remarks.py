"""What a reader must know of a prediction: no data of its mode, or nothing that changes it.

How far the fitted q2 spectrum is from the SM's, for searches whose efficiency assumes that.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from bsnunu_jax.experiments import Measurement
from bsnunu_jax.hadrons.transitions import ANNIHILATIONS, AVERAGES, MODES
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.tabulate import reads
from bsnunu_jax.inference.sampling.predictive import Predictive
from bsnunu_jax.observables.catalogue import CORRELATED, equals_sm, get_observable

# Remarks by the mark that stands for them in tables.
FREE, OF_SM = "(p)", "(SM)"
REMARKS = {
    FREE: "prediction: none of the data is of this mode",
    OF_SM: "SM value: no value of the parameters changes it",
}
MARKS = {text: mark for mark, text in REMARKS.items()}
# Observables that are one quantity in several units.
_SAME = {"r_D": ("R_D", "R_Dstar"), "r_DeltaMs": ("DeltaMs",)}
_DECAY = re.compile(r"\((?P<decay>.+)\)")
_BOTH_CHARGES = re.compile(r"(\w+)\+-(\w+)-\+$")


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


def subjects(observable: str) -> frozenset[str]:
    """What an observable is about: a decay, the charges of a sum, or a quantity of its own.

    >>> sorted(subjects("R_Kstar_nunu")), sorted(subjects("BR(B0->K*0tau+tau-)"))
    (['B0->K*0'], ['B0->K*0tau+tau-'])
    >>> sorted(subjects("BR(Bs->mu+-tau-+)"))
    ['Bs->mu+-tau-+', 'Bs->mu+tau-', 'Bs->mu-tau+']
    >>> sorted(subjects("BR(B->Xsinv)"))
    ['B+->Xs', 'B0->Xs']
    """
    found = get_observable(observable)
    inside = _DECAY.search(found.name)
    mean = AVERAGES.get(inside["decay"].removesuffix("inv")) if inside else None
    if mean:
        return frozenset(mean.of)
    if found.name not in CORRELATED and (found.mode in MODES or found.mode in ANNIHILATIONS):
        return frozenset({str(found.mode)})
    if found.name in _SAME:
        return frozenset(_SAME[found.name])
    if not inside:
        return frozenset({found.name})
    decay = inside["decay"]
    charges = {_BOTH_CHARGES.sub(rf"\1{a}\2{b}", decay) for a, b in ("+-", "-+")}
    return frozenset({decay, *charges})


def measured(problem: Problem) -> frozenset[str]:
    """The subjects of everything that the likelihood reads."""
    read = reads(problem)
    found = {mode for mode, *_ in read.requests}
    return frozenset(found.union(*map(subjects, read.observed)))


def is_measured(observable: str, seen: frozenset[str]) -> bool:
    """True if some of the data are about what the observable is about."""
    return not seen.isdisjoint(subjects(observable))


def shape_distance(
    q2: Float[np.ndarray, " k"], spectrum: Float[np.ndarray, " k"], sm: Float[np.ndarray, " k"]
) -> float:
    """Half the area between two spectra normalised to 1: 0 for equal shapes, 1 without overlap.

    >>> import numpy as np
    >>> q2 = np.linspace(0.0, 1.0, 11)
    >>> round(shape_distance(q2, 3 * q2, q2), 12)
    0.0
    """
    shapes = [s / np.trapezoid(s, q2) for s in (spectrum, sm)]
    return float(0.5 * np.trapezoid(np.abs(shapes[0] - shapes[1]), q2))


def flagged(measurements: Sequence[Measurement]) -> dict[str, list[str]]:
    """Measurements whose published efficiency assumes the SM spectrum, by decay mode."""
    found: dict[str, list[str]] = {}
    for m in measurements:
        observable = getattr(m, "observable", None)
        mode = get_observable(observable).mode if observable else getattr(m, "mode", None)
        if m.sm_spectrum and mode in MODES:
            found.setdefault(str(mode), []).append(m.name)
    return found


def distances(best: Predictive, modes: Sequence[str]) -> Mapping[str, float]:
    """Distance of the best-fit shape (row 0) from the SM's, by mode."""
    return {
        mode: shape_distance(best.q2[mode], best.spectra[mode][0], best.sm_spectra[mode][0])
        for mode in modes
    }
