"""Numbers that are quadratic in the parameters: one polynomial a number, common monomials."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.numerics.quadratic import monomials, quadratic

# A polynomial of degree 2 has one Hessian, to this, and gives the numbers, to this.
_ROUNDING = 1e-13
_PROBES = 6
# Coefficients that differ by this much of themselves are the same.
_EQUAL = 2e-15
# Above this many terms a point, all numbers together, the general way is faster.
_TERMS = 2_000

Vector = Float[Array, " d"]


class QuadraticForms(eqx.Module):
    """Polynomials of the coordinates: number = factor (c + sum_g a_g sum_m weight_m monomial_m).

    Sums of monomials that enter all numbers in one proportion are made once, e.g. |C_L + C_R|^2 of
    all flavours.

    Attributes:
        constants: c, shape (rows,).
        coefficients: a, shape (rows, groups).
        weights: of every monomial in its group, shape (monomials,).
        factors: of every number over its row, shape (names,).
        names: of the numbers.
        rows: row of every number; proportional numbers have one.
        groups: group of every monomial.
        terms: groups of every row with coefficients that are not 0.
        monomials: (i,) or (i, j) with i <= j.
    """

    constants: Float[Array, " rows"]
    coefficients: Float[Array, "rows groups"]
    weights: Float[Array, " monomials"]
    factors: Float[Array, " names"]
    names: tuple[str, ...] = eqx.field(static=True)
    rows: tuple[int, ...] = eqx.field(static=True)
    groups: tuple[int, ...] = eqx.field(static=True)
    terms: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    monomials: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def __call__(self, x: Sequence[Float[Array, " n"]]) -> dict[str, Float[Array, " n"]]:
        """The numbers at n points, one array a coordinate."""
        sums: dict[int, Array] = {}
        for k, (group, m) in enumerate(zip(self.groups, self.monomials, strict=True)):
            term = self.weights[k] * (x[m[0]] if len(m) == 1 else x[m[0]] * x[m[1]])
            sums[group] = sums[group] + term if group in sums else term
        rows = []
        for r, terms in enumerate(self.terms):
            row = jnp.full_like(x[0], self.constants[r])
            for g in terms:
                row = row + self.coefficients[r, g] * sums[g]
            rows.append(row)
        return {
            n: self.factors[k] * rows[r]
            for k, (n, r) in enumerate(zip(self.names, self.rows, strict=True))
        }


def quadratic_forms(
    function: Callable[[Vector], Float[Array, " names"]],
    names: Sequence[str],
    low: np.ndarray,
    high: np.ndarray,
) -> QuadraticForms | None:
    """Polynomials of those numbers that are quadratic between low and high, None if none is.

    The Hessian must be the same all over the range, and the polynomial must give the number.
    """
    random = np.random.default_rng(0).uniform(low, high, size=(_PROBES, len(low)))
    points = jnp.asarray(np.concatenate([np.zeros((1, len(low))), random]))

    found = jax.jit(jax.vmap(lambda x: quadratic(function, x)))(points)
    values, hessians = np.asarray(found.value), np.asarray(found.hessian)
    c, h, a = values[0], hessians[0], np.asarray(found.coefficients)[0]
    order = monomials(len(low))
    products = np.stack([np.prod(random[:, m], axis=1) for m in order], axis=1)
    terms = products[:, None, :] * a
    size = np.abs(terms).sum(axis=-1) + np.abs(c)
    exact = np.abs(c + terms.sum(axis=-1) - values[1:]) <= _ROUNDING * size
    scale = np.abs(h).max(axis=(1, 2))
    constant = np.abs(hessians - h).max(axis=(2, 3)) <= _ROUNDING * scale
    kept = np.flatnonzero(exact.all(axis=0) & constant.all(axis=0)).tolist()
    if not kept or np.count_nonzero(a[kept]) > _TERMS:
        return None
    rows, owner, factors = _proportional(np.column_stack([c, a])[kept])
    seen = np.flatnonzero((rows[:, 1:] != 0).any(axis=0))
    groups, group, weights = _proportional(rows[:, 1:][:, seen].T)
    groups = groups.reshape(-1, len(rows))  # constants alone have none
    return QuadraticForms(
        jnp.asarray(rows[:, 0]),
        jnp.asarray(groups.T),
        jnp.asarray(weights),
        jnp.asarray(factors),
        tuple(names[k] for k in kept),
        owner,
        group,
        tuple(tuple(np.flatnonzero(row).tolist()) for row in groups.T),
        tuple(order[k] for k in seen),
    )


def _proportional(a: np.ndarray) -> tuple[np.ndarray, tuple[int, ...], np.ndarray]:
    """Rows no two of which are proportional, and the row and factor of every given one."""
    rows: list[np.ndarray] = []
    owner, factors = [], []
    for row in a:
        largest = int(np.abs(row).argmax())
        for other in (k for k, r in enumerate(rows) if r[largest] != 0):
            factor = row[largest] / rows[other][largest]
            if np.abs(row - factor * rows[other]).max() <= _EQUAL * np.abs(row[largest]):
                break
        else:
            other, factor = len(rows), 1.0
            rows.append(row)
        owner.append(other)
        factors.append(factor)
    return np.array(rows), tuple(owner), np.array(factors)
