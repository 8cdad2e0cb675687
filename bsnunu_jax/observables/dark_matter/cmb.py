"""Energy that annihilation puts into the plasma of recombination, as Planck bounds it.

p_ann = f_eff <sigma v>/m at rest, for a particle that is its own antiparticle. f_eff depends on the
spectra of what kaons and etas decay into: it is an argument here and 1 in the observable, an upper
limit of p_ann. The number of `p_ann_Planck` is from memory, unverified: it enters no likelihood.
"""

import jax.numpy as jnp
from jax.typing import ArrayLike

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.observables.dark_matter.annihilation import at_rest
from bsnunu_jax.observables.dark_matter.units import CM3_PER_S
from bsnunu_jax.states.sectors import DarkScalar


def annihilation_parameter(dark: DarkScalar, inputs: Inputs, f_eff: ArrayLike = 1.0) -> Scalar:
    """p_ann [cm^3/s/GeV]; 0 below m_K, where nothing annihilates at rest.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> f"{float(annihilation_parameter(DarkScalar(0.6, C_ss=1e-4), load_inputs(), 0.1)):.1e}"
    '5.7e-27'
    """
    return jnp.asarray(f_eff) * CM3_PER_S * at_rest(dark, inputs) / dark.m


def largest_efficiency(dark: DarkScalar, inputs: Inputs) -> Scalar:
    """f_eff at which p_ann reaches Planck's limit (unverified); inf below m_K."""
    return inputs.values["p_ann_Planck"] / annihilation_parameter(dark, inputs)
