r"""Thermal average of sigma v, Gondolo and Gelmini, Nucl. Phys. B 360 (1991) 145.

For a constant amplitude <sigma v> = S_f |M|^2 eta(x, z)/(64 pi m^2) with x = m/T, z = (m_f/m)^2 and

    eta = 4x/K_2(x)^2 int_max(1,z)^inf d eps sqrt((eps - 1)(eps - z)/eps) K_1(2 x sqrt(eps)),

2 sqrt(1 - z) at rest; closed channels have the tail exp(-2 x (sqrt(z) - 1)). In
w = 2x (sqrt(eps) - sqrt(max(1, z))) the integrand is sqrt(w (w + a)) exp(-w) times a smooth
function, a = 2x |1 - sqrt(z)|: w = a sinh^2 v removes both roots.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_derivatives import SymbolicZero
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from bsnunu_jax.inputs import Inputs
from bsnunu_jax.observables.dark_matter.annihilation import CHANNELS, amplitude
from bsnunu_jax.observables.dark_matter.bessel import k1e, kve, last_axis
from bsnunu_jax.states.sectors import DarkScalar

_NODES = 24
# exp(-_END) of the integral is left out.
_END = 36.0
# Smallest a that sets the nodes: the range of v ends.
_LEAST_A = 0.1


def scaled_eta(x: ArrayLike, z: ArrayLike) -> Array:
    """eta exp(2x (sqrt(z) - 1)) if the channel is closed, else eta; shapes broadcast, x >= 1.

    Relative error 2e-9; the slope is that of either side at the threshold, where both agree.
    """
    return _scaled_eta(*_broadcast(x, z))


def _broadcast(x: ArrayLike, z: ArrayLike) -> tuple[Array, Array]:
    shape = jnp.broadcast_shapes(jnp.shape(x), jnp.shape(z))
    return (
        jnp.broadcast_to(jnp.asarray(x, dtype=float), shape),
        jnp.broadcast_to(jnp.asarray(z, dtype=float), shape),
    )


def _integral(x: Array, z: Array) -> Array:
    x, z = x[..., None], z[..., None]
    root = jnp.sqrt(z)
    is_open = z <= 1
    high, low = jnp.where(is_open, 1.0, root), jnp.where(is_open, root, 1.0)
    a = 2 * x * (high - low)
    w, weights = _rule(lax.stop_gradient(a))
    y = w / (2 * x)
    roots = jnp.sqrt(w * (w + a) * (y + 2 * high) * (y + high + low))
    integral = jnp.sum(weights * roots * k1e(2 * x * (high + y)), axis=-1)
    x = x[..., 0]
    return 2 * integral / (x * kve(2, x) ** 2)


@jax.custom_jvp
def _scaled_eta(x: Array, z: Array) -> Array:
    return _integral(x, z)


@partial(_scaled_eta.defjvp, symbolic_zeros=True)
def _scaled_eta_jvp(primals: tuple[Array, Array], tangents: tuple[Any, Any]) -> tuple[Array, Array]:
    """Slopes are computed with the value: in reverse mode nothing of the integral is kept."""
    value, slope = _integral(*primals), jnp.zeros_like(primals[0])
    for k, tangent in enumerate(tangents):
        if not isinstance(tangent, SymbolicZero):
            unit = tuple(jnp.full_like(p, i == k) for i, p in enumerate(primals))
            slope += jax.jvp(_integral, primals, unit)[1] * tangent
    return value, jnp.asarray(slope)


def _rule(a: Array) -> tuple[Array, Array]:
    """Nodes w and weights of int_0^inf dw exp(-w)."""
    scale = jnp.maximum(a, _LEAST_A)
    t, weights = np.polynomial.legendre.leggauss(_NODES)
    end = jnp.arcsinh(jnp.sqrt(_END / scale))
    grown = jnp.exp(end * last_axis((t + 1) / 2, a))
    sinh, cosh = (grown - 1 / grown) / 2, (grown + 1 / grown) / 2
    w = scale * sinh**2
    return w, jnp.exp(-w) * last_axis(weights, a) * end * scale * sinh * cosh


def closing(x: ArrayLike, z: ArrayLike) -> Array:
    """exp(-2x (sqrt(z) - 1)) of a closed channel, 1 of an open one."""
    x, z = _broadcast(x, z)
    closed = z > 1
    return jnp.where(closed, jnp.exp(-2 * x * (jnp.sqrt(jnp.where(closed, z, 1.0)) - 1)), 1.0)


def eta(x: ArrayLike, z: ArrayLike) -> Array:
    """The thermal function of the module's docstring.

    >>> f"{float(eta(1e6, 0.36)):.5f}"
    '1.60000'
    """
    return scaled_eta(x, z) * closing(x, z)


def thermal_average(dark: DarkScalar, inputs: Inputs, x: ArrayLike) -> Float[Array, "..."]:
    """<sigma v>(x = m/T) [GeV^-2] of all channels, x >= 1 of any shape.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> from bsnunu_jax.observables.dark_matter.annihilation import CM3_PER_S
    >>> sigma_v = thermal_average(DarkScalar(0.6, C_ss=1e-4), load_inputs(), 20.0)
    >>> f"{CM3_PER_S * float(sigma_v):.2e}"
    '3.22e-26'
    """
    z, weights = channels(dark, inputs)
    total = eta(jnp.asarray(x, dtype=float)[..., None], z) @ weights
    return amplitude(dark, inputs) ** 2 * total / (64 * jnp.pi * dark.m**2)


def channels(dark: DarkScalar, inputs: Inputs) -> tuple[Array, Array]:
    """z and weight of every channel."""
    masses = jnp.stack([inputs.values[c.mass] for c in CHANNELS])
    return (masses / dark.m) ** 2, jnp.array([c.weight for c in CHANNELS])
