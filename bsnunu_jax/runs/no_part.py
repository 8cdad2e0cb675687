"""Observables in which a model changes nothing, and why: quarks, a closed channel, its phase."""

from collections.abc import Sequence

import jax
import numpy as np

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import USUAL_QUARKS, Annihilation, get_decay, get_quarks
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.models import Model
from bsnunu_jax.observables.catalogue import OTHERS, Observable, equals_sm
from bsnunu_jax.states import InvisibleState, Neutrinos
from bsnunu_jax.states.base import quarks_of
from bsnunu_jax.states.sectors import Sectors


def without_part(
    observables: Sequence[Observable],
    states: Sequence[InvisibleState],
    values: Sequence[np.ndarray] | None,
    inputs: Inputs,
    points: jax.Array,
    model: Model,
    *,
    given: bool,
) -> list[str]:
    """A line for every reason for which a model changes nothing in some observables.

    Args:
        observables: what is asked for.
        states: the final states of the model.
        values: the observables; None where they are of the SM itself.
        inputs: numbers.
        points: q2 of spectra [GeV^2].
        model: the model.
        given: whether it has parameters at all.

    Raises:
        InputError: if the parameters given are of another quark transition than all observables.
    """
    elsewhere = _elsewhere(observables, states)
    closed = _closed([o for o in observables if o not in elsewhere], states, inputs)
    same = _of_sm(observables, elsewhere, values, inputs, points)
    if given and len(elsewhere) == len(observables) and {*elsewhere} <= {*same}:
        quarks = dict.fromkeys(get_decay(str(o.mode)).quarks for o in observables)
        raise InputError(
            f"the coefficients given are of another quark transition than {names_of(observables)}",
            allowed="; ".join(_how(model, q) for q in quarks),
        )
    lines = []
    by_quarks: dict[str, list[Observable]] = {}
    for o in same:
        if o in elsewhere:
            by_quarks.setdefault(get_decay(str(o.mode)).quarks, []).append(o)
    for absent, of in by_quarks.items():
        lines.append(f"no coefficient of {absent} is given: SM values for {names_of(of)}")
    for (least, most), of in closed.items():
        lines.append(
            f"closed: {least:.4g} GeV of invisible particles, at most {most:.4g} GeV fit: SM values"
            f" for {names_of(of)}"
        )
    known = [*elsewhere, *(o for of in closed.values() for o in of)]
    rest = [o for o in same if o not in known]
    conjugate = [o for o in rest if o.mode is not None and get_decay(o.mode).conjugate]
    if conjugate:
        lines.append(
            "the K_L is a superposition that sees Re C or Im C of a coefficient alone, not the one"
            f" that is given: SM values for {names_of(conjugate)}"
        )
    if others := [o for o in rest if o not in conjugate]:
        lines.append(f"nothing that is given contributes: SM values for {names_of(others)}")
    return lines


def _closed(
    observables: Sequence[Observable], states: Sequence[InvisibleState], inputs: Inputs
) -> dict[tuple[float, float], list[Observable]]:
    """Decays with less energy than the particles of every state of their quarks, by both."""
    found: dict[tuple[float, float], list[Observable]] = {}
    for o in observables:
        if o.mode is None:
            continue
        decay = get_decay(o.mode)
        least = [least_mass(s) for s in states if decay.quarks in quarks_of(s)]
        most = inputs.number(decay.m_B)
        if not isinstance(decay, Annihilation):
            most = most - inputs.number(decay.m_K)
        if least and min(least) >= float(most):
            found.setdefault((min(least), float(most)), []).append(o)
    return found


def least_mass(state: InvisibleState) -> float:
    """The mass [GeV] that a final state has at least; 0 of neutrinos and of a wide resonance.

    >>> from bsnunu_jax.states import ScalarPair
    >>> least_mass(ScalarPair(0.5)), least_mass(Neutrinos())
    (1.0, 0.0)
    """
    inner = getattr(state, "state", None)
    return float(getattr(state, "least_mass", 0.0)) if inner is None else least_mass(inner)


def _how(model: Model, quarks: str) -> str:
    """How coefficients of a quark transition are given."""
    row = get_quarks(quarks)
    matrix = f"CL_{row.letters}_tautau".replace("__", "_")
    if "quarks" in model.settings:
        return f"give some of {quarks}: quarks={quarks}"
    if row.sm:
        example = f", e.g. {matrix}" if matrix in model.parameters else ""
        return f"give some of {quarks}{example}"
    without = f"{quarks} has no SM coefficient, hence none of neutrinos"
    return f"{without}: take a pair with quarks {quarks}"


def _elsewhere(
    observables: Sequence[Observable], states: Sequence[InvisibleState]
) -> list[Observable]:
    """Decays of quark transitions in which the states have no coefficients.

    Where they have none at all those of b -> s are meant.
    """
    known = {q for state in states for q in quarks_of(state)} or {USUAL_QUARKS}
    return [o for o in observables if o.mode is not None and get_decay(o.mode).quarks not in known]


def _of_sm(
    observables: Sequence[Observable],
    elsewhere: Sequence[Observable],
    values: Sequence[np.ndarray] | None,
    inputs: Inputs,
    points: jax.Array,
) -> list[Observable]:
    """Those of other sectors or quark transitions in which the model changes nothing."""
    others = [o for o in observables if (o.name in OTHERS or o in elsewhere) and not o.dark]
    if values is None or not others:
        return others
    beside = [(o, v) for o, v in zip(observables, values, strict=True) if o in others]
    sm = Sectors((Neutrinos(),))

    def evaluate(inputs: Inputs) -> list[jax.Array]:
        return [
            jax.vmap(lambda s, o=o: o.function(sm, inputs, s))(points)
            if o.differential
            else o.function(sm, inputs)
            for o, _ in beside
        ]

    of_sm = jax.jit(evaluate)(inputs)
    return [o for (o, v), s in zip(beside, of_sm, strict=True) if equals_sm(v, np.asarray(s))]


def names_of(observables: Sequence[Observable]) -> str:
    """Between commas."""
    return ", ".join(o.name for o in observables)
