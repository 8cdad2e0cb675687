"""Functions of pytrees and names, compiled once for all values of their numbers."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

P = ParamSpec("P")
T = TypeVar("T")

_NUMBERS = (float, complex, np.ndarray, np.generic)
_KNOWN = (jax.Array, str, bool, int)


def jitted(function: Callable[P, T]) -> Callable[P, T]:
    """The function compiled by `equinox.filter_jit`: numbers are traced, names and integers not.

    `jax.grad`, `jax.vmap` and `jax.jit` apply as to the function itself. Arguments that are no
    pytrees of arrays, such as final states of one's own, go through it as it is.

    >>> double = jitted(lambda x, name: 2 * x)
    >>> float(double(1.5, "any"))
    3.0
    """
    compiled: Callable[..., T] = eqx.filter_jit(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        leaves, structure = jax.tree.flatten((args, kwargs))
        if not all(isinstance(x, _KNOWN + _NUMBERS) for x in leaves):
            return function(*args, **kwargs)
        leaves = [jnp.asarray(x) if isinstance(x, _NUMBERS) else x for x in leaves]
        positional, named = jax.tree.unflatten(structure, leaves)
        return compiled(*positional, **named)

    return call


def number(x: Any) -> jax.Array:
    """A number as an argument that is traced, whether an integer or not."""
    return jnp.asarray(x, dtype=float)
