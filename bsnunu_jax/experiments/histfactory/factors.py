"""Factors of whole samples in channels: normsys with its interpolation, normfactors, luminosity.

Entries whose factors are alike share one product, which is computed once and spread.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments.histfactory.layout import runs, spread
from bsnunu_jax.experiments.histfactory.pieces import Pieces

NormCode = Literal["code4", "code1"]
# A table of normsys that is filled up may be so much larger than their number.
_FILLED = 3


@dataclass(frozen=True, eq=False)
class Factors:
    """The factors of the entries of a model; see `HistFactory` for the tables.

    Attributes:
        starts: first entry of every run of entries that are alike.
        kinds: which of the distinct products each run has.
        alphas: index of the systematic of every normsys that is evaluated.
        up, down: its factors at +1 and -1.
        norms: picks those of the products, shape (kinds, k); None if they are in this order.
        factors: picks the normfactors of the products, shape (kinds, k).
        products: how many distinct ones there are.
        size: entries.
    """

    starts: np.ndarray
    kinds: Pieces
    alphas: np.ndarray
    up: np.ndarray
    down: np.ndarray
    norms: Pieces | None
    factors: Pieces
    products: int
    size: int

    def of_entries(self, at: Array, factors: Array, code: NormCode, xp: Any) -> Any:
        """The product of every entry, 1.0 where there is none.

        Args:
            at: the systematics `alphas`.
            factors: normfactors and luminosity.
            code: interpolation of normsys.
            xp: jax.numpy, or numpy.
        """
        tables = []
        if self.up.size:
            norms = norm_factor(at, self.up, self.down, code, xp)
            if self.norms is not None:
                (norms,) = self.norms.of(norms, xp)
            tables.append(norms.reshape(self.products, -1))
        if self.factors.indices[0].size:
            (picked,) = self.factors.of(factors, xp)
            tables.append(picked.reshape(self.products, -1))
        if not tables:
            return 1.0
        found = [_product(table, xp) for table in tables]
        whole = found[0] if len(found) == 1 else found[0] * found[1]
        (of_runs,) = self.kinds.of(whole, xp)
        return spread(of_runs, self.starts, self.size, xp)


def factors_of(
    norms: np.ndarray,
    factors: np.ndarray,
    alpha: np.ndarray,
    up: np.ndarray,
    down: np.ndarray,
    n_factors: int,
) -> Factors:
    """From the tables of a model.

    Args:
        norms: indices of the normsys of every entry, padded with their number.
        factors: those of the normfactors, padded likewise; see `Pieces`.
        alpha: the systematic of every normsys.
        up, down: its factors.
        n_factors: how many normfactors there are.
    """
    starts = runs(norms, factors)
    both = np.concatenate([norms, factors], axis=1)[starts]
    distinct, kind = np.unique(both, axis=0, return_inverse=True)
    of_norms, of_factors = distinct[:, : norms.shape[1]], distinct[:, norms.shape[1] :]
    order: Pieces | None = Pieces(len(up), (of_norms.ravel(),))
    if of_norms.size <= _FILLED * len(up):  # evaluated in the order in which they are multiplied
        flat = of_norms.ravel()
        alpha, up, down = (
            np.append(values, filling)[flat]
            for values, filling in ((alpha, 0), (up, 1.0), (down, 1.0))
        )
        order = None
    return Factors(
        starts,
        Pieces(len(distinct), (kind.ravel(),)),
        alpha,
        up,
        down,
        order,
        Pieces(n_factors, (of_factors.ravel(),)),
        len(distinct),
        len(norms),
    )


def _product(table: Float[Array, "n k"], xp: Any) -> Float[Array, " n"]:
    """The product of every row, by halves: exact also where a factor is 0."""
    while table.shape[1] > 1:
        half = table.shape[1] // 2
        pairs, rest = table[:, :half] * table[:, half : 2 * half], table[:, 2 * half :]
        table = xp.concatenate([pairs, rest], axis=1) if rest.shape[1] else pairs
    return table[:, 0]


def norm_factor(alpha: Array, up: np.ndarray, down: np.ndarray, code: NormCode, xp: Any) -> Array:
    """Factor of a normsys: up^alpha or down^-alpha; code4 joins them by a polynomial inside 1."""
    log_up, log_down = np.log(up), np.log(down)
    exponential = xp.exp(xp.where(alpha >= 0, alpha * log_up, -alpha * log_down))
    if code == "code1":
        return exponential
    # Value, slope and curvature agree at +-1: the even and the odd part have three each.
    even = [(up * log_up**n + down * log_down**n) / 2 for n in range(3)]
    odd = [(up * log_up**n - down * log_down**n) / 2 for n in range(3)]
    v, s, c = odd
    a1, a3, a5 = (15 * v - 7 * s + c) / 8, (-5 * v + 5 * s - c) / 4, (3 * v - 3 * s + c) / 8
    v, s, c = even[0] - 1, even[1], even[2]
    a2, a4, a6 = (24 * v - 9 * s + c) / 8, (-12 * v + 7 * s - c) / 4, (8 * v - 5 * s + c) / 8
    series = a4 + alpha * (a5 + alpha * a6)
    inside = 1 + alpha * (a1 + alpha * (a2 + alpha * (a3 + alpha * series)))
    return xp.where(xp.abs(alpha) > 1, exponential, inside)
