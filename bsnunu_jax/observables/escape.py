"""The share of what may decay in flight that a detector still sees as missing."""

import re
from functools import cache, partial

import jax.numpy as jnp

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.hadrons.transitions import ANNIHILATIONS, MODES, get_decay
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.inputs.detectors import Detector, describes, detector
from bsnunu_jax.observables.observable import Observable, observable
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.states import States, each_state
from bsnunu_jax.states.unstable import unstable

USUAL_DETECTOR = "belle2"
_NAME = re.compile(r"P_inv\([^()]+\)(?:\[(?P<detector>[^\[\]]+)\])?")


def P_inv(mode: str, states: States, inputs: Inputs, *, name: str = USUAL_DETECTOR) -> Scalar:
    """Rate into final states with lifetimes that all leave a detector, over the rate produced.

    Neutrinos, and what has no lifetime, count in neither; 1 where nothing has one, inf where
    nothing of it is produced. The momentum of the B in the centre-of-mass frame is left out, see
    `rates.escape`.

    Args:
        mode: a decay of a B+ or B0.
        states: the final states.
        inputs: of the rates, and of an envelope which size counts.
        name: that of the detector, see `inputs.detectors`.

    Raises:
        InputError: for an unknown detector.

    >>> from bsnunu_jax import TwoBody, load_inputs
    >>> from bsnunu_jax.states import Unstable
    >>> state = Unstable(TwoBody(0.3, S=1e-8), 1.0)
    >>> round(float(P_inv("B+->K+", state, load_inputs(), name="belle2_inner")), 4)
    0.8444
    """
    return share_seen(mode, states, inputs, detector(name))


def share_seen(mode: str, states: States, inputs: Inputs, where: Detector) -> Scalar:
    """`P_inv` in a detector of any sizes.

    Args:
        mode: a decay of a B+ or B0.
        states: the final states.
        inputs: of the rates, and of an envelope which size counts.
        where: the detector.
    """
    made = [s for s in map(unstable, each_state(states)) if s is not None]
    if not made:
        return jnp.ones(())
    produced, seen = (
        sum((rates.gamma(mode, s, inputs) for s in each), start=jnp.zeros(()))
        for each in (made, [rates.seen_in(s, where, inputs) for s in made])
    )
    there = produced > 0
    return jnp.where(there, seen / jnp.where(there, produced, 1.0), jnp.inf)


def escape_observables(name: str = USUAL_DETECTOR) -> list[Observable]:
    """P_inv of every decay of a B+ or B0 in one detector.

    >>> [o.name for o in escape_observables("sphere")][:2]
    ['P_inv(B+->K+inv)[sphere]', 'P_inv(B0->K0inv)[sphere]']
    """
    behind = "" if name == USUAL_DETECTOR else f"[{name}]"
    found = []
    for mode in filter(describes, (*MODES, *ANNIHILATIONS)):
        key = "P_inv(${mode}inv)$behind" if mode in MODES else "P_inv($mode)$behind"
        words = {"mode": mode, "tex": get_decay(mode).latex, "behind": behind}
        words["title"] = detector(name).title
        found.append(observable(key, partial(P_inv, mode, name=name), **words))
    return found


@cache
def in_detector(name: str) -> dict[str, Observable]:
    """`escape_observables` by name.

    Raises:
        InputError: for an unknown detector.
    """
    return {o.name: o for o in escape_observables(name)}


def detector_behind(observable: str) -> str:
    """Name of the detector of an observable P_inv; "" for other observables.

    >>> detector_behind("P_inv(B+->K+inv)"), detector_behind("P_inv(B+->K+inv)[sphere]")
    ('belle2', 'sphere')
    """
    found = _NAME.fullmatch(observable)
    return (found["detector"] or USUAL_DETECTOR) if found else ""
