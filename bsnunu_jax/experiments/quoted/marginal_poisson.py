r"""Poisson counts, also with a Gaussian rate integrated out: its derivatives as averages.

    I(e, s) = int dmu P(mu) Normal(mu | e, s) over mu > 0,   P(mu) = mu^n e^-mu/n!

Differentiated k times in e and divided by I it is an average over the integrand, of He_k(p)/s^k
with p = (mu - e)/s, or by parts of P^(k)/P where nothing is left at mu = 0. The first divides by
the width, which may be tiny or 0; the second by the rate, which may be 0. With D_k for either,

    d ln I = D_1 de + s D_2 ds,   d D_k = (D_(k+1) - D_k D_1) de + s (D_(k+2) - D_k D_2) ds,

the second terms because a Gaussian obeys the equation of heat conduction: one sum over nodes serves
all directions of a derivative.
"""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
from jax.custom_derivatives import SymbolicZero
from jax.scipy.special import gammaln, xlogy
from jaxtyping import Array, Float

Points = Float[Array, "..."]
Numbers = Any  # numbers or arrays of numpy or JAX that broadcast

# Widths of the integrand on both sides of its mode, 6e-13 of it, and what it has fallen by there.
_REACH = 7.5
_DROP = _REACH**2 / 2
# From this share of the mode on the integral may as well begin at rate 0.
_CUT = 0.1
# From so many counts on mu^n is as good as smooth at 0.
_SMOOTH = 8
# Gaussians narrower than this are none: their fourth power would underflow.
_SHARP = 1e-60


def log_marginal(
    expected: Numbers, observed: Numbers, std: Numbers, *, nodes: int, xp: Any = jnp
) -> Any:
    """ln I of the module docstring; for s = 0 the Poisson term, -inf where it has no rate.

    Broadcasts over its arguments.

    Args:
        expected: e, mean of the rate.
        observed: n, whole or not.
        std: s, 0 or above.
        nodes: of the Gauss-Legendre rule.
        xp: jax.numpy, or numpy without derivatives.
    """
    e, n, s = xp.broadcast_arrays(*(xp.asarray(x, dtype=float) for x in (expected, observed, std)))
    if xp is np:
        return _integrals(0, nodes, e, n, s, np)[0]
    return _moments(0, nodes, e, n, s)[0]


def most_likely_rate(expected: Numbers, observed: Numbers, std: Numbers, xp: Any = jnp) -> Any:
    """The mode of the integrand: the largest root of mu^2 + mu (s^2 - e) = n s^2, at least 0."""
    variance = std**2
    shift = expected - variance
    square = shift**2 + 4 * observed * variance
    # Without events it is the root of a square: at e = s^2 it has no slope, and needs none.
    root = xp.where(square > 0, xp.sqrt(xp.where(square > 0, square, 1.0)), 0.0)
    # For shift < 0 the sum cancels: the other form of the root does not.
    below = root + abs(shift)
    small = 2 * observed * variance / xp.where(below > 0, below, 1.0)
    return xp.where(shift > 0, (shift + root) / 2, small)


def most_likely_pull(
    rate: Numbers, expected: Numbers, observed: Numbers, std: Numbers, xp: Any = jnp
) -> Any:
    """(mu - e)/s of the mode, from the slope of the Poisson term: exact for any width, 0 for 0."""
    inside = rate > 0
    by_slope = std * (observed / xp.where(inside, rate, 1.0) - 1)
    has_width = std > 0
    at_zero = xp.where(has_width, -expected / xp.where(has_width, std, 1.0), 0.0)
    return xp.where(inside, by_slope, at_zero)


def log_most_likely(expected: Points, observed: Points, std: Points) -> Float[Array, ""]:
    """sum ln of the largest integrand over 1/(sqrt(2 pi) s): the rates at their most likely."""
    rate = most_likely_rate(expected, observed, std)
    pull = most_likely_pull(rate, expected, observed, std)
    # A rate of 0 is possible without events, a certain one below 0 is not.
    possible = ((rate > 0) | (observed == 0)) & ((std > 0) | (expected >= 0))
    log_rate = jnp.log(jnp.where(rate > 0, rate, 1.0))
    terms = observed * log_rate - rate - gammaln(observed + 1.0) - pull**2 / 2
    return jnp.sum(jnp.where(possible, terms, -jnp.inf))


def poisson(
    observed: np.ndarray | Array, expected: Float[Array | np.ndarray, " bins"], xp: Any = jnp
) -> Float[Array, ""]:
    """sum ln Poisson(observed | expected); of an expected 0, 0 without events and else -inf.

    Args:
        observed: counts, whole or not.
        expected: rates.
        xp: jax.numpy, or numpy without derivatives.
    """
    known = isinstance(observed, np.ndarray)  # a constant, whatever is compiled
    log_gamma = scipy.special.gammaln if known else gammaln
    positive = expected > 0
    possible = positive | ((expected == 0) & (observed == 0))
    # Both branches of a `where` are differentiated: no logarithm of 0 in the discarded one.
    safe = xp.where(positive, expected, 1.0)
    terms = observed * xp.log(safe) - expected - log_gamma(observed + 1.0)
    return xp.sum(xp.where(possible, terms, -xp.inf))


def saturated_poisson(observed: np.ndarray | Array) -> Float[Array, ""]:
    """The largest value of `poisson`: every bin expects what it observed."""
    return jnp.sum(xlogy(observed, observed) - observed - gammaln(observed + 1.0))


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _moments(order: int, nodes: int, e: Array, n: Array, s: Array) -> tuple[Array, ...]:
    """ln I, D_1, ..., D_order."""
    return _integrals(order, nodes, e, n, s)


def _integrals(
    order: int, nodes: int, e: Numbers, n: Numbers, s: Numbers, xp: Any = jnp
) -> tuple[Any, ...]:
    """The same as sums over nodes, fixed pulls or, where the integral begins at 0, fixed rates."""
    x, weights = np.polynomial.legendre.leggauss(nodes)
    v, weights = (1 + x) / 2, weights / 2
    sharp = s < _SHARP
    certain = sharp & (e <= 0)  # no integral at all: any rate does below
    s = xp.where(sharp, 0.0, s)
    fixed = _fixed if xp is jnp else tuple
    low, span, rate, cut, held = fixed((*_window(e, n, s, xp), s))
    width, mode = xp.where(sharp, 1.0, s), xp.where(rate > 0, rate, 1.0)
    # On the nodes q the rate is base + step q and the pull offset + scale q.
    step = span * xp.where(cut, held, s)
    base = xp.where(certain, 1.0, xp.where(cut, 0.0, e + s * low))
    offset, scale = xp.where(cut, -e / width, low), xp.where(cut, span * held / width, span)
    # mu^n has a branch point at 0 if n is not whole, which v^2 makes milder.
    is_bent = (cut & (n < _SMOOTH))[..., None]
    q, weights = xp.where(is_bent, v**2, v), xp.where(is_bent, 2 * v * weights, weights)
    mu = base[..., None] + step[..., None] * q
    pull = offset[..., None] + scale[..., None] * q
    log_terms = n[..., None] * xp.log(mu) - mu - pull**2 / 2
    # Of terms that two loops read XLA makes an array, and vectorises both.
    (peak,) = fixed((xp.max(log_terms, axis=-1),))
    terms = weights * xp.exp(log_terms - peak[..., None])
    total = xp.sum(terms, axis=-1)
    log_factorial = gammaln(n + 1.0) if xp is jnp else scipy.special.gammaln(n + 1.0)
    norm = log_factorial + 0.5 * math.log(2 * math.pi)
    log_integral = peak + xp.log(total * scale) - norm
    impossible = certain & ((e < 0) | (n > 0))
    found = [xp.where(certain, xp.where(impossible, -xp.inf, 0.0), log_integral)]
    if order:
        y = xp.where(cut[..., None], pull, mode[..., None] / mu - 1)
        moments = [xp.ones_like(total)]
        for _ in range(order):
            terms = terms * y
            moments.append(xp.sum(terms, axis=-1) / total)
        for polynomial in _polynomials(order, n, mode, width, cut, xp):
            average = sum(c * moment for c, moment in zip(polynomial, moments, strict=False))
            found.append(xp.where(impossible, 0.0, average))
    return tuple(found)


def _fixed(arrays: tuple[Array, ...]) -> tuple[Array, ...]:
    """The integral does not depend on its window: no derivative need go through it."""
    return jax.lax.stop_gradient(arrays)


def _polynomials(
    order: int, n: Numbers, mode: Numbers, width: Numbers, cut: Numbers, xp: Any
) -> list[list[Any]]:
    """Coefficients of the averages D_1 .. D_order in y, the pull where cut, else mode/mu - 1.

    He_(k+1) = p He_k - k He_(k-1), and mu P^(k+1) = (n - k - mu) P^(k) - k P^(k-1).
    """
    by_mode = xp.where(cut, 0.0, 1 / mode)
    slope = xp.where(cut, 0.0, n * by_mode - 1), xp.where(cut, 1 / width, n * by_mode)
    twice = xp.where(cut, 1 / width**2, by_mode), by_mode
    found: list[list[Any]] = [[xp.ones_like(mode)]]
    before: list[Any] = []
    for k in range(order):
        now = found[-1]
        a, b = (tuple(x - k * by_mode for x in slope), tuple(-k * x for x in twice))
        new = [0.0] * (k + 2)
        for factors, polynomial in ((a, now), (b, before)):
            for i, factor in enumerate(factors):
                for j, c in enumerate(polynomial):
                    new[i + j] = new[i + j] + factor * c
        found.append(new)
        before = now
    return found[1:]


def _window(e: Numbers, n: Numbers, s: Numbers, xp: Any) -> tuple[Any, ...]:
    """Lowest pull p = (mu - e)/s, range of pulls, mode, and whether to begin at rate 0.

    From the mode m on ln of it falls by n (x - ln(1 + x)) + p^2/2 with x = mu/m - 1 and p the pull
    beyond that of the mode, and where the mode is at 0 by p (s - e/s) + p^2/2.
    """
    rate = most_likely_rate(e, n, s, xp)
    mode = most_likely_pull(rate, e, n, s, xp)
    inside, has_width = rate > 0, s > 0
    m, width = xp.where(inside, rate, 1.0), xp.where(has_width, s, 1.0)
    some = xp.where(inside & (n > 0), n, 0.0)
    down = _REACH / xp.sqrt(1 + some * (s / m) ** 2)
    # As x - ln(1 + x) > x^2/(2 + 4 x/3), up to 1/over the Poisson term alone has fallen enough, and
    # divided by the square of the distance it has done more before.
    over = some / (2 * _DROP / 3 + xp.sqrt((2 * _DROP / 3) ** 2 + 2 * some * _DROP))
    up = _REACH / xp.sqrt(1 + (_REACH * over * s / m) ** 2)
    steep = xp.where(inside, 0.0, s - e / width)
    at_zero = 2 * _DROP / (steep + xp.sqrt(steep**2 + 2 * _DROP))
    cut = has_width & (rate - s * down < _CUT * rate)
    low = xp.where(cut, -e / width, mode - down)
    return low, mode + xp.where(inside, up, at_zero) - low, rate, cut


def _rule(
    order: int, nodes: int, primals: tuple[Array, Array, Array], tangents: tuple[Any, Any, Any]
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    _, _, s = primals
    of_data = not isinstance(tangents[1], SymbolicZero)
    de, dn, ds = (
        jnp.zeros(t.shape, t.dtype) if isinstance(t, SymbolicZero) else t for t in tangents
    )
    if of_data:  # rare: the counts themselves vary
        both: tuple[tuple[Array, ...], tuple[Array, ...]] = jax.jvp(
            partial(_integrals, order, nodes), primals, (de, dn, ds)
        )
        return both
    log_integral, *averages = _moments(order + 2, nodes, *primals)
    D = [jnp.ones_like(s), *averages]
    slopes = [D[1] * de + D[2] * (s * ds)] + [
        (D[k + 1] - D[k] * D[1]) * de + (D[k + 2] - D[k] * D[2]) * (s * ds)
        for k in range(1, order + 1)
    ]
    return (log_integral, *averages[:order]), tuple(slopes)


_moments.defjvp(_rule, symbolic_zeros=True)
