"""Which decays the data of a problem are about: what they leave out is predicted, not measured."""

import re

from bsnunu_jax.hadrons.transitions import ANNIHILATIONS, MODES
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.tabulate import reads
from bsnunu_jax.observables.catalogue import CORRELATED, get_observable

# Observables that are one quantity in several units.
_SAME = {"r_D": ("R_D", "R_Dstar"), "r_DeltaMs": ("DeltaMs",)}
_DECAY = re.compile(r"\((?P<decay>.+)\)")
_BOTH_CHARGES = re.compile(r"(\w+)\+-(\w+)-\+$")


def subjects(observable: str) -> frozenset[str]:
    """What an observable is about: a decay, the charges of a sum, or a quantity of its own.

    >>> sorted(subjects("R_Kstar_nunu")), sorted(subjects("BR(B0->K*0tau+tau-)"))
    (['B0->K*0'], ['B0->K*0tau+tau-'])
    >>> sorted(subjects("BR(Bs->mu+-tau-+)"))
    ['Bs->mu+-tau-+', 'Bs->mu+tau-', 'Bs->mu-tau+']
    """
    found = get_observable(observable)
    if found.name not in CORRELATED and (found.mode in MODES or found.mode in ANNIHILATIONS):
        return frozenset({str(found.mode)})
    if found.name in _SAME:
        return frozenset(_SAME[found.name])
    inside = _DECAY.search(found.name)
    if not inside:
        return frozenset({found.name})
    decay = inside["decay"]
    charges = {_BOTH_CHARGES.sub(rf"\1{a}\2{b}", decay) for a, b in ("+-", "-+")}
    return frozenset({decay, *charges})


def measured(problem: Problem) -> frozenset[str]:
    """The subjects of everything that the likelihood reads."""
    read = reads(problem)
    found = {mode for mode, _ in read.requests}
    return frozenset(found.union(*map(subjects, read.observed)))


def is_measured(observable: str, seen: frozenset[str]) -> bool:
    """True if some of the data are about what the observable is about."""
    return not seen.isdisjoint(subjects(observable))
