"""What massive pairs share: phase space, rules of integration, and the table of their operators.

The new particles are stable here; `unstable.Unstable` is for those that may decay in the detector.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import ArrayLike
from jaxtyping import Array, Complex, Float

from bsnunu_jax.foundation.arrays import Scalar, squared
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import USUAL_QUARKS, get_quarks
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.numerics import quadrature
from bsnunu_jax.states.base import BinRule, Rule

# Masses [GeV] from here on are as closed as this one, and their squares are numbers.
HEAVIEST = 1e6
DarkRows = dict[str, dict[str, Scalar]]
# Weight in the rate of Re or Im of C_a C_b^*, by (a, b).
Interferences = Mapping[tuple[str, str], str]


def mass(name: str, given: ArrayLike) -> Array:
    """A mass [GeV] as an array.

    Raises:
        InputError: for one below 0 or NaN, if it is not traced.
    """
    if not isinstance(given, Tracer) and not np.all(np.asarray(given) >= 0):
        raise InputError(f"{name} = {given} of a particle", allowed="give it in GeV, 0 or above")
    return jnp.asarray(given, dtype=float)


def check_operators(given: Iterable[str], known: tuple[str, ...]) -> None:
    """Refuse unknown names.

    Raises:
        InputError: naming the first one.
    """
    for name in given:
        if name not in known:
            raise InputError(f"unknown operator {name!r}", allowed=f"one of {', '.join(known)}")


def refuse_vanishing(given: Iterable[str], pair: Any) -> None:
    """Refuse operators that vanish for a particle that is its own antiparticle.

    Raises:
        InputError: naming the first one.
    """
    for name in given:
        if name in pair.vanishing:
            allowed = ", ".join(o for o in pair.operators if o not in pair.vanishing)
            raise InputError(
                f"operator {name} vanishes: {pair.why_vanishing}", allowed=f"allowed: {allowed}"
            )


class MassivePair(eqx.Module):
    """A pair with coefficients C of L = sum C O; operators that were not given are not computed.

    Attributes:
        coefficients: by name of the operator, complex.
        m: mass of the first particle, or of both [GeV].
        m_other: mass of the second particle [GeV], None if it is the same.
        identical: the particle is its own antiparticle (static).
        quarks: the quark transition that the coefficients belong to (static).
    """

    has_spectrum: ClassVar[bool] = True
    vanishes_at_limits: ClassVar[bool] = True
    operators: ClassVar[tuple[str, ...]]
    interferences: ClassVar[Interferences]
    vanishing: ClassVar[tuple[str, ...]]
    why_vanishing: ClassVar[str]
    # Operators whose hermitian conjugate has the other sign.
    antihermitian: ClassVar[tuple[str, ...]] = ()

    coefficients: dict[str, Complex[Array, ""]]
    m: Scalar
    m_other: Scalar | None
    identical: bool = eqx.field(static=True)
    quarks: str = eqx.field(static=True)

    def _set(
        self,
        m: ArrayLike,
        m_other: ArrayLike | None,
        identical: bool,
        coefficients: Mapping[str, ArrayLike | None],
        quarks: str = USUAL_QUARKS,
    ) -> None:
        """Fill the fields.

        Raises:
            InputError: for an unknown operator or quark transition, an operator that vanishes for a
                particle that is its own antiparticle, or a mass below 0.
        """
        check_operators(coefficients, self.operators)
        known = {k: coefficients.get(k) for k in self.operators}
        given = {k: c for k, c in known.items() if c is not None}
        if identical and m_other is not None:
            raise InputError(
                "two different particles cannot be each other's antiparticle",
                allowed="drop the second mass",
            )
        if identical:
            refuse_vanishing(given, type(self))
        self.m = mass("m", m)
        self.m_other = None if m_other is None else mass("the other mass", m_other)
        self.coefficients = {k: jnp.asarray(c, dtype=complex) for k, c in given.items()}
        self.identical = identical
        self.quarks = get_quarks(quarks).name

    @property
    def least_mass(self) -> Scalar:
        """Of both particles [GeV]."""
        return sum(self.masses, start=jnp.zeros(()))

    @property
    def masses(self) -> tuple[Scalar, Scalar]:
        """Both masses [GeV], at most `HEAVIEST`."""
        m = jnp.minimum(self.m, HEAVIEST)
        return m, m if self.m_other is None else jnp.minimum(self.m_other, HEAVIEST)

    def masses_at(self, q2: Scalar) -> tuple[Scalar, ...]:
        """Both masses [GeV]."""
        return self.masses

    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """|C|^2 of every operator and Re or Im of C_a C_b^* of every pair that interferes.

        A pair of identical particles has twice the rate: both contractions add, and half the phase
        space counts.
        """
        return self.products

    @property
    def products(self) -> dict[str, Scalar]:
        """The invariants, which need no inputs."""
        factor, c = 2.0 if self.identical else 1.0, self.coefficients
        found = {k: factor * squared(v) for k, v in c.items()}
        return found | self._interferences(lambda b: jnp.conj(c[b]))

    def _interferences(self, second: Callable[[str], Array]) -> dict[str, Scalar]:
        """Re or Im of C_a times the second factor of b, of every pair that interferes."""
        factor, c = 2.0 if self.identical else 1.0, self.coefficients
        found = {}
        for (a, b), part in self.interferences.items():
            if a in c and b in c and self._interfere(a, b):
                product = c[a] * second(b)
                found[f"{a}*{b}"] = factor * (product.real if part == "Re" else product.imag)
        return found

    def mixing_invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """See `base.mixing_invariants_in`; none of two species, whose conjugate is another state.

        Of the two possible operators, with one or the other species barred, a state has one.
        """
        if self.m_other is not None:
            return {}
        factor, c = 2.0 if self.identical else 1.0, self.coefficients
        found = {k: factor * self._zeta(k) * (v**2).real for k, v in c.items()}
        return found | self._interferences(lambda b: self._zeta(b) * c[b])

    def _zeta(self, operator: str) -> int:
        """-epsilon c: the charge parity c is +1 of S, P, A between quarks, -1 of V and T."""
        sign = -1 if operator[0] in "SPA" else 1
        return -sign if operator in self.antihermitian else sign

    def _interfere(self, a: str, b: str) -> bool:
        """Whether the interference of the table exists for these masses."""
        return True

    def dark_rows(self, q2: Scalar) -> DarkRows:
        """The dark rows times sqrt(lambda(q2, m1^2, m2^2))/q2; 0 below the threshold."""
        m1, m2 = self.masses
        is_open = q2 > (m1 + m2) ** 2
        # Both branches of a `where` are differentiated: below the threshold look well above it.
        q2 = jnp.where(is_open, q2, (m1 + m2) ** 2 + 1.0)
        above, below = q2 - (m1 + m2) ** 2, q2 - (m1 - m2) ** 2
        phase_space = jnp.where(is_open, jnp.sqrt(above * below) / q2, 0.0)
        names = self.coefficients
        return {
            invariant: {row: phase_space * weight for row, weight in rows.items()}
            for invariant, rows in self._rows(q2, above, below).items()
            if all(name in names for name in invariant.split("*"))
        }

    @abstractmethod
    def _rows(self, q2: Scalar, above: Scalar, below: Scalar) -> DarkRows:
        """Rows of all invariants without phase space: above = q2 - (m1+m2)^2, below = q2 - dm^2."""

    def total_rule(self, q2_max: Scalar, nodes: int) -> Rule:
        """See `quadrature.pair_rule`."""
        more = quadrature.PAIR_NODES if self.m_other is None else quadrature.UNEQUAL_NODES
        return quadrature.pair_rule(*self.masses, q2_max, round(more * nodes))

    def bin_rule(self, edges: Float[Array, " edges"], q2_max: Scalar, nodes: int) -> BinRule:
        """See `quadrature.pair_bin_rule`."""
        more = nodes + quadrature.MORE_BIN_NODES
        return quadrature.pair_bin_rule(edges, *self.masses, q2_max, more)
