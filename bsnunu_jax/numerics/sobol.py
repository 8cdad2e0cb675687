"""Sobol points, each a function of its index: no generator has to run up to where a scan resumes.

Direction numbers of S. Joe and F. Y. Kuo, SIAM J. Sci. Comput. 30 (2008) 2635 (new-joe-kuo-6);
scrambled by random lower-triangular matrices and a digital shift (J. Matousek, J. Complexity 14
(1998) 527), which keeps what makes the points even.
"""

from functools import cache

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, UInt64

from bsnunu_jax.foundation.packaged import packaged

# Binary digits of a coordinate; an index below 2^BITS.
BITS = 52
# Primitive polynomial and first odd numbers m of every dimension after the first.
_TABLE = packaged("numerics", "sobol.yaml")["sobol"]
DIMENSIONS = len(_TABLE) + 1


@cache
def directions(dimensions: int) -> UInt64[np.ndarray, "dimensions bits"]:
    """Direction numbers without scrambling, the first digit of a coordinate highest."""
    found = np.zeros((dimensions, BITS), dtype=np.uint64)
    for d in range(dimensions):
        m = [1] * BITS
        if d:
            polynomial, first = _TABLE[d - 1]
            degree = len(first)
            m[:degree] = first
            for k in range(degree, BITS):
                m[k] = m[k - degree] ^ (m[k - degree] << degree)
                for j in range(1, degree):
                    if polynomial >> (degree - j) & 1:
                        m[k] ^= m[k - j] << j
        found[d] = [number << (BITS - 1 - k) for k, number in enumerate(m)]
    return found


def scrambled(
    dimensions: int, seed: int
) -> tuple[UInt64[np.ndarray, "dimensions bits"], UInt64[np.ndarray, " dimensions"]]:
    """Direction numbers and digital shifts of the scrambling with this seed."""
    rng = np.random.default_rng([seed, 0x50B01])
    plain = directions(dimensions)
    found = np.zeros_like(plain)
    for row in range(BITS):  # the highest digit first: each sees itself and those above it
        above = (np.uint64(1) << np.uint64(row)) - np.uint64(1)
        mask = rng.integers(0, 2**63, size=dimensions, dtype=np.uint64) & above
        mask = ((mask << np.uint64(1)) | np.uint64(1)) << np.uint64(BITS - 1 - row)
        parity = np.bitwise_count(plain & mask[:, None]).astype(np.uint64) & np.uint64(1)
        found |= parity << np.uint64(BITS - 1 - row)
    shift = rng.integers(0, 2**BITS, size=dimensions, dtype=np.uint64)
    return found, shift


def sobol(
    index: UInt64[Array, " n"], number: int, dimensions: int, seed: int | None
) -> list[Float[Array, " n"]]:
    """Coordinates in [0, 1), one array a dimension.

    Args:
        index: of the points, below `number`.
        number: of all points.
        dimensions: at most DIMENSIONS.
        seed: of the scrambling; None for none.

    >>> [x.tolist() for x in sobol(jnp.arange(4, dtype=jnp.uint64), 4, 2, None)]
    [[0.0, 0.5, 0.75, 0.25], [0.0, 0.5, 0.25, 0.75]]
    """
    if seed is None:
        numbers, shift = directions(dimensions), np.zeros(dimensions, dtype=np.uint64)
    else:
        numbers, shift = scrambled(dimensions, seed)
    gray = index ^ (index >> 1)
    digits = [(gray >> k) & 1 for k in range(max(number - 1, 1).bit_length())]
    found = []
    for own, start in zip(numbers, shift, strict=True):
        x = jnp.full_like(index, start)
        for digit, direction in zip(digits, own, strict=False):
            x = x ^ (digit * direction)
        found.append(x.astype(float) * 2.0**-BITS)
    return found
