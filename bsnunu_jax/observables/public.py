"""The observables that the package exports, jitted: a first call compiles one program.

Whatever is traced or recorded inside the package calls the functions themselves.
"""

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.inputs import Inputs
from bsnunu_jax.numerics.quadrature import NODES
from bsnunu_jax.observables import branching, spectra
from bsnunu_jax.states import States

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


branching_fraction = jitted(branching.branching_fraction)
branching_fraction_np = jitted(branching.branching_fraction_np)
ratio_to_sm = jitted(branching.ratio_to_sm)
longitudinal_fraction = jitted(branching.longitudinal_fraction)
eta = jitted(branching.eta)
omega = jitted(spectra.omega)
efficiency_weighted_spectrum = jitted(spectra.efficiency_weighted_spectrum)
_bins = jitted(branching.branching_fraction_bins)
dbr_dq2 = jitted(branching.dbr_dq2, q2=number)
longitudinal_fraction_at = jitted(branching.longitudinal_fraction_at, q2=number)
normalised_spectrum = jitted(spectra.normalised_spectrum, q2=number)


def branching_fraction_bins(
    mode: str, states: States, inputs: Inputs, edges: Float[Array, " edges"], *, nodes: int = NODES
) -> Float[Array, " bins"]:
    """See `branching.branching_fraction_bins`; edges are looked at before they are traced."""
    return _bins(mode, states, inputs, branching.checked_edges(edges, nodes), nodes=nodes)
