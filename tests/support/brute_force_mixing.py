"""Time-integrated rates of a meson that mixes, from its evolution in time and explicit amplitudes.

The antiparticle M-bar (b quark) decays through L = sum C O, the meson M through the hermitian
conjugate, whose matrices and currents are worked out here: gamma_0 Gamma^dagger gamma_0 between the
quarks, the charge conjugation matrix C Gamma^T C^-1 = c Gamma for the hadron, and for the pair the
conjugated operator on the same two particles. Phases: C|M> = |M-bar>, q/p = 1, and the CP-even
state, M - M-bar for a pseudoscalar, lives shorter.
"""

from collections.abc import Mapping
from functools import cache

import brute_force as bf
import brute_force_charged as charged
import brute_force_identical as identical
import brute_force_pairs as pairs
import brute_force_vectors as vectors
import numpy as np
from brute_force import Array, FormFactors
from scipy.linalg import expm

# Delta m/Gamma: of an untagged sum it drops out, 27 for the Bs.
DELTA_M = 26.8


@cache
def averaged_density(y: float) -> Array:
    """int dt Gamma rho(t) of an equal mixture of M and M-bar, by Gauss-Legendre in t."""
    H = np.array([[-0.5j, DELTA_M / 2 + 0.5j * y], [DELTA_M / 2 + 0.5j * y, -0.5j]])
    x, weights = np.polynomial.legendre.leggauss(24)
    end, pieces = 45.0, 150
    rho = np.zeros((2, 2), dtype=complex)
    for k in range(pieces):
        t = end / pieces * (k + (x + 1) / 2)
        for at, weight in zip(t, weights * end / pieces / 2, strict=True):
            U = expm(-1j * H * at)
            rho += weight * U @ U.conj().T / 2
    return rho


def _charge_parity(matrices: Array) -> int:
    """c of C Gamma^T C^-1 = c Gamma with C = i gamma^2 gamma^0."""
    C = 1j * bf.GAMMA[2] @ bf.GAMMA[0]
    turned = C @ matrices.swapaxes(-1, -2) @ np.linalg.inv(C)
    return _sign(turned, matrices)


def _bar(matrices: Array) -> Array:
    """gamma_0 Gamma^dagger gamma_0."""
    found: Array = bf.GAMMA[0] @ matrices.conj().swapaxes(-1, -2) @ bf.GAMMA[0]
    return found


def _sign(a: Array, b: Array) -> int:
    for sign in (1, -1):
        if np.allclose(a, sign * b):
            return sign
    raise ValueError("no multiple")


QUARKS = {name: _sign(_bar(m), m) * _charge_parity(m) for name, m in bf.STRUCTURES.items()}


def _conjugate_fermions(k1: Array, k2: Array, m1: float, m2: float) -> dict[str, Array]:
    return bf.fermion_currents(k1, k2, m1, m2, {n: _bar(m) for n, m in bf.STRUCTURES.items()})


def _conjugate_scalars(k1: Array, k2: Array, m1: float, m2: float) -> dict[str, Array]:
    """Of phi^dag ... phi: coefficients conjugated, the fields in each other's place."""
    found = pairs.scalar_currents(-k2, -k1, m2, m1)
    return {name: current.conj().swapaxes(1, 2) for name, current in found.items()}


def _conjugate_vectors(k1: Array, k2: Array, m1: float, m2: float) -> dict[str, Array]:
    """The same; -k stands for the conjugated derivatives, whose i is conjugated with the rest."""
    e1, e2 = (vectors.polarizations(k, m).conj() for k, m in ((k1, m1), (k2, m2)))
    found = vectors.bilinears(-k2, e2[:, None, :, :], -k1, e1[:, :, None, :])
    return {name: current.conj() for name, current in found.items()}


_BARS = {name: _bar(matrices) for name, matrices in bf.STRUCTURES.items()}
# A pair and what the hermitian conjugates of its operators create.
CASES = {
    "scalars": (pairs.SCALARS, _conjugate_scalars),
    "fermions": (pairs.FERMIONS, _conjugate_fermions),
    "vectors": (vectors.VECTORS, _conjugate_vectors),
    "real scalars": (identical.REAL_SCALARS, identical.both(_conjugate_scalars, 1)),
    "Majorana fermions": (identical.MAJORANA, identical.both(identical.one_contraction(_BARS), -1)),
    "real vectors": (identical.REAL_VECTORS, identical.both(_conjugate_vectors, 1)),
}


def rates(
    q2: float,
    m_B: float,
    m_K: float,
    form_factors: FormFactors,
    pair: pairs.Pair,
    conjugate: pairs.Currents,
    mass: float,
    couplings: Array,
    *,
    vector: bool,
    charge_parity: int,
    y: float,
) -> Array:
    """dBR/dq2 over tau [GeV^-1] of every set of couplings, [set, operator].

    Args:
        q2: of the pair [GeV^2].
        m_B, m_K: masses of the meson and of the final hadron.
        form_factors: and quark masses, as in `brute_force`.
        pair, conjugate: operators and currents of particles of one `mass`, see `CASES`.
        couplings: C of every operator.
        vector: the final hadron has spin 1.
        charge_parity: of the final hadron.
        y: Delta Gamma/(2 Gamma).
    """
    event = bf.three_body(q2, m_B, m_K, mass, mass)
    momenta = event.k1, event.k2, mass, mass
    of_bar, of_meson = pair.currents(*momenta), conjugate(*momenta)
    rho = averaged_density(y)
    found = np.zeros(len(couplings))
    for hadron in bf.matrix_elements(event, form_factors, vector):
        of_conjugate = {n: charge_parity * QUARKS[n] * h for n, h in hadron.items() if n in QUARKS}
        A_bar = pairs.amplitudes(hadron, pair, of_bar)
        A = pairs.amplitudes(of_conjugate, pair, of_meson)
        both = np.stack(
            [
                np.einsum("ca,anst->cnst", couplings.conj(), A),
                np.einsum("ca,anst->cnst", couplings, A_bar),
            ]
        )
        found += np.einsum("icnst,ij,jcnst,n->c", both, rho, both.conj(), event.weights).real
    return event.measure * pair.statistics * found


def leptons(
    q2: float,
    m_B: float,
    m_K: float,
    form_factors: FormFactors,
    m_l: float,
    m_b: float,
    strong: Array,
    weak: Array,
    *,
    vector: bool,
    charge_parity: int,
    y: float,
) -> float:
    """The same of l l for N_0 = 1 over C9, C10, C9p, C10p, C7; only weak phases change sign."""
    event = bf.three_body(q2, m_B, m_K, m_l, m_l)
    currents = bf.fermion_currents(event.k1, event.k2, m_l, m_l)
    rho, found = averaged_density(y), 0.0
    for hadron in bf.matrix_elements(event, form_factors, vector):
        amplitudes = []
        for C, signs in (
            (strong + weak.conj(), {n: charge_parity * s for n, s in QUARKS.items()}),
            (strong + weak, dict.fromkeys(QUARKS, 1)),
        ):
            one = {n: signs[n] * h for n, h in hadron.items()}
            every = pairs.with_chiral(one) | {"photon": charged.photon_current(event, one, m_b)}
            every_amplitude = pairs.amplitudes(every, charged.LEPTONS, currents)
            amplitudes.append(np.einsum("a,anst->nst", C, every_amplitude))
        both = np.stack(amplitudes)
        found += np.einsum("inst,ij,jnst,n->", both, rho, both.conj(), event.weights).real
    return float(event.measure * found)


def neutrinos(
    q2: float,
    m_B: float,
    m_K: float,
    form_factors: FormFactors,
    matrices: Mapping[str, Array],
    *,
    vector: bool,
    charge_parity: int,
    y: float,
) -> float:
    """The same of massless neutrinos, sum over pairs nu_i nubar_j; M decays with C^{ji}.

    `matrices`: CL, CR, CLp, CRp [GeV^-2] of (s gamma P b)(nubar_i gamma (1 -+ gamma_5) nu_j).
    """
    event = bf.three_body(q2, m_B, m_K, 0.0, 0.0)
    chiral = {x: bf.GAMMA @ (np.eye(4) + s * bf.GAMMA5) for x, s in (("L", -1), ("R", 1))}
    momenta = event.k1, event.k2, 0.0, 0.0
    dark = bf.fermion_currents(*momenta, chiral)
    dark_bar = bf.fermion_currents(*momenta, {x: _bar(m) for x, m in chiral.items()})
    rho, found = averaged_density(y), 0.0
    for hadron in bf.matrix_elements(event, form_factors, vector):
        quark = {"CL": hadron["V"] - hadron["A"], "CR": hadron["V"] + hadron["A"]}
        V, A = (charge_parity * QUARKS[n] * hadron[n] for n in "VA")
        of_meson = {"CL": V - A, "CR": V + A}
        for i in range(3):
            for j in range(3):
                amplitudes = [0.0, 0.0]
                for name, C in matrices.items():
                    spin, key = ("R" if name.endswith("p") else "L"), name[:2]
                    quarks = bf.lower(of_meson[key], 1), bf.lower(quark[key], 1)
                    amplitudes[0] += C[j, i].conj() / 2 * dark_bar[spin] @ quarks[0]
                    amplitudes[1] += C[i, j] / 2 * dark[spin] @ quarks[1]
                both = np.stack(amplitudes)
                found += np.einsum("inst,ij,jnst,n->", both, rho, both.conj(), event.weights).real
    return float(event.measure * found)
