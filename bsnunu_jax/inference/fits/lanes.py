"""The batched fit of the package: many independent descents through one compiled program.

A lane is one fit: where it starts, which coordinates are held there, and whatever its objective
needs beside the point (data, values, kernels). Lanes are data, so that no fit is compiled twice.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.numerics.batch import Batched
from bsnunu_jax.numerics.newton import levenberg_marquardt

Point = Float[Array, " size"]


class Descent(NamedTuple):
    """Where a descent ended.

    Attributes:
        point: shape (size,), held coordinates as they were.
        objective: there.
        gradient: shape (size,), 0 for what is held.
        hessian: shape (size, size), 2 on the diagonal for what is held.
    """

    point: Point
    objective: Float[Array, ""]
    gradient: Point
    hessian: Float[Array, "size size"]


class Ends(NamedTuple):
    """What `Lanes` returns unless told otherwise, as NumPy arrays of n lanes.

    Attributes:
        point: shape (n, size).
        objective: shape (n,).
        steepest: the largest component of the gradient that is left, shape (n,).
    """

    point: Any
    objective: Any
    steepest: Any


def ends(descent: Descent, lane: Any, *common: Any) -> Ends:
    """The point, its objective and the largest component of the gradient."""
    return Ends(descent.point, descent.objective, jnp.max(jnp.abs(descent.gradient), initial=0.0))


class Lanes:
    """Many minima of one objective.

    >>> import numpy as np
    >>> lanes = Lanes(lambda point, centre: ((point - centre) ** 2).sum())
    >>> lanes(np.zeros((3, 2)), np.arange(6.0).reshape(3, 2)).point[2].round(6)
    array([4., 5.])
    """

    def __init__(
        self,
        objective: Callable[..., Float[Array, ""]],
        finish: Callable[..., Any] = ends,
        *,
        steps: int = 80,
        done: float = 1e-6,
        damping: float = 1e-2,
        width: int | None = None,
    ) -> None:
        """Nothing is compiled until the first call.

        Args:
            objective: of a point, its lane, a pytree without the axis of lanes, and what all lanes
                share.
            finish: what to return of a descent, its lane and what all share, a pytree of arrays.
            steps: most Newton steps.
            done: largest component of the gradient at which a descent ends.
            damping: of the first step.
            width: lanes of a call.
        """
        self._settings = steps, done

        def one(
            common: tuple[Any, ...],
            active: Array,
            start: Point,
            lane: Any,
            held: Array,
            steps: Array,
            done: Array,
        ) -> Any:
            def height(point: Point) -> Array:
                # What is held idles in a parabola.
                idle = jnp.sum(jnp.where(held, point - start, 0.0) ** 2)
                return objective(jnp.where(held, start, point), lane, *common) + idle

            tolerance = jnp.where(active, done, jnp.inf)
            found = levenberg_marquardt(height, start, steps, tolerance, damping=damping)
            return finish(Descent(*found), lane, *common)

        self._run = Batched(one, width=width, rests=True)

    def __call__(
        self,
        starts: np.ndarray,
        lanes: Any,
        *,
        common: tuple[Any, ...] = (),
        held: np.ndarray | bool = False,
        steps: np.ndarray | int | None = None,
        done: float | None = None,
    ) -> Any:
        """Descend in n lanes.

        Args:
            starts: shape (n, size).
            lanes: pytree whose leaves have the lanes along axis 0.
            common: pytrees of arrays that all lanes share, after the lane among the arguments.
            held: which coordinates stay at their start, broadcast to the shape of `starts`.
            steps: most Newton steps, one number or one a lane; 0 to look at the starts alone.
            done: as in the constructor.
        """
        n = len(starts)
        most, close = self._settings
        return self._run(
            starts,
            lanes,
            np.broadcast_to(held, starts.shape),
            np.broadcast_to(most if steps is None else steps, (n,)),
            np.broadcast_to(close if done is None else done, (n,)),
            common=(common,),
        )
