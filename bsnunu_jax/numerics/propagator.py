r"""Integrals of a smooth function times a propagator squared, exact for any width.

    int f(q2) |pi(q2)|^2 dq2,    pi = 1/(1 - q2/M^2 - i Gamma/M),

for massless pairs and for massive ones, whose threshold is a root of f. In the variables of
`quadrature` f is analytic; |pi|^2 = M^4/gamma Im 1/(q2 - z) with gamma = M Gamma, z = M^2 + i gamma
has simple poles where q2(t) = z, and (dq2/dt)/(q2 - z) has the residue 1 at each. What the rule of
Gauss and Legendre does not see of these poles is known, see `breit_wigner`: it is added with f
interpolated at the pole. A mediator outside the phase space needs no width.
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.numerics import breit_wigner
from bsnunu_jax.numerics.quadrature import LEAST_B, LEAST_B_OF_BINS, Rapidity


def squared(q2: Float[Array, "..."], M: Scalar, width: Scalar) -> Float[Array, "..."]:
    """|pi|^2: 1 for a heavy mediator; M and Gamma in GeV.

    >>> float(squared(jnp.asarray(4.0), jnp.asarray(2.0), jnp.asarray(0.5)))
    16.0
    """
    return 1 / ((1 - q2 / M**2) ** 2 + (width / M) ** 2)


def _norm(M: Scalar, width: Scalar) -> Scalar:
    """|pi|^2 over Im 1/(q2 - z)."""
    return M**3 / jnp.where(width > 0, width, 1.0)


_PEAK = breit_wigner.Peak(squared, _norm)


def massless_rule(
    edges: Float[Array, " edges"], q2_max: Scalar, M: Scalar, width: Scalar, nodes: int
) -> tuple[Float[Array, "bins n"], Float[Array, "bins n"]]:
    """Nodes and weights of f bin by bin, f with a root at q2_max alone; see `breit_wigner`."""
    return breit_wigner.bin_rule(edges, q2_max, M, width, nodes, peak=_PEAK)


def pair_rule(
    masses: tuple[Scalar, Scalar], q2_max: Scalar, M: Scalar, width: Scalar, nodes: int
) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Nodes and weights of f from the threshold of a massive pair to q2_max; 0 if closed."""
    variable = Rapidity.of(*masses, q2_max, LEAST_B)
    q2, weights = _rule(variable, jnp.asarray([0.0, 1.0]), M, width, nodes)
    return q2[0], weights[0]


def pair_bin_rule(
    edges: Float[Array, " edges"],
    masses: tuple[Scalar, Scalar],
    q2_max: Scalar,
    M: Scalar,
    width: Scalar,
    nodes: int,
) -> tuple[Float[Array, "bins n"], Float[Array, "bins n"]]:
    """The same bin by bin (edges in GeV^2), each from its edge or the threshold."""
    variable = Rapidity.of(*masses, q2_max, LEAST_B_OF_BINS)
    return _rule(variable, variable.edges(edges), M, width, nodes)


def _rule(
    variable: Rapidity, t_edges: Float[Array, " edges"], M: Scalar, width: Scalar, nodes: int
) -> tuple[Float[Array, "bins n"], Float[Array, "bins n"]]:
    x, weights = np.polynomial.legendre.leggauss(nodes)
    half = (t_edges[1:] - t_edges[:-1]) / 2
    t = t_edges[:-1, None] + half[:, None] * (1 + x[None, :])
    q2, slope = variable.at(t)
    is_open = (half > 0) & (variable.v_max > 0)
    scale = jnp.where(is_open, half, 1.0)[:, None]
    z = M**2 + 1j * M * width
    poles = _poles(variable, t_edges, t, z)
    seen, far = jnp.zeros_like(q2), jnp.ones(half.shape, bool)
    for to_start, to_end, to_nodes in poles:
        # A closed bin has no length: any pole away from it will do.
        end, start = (
            jnp.where(is_open, d / scale[:, 0], a) for d, a in ((to_end, 2.0), (to_start, 4.0))
        )
        at = jnp.where(is_open[:, None], to_nodes / scale, 3.0)
        seen = seen + breit_wigner.missing(end, start, at) / at
        far &= breit_wigner.is_far(end, start, at)
    plain = scale * slope * squared(q2, M, width)
    # The residue of (dq2/dt)/(q2 - z) is 1, that of 1/(p - t) is -1.
    near = plain - _norm(M, width) * seen.imag
    found = weights[None, :] * jnp.where((far | (width <= 0))[:, None], plain, near)
    return q2, jnp.where(is_open[:, None], found, 0.0)


def _poles(
    variable: Rapidity, t_edges: Float[Array, " edges"], t: Float[Array, "bins n"], z: Array
) -> list[tuple[Complex[Array, " bins"], Complex[Array, " bins"], Complex[Array, "bins n"]]]:
    """Distances of the poles from the start, the end and the nodes of every bin.

    q2(t) is even about t = 0 and t = 1: beside the pole p there are -p and 2 - p.
    """
    v_max = jnp.where(variable.v_max > 0, variable.v_max, 1.0)
    v = jnp.arcsinh(jnp.sqrt((z - variable.threshold) / (2 * variable.B)))
    p = 2 / jnp.pi * jnp.arcsin(v / v_max)

    def from_pole(t: Array) -> Array:
        """p - t without a difference of near numbers, from that of z and q2."""
        q2, _ = variable.at(t)
        at_t = variable.v_max * jnp.sin(jnp.pi * t / 2)
        of_v = jnp.arcsinh((z - q2) / (2 * variable.B * jnp.sinh(v + at_t)))
        return 4 / jnp.pi * jnp.arcsin(of_v / (2 * v_max * jnp.cos(jnp.pi * (p + t) / 4)))

    def distances(function: Callable[[Array], Array]) -> tuple[Array, Array, Array]:
        return function(t_edges[:-1]), function(t_edges[1:]), function(t)

    return [distances(f) for f in (from_pole, lambda t: -p - t, lambda t: 2 - p - t)]
