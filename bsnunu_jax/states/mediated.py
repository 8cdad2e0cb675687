r"""Pairs that come through a mediator in the s channel, whose propagator depends on q2.

L = Med (sbar G b) g_q + Med (D) g_D: contact coefficients -g_q g_D/M^2 (vectors) or g_q g_D/M^2
(scalars) times pi = 1/(1 - q2/M^2 - i Gamma/M). All interferences of one mediator have |pi|^2. Of a
vector, what is longitudinal in the rest frame of the pair, J = 0, sees M^2 - q2 in the numerator of
its propagator: rows V0 and A0 times (1 - q2/M^2)^2 |pi|^2, without a pole, and the contact ones at
every q2 for Gamma = 0.
"""

from collections.abc import Mapping
from typing import ClassVar, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.numerics import propagator
from bsnunu_jax.numerics.quadrature import PAIR_NODES, UNEQUAL_NODES
from bsnunu_jax.states.base import Around, BinRule, InvisibleState, Rule, rows_in
from bsnunu_jax.states.massive_pair import MassivePair, mass

# Rows that a mediator of this spin reaches, J = 0 ones last.
_ROWS = {0: (("S", "P", "SP"), ()), 1: (("V", "A", "VA"), ("V0", "A0", "V0A0"))}
# Under a peak the rule is an interpolation of half the order of Gauss's. In bins 1e-8 of each for
# pairs above 50 MeV; a pair of 1 MeV through a mediator of 0.3 GeV 3e-4 of that bin.
_MORE, _MORE_IN_BINS = 2, 16


class Mediated(Around, eqx.Module):
    """`state`, whose coefficients are those of a contact interaction, through a mediator.

    Attributes:
        state: the pair, or what changes one.
        M, width: of the mediator [GeV].
        spin: of the mediator (static).
        masses: of the pair [GeV].
        unequal: whether these differ (static).
        folded: without |pi|^2, which the rules have in their weights (static).
    """

    has_spectrum: ClassVar[bool] = True
    vanishes_at_limits: ClassVar[bool] = False

    state: InvisibleState
    M: Scalar
    width: Scalar
    masses: tuple[Scalar, Scalar]
    spin: int = eqx.field(static=True)
    unequal: bool = eqx.field(static=True)
    folded: bool = eqx.field(static=True, default=False)

    @classmethod
    def pair(
        cls, pair: MassivePair, M: ArrayLike, width: ArrayLike, *, spin: Literal[0, 1]
    ) -> "Mediated":
        """A pair through a mediator.

        Args:
            pair: with its contact coefficients, S and P of a scalar mediator, V and A of a vector.
            M, width: of the mediator [GeV]; a width of 0 where M^2 is in no phase space.
            spin: of the mediator.

        Raises:
            InputError: for a mass that is not above 0, a width below 0, or an operator of which a
                mediator of this spin has none.

        >>> from bsnunu_jax import FermionPair, branching_fraction, load_inputs
        >>> heavy = Mediated.pair(FermionPair(0.7, V2=1e-8), 1e9, 0.0, spin=1)
        >>> f"{float(branching_fraction('B+->K+', heavy, load_inputs())):.2e}"
        '1.01e-05'
        """
        check_mediator(M, width)
        letters = "SP" if spin == 0 else "VA"
        for name in pair.coefficients:
            if name[0] not in letters:
                allowed = [o for o in pair.operators if o[0] in letters]
                raise InputError(
                    f"operator {name} through a mediator of spin {spin}",
                    allowed=f"one of {', '.join(allowed)}",
                )
        M, width = (jnp.asarray(x, dtype=float) for x in (M, width))
        return cls(pair, M, width, pair.masses, spin, pair.m_other is not None)

    def dark_rows(self, q2: Scalar) -> dict[str, dict[str, Scalar]]:
        """Those of the contact interaction times the propagator squared."""
        return self._weighted(self.state.dark_rows(q2), q2)

    def rows_in(self, quarks: str, q2: Scalar) -> Mapping[str, Mapping[str, Scalar]]:
        """The same of a quark transition."""
        return self._weighted(rows_in(self.state, quarks, q2), q2)

    def _weighted(
        self, rows: Mapping[str, Mapping[str, Scalar]], q2: Scalar
    ) -> dict[str, dict[str, Scalar]]:
        peak = jnp.ones_like(q2) if self.folded else propagator.squared(q2, self.M, self.width)
        plain, longitudinal = _ROWS[self.spin]
        weights = dict.fromkeys(plain, peak)
        weights |= dict.fromkeys(longitudinal, (1 - q2 / self.M**2) ** 2 * peak)
        return {k: {row: weights[row] * x for row, x in v.items()} for k, v in rows.items()}

    @property
    def in_integrals(self) -> "Mediated":
        """What the rules integrate: |pi|^2 is part of their weights."""
        return Mediated(
            self.state, self.M, self.width, self.masses, self.spin, self.unequal, folded=True
        )

    def of(self, state: InvisibleState) -> "Mediated":
        """Another state through the same mediator, into the same masses."""
        return Mediated(state, self.M, self.width, self.masses, self.spin, self.unequal)

    def total_rule(self, q2_max: Scalar, nodes: int) -> Rule:
        """See `propagator.pair_rule`."""
        more = _MORE * (UNEQUAL_NODES if self.unequal else PAIR_NODES)
        return propagator.pair_rule(self.masses, q2_max, self.M, self.width, round(more * nodes))

    def bin_rule(self, edges: Float[Array, " edges"], q2_max: Scalar, nodes: int) -> BinRule:
        """See `propagator.pair_bin_rule`."""
        more = nodes + _MORE_IN_BINS
        return propagator.pair_bin_rule(edges, self.masses, q2_max, self.M, self.width, more)


def check_mediator(M: ArrayLike, width: ArrayLike) -> None:
    """Refuse a mass that is not above 0 and a width below 0, where they are known.

    Raises:
        InputError: for one.
    """
    if not isinstance(M, Tracer) and not np.all(np.asarray(M) > 0):
        raise InputError(f"M = {M} of a mediator", allowed="give it in GeV, above 0")
    mass("the width", width)


def partial_width(pair: MassivePair, M: ArrayLike, spin: int) -> Scalar:
    """Gamma(Med -> pair) [GeV] of a pair whose coefficients are g_D; 0 below the threshold.

    The invisible half of the rate at q2 = M^2 over 16 pi M: g^2 M beta^3/(8 pi) for a scalar into
    fermions, g^2 M beta (1 + 2 m^2/M^2)/(12 pi) for a vector.

    >>> from bsnunu_jax import FermionPair
    >>> width = partial_width(FermionPair(0.0, S1=1.0), 2.0, spin=0)
    >>> round(float(width) * 8 * np.pi, 12)
    2.0
    """
    products, names = pair.products, _ROWS[spin][0]
    M = jnp.asarray(M, dtype=float)
    found = [
        products[k] * x
        for k, rows in pair.dark_rows(M**2).items()
        for row, x in rows.items()
        if row in names
    ]
    return jnp.asarray(sum(found)) / (16 * jnp.pi * M)
