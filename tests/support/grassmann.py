"""Anticommuting fields component by component: bilinears and their products without any Fierz.

A polynomial is a dict from ordered monomials (tuples of generators) to coefficients. A generator
is (name, spinor index, conjugated): components of psi and, independent of them, of psi^*.
"""

from itertools import product

import numpy as np

Generator = tuple[str, int, bool]
Polynomial = dict[tuple[Generator, ...], complex]

_s = (
    np.array([[0, 1], [1, 0]], dtype=complex),
    np.array([[0, -1j], [1j, 0]]),
    np.array([[1, 0], [0, -1]], dtype=complex),
)
_one, _zero = np.eye(2, dtype=complex), np.zeros((2, 2), dtype=complex)
GAMMA = (
    np.block([[_zero, _one], [_one, _zero]]),
    *(np.block([[_zero, s], [-s, _zero]]) for s in _s),
)
METRIC = np.diag([1.0, -1.0, -1.0, -1.0])
GAMMA5 = 1j * GAMMA[0] @ GAMMA[1] @ GAMMA[2] @ GAMMA[3]
PL, PR = (np.eye(4) - GAMMA5) / 2, (np.eye(4) + GAMMA5) / 2
# psi^c = C psibar^T.
C = 1j * GAMMA[2] @ GAMMA[0]
SIGMA = {
    (m, n): 0.5j * (GAMMA[m] @ GAMMA[n] - GAMMA[n] @ GAMMA[m])
    for m in range(4)
    for n in range(4)
    if m != n
}


def ordered(monomial: tuple[Generator, ...]) -> tuple[int, tuple[Generator, ...]]:
    """The sign of sorting the generators; 0 if one stands twice."""
    items, sign = list(monomial), 1
    for i in range(len(items)):
        for j in range(len(items) - 1 - i):
            if items[j] > items[j + 1]:
                items[j], items[j + 1] = items[j + 1], items[j]
                sign = -sign
    return (0 if len(set(items)) < len(items) else sign), tuple(items)


def add(*terms: tuple[complex, Polynomial]) -> Polynomial:
    """A linear combination."""
    found: Polynomial = {}
    for factor, polynomial in terms:
        for monomial, c in polynomial.items():
            found[monomial] = found.get(monomial, 0) + factor * c
    return found


def multiply(a: Polynomial, b: Polynomial) -> Polynomial:
    """The product, signs included."""
    found: Polynomial = {}
    for (first, x), (second, y) in product(a.items(), b.items()):
        sign, monomial = ordered(first + second)
        if sign:
            found[monomial] = found.get(monomial, 0) + sign * x * y
    return found


def dagger(a: Polynomial) -> Polynomial:
    """The Hermitian conjugate: reversed order, psi <-> psi^*."""
    found: Polynomial = {}
    for monomial, c in a.items():
        sign, key = ordered(tuple((n, i, not bar) for n, i, bar in reversed(monomial)))
        found[key] = found.get(key, 0) + sign * np.conj(c)
    return found


def _sum(matrix: np.ndarray, left: str, bar: bool, right: str) -> Polynomial:
    found: Polynomial = {}
    for i, j in zip(*np.nonzero(matrix), strict=True):
        sign, key = ordered(((left, int(i), bar), (right, int(j), False)))
        if sign:
            found[key] = found.get(key, 0) + sign * matrix[i, j]
    return found


def bilinear(left: str, matrix: np.ndarray, right: str) -> Polynomial:
    """leftbar matrix right, leftbar = left^dagger gamma^0."""
    return _sum(GAMMA[0] @ matrix, left, True, right)


def conjugated(left: str, matrix: np.ndarray, right: str) -> Polynomial:
    """The bilinear of the conjugated left field, whose bar is left^T C."""
    return _sum(C @ matrix, left, False, right)


def currents(left: str, chirality: np.ndarray, right: str) -> list[Polynomial]:
    """leftbar gamma^mu P right for mu = 0..3."""
    return [bilinear(left, g @ chirality, right) for g in GAMMA]


def contract(a: list[Polynomial], b: list[Polynomial]) -> Polynomial:
    """a_mu b^mu."""
    return add(*((METRIC[m, m], multiply(a[m], b[m])) for m in range(4)))


def four_fermion(
    bar: str, quark: np.ndarray, right: str, lepton_bar: str, lepton: np.ndarray, other: str
) -> Polynomial:
    """(bar gamma quark right)(lepton_bar gamma lepton other)."""
    return contract(currents(bar, quark, right), currents(lepton_bar, lepton, other))


def tensors(left: str, chirality: np.ndarray, right: str) -> dict[tuple[int, int], Polynomial]:
    """leftbar sigma^{mu nu} P right."""
    return {k: bilinear(left, s @ chirality, right) for k, s in SIGMA.items()}


def contract_tensors(
    a: dict[tuple[int, int], Polynomial], b: dict[tuple[int, int], Polynomial]
) -> Polynomial:
    """a_{mu nu} b^{mu nu} over all mu, nu."""
    return add(*((METRIC[m, m] * METRIC[n, n], multiply(a[m, n], b[m, n])) for m, n in SIGMA))


def part(a: Polynomial, fields: set[tuple[str, bool]]) -> Polynomial:
    """The monomials made of exactly these (field, conjugated)."""
    return {m: c for m, c in a.items() if {(n, bar) for n, _, bar in m} == fields}


def distance(a: Polynomial, b: Polynomial) -> float:
    """Largest difference of coefficients over the largest coefficient."""
    size = max((abs(c) for c in b.values()), default=0.0) or 1.0
    return max((abs(c) for c in add((1, a), (-1, b)).values()), default=0.0) / size
