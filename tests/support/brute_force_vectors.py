"""Pairs of massive vectors X with explicit polarization vectors: the operators of Eq. (20).

The operators of arXiv:2309.12741 with eps^{0123} = -1 in V3, V6, A3, A6.  X^dag creates the
particle, e1* exp(i k1 x), and X the antiparticle, e2* exp(i k2 x): on the two together d_nu is
i (k1 + k2)_nu, and <->d_nu is i (k2 - k1)_nu.
"""

import brute_force as bf
import numpy as np
from brute_force import Array
from brute_force_pairs import Pair


def polarizations(k: Array, mass: float) -> Array:
    """Three real polarization vectors of momentum k and their boost, [direction, spin, mu]."""
    momentum, energy = k[:, None, 1:], k[:, None, 0]
    axes = np.eye(3)[None]  # in the rest frame
    along = np.sum(momentum * axes, axis=2)
    space = axes + (along / (mass * (energy + mass)))[..., None] * momentum
    return np.concatenate([(along / mass)[..., None], space], axis=2)


def vector_currents(k1: Array, k2: Array, m1: float, m2: float) -> dict[str, Array]:
    """<X(k1, e1) Xbar(k2, e2)| . |0> of the dark half of every operator, Lorentz indices up."""
    e1, e2 = polarizations(k1, m1).conj(), polarizations(k2, m2).conj()
    return of_fields(e1[:, :, None, :], e2[:, None, :, :], k1, k2)


def of_fields(e1: Array, e2: Array, k1: Array, k2: Array) -> dict[str, Array]:
    """The same with e1 exp(i k1 x) for X^dag and e2 exp(i k2 x) for X."""
    q, difference = ((k1 + sign * k2)[:, None, None, :] for sign in (1, -1))
    derivative, left_right = 1j * q, -1j * difference  # d^mu of both, <->d^mu

    def dot(a: Array, b: Array) -> Array:
        return np.asarray(np.sum(bf.METRIC * a * b, axis=-1))[..., None]

    def dual(*vectors: Array) -> Array:  # eps^{mu nu rho sigma} a_nu b_rho c_sigma
        lowered = (bf.METRIC * vector for vector in vectors)
        found = np.einsum("mabc,...a,...b,...c->...m", bf.EPSILON, *lowered, optimize=True)
        return np.asarray(found)

    product = e1[..., :, None] * e2[..., None, :]  # X^dag^mu X^nu
    wedge = product - product.swapaxes(-1, -2)
    return {
        "X2": e1 * dot(derivative, e2) + dot(derivative, e1) * e2,
        "X3": dual(left_right, e1, e2),
        "X4": dot(e1, e2) * 1j * left_right,
        "X5": 1j * (e1 * dot(derivative, e2) - dot(derivative, e1) * e2),
        "X6": 1j * dual(derivative, e1, e2),
        "XS": dot(e1, e2)[..., 0],
        "XT1": 0.5j * wedge,
        "XT2": 0.5 * wedge,
    }


VECTORS = Pair(
    {"S": ("S", "XS"), "P": ("P", "XS"), "T1": ("T", "XT1"), "T2": ("T5", "XT2")}
    | {f"{quark}{i}": (quark, f"X{i}") for quark in "VA" for i in range(2, 7)},
    vector_currents,
)
