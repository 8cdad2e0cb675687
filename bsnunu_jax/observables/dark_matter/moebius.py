r"""Riccati equations W' = -lambda (W^2 - 1) + kappa W by products of 2x2 matrices.

W = p/q with (p, q)' = [[kappa/2, lambda], [lambda, -kappa/2]] (p, q) is linear: no step is too
stiff. Each step is a Magnus exponential of fourth order in closed form; all steps at once, their
product by halving.
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

Steps = Float[Array, "steps"]
Matrix = tuple[Array, Array, Array, Array]


def magnus_steps(h: Steps, kappa: tuple[Steps, Steps], rate: tuple[Steps, Steps]) -> Matrix:
    """Elements 11, 12, 21, 22 of exp(Omega) of every step, up to a factor that W does not see.

    Args:
        h: lengths of the steps.
        kappa: kappa at the two Gauss-Legendre points of every step.
        rate: lambda there.
    """
    diagonal = h * (kappa[0] + kappa[1]) / 4
    off = h * (rate[0] + rate[1]) / 2
    # (sqrt(3)/12) h^2 [A_2, A_1] is antisymmetric.
    twist = jnp.sqrt(3.0) / 12 * h**2 * (kappa[1] * rate[0] - kappa[0] * rate[1])
    twist = jnp.clip(twist, -off, off)
    cosh, sinhc = _scaled(diagonal**2 + off**2 - twist**2)
    return (
        cosh + diagonal * sinhc,
        (off + twist) * sinhc,
        (off - twist) * sinhc,
        cosh - diagonal * sinhc,
    )


def _scaled(square: Array) -> tuple[Array, Array]:
    """cosh(r) and sinh(r)/r times exp(-r) for r^2 >= 0, smooth at 0."""
    small = square < 1e-4
    r = jnp.sqrt(jnp.where(small, 1.0, square))
    decay = jnp.exp(-2 * r)
    y = jnp.where(small, square, 0.0)
    return (
        jnp.where(small, 1 + y / 2 + y**2 / 24, (1 + decay) / 2),
        jnp.where(small, 1 + y / 6 + y**2 / 120, (1 - decay) / (2 * r)),
    )


def product(matrices: Matrix) -> Matrix:
    """The last matrix times .. times the first, up to a factor; their number is a power of 2."""
    a, b, c, d = matrices
    while a.shape[0] > 1:
        # The elements are positive: no cancellation, and the scale drops out of W.
        scale = lax.stop_gradient(1 / (a + b + c + d))
        a, b, c, d = a * scale, b * scale, c * scale, d * scale
        (a1, b1, c1, d1), (a2, b2, c2, d2) = (tuple(m[i::2] for m in (a, b, c, d)) for i in (0, 1))
        a, b = a2 * a1 + b2 * c1, a2 * b1 + b2 * d1
        c, d = c2 * a1 + d2 * c1, c2 * b1 + d2 * d1
    return a[0], b[0], c[0], d[0]
