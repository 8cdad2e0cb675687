"""What goes with B -> X_s + invisible: how far its rate reaches, and regions of M(X_s).

The rate is that of the modes B0->Xs and B+->Xs of the table: free quarks at the leading order, in
units of a stated SM branching fraction, so that alpha_s, m_b^5 and all else that is common to the
currents drop out. Massive pairs get the same factor, 20 to 30 % uncertain for S, P, T. The parton
model has no hadrons: near its end, which lies below that of K and K*, exclusive modes alone exceed
it. `exclusive_share` says how much of it they are and `check_reach` refuses.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.kstar_width import KstarShape, with_s_wave
from bsnunu_jax.hadrons.transitions import MODES, Mode, get_mode
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.observables.branching import branching_fraction
from bsnunu_jax.rates import inclusive
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.rates.baryons import Baryons, free_quark
from bsnunu_jax.states import InvisibleState, States

# By the mass of the K*.
_WIDTHS = {"m_Kstar_0": "width_Kstar_0", "m_Kstar_plus": "width_Kstar_plus"}
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


def kstar_shape(mode: str, inputs: Inputs) -> KstarShape:
    """The line of K* -> K pi in a mode with a K*.

    Raises:
        InputError: for another mode.
    """
    mass = get_mode(mode).m_K
    if mass not in _WIDTHS:
        known = ", ".join(name for name, m in MODES.items() if m.m_K in _WIDTHS)
        raise InputError(f"{mode} has no K*", allowed=f"one of {known}")
    values = inputs.values
    return KstarShape(
        values[mass],
        values[_WIDTHS[mass]],
        values["m_K_plus"],
        values["m_pi_plus"],
        values["radius_Kstar"],
    )


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


class MassRegions(NamedTuple):
    """BR in true M(X_s) below 0.6, from 0.6 to 1.0, and above 1.0 GeV (arXiv:2511.10980)."""

    kaon: Scalar
    kstar: Scalar
    rest: Scalar


def mass_regions(
    mode: str, states: States, inputs: Inputs, *, s_wave: ArrayLike = 0.0
) -> MassRegions:
    """The three regions of Belle II: K, the line of the K* up to 1.0 GeV, and all else.

    The second is the rate of the narrow K* times the part of its line in the region, over
    1 - `s_wave`; the third is the inclusive rate without the first two, good to about 10 % in the
    SM. It is negative where the parton rate is out of reach.

    Args:
        mode: "B0->Xs" or "B+->Xs".
        states: what recoils.
        inputs: of the exclusive modes and of the SM.
        s_wave: share of the K pi S wave in the second region, 0 to 0.1.

    Raises:
        InputError: for a mode that is not inclusive.
    """
    kaon_mode, kstar_mode = _inclusive(mode).exclusive
    edges = inputs.values["m_Xs_kaon"], inputs.values["m_Xs_kstar"]
    inside = kstar_shape(kstar_mode, inputs).fraction(*edges)
    kaon = branching_fraction(kaon_mode, states, inputs)
    kstar = with_s_wave(inside * branching_fraction(kstar_mode, states, inputs), s_wave)
    total = branching_fraction(mode, states, inputs)
    return MassRegions(kaon, kstar, total - kaon - kstar)


def _inclusive(mode: str) -> Mode:
    decay = get_mode(mode)
    if not decay.exclusive:
        known = " or ".join(name for name, m in MODES.items() if m.exclusive)
        raise InputError(f"{mode} is no inclusive decay", allowed=known)
    return decay
