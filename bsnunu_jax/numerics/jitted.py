"""Functions of pytrees and names, compiled once for all values of their numbers."""

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

P = ParamSpec("P")
T = TypeVar("T")

_NUMBERS = (float, complex, np.ndarray, np.generic)
_KNOWN = (jax.Array, str, bool, int)


def jitted(function: Callable[P, T], **prepare: Callable[[Any], Any]) -> Callable[P, T]:
    """The function compiled by `equinox.filter_jit`: numbers are traced, names and integers not.

    An argument that `prepare` names goes through its function first.

    `jax.grad`, `jax.vmap` and `jax.jit` apply as to the function itself. Arguments that are no
    pytrees of arrays, such as final states of one's own, go through it as it is.

    >>> double = jitted(lambda x, name: 2 * x)
    >>> float(double(1.5, "any"))
    3.0
    """
    compiled: Callable[..., T] = eqx.filter_jit(function)
    names = signature(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        given = names.bind(*args, **kwargs)
        given.arguments |= {k: f(given.arguments[k]) for k, f in prepare.items()}
        leaves, structure = jax.tree.flatten((given.args, given.kwargs))
        if not all(isinstance(x, _KNOWN + _NUMBERS) for x in leaves):
            return function(*given.args, **given.kwargs)
        leaves = [jnp.asarray(x) if isinstance(x, _NUMBERS) else x for x in leaves]
        positional, named = jax.tree.unflatten(structure, leaves)
        return compiled(*positional, **named)

    return call


def number(x: Any) -> jax.Array:
    """A number as an argument that is traced, whether an integer or not."""
    return jnp.asarray(x, dtype=float)
