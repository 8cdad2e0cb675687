"""Names of arrays that every room uses."""

from jaxtyping import Array, Float

Scalar = Float[Array, ""]
