"""Picks of entries of a vector, together: cut where one of them begins or ends, and joined again.

The gradient of a gather is a scatter, which XLA does entry by entry; the gradient of cutting is
joining. What many picks share is cut once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Array, Float

# A pick is joined from runs if they are few or long, or else a product with a matrix if that is
# small: pieces of the vector, runs, entries of a run; entries of the matrix, and of a tiny one,
# which is quicker than runs.
_PIECES, _FEW, _LONG, _SMALL, _TINY = 64, 8, 8, 10_000, 500
Run = tuple[int, int, bool]


@dataclass(frozen=True, eq=False)
class Pieces:
    """Picks from a vector of a size: arrays of indices, where the size itself stands for a 1.

    >>> picks = Pieces(4, (np.array([1, 2, 4]), np.array([0, 0])))
    >>> [p.tolist() for p in picks.of(np.array([5.0, 6.0, 7.0, 8.0]), np)]
    [[6.0, 7.0, 1.0], [5.0, 5.0]]
    """

    size: int
    indices: tuple[np.ndarray, ...]

    def of(self, vector: Any, xp: Any) -> list[Any]:
        """The entries of every pick from a vector, shape (size,); `xp` is jax.numpy, or numpy."""
        if xp is np:
            return [np.append(vector, 1.0)[index] for index in self.indices]
        cuts = self._cuts
        pieces = xp.split(vector, cuts[1:-1]) if len(cuts) > 2 else [vector]
        at = {cut: i for i, cut in enumerate(cuts)}
        found: list[Any] = []
        for index, runs in zip(self.indices, self._runs, strict=True):
            if runs is None:
                found.append(_gathered(vector, index, xp))
                continue
            parts: list[Any] = []
            for start, length, same in runs:
                if start == self.size:
                    parts.append(np.ones(length))
                elif same:
                    parts.append(xp.broadcast_to(pieces[at[start]], (length,)))
                else:
                    parts += pieces[at[start] : at[start + length]]
            found.append(parts[0] if len(parts) == 1 else xp.concatenate(parts or [np.zeros(0)]))
        return found

    @cached_property
    def _runs(self) -> tuple[list[Run] | None, ...]:
        """The runs of every pick; None where it is not joined from them."""
        found, cuts = [], {0, self.size}
        for index in self.indices:
            runs = _runs(index.tolist(), self.size)
            ends = _ends(runs, self.size)
            few = len(runs) <= max(_FEW, len(index) // _LONG) and len(cuts | ends) <= _PIECES
            tiny = len(runs) > 1 and len(index) * self.size <= _TINY
            joined = few and not tiny
            found.append(runs if joined else None)
            cuts |= ends if joined else set()
        return tuple(found)

    @cached_property
    def _cuts(self) -> list[int]:
        ends = (_ends(runs, self.size) for runs in self._runs if runs is not None)
        return sorted({0, self.size}.union(*ends))


def _runs(index: Sequence[int], size: int) -> list[Run]:
    """First index, length, and whether it stays the same, of all runs."""
    found: list[Run] = []
    i = 0
    while i < len(index):
        step = int(i + 1 < len(index) and index[i] < size and index[i + 1] == index[i] + 1)
        j = i + 1
        while j < len(index) and index[j] == index[j - 1] + step and (index[j] < size or not step):
            j += 1
        # What stays the same from the last entry on is a run of its own.
        if step and j < len(index) and j > i + 1 and index[j] == index[j - 1]:
            j -= 1
        found.append((index[i], j - i, not step))
        i = j
    return found


def _ends(runs: Sequence[Run], size: int) -> set[int]:
    inside = [(start, 1 if same else length) for start, length, same in runs if start < size]
    return {start for start, _ in inside} | {start + length for start, length in inside}


def _gathered(vector: Float[Array, " n"], index: np.ndarray, xp: Any) -> Float[Array, " m"]:
    """A product where it is small."""
    if index.size * vector.size > _SMALL:
        return xp.append(vector, 1.0)[index]
    chosen = (index[:, None] == np.arange(vector.size)).astype(float)
    return chosen @ vector + (index == vector.size)
