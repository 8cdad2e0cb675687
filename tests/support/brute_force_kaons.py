"""K_L -> pi0 + pair from amplitudes of K0 and K0bar, superposed before they are squared.

L = sum_a C_a (dbar Gamma s) D + h.c. takes a K0bar to a pi0, the hermitian conjugate a K0. Both
matrix elements are explicit: the bars gamma0 Gamma^dag gamma0, the charge conjugation of the mesons
through C Gamma^T C^-1 with C|K0> = |K0bar> and C|pi0> = |pi0>, and the currents of D^dagger as
those of D with what is created annihilated. K_L = (K0 + K0bar)/sqrt 2, and a pi0 from a K0bar has
1/sqrt 2 of the pi+ from a K-bar with its form factors.
"""

from collections.abc import Mapping, Sequence

import brute_force as bf
import numpy as np
from brute_force import Array, FormFactors
from brute_force_identical import CHARGE_CONJUGATION, both_contractions, one_contraction
from brute_force_pairs import FERMIONS, SCALARS, Pair, amplitudes, scalar_currents
from brute_force_vectors import VECTORS, bilinears, polarizations


def bar(matrices: Array) -> Array:
    """Gamma0 Gamma^dagger gamma0: of the hermitian conjugate of a bilinear."""
    daggered = matrices.conj().swapaxes(-1, -2)
    return bf.GAMMA[0] @ daggered @ bf.GAMMA[0]


BARS = {name: bar(matrices) for name, matrices in bf.STRUCTURES.items()}


def of_antikaon(hadron: Mapping[str, Array]) -> dict[str, Array]:
    """<pi0|sbar bar(Gamma) d|K0> of every Gamma from <pi0|dbar Gamma s|K0bar>.

    Charge conjugation takes sbar M d to dbar (C M^T C^-1) s, here plus or minus Gamma.
    """
    C, inverse = CHARGE_CONJUGATION, np.linalg.inv(CHARGE_CONJUGATION)
    found = {}
    for name, matrices in bf.STRUCTURES.items():
        conjugate = C @ BARS[name].swapaxes(-1, -2) @ inverse
        sign = next(s for s in (1, -1) if np.allclose(conjugate, s * matrices, atol=1e-14))
        found[name] = sign * hadron[name]
    return found


def scalar_daggers(k1: Array, k2: Array, m1: float, m2: float) -> dict[str, Array]:
    """<phi1 phi2bar|D^dagger|0> = <0|D|phi1 phi2bar>^*: the fields annihilate, with -k."""
    return {name: x.conj() for name, x in scalar_currents(-k2, -k1, m2, m1).items()}


def fermion_daggers(k1: Array, k2: Array, m1: float, m2: float) -> dict[str, Array]:
    """(chibar Gamma chi)^dagger = chibar bar(Gamma) chi."""
    return bf.fermion_currents(k1, k2, m1, m2, BARS)


def vector_daggers(k1: Array, k2: Array, m1: float, m2: float) -> dict[str, Array]:
    """As `scalar_daggers`: X annihilates the particle with e1, X^dagger the other with e2."""
    e1, e2 = polarizations(k1, m1)[:, :, None, :], polarizations(k2, m2)[:, None, :, :]
    return {name: x.conj() for name, x in bilinears(-k2, e2, -k1, e1).items()}


# The pairs whose currents are those of D^dagger.
SCALAR_DAGGERS = Pair(SCALARS.operators, scalar_daggers)
FERMION_DAGGERS = Pair(FERMIONS.operators, fermion_daggers)
VECTOR_DAGGERS = Pair(VECTORS.operators, vector_daggers)
REAL_SCALAR_DAGGERS = both_contractions(SCALAR_DAGGERS, +1)
REAL_VECTOR_DAGGERS = both_contractions(VECTOR_DAGGERS, +1)
MAJORANA_DAGGERS = both_contractions(Pair(FERMIONS.operators, one_contraction(BARS)), -1)


def spectrum(
    q2: float,
    m_L: float,
    m_pi: float,
    form_factors: FormFactors,
    pair: Pair,
    daggers: Pair,
    mass: float,
    couplings: Array,
) -> Array:
    """dGamma/dq2 [GeV^-1] of couplings [set, operator], one particle and its antiparticle."""
    event, hadron = _decay(q2, m_L, m_pi, form_factors, (mass, mass))
    direct = _half(event, hadron, pair, (mass, mass), couplings)
    dagger = _half(event, of_antikaon(hadron), daggers, (mass, mass), couplings.conj())
    return _rate(event, direct + dagger, pair.statistics)


def spectrum_of_two(
    q2: float,
    m_L: float,
    m_pi: float,
    form_factors: FormFactors,
    pair: Pair,
    daggers: Pair,
    masses: Sequence[float],
    couplings: Array,
) -> Array:
    """The same for two different particles: two final states, whose rates add."""
    event, hadron = _decay(q2, m_L, m_pi, form_factors, masses)
    found = _rate(event, _half(event, hadron, pair, masses, couplings))
    # D^dagger has the second field in front, which creates its particle.
    other, hadron = _decay(q2, m_L, m_pi, form_factors, masses[::-1])
    dagger = _half(other, of_antikaon(hadron), daggers, masses[::-1], couplings.conj())
    return found + _rate(other, dagger)


def _decay(
    q2: float, m_L: float, m_pi: float, form_factors: FormFactors, masses: Sequence[float]
) -> tuple[bf.Event, dict[str, Array]]:
    """Momenta, and the matrix elements of the hadrons."""
    event = bf.three_body(q2, m_L, m_pi, *masses)
    (hadron,) = bf.matrix_elements(event, form_factors, False)
    return event, hadron


def _half(
    event: bf.Event, hadron: dict[str, Array], pair: Pair, masses: Sequence[float], couplings: Array
) -> Array:
    """The amplitude of K0 or of its antiparticle, 1/2 of each rate."""
    found = amplitudes(hadron, pair, pair.currents(event.k1, event.k2, *masses))
    return np.asarray(np.einsum("sa,anxy->snxy", couplings, found)) / 2


def neutrinos(
    q2: float, m_L: float, m_pi: float, form_factors: FormFactors, matrices: Sequence[Array]
) -> float:
    """dGamma/dq2 [GeV^-1] for C_L, C_R, C_L', C_R' [GeV^-2] with their phases, SM included.

    (nubar_i . nu_j) creates nu_i and an anti-nu_j, and so does the conjugate of (nubar_j . nu_i).
    """
    event, hadron = _decay(q2, m_L, m_pi, form_factors, (0.0, 0.0))
    conjugate = of_antikaon(hadron)
    direct = bf.fermion_currents(event.k1, event.k2, 0.0, 0.0)
    dagger = bf.fermion_currents(event.k1, event.k2, 0.0, 0.0, BARS)
    rate = 0.0
    for i in range(3):
        for j in range(3):
            amplitude = 0.0
            here = bf.neutrino_couplings(*(C[i, j] for C in matrices))
            there = bf.neutrino_couplings(*(C[j, i] for C in matrices))
            for (quark, dark), c in here.items():
                covariant = bf.lower(direct[dark], 1)
                amplitude = amplitude + c * np.tensordot(covariant, hadron[quark], axes=1)
            for (quark, dark), c in there.items():
                covariant = bf.lower(dagger[dark], 1)
                part = np.tensordot(covariant, conjugate[quark], axes=1)
                amplitude = amplitude + np.conj(c) * part
            rate += float(_rate(event, np.asarray(amplitude)[None] / 2)[0])
    return rate


def _rate(event: bf.Event, amplitude: Array, statistics: float = 1.0) -> Array:
    """Of amplitudes [set, direction, spin 1, spin 2]."""
    squared = np.sum(np.abs(amplitude) ** 2, axis=(2, 3))
    found: Array = event.measure * statistics * squared @ event.weights
    return found
