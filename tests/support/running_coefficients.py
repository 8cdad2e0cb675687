"""Running of a coefficient in QCD from its differential equation."""

from itertools import pairwise

import jax
import jax.numpy as jnp
from scipy.integrate import solve_ivp

from bsnunu_jax.inputs import load_inputs
from bsnunu_jax.inputs.running import alpha_s

INPUTS = load_inputs()


def integrated(a: float, high: float, low: float) -> float:
    """C(low)/C(high) from the renormalisation group equation, nf = 6, 5 and 4 where they hold."""
    ln_alpha = jax.jit(jax.grad(lambda t: jnp.log(alpha_s(jnp.exp(t), INPUTS))))
    thresholds = [float(INPUTS.values[k]) for k in ("m_t_MSbar", "mb_mb_MSbar")]
    edges = [high, *(x for x in thresholds if low < x < high), low]
    total = 0.0
    for first, last in pairwise(edges):
        nf = 4 + sum(last >= x for x in thresholds)
        b_0 = 11 - 2 * nf / 3
        steps = solve_ivp(
            lambda t, _, b=b_0: [-a / b * float(ln_alpha(t))],
            [float(jnp.log(first)), float(jnp.log(last))],
            [0.0],
            rtol=1e-9,
            atol=1e-12,
        )
        total += float(steps.y[0, -1])
    return float(jnp.exp(total))
