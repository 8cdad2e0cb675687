"""Names of arrays that every room uses."""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Inexact

Scalar = Float[Array, ""]


def squared(c: Inexact[Array, "*shape"]) -> Float[Array, "*shape"]:
    """|c|^2, with a derivative at 0."""
    return c.real**2 + c.imag**2


def as_scalar(value: ArrayLike) -> Scalar:
    """A number in double precision."""
    return jnp.asarray(value, dtype=float)
