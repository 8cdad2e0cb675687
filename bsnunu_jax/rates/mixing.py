"""Which invariants of a final state a decay sees: those of its quarks, its mixing, its conjugate.

Time-integrated rates of mesons that mix, tagged neither when made nor when they decay: with y =
Delta Gamma/(2 Gamma) the branching fraction is tau sum_k (I_k - y I_k^h) K_k/(1 - y^2) where I_k^h
has the amplitude of the antiparticle in place of a conjugated one: see
`states.base.mixing_invariants_in` and arXiv:1502.05509. The mass difference drops out. Mixing has
the phase of the SM: V_tb V_ts^* is real here, as in the coefficients. A K_L sees other combinations
of coefficients, see `states.conjugated`.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.hadrons.transitions import (
    ANNIHILATIONS,
    MODES,
    USUAL_QUARKS,
    Annihilation,
    Mode,
    get_decay,
)
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.states import InvisibleState
from bsnunu_jax.states.base import invariants_in, mixing_invariants_in, quarks_of
from bsnunu_jax.states.conjugated import conjugated


class Seen(NamedTuple):
    """What the invariants of a decay depend on beside the final state and the inputs.

    Attributes:
        quarks: the quark transition.
        conjugate: the superposition that decays, "KL", or "".
        mixing: Delta Gamma/Gamma of a meson that mixes, a number of the inputs, or "".
        charge_parity: that of the final hadron.
    """

    quarks: str
    conjugate: str = ""
    mixing: str = ""
    charge_parity: int = 0


def seen(mode: str, inputs: Inputs) -> Seen:
    """Decays with the same have the same `invariants`."""
    decay = get_decay(mode)
    if not (decay.mixing and inputs.time_integrated):
        return Seen(decay.quarks, decay.conjugate)
    return Seen(decay.quarks, decay.conjugate, decay.mixing, decay.charge_parity)


def invariants(mode: str, state: InvisibleState, inputs: Inputs) -> Mapping[str, Scalar]:
    """Invariants of the rate of a mode, those of the time-integrated one where its meson mixes.

    >>> from bsnunu_jax import Neutrinos, load_inputs
    >>> inputs = load_inputs()
    >>> of = {m: invariants(m, Neutrinos(), inputs)["axial"] for m in ("Bs->phi", "B0->K*0")}
    >>> f"{float(of['Bs->phi'] / of['B0->K*0']):.4f}"
    '0.9394'
    """
    quarks, conjugate, mixing, _ = seen(mode, inputs)
    found = invariants_in(conjugated(state) if conjugate else state, quarks, inputs)
    known = getattr(state, "time_integrated", False)  # of kernels that have it
    if known or not mixing:
        return found
    of_both = mixing_invariants_in(state, quarks, inputs)
    return time_integrated(get_decay(mode), found, of_both, inputs)


def all_invariants(
    state: InvisibleState, inputs: Inputs, modes: Iterable[str] = (*MODES, *ANNIHILATIONS)
) -> list[Mapping[str, Scalar]]:
    """Those of every kind of decay in whose quark transition the state has coefficients.

    Args:
        state: the final state.
        inputs: the inputs.
        modes: that are looked at.
    """
    there = {USUAL_QUARKS, *quarks_of(state)}
    kinds = {seen(mode, inputs): mode for mode in modes if get_decay(mode).quarks in there}
    found = [invariants(mode, state, inputs) for mode in kinds.values()]
    return [x for x in found if x]


def time_integrated(
    decay: Mode | Annihilation,
    plain: Mapping[str, Scalar],
    of_both: Mapping[str, Scalar],
    inputs: Inputs,
) -> dict[str, Scalar]:
    """(I - y eta I^h)/(1 - y^2) of every invariant; eta is the charge parity of the hadron.

    Args:
        decay: whose meson mixes.
        plain: the invariants.
        of_both: `mixing_invariants_in`, 0 where they lack one.
        inputs: of y.
    """
    y = inputs.number(decay.mixing) / 2
    both = {k: decay.charge_parity * y * v for k, v in of_both.items()}
    return {k: (v - both.get(k, 0.0)) / (1 - y**2) for k, v in plain.items()}
