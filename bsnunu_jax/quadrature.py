"""Fixed Gauss-Legendre rules in q2, after a map that removes the root at the endpoint.

A rate ends at q2_max like sqrt(q2_max - q2). In u = sqrt(1 - q2/q2_max) it is analytic; its nearest
singularities are the pole and the branch point of the form factors, at u = +-0.5i, so that the
error falls by about 9 with every node: 14 nodes give 1e-11, NODES is at rounding.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

NODES = 20
# For bins of 0.5 GeV^2: 1e-11 of the total in each.
BIN_NODES = 4


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


def endpoint_variable(
    q2: Float[Array, " n"], q2_max: Float[Array, ""]
) -> Float[Array, " n"]:  # fmt: skip
    """u = sqrt(1 - q2/q2_max) of the module docstring, 0 beyond the endpoint."""
    inside = q2 < q2_max
    # The discarded branch must be smooth too: sqrt has no finite gradient at 0.
    return jnp.where(inside, jnp.sqrt(jnp.where(inside, 1 - q2 / q2_max, 1.0)), 0.0)


def _unit_rule(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on [0, 1]."""
    x, weights = np.polynomial.legendre.leggauss(nodes)
    return (x + 1) / 2, weights / 2
