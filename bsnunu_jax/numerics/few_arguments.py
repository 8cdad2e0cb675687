"""Derivatives of a costly function of few numbers, paid once for any number of directions."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array


def of_few(function: Callable[..., Array]) -> Callable[..., Array]:
    """The function with derivatives as products of its Jacobian, those of any order.

    A Hessian in 60 coordinates would otherwise follow each of them through the function, of which
    all but a few do not move its arguments.

    Args:
        function: of scalars, to an array.

    >>> import jax.numpy as jnp
    >>> f = of_few(lambda x, y: x**2 * y)
    >>> float(jax.grad(jax.grad(f), argnums=1)(3.0, 5.0))
    6.0
    """

    @jax.custom_jvp
    def value(*x: Array) -> Array:
        return function(*x)

    def derivative(primals: tuple[Array, ...], tangents: tuple[Any, ...]) -> tuple[Array, Array]:
        moved = [i for i, d in enumerate(tangents) if not isinstance(d, SymbolicZero)]

        def slopes(*x: Array) -> Array:
            def along(changed: Array) -> Array:
                new = list(x)
                for i, one in zip(moved, changed, strict=True):
                    new[i] = one
                return function(*new)

            def column(direction: Array) -> Array:
                return jax.jvp(along, (jnp.stack([x[i] for i in moved]),), (direction,))[1]

            return jax.vmap(column)(jnp.eye(len(moved)))

        jacobian = of_few(slopes)(*primals)
        terms = (jacobian[k] * tangents[i] for k, i in enumerate(moved))
        found = value(*primals)
        return found, sum(terms, start=jnp.zeros_like(found))

    value.defjvp(derivative, symbolic_zeros=True)
    return value
