"""The sector `mixing`: Bs mixing."""

import equinox as eqx
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Complex, Float


class BsMixing(eqx.Module):
    """L = C_VLL O_VLL + C_VRR O_VRR + C_VLR O_VLR + C_SLR O_SLR [GeV^-2] at the scale mu [GeV].

    O_VXY = (sbar gamma_mu P_X b)(sbar gamma^mu P_Y b), O_SLR = (sbar P_L b)(sbar P_R b).
    """

    C_VLL: Complex[Array, ""]
    C_VRR: Complex[Array, ""]
    C_VLR: Complex[Array, ""]
    C_SLR: Complex[Array, ""]
    mu: Float[Array, ""]

    def __init__(
        self,
        C_VLL: ArrayLike = 0,
        C_VRR: ArrayLike = 0,
        C_VLR: ArrayLike = 0,
        mu: ArrayLike = 1000.0,
        C_SLR: ArrayLike = 0,
    ) -> None:
        """Scalars."""
        self.C_VLL, self.C_VRR, self.C_VLR, self.C_SLR = (
            jnp.asarray(c, dtype=complex) for c in (C_VLL, C_VRR, C_VLR, C_SLR)
        )
        self.mu = jnp.asarray(mu, dtype=float)
