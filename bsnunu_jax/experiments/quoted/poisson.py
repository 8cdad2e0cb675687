"""Poisson terms of binned counts."""

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln, xlogy
from jaxtyping import Array, Float


def poisson(observed: np.ndarray | Array, expected: Float[Array, " bins"]) -> Float[Array, ""]:
    """sum ln Poisson(observed | expected); of an expected 0, 0 without events and else -inf."""
    positive = expected > 0
    possible = positive | ((expected == 0) & (observed == 0))
    # Both branches of a `where` are differentiated: no logarithm of 0 in the discarded one.
    safe = jnp.where(positive, expected, 1.0)
    terms = observed * jnp.log(safe) - expected - gammaln(observed + 1.0)
    return jnp.sum(jnp.where(possible, terms, -jnp.inf))


def saturated_poisson(observed: np.ndarray | Array) -> Float[Array, ""]:
    """The largest value of `poisson`: every bin expects what it observed."""
    return jnp.sum(xlogy(observed, observed) - observed - gammaln(observed + 1.0))
