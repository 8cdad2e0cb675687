"""Entries that lie side by side: what is alike in a run of them is computed once, and sums of bins.

The entries of a workspace are ordered by channel, sample, bin. Where that is so, a factor of a
sample is broadcast to its bins and a bin sums over a regular axis: XLA scatters the gradient of a
gather, and a matrix of zeros and ones is long to multiply with.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from jaxtyping import Array, Float

# Groups of runs of one width, or of channels of one shape, that are worth operations of their own.
_GROUPS = 32


def runs(*alike: np.ndarray) -> np.ndarray:
    """First index of every run of entries in which all of these arrays have equal rows.

    >>> runs(np.array([0, 0, 1, 1]), np.array([5, 5, 5, 6])).tolist()
    [0, 2, 3]
    """
    size = len(alike[0])
    new = np.ones(size, dtype=bool)
    new[1:] = False
    for rows in alike:
        flat = rows.reshape(size, -1)
        new[1:] |= (flat[1:] != flat[:-1]).any(axis=1)
    return np.flatnonzero(new)


def spread(
    values: Float[Array, " runs"], starts: np.ndarray, size: int, xp: Any
) -> Float[Array, " entries"]:
    """The value of its run for every entry."""
    widths = np.diff(starts, append=size)
    groups = [(w, len(list(same))) for w, same in groupby(widths.tolist())]
    if len(groups) > _GROUPS:
        return values[np.repeat(np.arange(len(widths)), widths)]
    parts = xp.split(values, np.cumsum([n for _, n in groups])[:-1].tolist())
    wide = [
        xp.broadcast_to(part[:, None], (n, w)).reshape(-1)
        for part, (w, n) in zip(parts, groups, strict=True)
    ]
    return wide[0] if len(wide) == 1 else xp.concatenate(wide)


def channel_shapes(channels: Sequence[str], bins: np.ndarray) -> tuple[tuple[int, int], ...] | None:
    """(samples, bins) of the channels of entries ordered by channel, sample, bin; None if not so.

    >>> channel_shapes(["a", "a", "a", "a", "b"], np.array([0, 1, 0, 1, 2]))
    ((2, 2), (1, 1))
    """
    found, at, first = [], 0, 0
    for _, same in groupby(channels):
        here = bins[at : at + len(list(same))]
        width = len(np.unique(here))
        samples = len(here) // width
        if not np.array_equal(here, np.tile(first + np.arange(width), samples)):
            return None
        found.append((samples, width))
        at, first = at + len(here), first + width
    return tuple(found)


def sums(
    entries: Float[Array, " entries"], shapes: Sequence[tuple[int, int]], xp: Any
) -> Float[Array, " bins"] | None:
    """Sums over the samples of every bin; None where too many channels differ."""
    groups = [(shape, len(list(same))) for shape, same in groupby(shapes)]
    if len(groups) > _GROUPS:
        return None
    ends = np.cumsum([s * b * n for (s, b), n in groups])
    parts = xp.split(entries, ends[:-1].tolist())
    found = [
        part.reshape(n, s, b).sum(axis=1).reshape(-1)
        for part, ((s, b), n) in zip(parts, groups, strict=True)
    ]
    return found[0] if len(found) == 1 else xp.concatenate(found)
