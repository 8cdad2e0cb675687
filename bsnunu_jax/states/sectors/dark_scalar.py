"""The sector `dark`: scalar dark matter and strange quarks."""

import equinox as eqx
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float


class DarkScalar(eqx.Module):
    """A real scalar dark matter particle phi of mass m [GeV] and its couplings to light quarks.

    L = (1/2) C_ss (sbar s) phi^2 with a real C_ss at 2 GeV, where the condensate of `ChPT_B` is.
    """

    m: Float[Array, ""]
    C_ss: Float[Array, ""]

    def __init__(self, m: ArrayLike, C_ss: ArrayLike = 0) -> None:
        """Scalars; the coefficient in GeV^-1."""
        self.m, self.C_ss = jnp.asarray(m, dtype=float), jnp.asarray(C_ss, dtype=float)
