"""Fixed Gauss-Legendre rules in q2, after a map that removes the root at the endpoint.

A rate ends at q2_max like sqrt(q2_max - q2). In u = sqrt(1 - q2/q2_max) it is analytic; its nearest
singularities are the pole and the branch point of the form factors, at u = +-0.5i, so that the
error falls by about 9 with every node: 14 nodes give 1e-11, NODES is at rounding.

A massive pair adds a root at its threshold, q2 = (m1 + m2)^2 + 2 B sinh^2 v removes it: for
B = 2 m1 m2 the variable v is half the relative rapidity of the pair, and the root at (m1 - m2)^2
and the pole at q2 = 0 stay away from the real axis at all masses. Light pairs stretch v like
ln(q2/B), hence a smallest B, below which the threshold is finer than anyone can see. With
v = v_max sin(pi t/2) the root at q2_max goes too.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

NODES = 20
# For bins of 0.5 GeV^2: 1e-11 of the total in each.
BIN_NODES = 4
# Massive pairs: in totals 1.6 times the nodes of a massless one give 1e-11, twice as many do for
# two masses that differ. In bins of 0.23 GeV^2 6 more give 1e-6 of each, 1 MeV pairs included.
PAIR_NODES, UNEQUAL_NODES, MORE_BIN_NODES = 1.6, 2.0, 6
# Smallest B [GeV^2] in totals and in bins, where fewer nodes have to span the first bin.
LEAST_B, LEAST_B_OF_BINS = 2e-6, 2e-5


def massless_rule(
    q2_max: Float[Array, ""], nodes: int = NODES
) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Nodes and weights [GeV^2] of int_0^q2_max dq2 for a massless invisible pair."""
    u, weights = _unit_rule(nodes)
    return q2_max * (1 - u**2), q2_max * 2 * u * weights


def bin_rule(
    edges: Float[Array, " edges"], q2_max: Float[Array, ""], nodes: int = NODES
) -> tuple[Float[Array, "bins n"], Float[Array, "bins n"]]:
    """Nodes and weights [GeV^2] bin by bin; what lies beyond q2_max has weight 0.

    Args:
        edges: increasing bin edges [GeV^2].
        q2_max: the endpoint [GeV^2].
        nodes: nodes per bin.
    """
    u_edges = endpoint_variable(edges, q2_max)
    t, weights = _unit_rule(nodes)
    low, high = u_edges[1:, None], u_edges[:-1, None]
    u = low + (high - low) * t[None, :]
    return q2_max * (1 - u**2), q2_max * 2 * u * (high - low) * weights[None, :]


class Rapidity(NamedTuple):
    """The variable t in [0, 1] of a massive pair, from its threshold to q2_max.

    v_max is 0 if the channel is closed.
    """

    threshold: Float[Array, ""]
    B: Float[Array, ""]
    v_max: Float[Array, ""]
    q2_max: Float[Array, ""]

    @classmethod
    def of(
        cls, m1: Float[Array, ""], m2: Float[Array, ""], q2_max: Float[Array, ""], least_b: float
    ) -> "Rapidity":
        """That of these masses [GeV]."""
        product, threshold = 2 * m1 * m2, (m1 + m2) ** 2
        # With one mass 0 there is no root at the threshold: only the pole at q2 = 0 counts.
        B = jnp.maximum(jnp.where(product == 0, threshold / 2, product), least_b)
        return cls(threshold, B, _half_rapidity(q2_max - threshold, B), q2_max)

    def at(self, t: Array) -> tuple[Array, Array]:
        """q2 and dq2/dt [GeV^2]."""
        angle = jnp.pi * t / 2
        v = self.v_max * jnp.sin(angle)
        slope = 2 * self.B * jnp.sinh(2 * v) * self.v_max * jnp.pi / 2 * jnp.cos(angle)
        return self.threshold + 2 * self.B * jnp.sinh(v) ** 2, slope

    def edges(self, edges: Float[Array, " edges"]) -> Float[Array, " edges"]:
        """t at edges in q2 [GeV^2]: 0 below the threshold, 1 beyond q2_max."""
        v = _half_rapidity(jnp.minimum(edges, self.q2_max) - self.threshold, self.B)
        # arcsin has no finite slope at 1: the endpoint is its own branch.
        inside = (v > 0) & (edges < self.q2_max)
        ratio = jnp.where(inside, v / jnp.where(inside, self.v_max, 1.0), 0.0)
        t = 2 / jnp.pi * jnp.arcsin(ratio)
        return jnp.where((v > 0) & (edges >= self.q2_max), 1.0, t)


def pair_rule(
    m1: Float[Array, ""], m2: Float[Array, ""], q2_max: Float[Array, ""], nodes: int
) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Nodes and weights [GeV^2] from the threshold of a massive pair to q2_max; 0 if closed."""
    t, weights = _unit_rule(nodes)
    q2, slope = Rapidity.of(m1, m2, q2_max, LEAST_B).at(jnp.asarray(t))
    return q2, slope * weights


def pair_bin_rule(
    edges: Float[Array, " edges"],
    m1: Float[Array, ""],
    m2: Float[Array, ""],
    q2_max: Float[Array, ""],
    nodes: int,
) -> tuple[Float[Array, "bins n"], Float[Array, "bins n"]]:
    """The same bin by bin (edges in GeV^2), each from its edge or the threshold."""
    variable = Rapidity.of(m1, m2, q2_max, LEAST_B_OF_BINS)
    t_edges = variable.edges(edges)
    t, weights = (a[None, :] for a in _unit_rule(nodes))
    low, width = t_edges[:-1, None], (t_edges[1:] - t_edges[:-1])[:, None]
    q2, slope = variable.at(low + width * t)
    return q2, slope * width * weights


def _half_rapidity(above: Array, B: Float[Array, ""]) -> Array:
    """v at this q2 above the threshold [GeV^2], 0 below it."""
    is_open = above > 0
    return jnp.where(is_open, jnp.arcsinh(jnp.sqrt(jnp.where(is_open, above, 1.0) / (2 * B))), 0.0)


def endpoint_variable(q2: Float[Array, " n"], q2_max: Float[Array, ""]) -> Float[Array, " n"]:
    """u = sqrt(1 - q2/q2_max) of the module docstring, 0 beyond the endpoint."""
    inside = q2 < q2_max
    # The discarded branch must be smooth too: sqrt has no finite gradient at 0.
    return jnp.where(inside, jnp.sqrt(jnp.where(inside, 1 - q2 / q2_max, 1.0)), 0.0)


def _unit_rule(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on [0, 1]."""
    x, weights = np.polynomial.legendre.leggauss(nodes)
    return (x + 1) / 2, weights / 2
