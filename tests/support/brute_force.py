"""Rates of B -> K(*) + invisible pair from amplitudes: the oracle for the closed forms.

Every rate is the phase-space integral of |<K(*)|sbar Gamma b|B> . <pair|Gamma'|0>|^2 with explicit
four-momenta, Dirac spinors and polarization vectors, summed over spins and integrated numerically
over the directions of the pair.  No closed form of any squared amplitude enters.

Conventions: metric (+---), sigma^{mu nu} = (i/2)[g^mu, g^nu], g5 = i g0 g1 g2 g3, eps^{0123} = -1,
L = sum_a C_a O_a, all energies in GeV.  k1 is the particle of the barred (daggered) field of the
pair and k2 the antiparticle.  B at rest, K(*) along +z.
"""

from collections.abc import Mapping
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray

Array = NDArray[Any]  # real or complex
FormFactors = Mapping[str, float]
Couplings = Mapping[tuple[str, str], complex]

METRIC = np.array([1.0, -1.0, -1.0, -1.0])


def _dirac_gammas() -> Array:
    """g^mu in the Dirac representation, indices [mu, row, column]."""
    pauli = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
    gammas = [np.kron(np.diag([1, -1]), np.eye(2))]
    gammas += [np.kron(np.array([[0, 1], [-1, 0]]), matrix) for matrix in pauli]
    return np.array(gammas)


def _epsilon() -> Array:
    """eps^{mu nu alpha beta} with eps^{0123} = -1, the sign of BSZ arXiv:1503.05534."""
    tensor = np.zeros((4, 4, 4, 4))
    for indices in permutations(range(4)):
        tensor[indices] = -np.linalg.det(np.eye(4)[list(indices)])
    return tensor


GAMMA = _dirac_gammas()
GAMMA5 = 1j * GAMMA[0] @ GAMMA[1] @ GAMMA[2] @ GAMMA[3]
_PRODUCTS = np.einsum("mij,njk->mnik", GAMMA, GAMMA)
SIGMA = 0.5j * (_PRODUCTS - _PRODUCTS.swapaxes(0, 1))
EPSILON = _epsilon()

# Bilinears named as in the couplings; the Lorentz indices come before the two Dirac indices.
STRUCTURES: dict[str, Array] = {
    "S": np.eye(4),
    "P": 1j * GAMMA5,
    "V": GAMMA,
    "A": GAMMA @ GAMMA5,
    "T": SIGMA,
    "T5": SIGMA @ GAMMA5,
}
RANK = {name: matrices.ndim - 2 for name, matrices in STRUCTURES.items()}


def lower(tensor: Array, rank: int) -> Array:
    """The tensor with its last `rank` Lorentz indices lowered."""
    for axis in range(rank):
        tensor = tensor * METRIC.reshape((4,) + (1,) * axis)
    return tensor


def dot(a: Array, b: Array) -> complex:
    """Minkowski product a.b of two four-vectors."""
    return complex(np.sum(METRIC * a * b))


def momentum(mass: float, m1: float, m2: float) -> float:
    """Momentum in GeV of the daughters m1, m2 of a `mass` at rest (PDG, Kinematics)."""
    if mass < m1 + m2:
        raise ValueError(f"mass {mass} GeV is below the threshold {m1 + m2} GeV")
    kallen = (mass**2 - (m1 + m2) ** 2) * (mass**2 - (m1 - m2) ** 2)
    return float(np.sqrt(kallen) / (2 * mass))


def directions() -> tuple[Array, Array]:
    """Unit vectors [direction, i] over the sphere and the weights, of sum 1, of an average.

    |M|^2 is a polynomial of degree <= 4 in the direction, so both rules are exact.
    """
    cosines, cosine_weights = leggauss(6)
    azimuths = 2 * np.pi * (np.arange(6) + 0.3) / 6
    cosine, azimuth = (grid.ravel() for grid in np.meshgrid(cosines, azimuths, indexing="ij"))
    sine = np.sqrt(1 - cosine**2)
    unit = np.stack([sine * np.cos(azimuth), sine * np.sin(azimuth), cosine], axis=1)
    return unit, np.repeat(cosine_weights, azimuths.size) / (2 * azimuths.size)


class Event(NamedTuple):
    """Momenta of one q^2 in the B rest frame, with the pair at a grid of directions (in GeV)."""

    m_B: float
    m_K: float
    p_B: Array
    p_K: Array
    q: Array
    k1: Array  # [direction, mu]
    k2: Array
    weights: Array  # average over the sphere: they sum to 1
    measure: float  # dGamma/dq2 = measure * average of |M|^2


def three_body(q2: float, m_B: float, m_K: float, m1: float, m2: float) -> Event:
    """Kinematics and phase space of B(p_B) -> K(p_K) 1(k1) 2(k2) at q2 in GeV^2."""
    mass = float(np.sqrt(q2))
    p, k = momentum(m_B, m_K, mass), momentum(mass, m1, m2)
    p_B, p_K = np.array([m_B, 0, 0, 0]), np.array([np.hypot(m_K, p), 0, 0, p])

    unit, weights = directions()
    cosh, sinh = np.hypot(mass, p) / mass, -p / mass  # the pair recoils along -z
    boost = np.array([[cosh, 0, 0, sinh], [0, 1, 0, 0], [0, 0, 1, 0], [sinh, 0, 0, cosh]])
    energies = np.ones((len(unit), 1))
    k1 = np.hstack([energies * np.hypot(m1, k), k * unit]) @ boost
    k2 = np.hstack([energies * np.hypot(m2, k), -k * unit]) @ boost

    # dGamma = |M|^2/(2 m_B) dPhi2(B -> K q) dq2/(2 pi) dPhi2(q -> 1 2), and
    # dPhi2 = |momentum|/(4 pi mass) dOmega/(4 pi).
    measure = p / (4 * np.pi * m_B) * k / (4 * np.pi * mass) / (2 * np.pi) / (2 * m_B)
    return Event(m_B, m_K, p_B, p_K, p_B - p_K, k1, k2, weights, float(measure))


def pseudoscalar_matrix_elements(event: Event, ff: FormFactors) -> dict[str, Array]:
    """<K|sbar Gamma b|B> from f+, f0, fT (FLAG; f_T > 0) with quark masses m_b, m_s in GeV."""
    total, q, q2 = event.p_B + event.p_K, event.q, dot(event.q, event.q).real
    difference = event.m_B**2 - event.m_K**2
    vector = ff["f+"] * (total - difference / q2 * q) + ff["f0"] * difference / q2 * q
    scalar = np.array(ff["f0"] * difference / (ff["m_b"] - ff["m_s"]))
    tensor = 1j * ff["fT"] / (event.m_B + event.m_K) * (np.outer(total, q) - np.outer(q, total))
    none = np.zeros(4)  # parity
    tensor5 = _times_gamma5(tensor)
    return {"S": scalar, "P": none[0], "V": vector, "A": none, "T": tensor, "T5": tensor5}


def _times_gamma5(tensor: Array) -> Array:
    """<sigma^{mu nu} g5> from <sigma^{mu nu}>: sigma g5 = -(i/2) eps sigma for eps^{0123} = -1."""
    result: Array = -0.5j * np.einsum("mnab,ab->mn", EPSILON, lower(tensor, 2))
    return result


def polarizations(event: Event) -> list[Array]:
    """Complex-conjugated K* polarization vectors: longitudinal, then the two transverse ones."""
    longitudinal = np.array([event.p_K[3], 0, 0, event.p_K[0]]) / event.m_K
    circular = [np.array([0, -sign, -1j, 0]) / np.sqrt(2) for sign in (1, -1)]
    return [np.conj(vector) for vector in (longitudinal, *circular)]


def _bsz_vectors(event: Event, eta: Array) -> tuple[Array, ...]:
    """P_1^mu, P_2^mu, P_3^mu, P_P^mu of BSZ arXiv:1503.05534 for the conjugated polarization."""
    q, total, eta_q = event.q, event.p_B + event.p_K, dot(event.q, eta)
    difference = dot(total, q)
    lowered = (METRIC * vector for vector in (eta, event.p_K, q))
    first = 2 * np.einsum("mabc,a,b,c->m", EPSILON, *lowered)
    second = 1j * (difference * eta - eta_q * total)
    third = 1j * eta_q * (q - dot(q, q) / difference * total)
    return first, second, third, 1j * eta_q * q


def _a2_and_t3(event: Event, ff: FormFactors) -> tuple[float, float]:
    """A2 and T3 from A12 and T23 (BSZ arXiv:1503.05534), at the masses of the kinematics."""
    m_B, m_K, q2 = event.m_B, event.m_K, dot(event.q, event.q).real
    total, difference, kallen = m_B + m_K, m_B**2 - m_K**2, 4 * m_B**2 * event.p_K[3] ** 2
    a2 = total**2 * (difference - q2) * ff["A1"] - 16 * m_B * m_K**2 * total * ff["A12"]
    t3 = difference * (m_B**2 + 3 * m_K**2 - q2) * ff["T2"]
    t3 -= 8 * m_B * m_K**2 * (m_B - m_K) * ff["T23"]
    return a2 / kallen, t3 / kallen


def vector_matrix_elements(event: Event, ff: FormFactors, eta: Array) -> dict[str, Array]:
    """<K*|sbar Gamma b|B> from V, A0, A1, A12, T1, T2, T23 with quark masses m_b, m_s in GeV."""
    m_B, m_K, q, total = event.m_B, event.m_K, event.q, event.p_B + event.p_K
    q2, difference = dot(q, q).real, m_B**2 - m_K**2
    a2, t3 = _a2_and_t3(event, ff)
    first, second, third, timelike = _bsz_vectors(event, eta)

    # BSZ: <g^mu (1 - g5)> = V_1 P_1 + V_2 P_2 + V_3 P_3 + V_P P_P, where only P_1 is parity odd.
    v3 = ((m_B + m_K) * ff["A1"] - (m_B - m_K) * a2) / q2
    vector = -ff["V"] / (m_B + m_K) * first
    axial = ff["A1"] / (m_B - m_K) * second - v3 * third + 2 * m_K / q2 * ff["A0"] * timelike
    pseudoscalar = np.array(2 * m_K * ff["A0"] * dot(eta, q) / (ff["m_b"] + ff["m_s"]))
    none = np.zeros(())  # parity

    # BSZ give i <sigma^{mu nu} (1 + g5)> q_nu = T_1 P_1 + T_2 P_2 + T_3 P_3.  The full tensor is
    # <sigma^{mu nu}> = eps^{mu nu alpha beta} [a eta P + b eta q + c (eta.q) P q]_{alpha beta};
    # contracting it, and its g5 partner, with q_nu fixes a, b, c.  They are regular at q2 = 0
    # if T1(0) = T2(0); for the other sign of eps this would have to read T1(0) = -T2(0).
    split = (ff["T1"] - ff["T2"]) / q2
    bracket: Array = ff["T1"] * np.outer(eta, total) - difference * split * np.outer(eta, q)
    bracket = bracket + (split - t3 / difference) * dot(eta, q) * np.outer(total, q)
    tensor = -1j * np.einsum("mnab,ab->mn", EPSILON, lower(bracket, 2))
    tensor5 = _times_gamma5(tensor)
    return {"S": none, "P": pseudoscalar, "V": vector, "A": axial, "T": tensor, "T5": tensor5}


def spinors(k: Array, mass: float, *, antiparticle: bool) -> Array:
    """u(k, s) or v(k, s) in the Dirac representation, normalized to 2E; [direction, s, Dirac]."""
    norm = np.sqrt(k[:, 0] + mass)[:, None, None]
    sigma_k = np.einsum("ni,iab->nab", k[:, 1:], GAMMA[1:, :2, 2:])
    large, small = norm * np.eye(2), sigma_k.swapaxes(1, 2) / norm
    return np.concatenate([small, large] if antiparticle else [large, small], axis=2)


def fermion_currents(
    k1: Array, k2: Array, m1: float, m2: float, structures: Mapping[str, Array] = STRUCTURES
) -> dict[str, Array]:
    """ubar(k1, s1) Gamma v(k2, s2) of every structure, indices [direction, s1, s2, Lorentz]."""
    ubar = spinors(k1, m1, antiparticle=False).conj() @ GAMMA[0]
    v = spinors(k2, m2, antiparticle=True)
    return {
        name: np.einsum("nai,...ij,nbj->nab...", ubar, matrices, v)
        for name, matrices in structures.items()
    }


def matrix_elements(event: Event, ff: FormFactors, vector: bool) -> list[dict[str, Array]]:
    """<K(*)|sbar Gamma b|B> for each K* polarization (longitudinal first), or the one of K."""
    if not vector:
        return [pseudoscalar_matrix_elements(event, ff)]
    return [vector_matrix_elements(event, ff, eta) for eta in polarizations(event)]


def _rates(
    event: Event, pair: Mapping[str, Array], ff: FormFactors, couplings: Couplings, vector: bool
) -> list[float]:
    """dGamma/dq2 in GeV^-1 for each K* polarization (longitudinal first), or the one of K."""
    rates = []
    for hadron in matrix_elements(event, ff, vector):
        amplitude = np.zeros(pair["S"].shape, dtype=complex)
        for (quark, dark), coefficient in couplings.items():
            if RANK[quark] != RANK[dark]:
                raise ValueError(f"({quark}, {dark}) is not a Lorentz scalar")
            covariant = lower(pair[dark], RANK[dark])
            amplitude += coefficient * np.tensordot(covariant, hadron[quark], axes=RANK[quark])
        squared = np.sum(np.abs(amplitude) ** 2, axis=(1, 2))  # spins of the pair
        rates.append(float(event.measure * (event.weights @ squared)))
    return rates


def dgamma_dq2_fermions(
    q2: float,
    m_B: float,
    m_K: float,
    form_factors: FormFactors,
    couplings: Couplings,
    m1: float = 0.0,
    m2: float = 0.0,
    *,
    vector: bool,
) -> float:
    """dGamma/dq2 in GeV^-1 of B -> K(*) chi1 chibar2 for L = sum C (sbar Ga b)(chibar1 Gb chi2)."""
    event = three_body(q2, m_B, m_K, m1, m2)
    return sum(
        _rates(event, fermion_currents(event.k1, event.k2, m1, m2), form_factors, couplings, vector)
    )


def helicity_split(
    q2: float,
    m_B: float,
    m_K: float,
    form_factors: FormFactors,
    couplings: Couplings,
    m1: float = 0.0,
    m2: float = 0.0,
) -> tuple[float, float]:
    """Longitudinal- and transverse-K* parts of dGamma/dq2 in GeV^-1 of B -> K* chi1 chibar2."""
    event = three_body(q2, m_B, m_K, m1, m2)
    pair = fermion_currents(event.k1, event.k2, m1, m2)
    longitudinal, *transverse = _rates(event, pair, form_factors, couplings, True)
    return longitudinal, sum(transverse)


def neutrino_couplings(
    C_L: complex, C_R: complex, C_Lp: complex = 0.0, C_Rp: complex = 0.0
) -> dict[tuple[str, str], complex]:
    """Couplings of (sbar g^mu P_{L,R} b)(nubar g_mu (1 -+ g5) nu), upper sign C_L, lower C_Lp."""
    return {
        ("V", "V"): (C_L + C_R + C_Lp + C_Rp) / 2,
        ("V", "A"): (-C_L - C_R + C_Lp + C_Rp) / 2,
        ("A", "V"): (-C_L + C_R - C_Lp + C_Rp) / 2,
        ("A", "A"): (C_L - C_R - C_Lp + C_Rp) / 2,
    }


def convention_deviation() -> float:
    """Largest violation (0 up to rounding) of the identities that tie the signs together."""
    clifford = _PRODUCTS + _PRODUCTS.swapaxes(0, 1)
    deviations = [clifford - 2 * np.einsum("mn,ij->mnij", np.diag(METRIC), np.eye(4))]
    sigma_lower = np.einsum("m,n,mnij->mnij", METRIC, METRIC, SIGMA)
    dual = np.einsum("mnab,abij->mnij", EPSILON, sigma_lower)
    deviations.append(SIGMA @ GAMMA5 + 0.5j * dual)

    names = ("V", "A0", "A1", "A12", "T1", "T2", "T23", "m_b", "m_s")
    ff = dict(zip(names, (0.5, 0.6, 0.4, 0.3, 0.5, 0.35, 0.8, 4.2, 0.1), strict=True))
    event = three_body(5.0, 5.28, 0.89, 0.0, 0.0)
    q, t3 = event.q, _a2_and_t3(event, ff)[1]
    for eta in polarizations(event):
        first, second, third, _ = _bsz_vectors(event, eta)
        elements = vector_matrix_elements(event, ff, eta)
        deviations.append(1j * elements["T"] @ (METRIC * q) - ff["T1"] * first)
        tensor5 = 1j * elements["T5"] @ (METRIC * q)
        deviations.append(tensor5 - ff["T2"] * second - t3 * third)
        # Equation of motion: i d_mu (sbar g^mu g5 b) = i (m_b + m_s) (sbar i g5 b).
        pseudoscalar = 1j * (ff["m_b"] + ff["m_s"]) * elements["P"]
        deviations.append(np.array(dot(q, elements["A"]) - pseudoscalar))
    return max(float(np.max(np.abs(deviation))) for deviation in deviations)
