"""The sector `dark`: scalar dark matter and light quarks."""

import equinox as eqx
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Complex, Float


class DarkScalar(eqx.Module):
    """A real scalar dark matter particle phi of mass m [GeV] and its couplings to light quarks.

    L = (1/2) C_ss (sbar s) phi^2 + (1/2) [C_uc_S (ubar c) + C_uc_P (ubar i gamma_5 c)] phi^2 + h.c.
    of the last two: C_ss is real. C_ss is at 2 GeV, where the condensate of `ChPT_B` is, C_uc_S and
    C_uc_P at m_c.
    """

    m: Float[Array, ""]
    C_ss: Float[Array, ""]
    C_uc_S: Complex[Array, ""]
    C_uc_P: Complex[Array, ""]

    def __init__(
        self, m: ArrayLike, C_ss: ArrayLike = 0, C_uc_S: ArrayLike = 0, C_uc_P: ArrayLike = 0
    ) -> None:
        """Scalars; coefficients in GeV^-1."""
        self.m, self.C_ss = jnp.asarray(m, dtype=float), jnp.asarray(C_ss, dtype=float)
        self.C_uc_S, self.C_uc_P = (jnp.asarray(c, dtype=complex) for c in (C_uc_S, C_uc_P))
