"""The sector `current`: b -> c l nu."""

import equinox as eqx
from jax.typing import ArrayLike
from jaxtyping import Array, Complex

from bsnunu_jax.states.neutrinos import flavour_matrix

Matrix = Complex[Array, "3 3"]


class ChargedCurrent(eqx.Module):
    """New-physics C_VL^{ij} of b -> c l_i nu_j, shape (3, 3), first index the charged lepton.

    L = -(4 GF/sqrt2) Vcb (delta_ij + C_VL^{ij}) (cbar gamma_mu P_L b)(lbar_i gamma^mu P_L nu_j).
    """

    CVL: Matrix

    def __init__(self, CVL: ArrayLike = 0) -> None:
        """The matrix, or 0 for none.

        Raises:
            InputError: for anything else.
        """
        self.CVL = flavour_matrix("CVL", CVL)
