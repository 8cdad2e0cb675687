"""What the spins of Lambda_b and Lambda tell: the only numbers that see |C_R|^2 - |C_L|^2.

With theta the angle between the Lambda and the polarisation P_b in the rest frame of the Lambda_b,
d2Gamma/dq2 dcos(theta) = (1/2) [dGamma/dq2 + P_b cos(theta) dG_pol/dq2]; there is no term beyond.
"""

import jax.numpy as jnp
from jax.typing import ArrayLike

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.hadrons.transitions import get_mode
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.rates import of_rows
from bsnunu_jax.rates.baryons import Baryons, Part, of_mode
from bsnunu_jax.states import States, each_state
from bsnunu_jax.states.parity_odd import parity_odd


def A_FB(mode: str, states: States, inputs: Inputs) -> Scalar:
    """`forward_backward_asymmetry` of a mode, at the polarisation that the inputs have for it.

    Raises:
        InputError: for a mode of mesons, or a final state whose polarisation is not known.
    """
    P_b = inputs.number(get_mode(mode).polarisation)
    return forward_backward_asymmetry(of_mode(mode, inputs), states, inputs, P_b)


def P_daughter(mode: str, states: States, inputs: Inputs) -> Scalar:
    """`helicity_polarisation` of a mode.

    Raises:
        InputError: for a mode of mesons, or a final state whose polarisation is not known.

    >>> from bsnunu_jax import Neutrinos, load_inputs
    >>> f"{float(P_daughter('Lambdab->Lambda', Neutrinos(), load_inputs())):.2f}"
    '-0.93'
    """
    return helicity_polarisation(of_mode(mode, inputs), states, inputs)


def slope_asymmetry(baryons: Baryons, states: States, inputs: Inputs) -> Scalar:
    """Alpha = G_pol/Gamma, numerator and denominator integrated over q2; 0 without a rate.

    Raises:
        InputError: for a final state whose polarisation is not known, see `parity_odd`.

    >>> from bsnunu_jax import Neutrinos, load_inputs
    >>> from bsnunu_jax.rates.baryons import free_quark
    >>> quark = free_quark(4.8, 1e-6)
    >>> f"{float(slope_asymmetry(quark, Neutrinos(), load_inputs())):.4f}"
    '-0.3333'
    """
    return _over(_total(baryons.seen("decaying"), states, inputs), _rate(baryons, states, inputs))


def slope_asymmetry_at(baryons: Baryons, states: States, inputs: Inputs, q2: ArrayLike) -> Scalar:
    """Alpha at one q2 [GeV^2]; 0 outside the phase space."""
    return _at(baryons, "decaying", states, inputs, q2)


def forward_backward_asymmetry(
    baryons: Baryons, states: States, inputs: Inputs, P_b: ArrayLike
) -> Scalar:
    """A_FB of the Lambda with respect to the polarisation P_b of the Lambda_b: P_b alpha/2.

    P_b lies in [-1, 1] and depends on how the Lambda_b are made: there is no default.
    """
    return jnp.asarray(P_b, dtype=float) / 2 * slope_asymmetry(baryons, states, inputs)


def helicity_polarisation(baryons: Baryons, states: States, inputs: Inputs) -> Scalar:
    """P_Lambda: helicity +1/2 minus -1/2 over their sum, of unpolarised Lambda_b, over all q2.

    0 without a rate.

    Raises:
        InputError: for a final state whose polarisation is not known, see `parity_odd`.
    """
    return _over(_total(baryons.seen("daughter"), states, inputs), _rate(baryons, states, inputs))


def helicity_polarisation_at(
    baryons: Baryons, states: States, inputs: Inputs, q2: ArrayLike
) -> Scalar:
    """P_Lambda at one q2 [GeV^2]; 0 outside the phase space."""
    return _at(baryons, "daughter", states, inputs, q2)


def _rate(baryons: Baryons, states: States, inputs: Inputs) -> Scalar:
    found = (of_rows.gamma(baryons.seen("rate"), s, inputs) for s in each_state(states))
    return sum(found, start=jnp.zeros(()))


def _total(baryons: Baryons, states: States, inputs: Inputs) -> Scalar:
    found = (of_rows.gamma(baryons, parity_odd(s), inputs) for s in each_state(states))
    return sum(found, start=jnp.zeros(()))


def _at(baryons: Baryons, part: Part, states: States, inputs: Inputs, q2: ArrayLike) -> Scalar:
    seen, rate = baryons.seen(part), baryons.seen("rate")
    odd, total = jnp.zeros(()), jnp.zeros(())
    for s in each_state(states):
        odd += of_rows.dgamma_dq2(seen, parity_odd(s), inputs, q2)
        total += of_rows.dgamma_dq2(rate, s, inputs, q2)
    return _over(odd, total)


def _over(numerator: Scalar, denominator: Scalar) -> Scalar:
    there = denominator > 0
    return jnp.where(there, numerator / jnp.where(there, denominator, 1.0), 0.0)
