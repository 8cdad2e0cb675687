"""Names of arrays that every room uses."""

from jaxtyping import Array, Float, Inexact

Scalar = Float[Array, ""]


def squared(c: Inexact[Array, "*shape"]) -> Float[Array, "*shape"]:
    """|c|^2, with a derivative at 0."""
    return c.real**2 + c.imag**2
