"""Functions that are quadratic in their argument, as constant, slope and Hessian."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
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

    @property
    def coefficients(self) -> Array:
        """Of `monomials`, along the last axis; of a function with one array."""
        i, j = np.triu_indices(self.slope.shape[-1])
        pairs = self.hessian[..., i, j]
        weights = jnp.broadcast_to(np.where(i == j, 0.5, 1.0), pairs.shape)
        return jnp.concatenate([self.slope, weights * pairs], axis=-1)


def monomials(d: int) -> list[tuple[int, ...]]:
    """Those of degree 1 and 2 in d coordinates: (i,) and (i, j) with i <= j.

    >>> monomials(2)
    [(0,), (1,), (0, 0), (0, 1), (1, 1)]
    """
    i, j = np.triu_indices(d)
    return [*((k,) for k in range(d)), *zip(i.tolist(), j.tolist(), strict=True)]


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
