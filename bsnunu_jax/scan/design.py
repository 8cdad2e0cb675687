"""Which points a scan has: grids, random and Sobol coordinates, each a function of its index."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import jax.numpy as jnp
import numpy as np
from jax.extend.random import threefry_2x32
from jax.scipy.special import ndtri
from jaxtyping import Array, Float, UInt32, UInt64

from bsnunu_jax.numerics.sobol import sobol

Column = Float[Array, " n"]
Index = UInt64[Array, " n"]


@dataclass(frozen=True)
class Axis:
    """A real coordinate of the points.

    Attributes:
        name: of its column.
        low, high: its range.
        log: equal steps in, or flat in, the logarithm.
        size: number of grid points, 0 if it is drawn.
    """

    name: str
    low: float
    high: float
    log: bool = False
    size: int = 0

    def at(self, fraction: Column) -> Column:
        """The value at this fraction of the range."""
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            value = jnp.exp(low + (high - low) * fraction)
        else:
            value = self.low + (self.high - self.low) * fraction
        # The ends are what the card says, to the last digit.
        value = jnp.where(fraction == 0, self.low, value)
        return jnp.where(fraction == 1, self.high, value)


@dataclass(frozen=True)
class Design:
    """The points of a scan, in row-major order of the grid axes, drawn ones fastest.

    Attributes:
        axes: the coordinates.
        draws: points on every cell of the grid, 1 if nothing is drawn.
        quasi: Sobol points in place of random ones.
        seed: of all that is drawn.
        nuisances: standard-normal coordinates beside the axes, always random.
    """

    axes: tuple[Axis, ...]
    draws: int
    quasi: bool
    seed: int
    nuisances: int = 0

    @cached_property
    def number(self) -> int:
        """Number of points."""
        return self.draws * math.prod(a.size for a in self.axes if a.size)

    @cached_property
    def strides(self) -> dict[str, int]:
        """How many points later the next value of each grid axis comes."""
        found, stride = {}, self.draws
        for axis in reversed(self.axes):
            if axis.size:
                found[axis.name] = stride
                stride *= axis.size
        return found

    def step(self, axis: Axis, index: Index) -> Index:
        """Where on a grid axis the points are."""
        stride, size = (np.uint64(x) for x in (self.strides[axis.name], axis.size))
        return (index // stride) % size

    def row(self, names: Sequence[str], index: Index) -> Index:
        """Where the points are on the grid of these axes alone."""
        row = jnp.zeros_like(index)
        for axis in self.axes:
            if axis.name in names:
                row = row * np.uint64(axis.size) + self.step(axis, index)
        return row

    def values(self, index: Index) -> dict[str, Column]:
        """Every axis at these points."""
        drawn = [a for a in self.axes if not a.size]
        if self.quasi:
            fractions = sobol(index, self.number, len(drawn), self.seed)
        else:
            fractions = [self._uniform(index, d) for d in range(len(drawn))]
        of = dict(zip((a.name for a in drawn), fractions, strict=True))
        for a in self.axes:
            if a.size:
                of[a.name] = self.step(a, index).astype(float) / max(a.size - 1, 1)
        return {a.name: a.at(of[a.name]) for a in self.axes}

    def normals(self, index: Index) -> Float[Array, "n k"]:
        """The nuisances at these points."""
        first = sum(not a.size for a in self.axes)
        columns = [ndtri(self._uniform(index, first + d)) for d in range(self.nuisances)]
        return jnp.stack(columns, axis=1) if columns else jnp.zeros((*index.shape, 0))

    def _uniform(self, index: Index, d: int) -> Column:
        """Uniform numbers in (0, 1): Threefry of (seed, counter), without a state."""
        width = sum(not a.size for a in self.axes) + self.nuisances
        counter = index * np.uint64(width) + np.uint64(d)
        high, low = (counter >> 32).astype(jnp.uint32), counter.astype(jnp.uint32)
        key: UInt32[Array, " 2"] = jnp.array([0, self.seed], dtype=jnp.uint32)
        bits = threefry_2x32(key, jnp.concatenate([high, low])).astype(jnp.uint64)
        first, second = jnp.split(bits, 2)
        # 53 bits and a half: never 0, never 1.
        whole = ((first << 32) | second) >> 12
        return (whole.astype(float) + 0.5) * 2.0**-52
