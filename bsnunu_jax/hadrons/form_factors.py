"""Form factors as pytrees: call one with q2, get the values by name; a family is a class.

Any object that returns the names of `FORM_FACTORS` works in their place: definitions of
arXiv:1503.05534 for mesons, the helicity form factors of arXiv:1602.01399 for baryons.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import ClassVar, Protocol, runtime_checkable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.hadrons.kinematics import t_0_optimal, z_expansion
from bsnunu_jax.hadrons.transitions import TRANSITIONS

# By the spin of the final hadron. "ht" is h tilde; a free quark has the amplitude alone.
FORM_FACTORS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "0": ("f+", "f0", "fT"),
        "1": ("V", "A0", "A1", "A12", "T1", "T2", "T23"),
        "quark": ("norm",),
        "1/2": ("f0", "f+", "fperp", "g0", "g+", "gperp", "h+", "hperp", "ht+", "htperp"),
    }
)

# The mass of the lowest resonance, by its quantum numbers.
_POLES = {
    form_factor: f"m_R_{quantum_numbers}"
    for quantum_numbers, form_factors in {
        "0+": ("f0",),
        "0-": ("A0", "g0"),
        "1-": ("f+", "fT", "V", "T1", "fperp", "h+", "hperp"),
        "1+": ("A1", "A12", "T2", "T23", "g+", "gperp", "ht+", "htperp"),
    }.items()
    for form_factor in form_factors
}


@runtime_checkable
class FormFactors(Protocol):
    """What the hadronic rows need: the form factors of one transition at q2 [GeV^2]."""

    def __call__(self, q2: Scalar) -> dict[str, Scalar]: ...


class Expansion(eqx.Module):
    """Coefficients, shape (n,), in the order of `names`; masses [GeV] of z and of the poles.

    `form_factors` are those that the set has, usually all of the spin.
    """

    z_masses: ClassVar[tuple[str, ...]] = ("m_B", "m_M")

    coefficients: Float[Array, " n"]
    masses: dict[str, Scalar]
    names: tuple[str, ...] = eqx.field(static=True)
    transition: str = eqx.field(static=True)

    @classmethod
    @abstractmethod
    def expected(cls, form_factors: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
        """Coefficients that a set with these form factors needs; `names` are those it has."""

    @classmethod
    def expected_masses(cls, form_factors: tuple[str, ...]) -> tuple[str, ...]:
        """Masses that it needs."""
        return (*cls.z_masses, *dict.fromkeys(_POLES[f] for f in form_factors))

    @abstractmethod
    def __call__(self, q2: Scalar) -> dict[str, Scalar]:
        """The form factors at q2 [GeV^2]."""

    @property
    def form_factors(self) -> tuple[str, ...]:
        """Names of the form factors."""
        own = {name.partition("_")[2] for name in self.names}
        return tuple(f for f in FORM_FACTORS[TRANSITIONS[self.transition].spin] if f in own)

    @property
    def linear(self) -> Float[Array, " n"]:
        """Numbers in which every form factor is linear: the coefficients."""
        return self.coefficients

    def with_linear(self, linear: Float[Array, " n"]) -> "Expansion":
        """The same expansion at other `linear`."""
        return eqx.tree_at(lambda ff: ff.coefficients, self, linear)

    def _coefficient(self, k: int, form_factor: str) -> Scalar:
        return self.coefficients[self.names.index(f"a{k}_{form_factor}")]

    def _pole(self, form_factor: str, q2: Scalar) -> Scalar:
        return 1 - q2 / self.masses[_POLES[form_factor]] ** 2


class BSZ(Expansion):
    """Simplified series expansion of arXiv:1503.05534.

    F(q2) = 1/(1 - q2/m_R^2) sum_k a_k [z(q2) - z(0)]^k with the constraints at q2 = 0 built in:
    a0_f0 = a0_f+, a0_T2 = a0_T1, a0_A12 = a0_A0 (m_B^2 - m_V^2)/(8 m_B m_V). A set without f+ has
    a0_f0 of its own.

    Attributes:
        coefficients: a_k, shape (n,), in the order of `names` ("a0_f+", ...).
        masses: "m_B", "m_M" of z and the poles "m_R_0+", ... [GeV].
    """

    # Whose value at q2 = 0 that of a form factor follows from.
    tied: ClassVar[Mapping[str, str]] = {"f0": "f+", "T2": "T1", "A12": "A0"}

    @classmethod
    def expected(cls, form_factors: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
        """Three of each, less those that are tied."""
        return tuple(
            f"a{k}_{f}"
            for f in form_factors
            for k in range(3)
            if k > 0 or cls.tied.get(f) not in form_factors
        )

    def _a(self, k: int, form_factor: str) -> Scalar:
        m_B, m_M = self.masses["m_B"], self.masses["m_M"]
        tied = self.tied.get(form_factor)
        if k > 0 or tied is None or f"a0_{tied}" not in self.names:
            return self._coefficient(k, form_factor)
        value = self._coefficient(0, tied)
        return value * (m_B**2 - m_M**2) / (8 * m_B * m_M) if form_factor == "A12" else value

    def __call__(self, q2: Scalar) -> dict[str, Scalar]:
        m_B, m_M = self.masses["m_B"], self.masses["m_M"]
        t_0 = t_0_optimal(m_B, m_M)
        dz = z_expansion(q2, m_B, m_M, t_0) - z_expansion(0 * q2, m_B, m_M, t_0)
        values = {}
        for name in self.form_factors:
            series = self._a(0, name) + dz * (self._a(1, name) + dz * self._a(2, name))
            values[name] = series / self._pole(name, q2)
        return values


class BCL(Expansion):
    """Bourrely-Caprini-Lellouch expansion as HPQCD use it in arXiv:2207.12468 (t_0 = 0).

    Attributes:
        coefficients: L and a_n, shape (9,), in the order of `names`; a0_f+ = a0_f0.
        masses: "m_B", "m_M" of z and the poles "m_R_0+", "m_R_1-" [GeV].
    """

    @classmethod
    def expected(cls, form_factors: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
        """The factor L and three of each, but for a0_f+."""
        own = (f"a{k}_{f}" for f in form_factors for k in range(3) if (k, f) != (0, "f+"))
        return ("L", *own)

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
        for name in self.form_factors:
            first, second = basis_0 if name == "f0" else basis_plus
            series = self._a(0, name) + self._a(1, name) * first + self._a(2, name) * second
            values[name] = log_factor * series / self._pole(name, q2)
        return values


class ModifiedBCL(Expansion):
    """The expansion of arXiv:2102.07233: F(q2) = F(0) [1 + sum_k b_k Z_k(q2)]/(1 - q2/m_R^2).

    Z_k = z^k - z(0)^k for k = 1..K of f0, and for k = 1..K-1 of f+ and fT the same less
    (-1)^(k-K) (k/K) [z^K - z(0)^K], which removes the slope at threshold; f0(0) = f+(0).

    Attributes:
        coefficients: shape (n,), in the order of `names`: the values at q2 = 0 "f0_f+", "f0_fT",
            and "b1_f+", ...
        masses: "m_B", "m_M" of z and the poles "m_R_0+", "m_R_1-" [GeV].
        relative: the b_k multiply F(0) (static); `with_linear` has them absolute.
    """

    relative: bool = eqx.field(static=True, default=True)

    @staticmethod
    def _order(names: tuple[str, ...]) -> int:
        """K."""
        return sum(name.startswith("b") and name.endswith("_f0") for name in names)

    @staticmethod
    def _at_zero(form_factor: str) -> str:
        """The coefficient that is the value at q2 = 0."""
        return "f0_f+" if form_factor == "f0" else f"f0_{form_factor}"

    @classmethod
    def expected(cls, form_factors: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
        """The values at q2 = 0, K of f0 and K - 1 of the others."""
        most = max(cls._order(names), 2)
        found = dict.fromkeys(cls._at_zero(f) for f in form_factors)
        series = {f: most if f == "f0" else most - 1 for f in form_factors}
        return (*found, *(f"b{k}_{f}" for f, n in series.items() for k in range(1, n + 1)))

    @property
    def _scales(self) -> list[int | None]:
        """Of every b_k the place of F(0)."""
        at_zero = [self._at_zero(n.partition("_")[2]) for n in self.names]
        return [
            self.names.index(at) if name.startswith("b") else None
            for name, at in zip(self.names, at_zero, strict=True)
        ]

    @property
    def linear(self) -> Float[Array, " n"]:
        """Numbers in which every form factor is linear: F(0) and F(0) b_k."""
        if not self.relative:
            return self.coefficients
        c = self.coefficients
        factors = [jnp.ones(()) if at is None else c[at] for at in self._scales]
        return c * jnp.stack(factors)

    def with_linear(self, linear: Float[Array, " n"]) -> "ModifiedBCL":
        """The same expansion at other `linear`."""
        return ModifiedBCL(linear, self.masses, self.names, self.transition, relative=False)

    def __call__(self, q2: Scalar) -> dict[str, Scalar]:
        m_B, m_M = self.masses["m_B"], self.masses["m_M"]
        t_0, last = t_0_optimal(m_B, m_M), self._order(self.names)
        z, z_0 = z_expansion(q2, m_B, m_M, t_0), z_expansion(0 * q2, m_B, m_M, t_0)
        powers = [z**k - z_0**k for k in range(1, last + 1)]
        linear = dict(zip(self.names, self.linear, strict=True))
        values = {}
        for name in self.form_factors:
            series = linear[self._at_zero(name)]
            for k, power in enumerate(powers, start=1):
                if name == "f0":
                    series += linear[f"b{k}_{name}"] * power
                elif k < last:
                    end = (-1) ** (k - last) * k / last * powers[-1]
                    series += linear[f"b{k}_{name}"] * (power - end)
            values[name] = series / self._pole(name, q2)
        return values


class SSE(Expansion):
    """The expansion of arXiv:1602.01399: F(q2) = sum_k a_k z^k/(1 - q2/m_R^2), any order.

    z has t_+ = (m_B + m_K)^2 and t_0 = (M - m)^2 of the baryons, where a0_gperp = a0_g+ and
    a0_htperp = a0_ht+.

    Attributes:
        coefficients: a_k, shape (n,), in the order of `names` ("a0_f+", ...).
        masses: "m_B", "m_K" of t_+, the baryons' "m_Lambdab", "m_Lambda" and the poles [GeV].
    """

    z_masses: ClassVar[tuple[str, ...]] = ("m_B", "m_K", "m_Lambdab", "m_Lambda")
    tied: ClassVar[Mapping[str, str]] = {"gperp": "g+", "htperp": "ht+"}

    @staticmethod
    def _terms(names: tuple[str, ...]) -> int:
        """Number of coefficients of a form factor."""
        return 1 + max((int(n[1]) for n in names if n[0] == "a" and n[1].isdigit()), default=1)

    @classmethod
    def expected(cls, form_factors: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
        """As many of each as of the longest, less those that are tied."""
        terms = range(cls._terms(names))
        return tuple(f"a{k}_{f}" for f in form_factors for k in terms if k or f not in cls.tied)

    def _series(self, form_factor: str, z: Scalar) -> Iterator[Scalar]:
        for k in range(self._terms(self.names)):
            owner = self.tied.get(form_factor, form_factor) if k == 0 else form_factor
            yield self._coefficient(k, owner) * z**k

    def __call__(self, q2: Scalar) -> dict[str, Scalar]:
        m = self.masses
        z = z_expansion(q2, m["m_B"], m["m_K"], (m["m_Lambdab"] - m["m_Lambda"]) ** 2)
        zero = jnp.zeros_like(z)
        return {f: sum(self._series(f, z), zero) / self._pole(f, q2) for f in self.form_factors}


class FreeQuark(Expansion):
    """No form factors: one number by which every amplitude is multiplied.

    Attributes:
        coefficients: "norm", shape (1,).
        masses: none.
    """

    z_masses: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def expected(cls, form_factors: tuple[str, ...], names: tuple[str, ...]) -> tuple[str, ...]:
        """The number."""
        return form_factors

    @classmethod
    def expected_masses(cls, form_factors: tuple[str, ...]) -> tuple[str, ...]:
        """None."""
        return ()

    def __call__(self, q2: Scalar) -> dict[str, Scalar]:
        return {"norm": self.coefficients[0] + 0 * q2}
