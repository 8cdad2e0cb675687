r"""Integrals of a smooth function times a Breit-Wigner, exact for any width.

    int f(q2) BW(q2) dq2,    BW = (1/pi) gamma/((q2 - m^2)^2 + gamma^2) = (1/pi) Im 1/(q2 - z)

with gamma = m Gamma and z = m^2 + i gamma. In u = sqrt(1 - q2/q2_max), where f is analytic up to
the endpoint, dq2/(q2 - z) = -du [1/(p - u) + 1/(-p - u)] with p = sqrt(1 - z/q2_max): two simple
poles. Bin by bin f is interpolated at the Gauss-Legendre nodes of u; what is left has the closed
form int dt/(zeta - t) = ln (zeta + 1)/(zeta - 1), of which the arctan of the Breit-Wigner is the
imaginary part. The error is that of an interpolation of f, however narrow the peak and wherever
it is.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.numerics.quadrature import endpoint_variable

# Poles so far from a bin that plain Gauss-Legendre reaches this are left to it: the recursion of
# Q_k loses digits there.
_FAR = 1e-14


# At masses and widths [GeV] beyond it no rate is left, and squares of squares stay numbers.
_HUGE = 1e40
# Below these squares and products leave the range of numbers.
_LIGHT, _NARROW, _SMALLEST = 1e-100, 1e-200, 1e-305


def density(q2: Float[Array, "..."], m: Scalar, width: Scalar) -> Float[Array, "..."]:
    """BW(q2) [GeV^-2], normalised to 1 over the real line; q2 in GeV^2, m and width in GeV."""
    m, width, there = _bounded(m, width)
    away, gamma = q2 - m**2, m * width
    # Squares of both would leave the range of numbers before their ratio does.
    larger = jnp.maximum(jnp.abs(away), gamma)
    larger = jnp.where(larger > 0, larger, 1.0)
    away, gamma = away / larger, gamma / larger
    return jnp.where(there, gamma / jnp.pi / (away**2 + gamma**2) / larger, 0.0)


class Peak(NamedTuple):
    """A Breit-Wigner at q2 for a mass and a width, and what it is over Im 1/(q2 - z)."""

    value: Callable[[Array, Scalar, Scalar], Array]
    norm: Callable[[Scalar, Scalar], Scalar | float]


DENSITY = Peak(density, lambda m, width: 1 / jnp.pi)


def bin_rule(
    edges: Float[Array, " edges"],
    q2_max: Scalar,
    m: Scalar,
    width: Scalar,
    nodes: int,
    *,
    peak: Peak = DENSITY,
) -> tuple[Float[Array, "bins n"], Float[Array, "bins n"]]:
    """Nodes and weights of f in int f(q2) BW(q2) dq2, bin by bin.

    Args:
        edges: increasing bin edges [GeV^2]; what lies beyond q2_max has weight 0.
        q2_max: the endpoint [GeV^2].
        m: position of the peak [GeV], above 0.
        width: Gamma [GeV], above 0.
        nodes: nodes per bin.
        peak: the Breit-Wigner in another normalisation.
    """
    m, width, there = _bounded(m, width)
    t, weights = np.polynomial.legendre.leggauss(nodes)
    u_edges = endpoint_variable(edges, q2_max)
    centre, half = (u_edges[:-1] + u_edges[1:]) / 2, (u_edges[:-1] - u_edges[1:]) / 2
    u = centre[:, None] + half[:, None] * t[None, :]
    # 1 - u is next to nothing at small q2, where a light peak is: no difference of near numbers.
    from_one = (edges / q2_max / (1 + u_edges))[:-1, None] + half[:, None] * (1 - t[None, :])
    q2 = q2_max * from_one * (1 + u)
    is_open = half > 0
    scale = jnp.where(is_open, half, 1.0)
    z = m**2 + 1j * m * width
    pole = jnp.sqrt(1 - z / q2_max)

    def distance(q2: Array, u: Array) -> Array:
        """pole - u, from the difference of their squares."""
        return (q2 - z) / q2_max / (pole + u)

    ends = jnp.minimum(edges, q2_max)
    near = distance(ends[:-1], u_edges[:-1]), distance(ends[1:], u_edges[1:]), distance(q2, u)
    beyond = -(pole + u_edges[:-1]), -(pole + u_edges[1:]), -(pole + u)
    # A closed bin has no length: any pole away from it will do.
    any_pole = 2.0, 4.0, 3.0 - t[None, :]

    def scaled(distances: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        (to_end, to_start, to_nodes), (end, start, at) = distances, any_pole
        return (
            jnp.where(is_open, to_end / scale, end),
            jnp.where(is_open, to_start / scale, start),
            jnp.where(is_open[:, None], to_nodes / scale[:, None], at),
        )

    poles = scaled(near), scaled(beyond)
    kernel = sum(_cauchy(*pole) for pole in poles)
    # Far from both poles the Breit-Wigner itself: no difference of near numbers however narrow.
    far = (is_far(*poles[0]) & is_far(*poles[1]))[:, None]
    at = peak.value(jnp.where(far, q2, m**2 + q2_max), m, width)
    plain = 2 * q2_max * scale[:, None] * u * at
    of_f = weights[None, :] * jnp.where(far, plain, kernel.imag * peak.norm(m, width))
    return q2, jnp.where(is_open[:, None] & there, of_f, 0.0)


def _bounded(m: Scalar, width: Scalar) -> tuple[Scalar, Scalar, Array]:
    """Mass and width where squares and products are numbers, and whether there is a rate.

    What is smaller is as good as 0 beside q2, but the ratio of both counts for a light and narrow
    peak; slopes are those at the bounds.
    """
    there = (m < _HUGE) & (width < _HUGE)
    growth = jnp.maximum(_LIGHT / jnp.maximum(m, _SMALLEST), 1.0)
    lifted = jnp.where(width < _LIGHT, width * growth, width)
    bounded = jnp.maximum(m, _LIGHT), jnp.maximum(lifted, _NARROW)
    m, width = (
        jnp.minimum(x + jax.lax.stop_gradient(y - x), _HUGE)
        for x, y in zip((m, width), bounded, strict=True)
    )
    return m, width, there


def _cauchy(
    to_end: Complex[Array, " bins"],
    to_start: Complex[Array, " bins"],
    to_nodes: Complex[Array, "bins n"],
) -> Complex[Array, "bins n"]:
    """1/(zeta - t) at the nodes, changed so that the rule is exact for polynomials over zeta - t.

    With r_i = 1/(zeta - t_i) and the barycentric weights b_i the polynomial through f(t_i) is
    sum r_i b_i f_i / sum r_i b_i at zeta; the rest of f over zeta - t is a polynomial, which
    Gauss-Legendre integrates. The last factor is int dt/(zeta - t) beyond what the rule sees of it.

    Args:
        to_end: zeta - 1.
        to_start: zeta + 1.
        to_nodes: zeta - t.
    """
    return (1 + missing(to_end, to_start, to_nodes)) / to_nodes


def missing(
    to_end: Complex[Array, " bins"],
    to_start: Complex[Array, " bins"],
    to_nodes: Complex[Array, "bins n"],
) -> Complex[Array, "bins n"]:
    """What 1/(zeta - t) at the nodes lacks, over it; see `_cauchy`."""
    nodes = to_nodes.shape[-1]
    t, weights = np.polynomial.legendre.leggauss(nodes)
    barycentric = (-1.0) ** np.arange(nodes) * np.sqrt((1 - t**2) * weights)
    r = 1 / to_nodes
    unseen = jnp.log(to_start / to_end) - r @ weights
    far = is_far(to_end, to_start, to_nodes)
    at_pole = jnp.where(far, 0.0, unseen / jnp.where(far, 1.0, r @ barycentric))
    return at_pole[:, None] * (barycentric / weights)[None, :]


def is_far(
    to_end: Complex[Array, " bins"],
    to_start: Complex[Array, " bins"],
    to_nodes: Complex[Array, "bins n"],
) -> Bool[Array, " bins"]:
    """On the ellipse |zeta - 1| + |zeta + 1| = rho + 1/rho Gauss-Legendre errs by rho^(-2n)."""
    rho = _FAR ** (-0.5 / to_nodes.shape[-1])
    return jnp.abs(to_end) + jnp.abs(to_start) > rho + 1 / rho
