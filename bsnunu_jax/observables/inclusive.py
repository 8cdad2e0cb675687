"""What goes with B -> X_s + invisible: how far its rate reaches, and regions of M(X_s).

The rate is that of the modes B0->Xs and B+->Xs of the table: free quarks at the leading order, in
units of a stated SM branching fraction, so that alpha_s, m_b^5 and all else that is common to the
currents drop out. Massive pairs get the same factor, 20 to 30 % uncertain for S, P, T. The parton
model has no hadrons: near its end, which lies below that of K and K*, exclusive modes alone exceed
it. `exclusive_share` says how much of it they are and `check_reach` refuses.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import AVERAGES, MODES, Mode, get_mode
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.observables.branching import branching_fraction
from bsnunu_jax.observables.kpi_window import in_window
from bsnunu_jax.observables.observable import Observable, observable
from bsnunu_jax.rates import inclusive
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.rates.baryons import Baryons, free_quark
from bsnunu_jax.states import InvisibleState, States, each_state

# Beyond this share of the parton rate the exclusive modes are what to use.
REACH = 0.8


def partons(mode: str, inputs: Inputs) -> Baryons:
    """The quarks of an inclusive mode with their pole masses [GeV].

    Raises:
        InputError: for another mode.

    >>> from bsnunu_jax import load_inputs
    >>> float(partons("B0->Xs", load_inputs()).m_B)
    4.7
    """
    decay = _inclusive(mode)
    return free_quark(inputs.number(decay.m_B), inputs.number(decay.m_K), decay.quarks)


def exclusive_share(mode: str, state: InvisibleState, inputs: Inputs) -> Scalar:
    """K and K* together over the parton rate at leading order; inf where only partons are closed.

    Raises:
        InputError: for a mode that is not inclusive.
    """
    exclusive = sum(
        (rates.gamma(name, state, inputs) for name in _inclusive(mode).exclusive),
        start=jnp.zeros(()),
    )
    parton_rate = inclusive.gamma(partons(mode, inputs), state, inputs)
    there = parton_rate > 0
    ratio = exclusive / jnp.where(there, parton_rate, 1.0)
    return jnp.where(there, ratio, jnp.where(exclusive > 0, jnp.inf, 0.0))


def check_reach(share: ArrayLike, what: str, how: str = "error") -> tuple[str, ...]:
    """Whether a parton rate may be used, from its `exclusive_share`: a line where it may not.

    Args:
        share: a number or an array of them, not traced.
        what: the final state, for the line.
        how: "error" to refuse, "warn" to return the line, "ignore" for neither.

    Raises:
        InputError: beyond `REACH`, if `how` is "error".

    >>> check_reach(1.13, "scalars of 1 GeV", "warn")[0][:60]
    'B -> X_s + scalars of 1 GeV: K and K* alone are 113 % of the'
    """
    largest = float(np.max(np.asarray(share)))
    if how == "ignore" or largest <= REACH:
        return ()
    line = f"B -> X_s + {what}: K and K* alone are {100 * largest:.0f} % of the parton rate"
    remedy = f"beyond {100 * REACH:.0f} % the exclusive modes are what to use"
    if how == "error":
        raise InputError(line, allowed=remedy)
    return (f"{line}; {remedy}",)


def beyond_reach(
    modes: Iterable[str | None],
    points: Sequence[States],
    inputs: Inputs,
    what: str,
    how: str = "error",
) -> tuple[str, ...]:
    """`check_reach` of the inclusive ones of some modes, at the worst of some points of a model.

    Args:
        modes: of any kind; None is none.
        points: final states, all of one structure.
        inputs: of all rates.
        what: the model, for the line.
        how: as `check_reach`.

    Raises:
        InputError: beyond `REACH`, if `how` is "error".
    """
    found: tuple[str, ...] = ()
    for mode in dict.fromkeys(m for m in modes if is_inclusive(m)):
        of = jax.jit(lambda states, i, m=mode: [exclusive_share(str(m), s, i) for s in states])
        shares = [of(tuple(each_state(states)), inputs) for states in points]
        found += check_reach(np.asarray(shares), what, how)
    return tuple(dict.fromkeys(found))


def is_inclusive(mode: str | None) -> bool:
    """Whether a decay, if it is one, has a rate of partons."""
    return mode is not None and mode in MODES and bool(MODES[mode].exclusive)


class MassRegions(NamedTuple):
    """BR in true M(X_s) below 0.6, from 0.6 to 1.0, and above 1.0 GeV (arXiv:2511.10980)."""

    kaon: Scalar
    kstar: Scalar
    rest: Scalar


# How observables spell them, in GeV.
REGIONS = {"kaon": "0,0.6", "kstar": "0.6,1.0", "rest": "1.0,inf"}


def mass_regions(mode: str, states: States, inputs: Inputs) -> MassRegions:
    """The three regions of Belle II: K, the line of the K* up to 1.0 GeV, and all else.

    The second has the K pi S wave, see `kpi_window.in_window`; the third is the inclusive rate
    without the first two, good to about 10 % in the SM. It is negative where the parton rate is out
    of reach.

    Raises:
        InputError: for a mode that is not inclusive.
    """
    kaon_mode, kstar_mode = _inclusive(mode).exclusive
    kaon = branching_fraction(kaon_mode, states, inputs)
    edges = inputs.number("m_Xs_kaon"), inputs.number("m_Xs_kstar")
    kstar = in_window(kstar_mode, states, inputs, *edges)
    total = branching_fraction(mode, states, inputs)
    return MassRegions(kaon, kstar, total - kaon - kstar)


def average(average: str, region: str, states: States, inputs: Inputs) -> Scalar:
    """Mean of the modes of an average, in a region of M(X_s) or "" for all of it.

    >>> from bsnunu_jax import Neutrinos, load_inputs
    >>> f"{float(average('B->Xs', '', Neutrinos(), load_inputs())):.3e}"
    '3.485e-05'
    """
    modes = AVERAGES[average].of
    found = (in_region(mode, region, states, inputs) for mode in modes)
    return sum(found, start=jnp.zeros(())) / len(modes)


def in_region(mode: str, region: str, states: States, inputs: Inputs) -> Scalar:
    """BR of an inclusive mode in a region of `MassRegions`, or "" for all of it."""
    if not region:
        return branching_fraction(mode, states, inputs)
    found: Scalar = getattr(mass_regions(mode, states, inputs), region)
    return found


def inclusive_observables() -> list[Observable]:
    """Regions of M(X_s), of every mode and of the averages over charges.

    >>> [o.name for o in inclusive_observables()][-2:]
    ['BR(B->Xsinv)[0.6,1.0]', 'BR(B->Xsinv)[1.0,inf]']
    """
    found = []
    rows: list[tuple[str, str, str, Callable[..., Scalar]]]
    rows = [(m.name, m.name, m.latex, in_region) for m in MODES.values() if m.exclusive]
    rows += [(a.name, a.of[0], a.latex, average) for a in AVERAGES.values()]
    for name, mode, latex, function in rows:
        words = {"name": name, "mode": mode, "tex": latex}
        if name in AVERAGES:
            found.append(observable("BR(${name}inv)", partial(function, name, ""), **words))
        for region, edges in REGIONS.items():
            key = "BR(${name}inv)[$edges]"
            found.append(observable(key, partial(function, name, region), edges=edges, **words))
    return found


def _inclusive(mode: str) -> Mode:
    decay = get_mode(mode)
    if not decay.exclusive:
        known = " or ".join(name for name, m in MODES.items() if m.exclusive)
        raise InputError(f"{mode} is no inclusive decay", allowed=known)
    return decay
