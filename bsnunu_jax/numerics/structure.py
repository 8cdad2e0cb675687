"""What a function depends on, from its structure alone: nothing is computed."""

from collections.abc import Callable, Mapping
from typing import Any

import jax

from bsnunu_jax.foundation.errors import InputError


def depends(
    function: Callable[[Mapping[str, Any]], Any], arguments: Mapping[str, Any], names: set[str]
) -> bool:
    """Whether any output of a function depends on some of its arguments.

    >>> import jax.numpy as jnp
    >>> both = {"x": jnp.ones(()), "y": jnp.ones(())}
    >>> depends(lambda at: 2 * at["x"], both, {"y"})
    False
    """
    points = {k: v[None] if k in names else v for k, v in arguments.items()}
    mapped = {k: 0 if k in names else None for k in arguments}
    every: Callable[..., Any] = jax.vmap(function, in_axes=(mapped,), out_axes=None)
    try:
        # An output that does not depend on what is mapped is not mapped, and may be one for all.
        jax.eval_shape(every, points)
    except InputError:
        raise
    except ValueError:
        return True
    return False
