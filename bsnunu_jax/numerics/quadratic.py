"""Functions that are quadratic in their argument, as constant, slope and Hessian."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Float

Vector = Float[Array, " d"]


class Quadratic(NamedTuple):
    """value + slope d + d hessian d / 2 at a distance d; leaves as those of the function.

    Attributes:
        value: of the function.
        slope: one more axis at the end.
        hessian: two more axes at the end.
    """

    value: Any
    slope: Any
    hessian: Any


def quadratic(function: Callable[[Vector], Any], at: Vector) -> Quadratic:
    """The expansion of a function around a point, exact if it is quadratic.

    Derivatives and not differences: what does not enter has a coefficient of exactly 0.

    >>> import jax.numpy as jnp
    >>> quadratic(lambda x: 1 + 2 * x[0] + x[0] * x[1], jnp.zeros(2)).hessian
    Array([[0., 1.],
           [1., 0.]], dtype=float64)
    """

    def slope(x: Vector) -> tuple[Any, tuple[Any, Any]]:
        slope, value = jax.jacfwd(lambda x: (function(x),) * 2, has_aux=True)(x)
        return slope, (slope, value)

    hessian, (first, value) = jax.jacfwd(slope, has_aux=True)(at)
    return Quadratic(value, first, hessian)
