"""Names of arrays that every room uses."""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

Scalar = Float[Array, ""]


def as_scalar(value: ArrayLike) -> Scalar:
    """A number in double precision."""
    return jnp.asarray(value, dtype=float)
