"""What published numbers say of more data: which part of an error falls with their root."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from bsnunu_jax.experiments.measurement import NARROWEST, Quoted

Scalar = Float[Array, ""]
Number = float | Scalar

# What an entry that does not split its error is taken for.
ALL_STATISTICAL = "its error is taken as statistical"
FIRST_STATISTICAL = "its first error is taken as statistical, the others as systematic"


class Growing(Quoted):
    """What every published number has that more data of its kind would improve.

    Attributes:
        luminosity: of the data at the Y(4S) [1/ab]; None where it is not stated.
        assumed: what had to be assumed of its errors; "" for nothing.
    """

    luminosity: float | None = eqx.field(static=True, kw_only=True, default=None)
    assumed: str = eqx.field(static=True, kw_only=True, default="")


def grown(total: Number, systematic: Number, factor: Number) -> Array:
    """The total error with `factor` times the data, of which `systematic` does not fall.

    >>> round(float(grown(5.0, 3.0, 4.0)), 4)  # sqrt(4^2/4 + 3^2)
    3.6056
    """
    return jnp.sqrt(_statistical(total, systematic) / factor + jnp.square(systematic))


def resized(total: Number, systematic: Number, factor: Number) -> tuple[Array, Array]:
    """The total and the systematic error if the latter is `factor` times as large."""
    other = jnp.maximum(factor, NARROWEST) * systematic
    return jnp.sqrt(_statistical(total, systematic) + jnp.square(other)), other


def _statistical(total: Number, systematic: Number) -> Scalar:
    """The square of what is not systematic, which rounding may not bring below 0."""
    return jnp.maximum(jnp.square(total) - jnp.square(systematic), 0.0)
