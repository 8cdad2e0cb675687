"""B -> X_s + invisible: the total in units of a stated SM value, its reach, and regions of M(X_s).

The parton model has no hadrons: near its end, which lies below that of K and K*, exclusive modes
alone exceed it. `exclusive_share` says how much of it they are and `check_reach` refuses.
"""

from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from bsnunu_jax.foundation.arrays import Scalar, as_scalar
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.packaged import packaged
from bsnunu_jax.hadrons.kstar_width import KstarShape, with_s_wave
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.rates import inclusive
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.rates.baryons import Baryons, free_quark
from bsnunu_jax.states import InvisibleState, Neutrinos, States, each_state

# Of a decaying meson: K and K* mode, lifetime, mass of the K*.
_MODES = {
    "B0": ("B0->K0", "B0->K*0", "tau_B_0", "m_Kstar_0", "width_0"),
    "B+": ("B+->K+", "B+->K*+", "tau_B_plus", "m_Kstar_plus", "width_plus"),
}
# Beyond this share of the parton rate the exclusive modes are what to use.
REACH = 0.8


def _number(block: str, name: str) -> Any:
    return packaged("inputs", "inclusive.yaml")[block][name]["value"]


def parton() -> Baryons:
    """b and s with the pole masses of the package's table [GeV].

    >>> float(parton().m_B)
    4.7
    """
    return free_quark(_number("parton", "m_b"), _number("parton", "m_s"))


def stated_sm(meson: str) -> Scalar:
    """BR(B -> X_s nu nubar) of the SM as published, for "B0" or "B+".

    Raises:
        InputError: for another meson.

    >>> float(stated_sm("B0"))
    3.35e-05
    """
    _modes(meson)
    return as_scalar(_number("rates_SM", meson))


def kstar_shape(meson: str, inputs: Inputs) -> KstarShape:
    """The line of K* -> K pi in decays of "B0" or "B+".

    Raises:
        InputError: for another meson.
    """
    *_, mass, width = _modes(meson)
    return KstarShape(
        inputs.values[mass],
        _number("kstar", width),
        inputs.values["m_K_plus"],
        _number("kstar", "m_pi"),
        _number("kstar", "radius"),
    )


def branching_fraction(
    meson: str,
    states: States,
    inputs: Inputs,
    *,
    sm: ArrayLike | None = None,
    quark: Baryons | None = None,
) -> Scalar:
    """BR(B -> X_s + states): the parton rate times what takes its SM to the stated value.

    alpha_s, m_b^5 and all else that is common to the currents drop out. Massive pairs get the same
    factor, 20 to 30 % uncertain for S, P, T; ask `check_reach` whether they are within reach.

    Args:
        meson: "B0" or "B+".
        states: what recoils.
        inputs: the SM coefficient and N_0.
        sm: BR of the SM, `stated_sm` if not given.
        quark: pole masses, those of `parton` if not given.

    Raises:
        InputError: for another meson.

    >>> from bsnunu_jax import load_inputs
    >>> f"{float(branching_fraction('B0', Neutrinos(), load_inputs())):.3g}"
    '3.35e-05'
    """
    stated = stated_sm(meson) if sm is None else as_scalar(sm)
    quark = quark or parton()
    found = (inclusive.gamma(quark, s, inputs) for s in each_state(states))
    return stated * sum(found, start=jnp.zeros(())) / inclusive.gamma(quark, Neutrinos(), inputs)


def exclusive_share(
    meson: str, state: InvisibleState, inputs: Inputs, *, quark: Baryons | None = None
) -> Scalar:
    """K and K* together over the parton rate at leading order; inf where only partons are closed.

    Raises:
        InputError: for another meson.
    """
    kaon, kstar, *_ = _modes(meson)
    exclusive = rates.gamma(kaon, state, inputs) + rates.gamma(kstar, state, inputs)
    parton_rate = inclusive.gamma(quark or parton(), state, inputs)
    there = parton_rate > 0
    ratio = exclusive / jnp.where(there, parton_rate, 1.0)
    return jnp.where(there, ratio, jnp.where(exclusive > 0, jnp.inf, 0.0))


def check_reach(
    share: ArrayLike, what: str, how: Literal["warn", "error", "ignore"] = "error"
) -> tuple[str, ...]:
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
    meson: str,
    states: States,
    inputs: Inputs,
    *,
    s_wave: ArrayLike = 0.0,
    sm: ArrayLike | None = None,
    quark: Baryons | None = None,
) -> MassRegions:
    """The three regions of Belle II: K, the line of the K* up to 1.0 GeV, and all else.

    The second is the rate of the narrow K* times the part of its line in the region, over
    1 - `s_wave`; the third is the inclusive rate without the first two, good to about 10 % in the
    SM. It is negative where the parton rate is out of reach.

    Args:
        meson: "B0" or "B+".
        states: what recoils.
        inputs: of the exclusive modes and of the SM.
        s_wave: share of the K pi S wave in the second region, 0 to 0.1.
        sm: BR of the SM, `stated_sm` if not given.
        quark: pole masses, those of `parton` if not given.

    Raises:
        InputError: for another meson.
    """
    kaon_mode, kstar_mode, tau, *_ = _modes(meson)
    lifetime, found = inputs.lifetime(tau), each_state(states)

    def exclusive(mode: str) -> Scalar:
        terms = (rates.gamma(mode, s, inputs) for s in found)
        return lifetime * sum(terms, start=jnp.zeros(()))

    low, high = _number("regions", "edges")
    inside = kstar_shape(meson, inputs).fraction(low, high)
    kaon, kstar = exclusive(kaon_mode), with_s_wave(inside * exclusive(kstar_mode), s_wave)
    total = branching_fraction(meson, states, inputs, sm=sm, quark=quark)
    return MassRegions(kaon, kstar, total - kaon - kstar)


def _modes(meson: str) -> tuple[str, str, str, str, str]:
    if meson not in _MODES:
        raise InputError(f"no inclusive decay of {meson!r}", allowed=" or ".join(_MODES))
    return _MODES[meson]
