"""Levenberg-Marquardt descent with exact second derivatives, inside a traced program."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

# What the objective, relative to itself, may rise by rounding.
_ROUNDING = 1e-10


def levenberg_marquardt(
    objective: Callable[[Array], Array],
    z: Float[Array, " n"],
    steps: int | Array,
    tolerance: float | Array,
    *,
    damping: float = 1e-2,
) -> tuple[Array, Array, Array, Array]:
    """Levenberg-Marquardt descent; returns the point, the objective, its gradient and Hessian.

    With 0 steps the point is the start, with infinite tolerance nothing is evaluated. Near the
    minimum less `damping` of the first step saves steps.
    """
    if not z.size:
        return z, objective(z), z, jnp.zeros((0, 0))

    def slopes(z: Array) -> tuple[Array, tuple[Array, Array]]:
        value, gradient = jax.value_and_grad(objective)(z)
        return gradient, (value, gradient)

    # The only place where the objective is traced: twice would compile twice as long.
    local = jax.jacfwd(slopes, has_aux=True)

    def step(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        z, trial, (value, gradient, hessian), damping, count = carry
        bend, (height, slope) = local(trial)
        # At the bottom rounding decides whether the objective falls: a smaller gradient will do.
        # Elsewhere it must fall, or a saddle would do.
        level = height - value < _ROUNDING * (1 + jnp.abs(value))
        flatter = jnp.max(jnp.abs(slope)) < 0.5 * jnp.max(jnp.abs(gradient))
        better = ((height < value) | (level & flatter)) & jnp.isfinite(height)
        state = tuple(
            jnp.where(better, n, o)
            for n, o in zip((height, slope, bend), (value, gradient, hessian), strict=True)
        )
        damping = jnp.where(better, damping / 10, jnp.maximum(damping * 10, 1e-2))
        z = jnp.where(better, trial, z)
        trial = z - jnp.linalg.solve(state[2] + damping * jnp.eye(z.size), state[1])
        return z, trial, state, damping, count + 1

    def unfinished(carry: tuple[Any, ...]) -> Array:
        _, _, (_, gradient, _), _, count = carry
        return (jnp.max(jnp.abs(gradient)) > tolerance) & (count <= steps)

    nowhere = jnp.asarray(jnp.inf), jnp.full_like(z, jnp.inf), jnp.eye(z.size)
    start = (z, z, nowhere, jnp.asarray(damping), jnp.asarray(0))
    z, _, (value, gradient, hessian), _, _ = jax.lax.while_loop(unfinished, step, start)
    return z, value, gradient, hessian
