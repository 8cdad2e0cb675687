"""B -> K(*) X with X invisible: a Breit-Wigner in q2, or a line if X is narrow."""

from typing import ClassVar

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
from bsnunu_jax.numerics import breit_wigner
from bsnunu_jax.states.base import BinRule, Rule
from bsnunu_jax.states.massive_pair import HEAVIEST, mass

# Two-body over three-body phase space: Gamma_2 = sqrt(lambda)/(16 pi m_B^3) x row.
TWO_BODY = 16 * np.pi**2
# Under a narrow peak the rule is an interpolation and not Gauss's: in the last bin of Belle II,
# with the root at the endpoint, 4 nodes give 3e-6 and 6 give 6e-9.
_MORE_NODES = 2


class _Couplings(eqx.Module):
    """L = S (sbar b) X + P (sbar i gamma5 b) X with a real scalar X; dimensionless, complex.

    With `quarks` "b->d" or another transition sbar and b are its light and its heavy quark.
    """

    S: Complex[Array, ""]
    P: Complex[Array, ""]
    quarks: str = eqx.field(static=True)

    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """|S|^2, seen by B -> K, and |P|^2, seen by B -> K*: parity forbids an interference."""
        return {"scalar": squared(self.S), "pseudoscalar": squared(self.P)}

    def masses_at(self, q2: Scalar) -> tuple[Scalar, ...]:
        """One particle, off its mass shell if it is wide."""
        return (jnp.sqrt(q2),)

    def mixing_invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """See `base.mixing_invariants_in`: both bilinears have C = +1."""
        return {"scalar": -(self.S**2).real, "pseudoscalar": -(self.P**2).real}


class Resonance(_Couplings):
    """X of mass m and width Gamma [GeV]; SM neutrinos are a state of their own.

    dGamma/dq2 = Gamma_2(q2) x (1/pi) m Gamma/((q2 - m^2)^2 + m^2 Gamma^2) up to the endpoint, with
    Gamma_2(q2) the rate of B -> K(*) X for m_X^2 = q2: sqrt(lambda)/(16 pi m_B^3) times
    |S|^2 (m_B^2 - m_K^2)^2 f_0^2/(m_b - m_s)^2 for K, |P|^2 lambda A_0^2/(m_b + m_s)^2 for K*.
    """

    has_spectrum: ClassVar[bool] = True
    vanishes_at_limits: ClassVar[bool] = False

    m: Scalar
    width: Scalar

    def __init__(
        self,
        m: ArrayLike,
        width: ArrayLike,
        S: ArrayLike = 0,
        P: ArrayLike = 0,
        quarks: str = USUAL_QUARKS,
    ) -> None:
        """Mass and width in GeV, couplings dimensionless.

        Raises:
            InputError: for a mass or a width that is not above 0.
        """
        for name, value in (("m", m), ("width", width)):
            if not isinstance(value, Tracer) and not np.all(np.asarray(value) > 0):
                raise InputError(
                    f"{name} = {value} of a resonance is not above 0",
                    allowed="TwoBody is the state of width 0",
                )
        self.m, self.width = (jnp.asarray(x, dtype=float) for x in (m, width))
        self.quarks = get_quarks(quarks).name
        self.S, self.P = (jnp.asarray(c, dtype=complex) for c in (S, P))

    def dark_rows(self, q2: Scalar) -> dict[str, dict[str, Scalar]]:
        """The Breit-Wigner."""
        weight = TWO_BODY * breit_wigner.density(q2, self.m, self.width)
        return {"scalar": {"S": weight}, "pseudoscalar": {"P": weight}}

    @property
    def in_integrals(self) -> "TwoBody":
        """What the rules below integrate: the Breit-Wigner is part of their weights."""
        return TwoBody(self.m, self.S, self.P, self.quarks)

    def total_rule(self, q2_max: Scalar, nodes: int) -> Rule:
        """One bin with twice the nodes: an interpolation has half the order of Gauss's rule."""
        edges = jnp.stack([jnp.zeros_like(q2_max), q2_max])
        q2, weights = breit_wigner.bin_rule(edges, q2_max, self.m, self.width, 2 * nodes)
        return q2[0], weights[0]

    def bin_rule(self, edges: Float[Array, " edges"], q2_max: Scalar, nodes: int) -> BinRule:
        """See `breit_wigner.bin_rule`."""
        return breit_wigner.bin_rule(edges, q2_max, self.m, self.width, nodes + _MORE_NODES)


class Line:
    """Rules of a state whose rate sits at q2 = m^2: totals and bins, but no spectrum."""

    has_spectrum: ClassVar[bool] = False
    vanishes_at_limits: ClassVar[bool] = False

    m: Scalar

    @property
    def least_mass(self) -> Scalar:
        """That of X [GeV]."""
        return self.m

    @property
    def _line(self) -> Scalar:
        """Its q2 [GeV^2]."""
        return jnp.minimum(self.m, HEAVIEST) ** 2

    def total_rule(self, q2_max: Scalar, nodes: int) -> Rule:
        """The line."""
        return self._line[None], jnp.ones(1)

    def bin_rule(self, edges: Float[Array, " edges"], q2_max: Scalar, nodes: int) -> BinRule:
        """The line in the bin with low <= m^2 < high."""
        q2 = jnp.broadcast_to(self._line, (edges.size - 1, 1))
        inside = (edges[:-1] <= self._line) & (self._line < edges[1:])
        return q2, jnp.where(inside, 1.0, 0.0)[:, None]


class TwoBody(_Couplings, Line):
    """The limit of width 0: the rate sits at q2 = m^2; exactly 0 for m above m_B - m_K.

    The couplings are those of `Resonance`. There are totals and bins, but no spectrum.
    """

    m: Scalar

    def __init__(
        self, m: ArrayLike, S: ArrayLike = 0, P: ArrayLike = 0, quarks: str = USUAL_QUARKS
    ) -> None:
        """Mass in GeV, couplings dimensionless.

        Raises:
            InputError: for a mass below 0.
        """
        self.m, self.quarks = mass("m", m), get_quarks(quarks).name
        self.S, self.P = (jnp.asarray(c, dtype=complex) for c in (S, P))

    def dark_rows(self, q2: Scalar) -> dict[str, dict[str, Scalar]]:
        """The factor of the line, whose integral over q2 is 1."""
        weight = jnp.full_like(q2, TWO_BODY)
        return {"scalar": {"S": weight}, "pseudoscalar": {"P": weight}}
