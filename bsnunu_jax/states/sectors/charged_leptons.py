"""The sector `charged`: b -> s l l'."""

import equinox as eqx
from jax.typing import ArrayLike
from jaxtyping import Array, Complex

from bsnunu_jax.states.neutrinos import flavour_matrix

Matrix = Complex[Array, "3 3"]


class ChargedLeptons(eqx.Module):
    """New-physics C_9, C_10, C_9', C_10' of b -> s l_i l_j, shape (3, 3) in (e, mu, tau).

    H = -N_0 sum C^{ij} O^{ij} with O_9^{ij} = (s_L gamma_mu b_L)(lbar_i gamma^mu l_j), O_10 with
    gamma_5 and primes with s_R, b_R; the first index is the barred lepton, flavio's names are
    transposed (C_9^{ij} = C9_bs{j}{i}). The SM is added where it is needed.
    """

    C9: Matrix
    C10: Matrix
    C9p: Matrix
    C10p: Matrix

    def __init__(
        self, C9: ArrayLike = 0, C10: ArrayLike = 0, C9p: ArrayLike = 0, C10p: ArrayLike = 0
    ) -> None:
        """Coefficients as 3x3 matrices, or 0 for none.

        Raises:
            InputError: for anything else.
        """
        self.C9, self.C10 = flavour_matrix("C9", C9), flavour_matrix("C10", C10)
        self.C9p, self.C10p = flavour_matrix("C9p", C9p), flavour_matrix("C10p", C10p)
