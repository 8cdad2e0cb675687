"""Derivatives of an integral whose limits move: with the nodes left where they are.

Integrands of pairs vanish at the threshold and at the endpoint, so that d/dm int f dq2 = int df/dm
dq2, and a rule that integrates f to rounding does so for df/dm: its root in the denominator is
cancelled by the weights. Form factors and all else that depends on q2 alone need no derivative
then. A second derivative acts on int df/dm dq2 as it stands, nodes included: df/dm does not vanish
at the limits.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import equinox as eqx
import jax
from jax.custom_derivatives import SymbolicZero

T = TypeVar("T")


def with_fixed_nodes(integral: Callable[..., Any], theta: T, *limits: jax.Array) -> Any:
    """`integral(theta, theta, *limits)`, differentiated with respect to all but its first argument.

    Args:
        integral: of the pytree that sets the nodes, of the one that sets the integrand, and of
            limits that move the nodes whatever else does.
        theta: both.
        limits: of the integral.
    """
    point, rest = eqx.partition(theta, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(point)
    count = len(leaves)

    def at(nodes: list[Any], integrand: list[Any]) -> Any:
        rule, point = (
            eqx.combine(jax.tree.unflatten(structure, x[:count]), rest) for x in (nodes, integrand)
        )
        return integral(rule, point, *integrand[count:])

    @jax.custom_jvp
    def value(leaves: list[Any]) -> Any:
        return at(leaves, leaves)

    def derivative(primals: tuple[list[Any]], tangents: tuple[list[Any]]) -> tuple[Any, Any]:
        (x,), (dot,) = primals, tangents
        moved = [i for i, d in enumerate(dot) if not isinstance(d, SymbolicZero)]

        def along(changed: list[Any]) -> Any:
            new = list(x)
            for i, leaf in zip(moved, changed, strict=True):
                new[i] = leaf
            return at(x, new)

        return jax.jvp(along, ([x[i] for i in moved],), ([dot[i] for i in moved],))

    value.defjvp(derivative, symbolic_zeros=True)
    return value([*leaves, *limits])
