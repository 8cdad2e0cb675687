r"""R_D and R_D* from C_VL of b -> c l nu.

A coefficient of (c_L gamma_mu b_L)(l_L gamma^mu nu_L) rescales the rates of D and D* alike, so that
R_D/R_D^SM = R_D*/R_D*^SM. QED running is left out: 0.1 % of the ratio at C_VL = 0.05.
"""

import jax.numpy as jnp

from bsnunu_jax.foundation.arrays import Scalar, squared
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.states.sectors import ChargedCurrent


def ratio_to_sm(current: ChargedCurrent) -> Scalar:
    """R_D/R_D^SM: tau over the mean of e and mu, each summed over the neutrinos.

    >>> import jax.numpy as jnp
    >>> float(ratio_to_sm(ChargedCurrent(jnp.zeros((3, 3)).at[2, 2].set(0.05)))).__round__(4)
    1.1025
    """
    total = jnp.eye(3) + current.CVL
    electron, muon, tau = jnp.sum(squared(total), axis=1)
    light = (electron + muon) / 2
    # Without e and mu there is no R_D: the derivatives need a branch that is not 0/0.
    return jnp.where(light > 0, tau / jnp.where(light > 0, light, 1.0), jnp.inf)


def R_D(current: ChargedCurrent, inputs: Inputs) -> Scalar:
    """BR(B -> D tau nu)/BR(B -> D l nu), l = e, mu."""
    return ratio_to_sm(current) * inputs.values["R_D_SM"]


def R_Dstar(current: ChargedCurrent, inputs: Inputs) -> Scalar:
    """BR(B -> D* tau nu)/BR(B -> D* l nu), l = e, mu."""
    return ratio_to_sm(current) * inputs.values["R_Dstar_SM"]
