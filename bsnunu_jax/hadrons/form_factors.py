"""B -> K and B -> K* form factors as pytrees: call one with q2, get the values by name.

Any object that returns the same names works in their place: "f+", "f0", "fT" for B -> K;
"V", "A0", "A1", "A12", "T1", "T2", "T23" for B -> K* (definitions of arXiv:1503.05534).
"""

from typing import Protocol, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.hadrons.kinematics import t_0_optimal, z_expansion
from bsnunu_jax.hadrons.transitions import TRANSITIONS

_POLES = {
    "f+": "m_R_1-",
    "fT": "m_R_1-",
    "f0": "m_R_0+",
    "A0": "m_R_0-",
    "V": "m_R_1-",
    "T1": "m_R_1-",
    "A1": "m_R_1+",
    "A12": "m_R_1+",
    "T2": "m_R_1+",
    "T23": "m_R_1+",
}


@runtime_checkable
class FormFactors(Protocol):
    """What the hadronic rows need: the form factors of one transition at q2 [GeV^2]."""

    def __call__(self, q2: Scalar) -> dict[str, Scalar]: ...


class _Expansion(eqx.Module):
    """Coefficients, shape (n,), in the order of `names`; masses [GeV] of z and of the poles."""

    coefficients: Float[Array, " n"]
    masses: dict[str, Scalar]
    names: tuple[str, ...] = eqx.field(static=True)
    transition: str = eqx.field(static=True)

    def _coefficient(self, k: int, form_factor: str) -> Scalar:
        return self.coefficients[self.names.index(f"a{k}_{form_factor}")]


class BSZ(_Expansion):
    """Simplified series expansion of arXiv:1503.05534.

    F(q2) = 1/(1 - q2/m_R^2) sum_k a_k [z(q2) - z(0)]^k with the constraints at q2 = 0 built in:
    a0_f0 = a0_f+, a0_T2 = a0_T1, a0_A12 = a0_A0 (m_B^2 - m_V^2)/(8 m_B m_V).

    Attributes:
        coefficients: a_k, shape (n,), in the order of `names` ("a0_f+", ...).
        masses: "m_B", "m_M" of z and the poles "m_R_0+", ... [GeV].
    """

    @property
    def linear(self) -> Float[Array, " n"]:
        """Numbers in which every form factor is linear: the coefficients."""
        return self.coefficients

    def with_linear(self, linear: Float[Array, " n"]) -> "BSZ":
        """The same expansion at other `linear`."""
        return eqx.tree_at(lambda ff: ff.coefficients, self, linear)

    def _a(self, k: int, form_factor: str) -> Scalar:
        m_B, m_M = self.masses["m_B"], self.masses["m_M"]
        match k, form_factor:
            case 0, "f0":
                return self._a(0, "f+")
            case 0, "T2":
                return self._a(0, "T1")
            case 0, "A12":
                return self._a(0, "A0") * (m_B**2 - m_M**2) / (8 * m_B * m_M)
        return self._coefficient(k, form_factor)

    def __call__(self, q2: Scalar) -> dict[str, Scalar]:
        m_B, m_M = self.masses["m_B"], self.masses["m_M"]
        t_0 = t_0_optimal(m_B, m_M)
        dz = z_expansion(q2, m_B, m_M, t_0) - z_expansion(0 * q2, m_B, m_M, t_0)
        values = {}
        for name in TRANSITIONS[self.transition].form_factors:
            series = self._a(0, name) + dz * (self._a(1, name) + dz * self._a(2, name))
            values[name] = series / (1 - q2 / self.masses[_POLES[name]] ** 2)
        return values


class BCL(_Expansion):
    """Bourrely-Caprini-Lellouch expansion as HPQCD use it in arXiv:2207.12468 (t_0 = 0).

    Attributes:
        coefficients: L and a_n, shape (9,), in the order of `names`; a0_f+ = a0_f0.
        masses: "m_B", "m_M" of z and the poles "m_R_0+", "m_R_1-" [GeV].
    """

    @property
    def linear(self) -> Float[Array, " n"]:
        """Numbers in which every form factor is linear: L times the coefficients, and 1 for L."""
        log_factor = self.coefficients[self.names.index("L")]
        is_log = np.array([name == "L" for name in self.names])
        return jnp.where(is_log, 1.0, log_factor * self.coefficients)

    def with_linear(self, linear: Float[Array, " n"]) -> "BCL":
        """The same expansion at other `linear`; the entry of L is not read."""
        is_log = np.array([name == "L" for name in self.names])
        return eqx.tree_at(lambda ff: ff.coefficients, self, jnp.where(is_log, 1.0, linear))

    def _a(self, n: int, form_factor: str) -> Scalar:
        return self._coefficient(n, "f0" if n == 0 and form_factor == "f+" else form_factor)

    def __call__(self, q2: Scalar) -> dict[str, Scalar]:
        z = z_expansion(q2, self.masses["m_B"], self.masses["m_M"], 0 * q2)
        log_factor = self.coefficients[self.names.index("L")]
        # N = 3: the z^3 term removes the slope at threshold, sum a_n [z^n - (n/3)(-1)^(n-3) z^3]
        basis_plus = z - z**3 / 3, z**2 + 2 * z**3 / 3
        basis_0 = z, z**2
        values = {}
        for name in TRANSITIONS[self.transition].form_factors:
            first, second = basis_0 if name == "f0" else basis_plus
            series = self._a(0, name) + self._a(1, name) * first + self._a(2, name) * second
            values[name] = log_factor * series / (1 - q2 / self.masses[_POLES[name]] ** 2)
        return values
