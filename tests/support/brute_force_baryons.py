"""Rates of 1/2+ -> 1/2+ + pair from Dirac spinors of both baryons, for every spin of both.

Conventions as in brute_force.py. Lambda_b at rest with spin up or down along z, Lambda along +z,
so that its spin along z is its helicity. The full tensor follows from its two contractions with q:
for T = <sigma>, D[T] = -(i/2) eps T = <sigma g5> and a = T.q, b = D[T].q it is
T = [a q - q a]/q2 + D[b q - q b]/q2.
"""

import brute_force as bf
import brute_force_pairs as bfp
import numpy as np
from brute_force import GAMMA, GAMMA5, METRIC, Array, FormFactors
from brute_force_pairs import Pair

NAMES = ("f0", "f+", "fperp", "g0", "g+", "gperp", "h+", "hperp", "ht+", "htperp")


def vertices(event: bf.Event, ff: FormFactors) -> dict[str, Array]:
    """Gamma of <s Gamma b> = ubar(p') Gamma u(p), Lorentz indices first."""
    M, m, p, p1, q = event.m_B, event.m_K, event.p_B, event.p_K, event.q
    s = bf.dot(q, q).real
    plus, minus = (M + m) ** 2 - s, (M - m) ** 2 - s
    X = p + p1 - (M**2 - m**2) / s * q
    one = np.eye(4)

    def times(vector: Array, matrix: Array) -> Array:
        return np.asarray(np.einsum("m,ij->mij", vector, matrix))

    even = GAMMA - times(2 * m / plus * p + 2 * M / plus * p1, one)
    odd = GAMMA + times(2 * m / minus * p - 2 * M / minus * p1, one)
    vector = times(ff["f0"] * (M - m) / s * q + ff["f+"] * (M + m) / plus * X, one)
    vector = vector + ff["fperp"] * even
    axial = times(ff["g0"] * (M + m) / s * q + ff["g+"] * (M - m) / minus * X, one)
    axial = -GAMMA5 @ (axial + ff["gperp"] * odd)
    # i sigma^{mu nu} q_nu.
    tensor_q = -(times(ff["h+"] * s / plus * X, one) + ff["hperp"] * (M + m) * even)
    tensor5_q = times(ff["ht+"] * s / minus * X, one) + ff["htperp"] * (M - m) * odd
    tensor5_q = -GAMMA5 @ tensor5_q
    scalar = ff["f0"] * (M - m) / (ff["m_b"] - ff["m_s"]) * one
    pseudoscalar = 1j * ff["g0"] * (M + m) / (ff["m_b"] + ff["m_s"]) * GAMMA5
    tensor = _full_tensor(-1j * tensor_q, -1j * tensor5_q, q)
    return {
        "S": scalar,
        "P": pseudoscalar,
        "V": vector,
        "A": axial,
        "T": tensor,
        "T5": _dual(tensor),
    }


def _dual(tensor: Array) -> Array:
    """-(i/2) eps^{mu nu alpha beta} T_{alpha beta} of matrices."""
    lowered = np.einsum("a,b,abij->abij", METRIC, METRIC, tensor)
    return np.asarray(-0.5j * np.einsum("mnab,abij->mnij", bf.EPSILON, lowered))


def _full_tensor(a: Array, b: Array, q: Array) -> Array:
    s = bf.dot(q, q).real

    def wedge(v: Array) -> Array:
        product = np.einsum("mij,n->mnij", v, q) / s
        return np.asarray(product - product.swapaxes(0, 1))

    return wedge(a) + _dual(wedge(b))


def spinor(momentum: Array, mass: float) -> Array:
    """u(k, s) for spin up and down along z."""
    return bf.spinors(momentum[None], mass, antiparticle=False)[0]


def matrix_elements(event: bf.Event, ff: FormFactors) -> list[list[dict[str, Array]]]:
    """<Lambda, s'|s Gamma b|Lambda_b, s>, [s][s'] with up first, by name of the structure."""
    u = spinor(event.p_B, event.m_B)
    ubar = spinor(event.p_K, event.m_K).conj() @ GAMMA[0]
    found = vertices(event, ff)
    return [[{k: np.asarray(w @ v @ spin) for k, v in found.items()} for w in ubar] for spin in u]


def quadratic_forms(
    q2: float, M: float, m: float, ff: FormFactors, pair: Pair, m1: float, m2: float
) -> Array:
    """G of dGamma/dq2 [GeV^-1], [spin of Lambda_b and the same conjugated, helicity, a, b].

    Indices 0 and 1 are up and down; nothing is averaged. The diagonal in the spin of Lambda_b is a
    rate, the rest its interference of spins, for pairs in any direction.
    """
    event = bf.three_body(q2, M, m, m1, m2)
    currents = pair.currents(event.k1, event.k2, m1, m2)
    found = np.array(
        [
            [bfp.amplitudes(bfp.with_chiral(hadron), pair, currents) for hadron in row]
            for row in matrix_elements(event, ff)
        ]
    )
    forms = np.einsum("shanuv,thbnuv,n->sthab", found, found.conj(), event.weights, optimize=True)
    return np.asarray(event.measure * pair.statistics * forms)


def rate(forms: Array) -> Array:
    """Averaged over the spin of Lambda_b, summed over the helicity of Lambda, [a, b]."""
    return np.asarray(np.einsum("sshab->ab", forms) / 2)


def slope(forms: Array) -> Array:
    """Spin of Lambda_b along Lambda minus against it, over 2."""
    return np.asarray((forms[0, 0].sum(axis=0) - forms[1, 1].sum(axis=0)) / 2)


def helicity(forms: Array) -> Array:
    """Helicity + of Lambda minus -, averaged over the spin of Lambda_b."""
    return np.asarray(np.einsum("ssab->ab", forms[:, :, 0] - forms[:, :, 1]) / 2)


def free_quark_deviation(q2: float = 6.0, m_b: float = 4.75, m_s: float = 0.1) -> float:
    """Largest |ubar Gamma u| of the form factors, all 1, beside those of the Dirac matrices."""
    event = bf.three_body(q2, m_b, m_s, 0.0, 0.0)
    ff = dict.fromkeys(NAMES, 1.0) | {"m_b": m_b, "m_s": m_s}
    u, ubar = spinor(event.p_B, m_b), spinor(event.p_K, m_s).conj() @ GAMMA[0]
    worst = 0.0
    for s, spin in enumerate(u):
        for t, left in enumerate(ubar):
            for name, found in matrix_elements(event, ff)[s][t].items():
                expected = left @ bf.STRUCTURES[name] @ spin
                worst = max(worst, float(np.max(np.abs(found - expected))))
    return worst
