"""Many points through one function, a chunk at a time."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# Lanes of a call: on a CPU few, so that calls for all cores are there even if lanes are few.
_ON_CPU, _ON_ACCELERATOR = 2, 64


def chunked_vmap(function: Callable[..., Any], *arrays: Any, chunk: int = 1_000) -> Any:
    """`jax.vmap(function)(*arrays)` with at most `chunk` points in memory at once.

    Chunks of a thousand stay in the cache: faster than one large `vmap`. Compile the whole, as in
    `jax.jit(lambda *x: chunked_vmap(f, *x))`, or every call compiles anew.

    Args:
        function: of one point, returning arrays or a pytree of them.
        arrays: pytrees whose leaves have the points along axis 0.
        chunk: points in flight.

    >>> import jax.numpy as jnp
    >>> chunked_vmap(lambda x: x**2, jnp.arange(5.0), chunk=2)
    Array([ 0.,  1.,  4.,  9., 16.], dtype=float64)
    """
    return jax.lax.map(lambda point: function(*point), arrays, batch_size=chunk)


def in_flight() -> int:
    """Compiled calls at the same time: one a core; on an accelerator one computes, one waits."""
    return os.cpu_count() or 1 if jax.default_backend() == "cpu" else 2


class Batched:
    """A function of one lane, compiled once for a few lanes and run over any number of them.

    On a CPU the lanes of a call run one after the other, so that none waits for the slowest, and
    calls run side by side, one a core; an accelerator computes all lanes of a call at once.

    >>> import numpy as np
    >>> square = Batched(lambda x: x**2, width=2)
    >>> square(np.arange(3.0))
    array([0., 1., 4.])
    """

    def __init__(
        self,
        one: Callable[..., Any],
        *,
        width: int | None = None,
        together: bool = False,
        rests: bool = False,
    ) -> None:
        """Nothing is compiled until the first call.

        Args:
            one: of what all lanes share, if anything, and of pytrees of arrays without the axis of
                lanes.
            width: lanes of a call.
            together: compute all lanes of a call at once on a CPU too, for functions that take
                equally long everywhere.
            rests: `one` takes, before what the lane has, whether it counts: lanes that fill up the
                last call do not and can end at once.
        """
        self._one, self._rests = one, rests
        on_cpu = jax.default_backend() == "cpu"
        self._width = width or (_ON_CPU if on_cpu else _ON_ACCELERATOR)
        self._at_once = together or not on_cpu
        self._compiled: dict[Any, Any] = {}
        self._lock = threading.Lock()

    def __call__(self, *lanes: Any, common: tuple[Any, ...] = ()) -> Any:
        """The function of n lanes as NumPy arrays.

        Args:
            lanes: pytrees whose leaves have the lanes along axis 0.
            common: pytrees of arrays that all lanes share: the first arguments of the function.
        """
        lanes = jax.tree.map(np.asarray, lanes)
        common = jax.tree.map(jnp.asarray, common)
        total, width = len(jax.tree.leaves(lanes)[0]), self._width
        program = self._program_for(common, lanes)

        def run(first: int) -> Any:
            numbers = np.arange(first, first + width)
            rows = np.minimum(numbers, total - 1)
            part = jax.tree.map(lambda a: a[rows], lanes)
            return jax.tree.map(np.asarray, program(common, numbers < total, part))

        starts = range(0, total, width)
        if len(starts) == 1:
            found = [run(0)]
        else:
            with ThreadPoolExecutor(in_flight()) as pool:
                found = list(pool.map(run, starts))
        return jax.tree.map(lambda *parts: np.concatenate(parts)[:total], *found)

    def _program_for(self, common: Any, lanes: Any) -> Any:
        """Compiled here: threads that call a program for the first time would all compile."""
        shared = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), common)
        shapes = jax.tree.map(
            lambda a: jax.ShapeDtypeStruct((self._width, *a.shape[1:]), a.dtype), lanes
        )
        leaves, structure = jax.tree.flatten((shared, shapes))
        key = structure, tuple((a.shape, a.dtype) for a in leaves)
        with self._lock:
            if key not in self._compiled:
                active = jax.ShapeDtypeStruct((self._width,), bool)
                self._compiled[key] = self._together.lower(shared, active, shapes).compile()
            return self._compiled[key]

    @cached_property
    def _together(self) -> Any:
        batch = self._width if self._at_once else None

        def together(common: Any, active: Any, lanes: Any) -> Any:
            def one(lane: Any) -> Any:
                return self._one(*common, *lane[: self._rests], *lane[1])

            return jax.lax.map(one, (active, lanes), batch_size=batch)

        return jax.jit(together)
