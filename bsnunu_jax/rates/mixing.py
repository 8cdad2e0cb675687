"""Time-integrated rates of mesons that mix, tagged neither when made nor when they decay.

With y = Delta Gamma/(2 Gamma) the branching fraction is tau sum_k (I_k - y I_k^h) K_k/(1 - y^2)
where I_k^h has the amplitude of the antiparticle in place of a conjugated one: see
`states.base.mixing_invariants` and arXiv:1502.05509. The mass difference drops out. Mixing has the
phase of the SM: V_tb V_ts^* is real here, as in the coefficients.
"""

from collections.abc import Mapping

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.hadrons.transitions import Annihilation, Mode, get_decay
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.states import InvisibleState
from bsnunu_jax.states.base import mixing_invariants


def invariants(mode: str, state: InvisibleState, inputs: Inputs) -> Mapping[str, Scalar]:
    """Invariants of the rate of a mode, those of the time-integrated one where its meson mixes.

    >>> from bsnunu_jax import Neutrinos, load_inputs
    >>> inputs = load_inputs()
    >>> of = {m: invariants(m, Neutrinos(), inputs)["axial"] for m in ("Bs->phi", "B0->K*0")}
    >>> f"{float(of['Bs->phi'] / of['B0->K*0']):.4f}"
    '0.9394'
    """
    decay, found = get_decay(mode), state.invariants(inputs)
    known = getattr(state, "time_integrated", False)  # of kernels that have it
    if known or not (decay.mixing and inputs.time_integrated):
        return found
    return time_integrated(decay, found, mixing_invariants(state, inputs), inputs)


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
        of_both: `mixing_invariants`, 0 where they lack one.
        inputs: of y.
    """
    y = inputs.number(decay.mixing) / 2
    both = {k: decay.charge_parity * y * v for k, v in of_both.items()}
    return {k: (v - both.get(k, 0.0)) / (1 - y**2) for k, v in plain.items()}
