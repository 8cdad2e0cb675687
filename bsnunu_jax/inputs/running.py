"""Running of operators in QCD between a heavy scale and the b quark: leading logarithms.

The anomalous dimensions are those of leading order; alpha_s runs at two loops, since at one loop
its value at m_b comes out 5 % low, which the powers below would pass on. Between thresholds a
coefficient goes as (alpha_s(high)/alpha_s(low))^(a/b_0), b_0 = 11 - 2 nf/3. Vector operators with
one quark current do not run.
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.hadrons.transitions import get_quarks
from bsnunu_jax.inputs import Inputs

# a of the exponent a/b_0 of a factor eta = alpha_s(high)/alpha_s(low).
SCALAR, TENSOR = -4.0, 4.0 / 3.0
VLL, VLR, SLR = 2.0, 1.0, -8.0
# Where the quark masses of a preset are given: coefficients of scalars go with these scales.
_SCALES = {"mb_MSbar_4p8": 4.8, "mb_MSbar_4p2": 4.2}
# The solution of the two-loop equation doubles its digits with each step.
_NEWTON_STEPS = 4


def mu_b(inputs: Inputs) -> float:
    """Scale [GeV] of the quark masses of the preset, hence of scalar coefficients in rates.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> mu_b(load_inputs())
    4.8
    """
    return _SCALES[dict(inputs.roles)["m_b"]]


def coefficient_scale(quarks: str, inputs: Inputs) -> ArrayLike:
    """Scale [GeV] of the quark masses of a transition, hence of its scalar coefficients in rates.

    Raises:
        InputError: for an unknown transition.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> [float(coefficient_scale(quarks, load_inputs())) for quarks in ("b->s", "c->u", "s->d")]
    [4.8, 1.273, 2.0]
    """
    scale = get_quarks(quarks).scale
    if isinstance(scale, str):
        return inputs.values[scale] if scale else mu_b(inputs)
    return scale


def beta_0(nf: int) -> float:
    """11 - 2 nf/3."""
    return 11 - 2 * nf / 3


def alpha_s(mu: ArrayLike, inputs: Inputs) -> Float[Array, "*scales"]:
    """The strong coupling at mu [GeV], at two loops from its value at m_Z.

    Thresholds at m_b(m_b) (nf = 4 below) and m_t(m_t) (nf = 6 above), continuous there.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> round(float(alpha_s(4.2, load_inputs())), 3)
    0.225
    """
    v = inputs.values
    mu = jnp.asarray(mu, dtype=float)
    m_b, m_t = v["mb_mb_MSbar"], v["m_t_MSbar"]
    at_b, at_t = _evolve(v["alpha_s_mZ"], v["m_Z"], jnp.stack([m_b, m_t]), 5)
    middle = _evolve(v["alpha_s_mZ"], v["m_Z"], jnp.clip(mu, m_b, m_t), 5)
    below = _evolve(at_b, m_b, jnp.minimum(mu, m_b), 4)
    above = _evolve(at_t, m_t, jnp.maximum(mu, m_t), 6)
    return jnp.where(mu < m_b, below, jnp.where(mu > m_t, above, middle))


def factor(a: float, high: ArrayLike, low: ArrayLike, inputs: Inputs) -> Scalar:
    """C(low)/C(high) of an operator with the exponent a/b_0, e.g. `SCALAR`; scales in GeV.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> [round(float(factor(a, 1000.0, 4.2, load_inputs())), 2) for a in (SCALAR, TENSOR)]
    [1.64, 0.85]
    """
    return over_thresholds(lambda eta, b_0: eta ** (a / b_0), high, low, inputs)


def over_thresholds(
    step: Callable[[Scalar, float], Array], high: ArrayLike, low: ArrayLike, inputs: Inputs
) -> Array:
    """The product of `step(eta, b_0)` over the ranges of constant nf, the lowest one last.

    `high` may lie below `low`: the result is then the inverse. Matrices multiply in this order.
    """
    m_b, m_t = inputs.values["mb_mb_MSbar"], inputs.values["m_t_MSbar"]
    # The parts of the way with nf = 4, 5, 6, of no length where it does not lead there.
    ends = [
        jnp.stack([jnp.minimum(mu, m_b), jnp.clip(mu, m_b, m_t), jnp.maximum(mu, m_t)])
        for mu in (jnp.asarray(high, dtype=float), jnp.asarray(low, dtype=float))
    ]
    first, last = alpha_s(jnp.stack(ends), inputs)
    total: Array | None = None
    for nf, eta in zip((4, 5, 6), first / last, strict=True):
        now = step(eta, beta_0(nf))
        total = now if total is None else (total @ now if now.ndim else total * now)
    assert total is not None
    return total


@partial(jax.jit, static_argnames="nf")
def _evolve(start: Scalar, mu_0: Scalar, mu: Array, nf: int) -> Array:
    """Two-loop alpha_s(mu) from alpha_s(mu_0) at fixed nf: 1/a + c ln(c a/(1 + c a)) is linear."""
    b_0 = beta_0(nf) / (4 * jnp.pi)
    c = (102 - 38 * nf / 3) / (16 * jnp.pi**2) / b_0

    def f(a: Array) -> Array:
        return 1 / a + c * jnp.log(c * a / (1 + c * a))

    way = 2 * b_0 * jnp.log(mu / mu_0)
    target = f(start) + way

    def newton(_: int, a: Array, target: Array) -> Array:
        # f'(a) = -1/(a^2 (1 + c a)).
        return a + (f(a) - target) * a**2 * (1 + c * a)

    first = jax.lax.stop_gradient(1 / (1 / start + way))
    fixed = partial(newton, target=jax.lax.stop_gradient(target))
    a = jax.lax.fori_loop(0, _NEWTON_STEPS, fixed, first)
    # From the root on, two steps have the first three derivatives of the solution.
    for _ in range(2):
        a = newton(0, a, target)
    return a
