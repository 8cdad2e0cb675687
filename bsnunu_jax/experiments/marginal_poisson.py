r"""Poisson counts with a Gaussian rate integrated out, and its derivatives as moments.

    I(e, s) = int dmu Poisson(n | mu) Normal(mu | e, s) over mu > 0,   p = (mu - e)/s

    d ln I = E[p] de/s + (E[p^2] - 1) ds/s
    d E[p^k] = (E[p^(k+1)] - E[p^k] E[p] - k E[p^(k-1)]) de/s
             + (E[p^(k+2)] - E[p^k] E[p^2] - k E[p^k]) ds/s

with averages over the integrand: one sum over nodes serves all directions of a derivative.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jax.scipy.special import gammaln
from jaxtyping import Array, Float

Points = Float[Array, "..."]
# Lower and upper end of the integral from e, n, s.
Window = Callable[[Array, Array, Array], tuple[Array, Array]]


def log_marginal(
    expected: Points, observed: Points, std: Points, *, window: Window, nodes: int
) -> Points:  # fmt: skip
    """ln I of the module docstring.

    Args:
        expected: e, mean of the rate.
        observed: n, the same shape.
        std: s, the same shape.
        window: where the integrand lives.
        nodes: of the Gauss-Legendre rule in it.
    """
    log_integral: Array = _moments(0, window, nodes, expected, observed, std)[0]
    return log_integral


@partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def _moments(
    order: int, window: Window, nodes: int, e: Array, n: Array, s: Array
) -> tuple[Array, ...]:
    """ln I, E[p], ..., E[p^order]."""
    return _integrals(order, window, nodes, e, n, s)


def _integrals(
    order: int, window: Window, nodes: int, e: Array, n: Array, s: Array
) -> tuple[Array, ...]:
    shape = (1,) * e.ndim + (nodes,)
    x, weights = (a.reshape(shape) for a in np.polynomial.legendre.leggauss(nodes))
    # The integral does not depend on its window: no derivative need go through it.
    low, high = jax.lax.stop_gradient(window(e, n, s))
    half = (high - low)[..., None] / 2
    mu = low[..., None] + half * (1 + x)
    p = (mu - e[..., None]) / s[..., None]
    log_terms = n[..., None] * jnp.log(mu) - mu - p**2 / 2
    peak = jax.lax.stop_gradient(jnp.max(log_terms, axis=-1, keepdims=True))
    terms = weights * half * jnp.exp(log_terms - peak)
    total = jnp.sum(terms, axis=-1)
    norm = gammaln(n + 1.0) + 0.5 * math.log(2 * math.pi)
    found = [peak[..., 0] + jnp.log(total / s) - norm]
    for _ in range(order):
        terms = terms * p
        found.append(jnp.sum(terms, axis=-1) / total)
    return tuple(found)


def _rule(
    order: int, window: Window, nodes: int, primals: tuple[Array, Array, Array],
    tangents: tuple[Any, Any, Any],
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:  # fmt: skip
    _, _, s = primals
    of_data = not isinstance(tangents[1], SymbolicZero)
    de, dn, ds = (
        jnp.zeros(t.shape, t.dtype) if isinstance(t, SymbolicZero) else t for t in tangents
    )
    if of_data:  # rare: the counts themselves vary
        integrals = partial(_integrals, order, window, nodes)
        both: tuple[tuple[Array, ...], tuple[Array, ...]] = jax.jvp(
            integrals, primals, (de, dn, ds)
        )
        return both
    log_integral, *average = _moments(order + 2, window, nodes, *primals)
    m = [jnp.ones_like(s), *average]
    along_e, along_s = de / s, ds / s
    slopes = [m[1] * along_e + (m[2] - 1) * along_s] + [
        (m[k + 1] - m[k] * m[1] - k * m[k - 1]) * along_e
        + (m[k + 2] - m[k] * m[2] - k * m[k]) * along_s
        for k in range(1, order + 1)
    ]
    return (log_integral, *average[:order]), tuple(slopes)


_moments.defjvp(_rule, symbolic_zeros=True)
