"""Box of two leptoquarks and two leptons with explicit spinors, colours and a numerical loop.

Amplitude of b b -> s s at rest, all quarks massless, spinors arbitrary. L = y_ki^A (qbar_k P l_i)
S_A + h.c. ("direct") or y_ki^A (qbar^c_k P l_i) S_A + h.c. Nothing of the package enters.
"""

from functools import cache
from itertools import product

import numpy as np
from scipy.integrate import quad

_PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], dtype=complex)
_ZERO, _ONE = np.zeros((2, 2)), np.eye(2)
# Chiral representation, upper indices; gamma_5 = diag(-1, -1, 1, 1).
GAMMA = np.array(
    [np.block([[_ZERO, _ONE], [_ONE, _ZERO]])]
    + [np.block([[_ZERO, s], [-s, _ZERO]]) for s in _PAULI]
)
METRIC = np.diag([1.0, -1.0, -1.0, -1.0])
PL, PR = np.diag([1.0, 1, 0, 0]), np.diag([0.0, 0, 1, 1])
C = 1j * GAMMA[2] @ GAMMA[0]


def directions() -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors of Euclidean space and weights over the sphere, exact for low polynomials."""
    n = 6
    angle = np.arange(1, n + 1) * np.pi / (n + 1)
    x, wx = np.cos(angle), np.pi / (n + 1) * np.sin(angle) ** 2
    y, wy = np.polynomial.legendre.leggauss(n)
    phi = 2 * np.pi * np.arange(2 * n) / (2 * n)
    k, w = [], []
    for (a, wa), (b, wb), p in product(zip(x, wx, strict=True), zip(y, wy, strict=True), phi):
        s, t = np.sqrt(1 - a**2), np.sqrt(1 - b**2)
        k.append([a, s * b, s * t * np.cos(p), s * t * np.sin(p)])
        w.append(wa * wb * np.pi / n)
    return np.array(k), np.array(w)


@cache
def radial(m_a: float, m_b: float) -> float:
    """int k^3 dk k^2/(k^4 (k^2 + m_a^2)(k^2 + m_b^2)) in units of 1/m_a^2."""
    r = (m_b / m_a) ** 2
    return quad(lambda k: k / ((k**2 + 1) * (k**2 + r)), 0, np.inf, epsabs=0, epsrel=1e-12)[0]


@cache
def average() -> np.ndarray:
    """int k^m k^n over the sphere of |k_E| = 1, upper indices, k^0 = i k_E^0."""
    n, w = directions()
    k = n * np.array([1j, 1, 1, 1])
    return np.einsum("i,im,in->mn", w, k, k)


def line(out: np.ndarray, into: np.ndarray, *, direct: bool, right: bool) -> np.ndarray:
    """One quark line, b in and s out, as a vector that k^m multiplies; lepton k-slash alone."""
    slashes = np.einsum("mn,nab->mab", METRIC, GAMMA)
    if direct:
        # sbar P l, lbar P' b.
        to_quark, to_lepton = (PL, PR) if right else (PR, PL)
        return np.einsum("a,ab,mbc,cd,d->m", out, to_quark, slashes, to_lepton, into)
    # b^T C P_L l and lbar P_R C sbar^T.
    return np.einsum("a,ab,mbc,cd,d->m", into, C @ PL, slashes, PR @ C, out)


def box(u, colours, y, masses, *, direct: bool, right: bool) -> complex:
    """The amplitude M of iM, in units of the square of masses[0].

    Args:
        u: spinors of b, b and barred ones of s, s, shape (4, 4).
        colours: of the same four quarks.
        y: couplings [scalar, (s, b), lepton]; leptons of all components of the doublet.
        masses: of the scalars.
    """
    total, sphere = 0.0, average()
    for a, b in product(range(len(masses)), repeat=2):
        # s is left to scalar a by one line and to b by the other.
        flow = np.sum(y[a, 0] * np.conj(y[b, 1])) * np.sum(y[b, 0] * np.conj(y[a, 1]))
        if not direct:
            flow = np.conj(flow)
        if flow == 0:
            continue
        loop = 0.0
        for first, second, sign in ((2, 3, 1), (3, 2, -1)):
            # Scalars carry the colour of b on one line to s on the other.
            if (colours[0], colours[1]) == (colours[second], colours[first]):
                how = {"direct": direct, "right": right}
                one, two = line(u[first], u[0], **how), line(u[second], u[1], **how)
                loop += sign * one @ sphere @ two
        # i^4 of vertices, i^2 of leptons over (k^2)^2, i^2 of scalars; d^4k = i d^4k_E.
        scale = (masses[0] / masses[a]) ** 2
        total += flow * loop * 1j * radial(masses[a], masses[b]) * scale / (2 * np.pi) ** 4
    return total / 1j


def contact(u, colours, *, right: bool) -> complex:
    """The amplitude of L = (sbar gamma_mu P b)(sbar gamma^mu P b), white brackets."""
    P = PR if right else PL
    total = 0.0
    for first, second, sign in ((2, 3, 1), (3, 2, -1)):
        if (colours[0], colours[1]) == (colours[first], colours[second]):
            one, two = (
                np.array([out @ g @ P @ into for g in GAMMA])
                for out, into in ((u[first], u[0]), (u[second], u[1]))
            )
            total += 2 * sign * one @ METRIC @ two
    return total


def vector_box(u, cutoff: float) -> complex:
    """Box of vectors of mass 1 with unit couplings up to a momentum, one pairing of the quarks."""
    n, w = directions()
    k = n * np.array([1j, 1, 1, 1])
    slashes = np.einsum("im,mn,nab->iab", k, METRIC, GAMMA)
    first, second = (
        np.einsum("a,mab,ibc,ncd,d->imn", u[i], GAMMA, slashes, GAMMA @ PL, u[j])
        for i, j in ((2, 0), (3, 1))
    )
    lower = k @ METRIC

    def integrand(size: float) -> float:
        propagator = -METRIC + size**2 * np.einsum("im,in->imn", lower, lower)
        found = np.einsum("i,imn,iab,imb,ian->", w, first, second, propagator, propagator)
        return size**3 * size**2 * abs(found) / (size**4 * (size**2 + 1) ** 2)

    return quad(integrand, 0, cutoff, epsrel=1e-6, limit=200)[0]
