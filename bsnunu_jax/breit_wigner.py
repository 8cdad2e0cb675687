r"""Integrals of a smooth function times a Breit-Wigner, exact for any width.

    int f(q2) BW(q2) dq2,    BW = (1/pi) gamma/((q2 - m^2)^2 + gamma^2) = (1/pi) Im 1/(q2 - z)

with gamma = m Gamma and z = m^2 + i gamma. In u = sqrt(1 - q2/q2_max), where f is analytic up to
the endpoint, dq2/(q2 - z) = -du [1/(p - u) + 1/(-p - u)] with p = sqrt(1 - z/q2_max): two simple
poles. Bin by bin f is interpolated at the Gauss-Legendre nodes of u; what is left has the closed
form int dt/(zeta - t) = ln (zeta + 1)/(zeta - 1), of which the arctan of the Breit-Wigner is the
imaginary part. The error is that of an interpolation of f, however narrow the peak and wherever
it is.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from bsnunu_jax.quadrature import endpoint_variable

Scalar = Float[Array, ""]

# Poles so far from a bin that plain Gauss-Legendre reaches this are left to it: the recursion of
# Q_k loses digits there.
_FAR = 1e-14


def density(q2: Float[Array, "..."], m: Scalar, width: Scalar) -> Float[Array, "..."]:
    """BW(q2) [GeV^-2], normalised to 1 over the real line; q2 in GeV^2, m and width in GeV."""
    gamma = m * width
    return gamma / jnp.pi / ((q2 - m**2) ** 2 + gamma**2)


def bin_rule(
    edges: Float[Array, " edges"], q2_max: Scalar, m: Scalar, width: Scalar, nodes: int
) -> tuple[Float[Array, "bins n"], Float[Array, "bins n"]]:
    """Nodes and weights [GeV^2] for int f(q2) BW(q2) dq2 of the product f BW, bin by bin.

    Args:
        edges: increasing bin edges [GeV^2]; what lies beyond q2_max has weight 0.
        q2_max: the endpoint [GeV^2].
        m: position of the peak [GeV], above 0.
        width: Gamma [GeV], above 0.
        nodes: nodes per bin.
    """
    t, weights = np.polynomial.legendre.leggauss(nodes)
    u_edges = endpoint_variable(edges, q2_max)
    centre, half = (u_edges[:-1] + u_edges[1:]) / 2, (u_edges[:-1] - u_edges[1:]) / 2
    u = centre[:, None] + half[:, None] * t[None, :]
    q2 = q2_max * (1 - u**2)
    is_open = half > 0
    scale = jnp.where(is_open, half, 1.0)
    pole = jnp.sqrt(1 - (m**2 + 1j * m * width) / q2_max)
    kernel = _cauchy((pole - centre) / scale, nodes) + _cauchy((-pole - centre) / scale, nodes)
    of_f = weights[None, :] * kernel.imag / jnp.pi  # sum f of_f = int f BW
    return q2, jnp.where(is_open[:, None], of_f / density(q2, m, width), 0.0)


def _cauchy(zeta: Complex[Array, " bins"], nodes: int) -> Complex[Array, "bins n"]:
    """1/(zeta - t) at the nodes, changed so that the rule is exact for polynomials over zeta - t.

    With r_i = 1/(zeta - t_i) and the barycentric weights b_i the polynomial through f(t_i) is
    sum r_i b_i f_i / sum r_i b_i at zeta; the rest of f over zeta - t is a polynomial, which
    Gauss-Legendre integrates. The last factor is int dt/(zeta - t) beyond what the rule sees of it.
    """
    t, weights = np.polynomial.legendre.leggauss(nodes)
    barycentric = (-1.0) ** np.arange(nodes) * np.sqrt((1 - t**2) * weights)
    r = 1 / (zeta[:, None] - t[None, :])
    missing = jnp.log((zeta + 1) / (zeta - 1)) - r @ weights
    # On the ellipse |zeta - 1| + |zeta + 1| = rho + 1/rho Gauss-Legendre errs by rho^(-2n).
    rho = _FAR ** (-0.5 / nodes)
    far = jnp.abs(zeta - 1) + jnp.abs(zeta + 1) > rho + 1 / rho
    at_pole = jnp.where(far, 0.0, missing / jnp.where(far, 1.0, r @ barycentric))
    return r * (1 + at_pole[:, None] * (barycentric / weights)[None, :])
