"""The lepton-universal set of EOS (`sbnunu`): vector, scalar and tensor coefficients."""

import equinox as eqx
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Complex

from bsnunu_jax.foundation.arrays import Scalar, squared
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.states.base import MasslessPair
from bsnunu_jax.states.neutrinos import Elsewhere

COEFFICIENTS = ("cVL", "cVR", "cSL", "cSR", "cTL")


class Universal(Elsewhere, MasslessPair, eqx.Module):
    """EOS coefficients, equal for the three flavours; here alone cVL is the total, SM included.

    c_VL = -C_L of `Neutrinos` (the SM value is positive, 6.35 in the default preset) and
    c_VR = -C_R; the rates are those of arXiv:2111.04327 as EOS 1.0.21 has them. Scalar and tensor
    coefficients are meant at the scale of m_b, m_s and f_T in use. Dimensionless and complex.
    """

    cVL: Complex[Array, ""]
    cVR: Complex[Array, ""]
    cSL: Complex[Array, ""]
    cSR: Complex[Array, ""]
    cTL: Complex[Array, ""]

    def __init__(
        self,
        cVL: ArrayLike,
        cVR: ArrayLike = 0,
        cSL: ArrayLike = 0,
        cSR: ArrayLike = 0,
        cTL: ArrayLike = 0,
    ) -> None:
        """Five scalars; there is no default for cVL because it contains the SM."""
        self.cVL, self.cVR, self.cSL, self.cSR, self.cTL = (
            jnp.asarray(c, dtype=complex) for c in (cVL, cVR, cSL, cSR, cTL)
        )

    @classmethod
    def standard_model(cls, inputs: Inputs) -> "Universal":
        """c_VL = -C_L^SM of the inputs, the rest 0."""
        return cls(cVL=-inputs.C_L_SM)

    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """3 N_0^2 times |cVL +- cVR|^2, |cSL +- cSR|^2, |cTL|^2."""
        norm = 3 * inputs.N_0**2
        return {
            "vector": norm * squared(self.cVL + self.cVR),
            "axial": norm * squared(self.cVL - self.cVR),
            "scalar": norm * squared(self.cSL + self.cSR),
            "pseudoscalar": norm * squared(self.cSL - self.cSR),
            "tensor": norm * squared(self.cTL),
        }

    def mixing_invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """See `base.mixing_invariants_in`; pairs of scalars and tensors have two fields."""
        norm = 3 * inputs.N_0**2
        return {
            "vector": norm * ((self.cVL + self.cVR) ** 2).real,
            "axial": -norm * ((self.cVL - self.cVR) ** 2).real,
        }

    def dark_rows(self, q2: Scalar) -> dict[str, dict[str, Scalar]]:
        """Massless chiral pairs: J = 1 vectors, J = 0 scalars, and both parts of the tensor."""
        return {
            "vector": {"V": 2 * q2 / 3},
            "axial": {"A": 2 * q2 / 3},
            "scalar": {"S": 2 * q2},
            "pseudoscalar": {"P": 2 * q2},
            "tensor": {"E": 32 * q2 / 3, "F": 32 * q2 / 3},
        }
