"""B -> K(*) X with a vector X that is not seen: the rate is a line at q2 = m^2."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Complex

from bsnunu_jax.foundation.arrays import Scalar, squared
from bsnunu_jax.hadrons.transitions import USUAL_QUARKS, get_quarks
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.states.massive_pair import mass
from bsnunu_jax.states.resonance import TWO_BODY, Line


class VectorLine(Line, eqx.Module):
    """L = (1/f_V sbar gamma^mu b + 1/f_A sbar gamma^mu gamma_5 b) m X_mu with a real vector X.

    Couplings over the mass, V and A in GeV^-1, stay finite for m -> 0, where the longitudinal X is
    a Goldstone boson a with (d_mu a)(V sbar gamma^mu b + A sbar gamma^mu gamma_5 b). Summed over
    the polarisations of X, Gamma = sqrt(lambda)/(16 pi m_B^3) m^2 (|V|^2 row V + |A|^2 row A).

    >>> from bsnunu_jax import branching_fraction, load_inputs
    >>> f"{float(branching_fraction('B+->K+', VectorLine(1e-3, V=1e-8), load_inputs())):.3e}"
    '7.819e-05'
    """

    # Rows of the two squares and of their product.
    rows: ClassVar[tuple[str, str, str]] = ("V", "A", "VA")

    m: Scalar
    V: Complex[Array, ""]
    A: Complex[Array, ""]
    quarks: str = eqx.field(static=True)

    def __init__(
        self, m: ArrayLike, V: ArrayLike = 0, A: ArrayLike = 0, quarks: str = USUAL_QUARKS
    ) -> None:
        """Mass in GeV, couplings over the mass in GeV^-1.

        Raises:
            InputError: for a mass below 0.
        """
        self.m, self.quarks = mass("m", m), get_quarks(quarks).name
        self.V, self.A = (jnp.asarray(c, dtype=complex) for c in (V, A))

    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """|V|^2 and |A|^2: parity forbids an interference."""
        return {"vector": squared(self.V), "axial": squared(self.A)}

    def masses_at(self, q2: Scalar) -> tuple[Scalar, ...]:
        """One particle."""
        return (jnp.sqrt(q2),)

    def mixing_invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """See `base.mixing_invariants_in`: the vector current has C = -1, the axial one +1."""
        return {"vector": (self.V**2).real, "axial": -(self.A**2).real}

    def dark_rows(self, q2: Scalar) -> dict[str, dict[str, Scalar]]:
        """The factor of the line; q2 is m^2."""
        weight = TWO_BODY * q2
        vector, axial, _ = self.rows
        return {"vector": {vector: weight}, "axial": {axial: weight}}


class DerivativeLine(VectorLine):
    """A real scalar a with L = (d_mu a)(V sbar gamma^mu b + A sbar gamma^mu gamma_5 b) + h.c.

    The divergence of the current is in the rows V0 and A0: no quark masses, and free quarks see
    their own. Gamma = sqrt(lambda)/(16 pi m_B^3) m^2 (|V|^2 row V0 + |A|^2 row A0).
    """

    rows: ClassVar[tuple[str, str, str]] = ("V0", "A0", "V0A0")
