"""B -> K(*) l l' and Bs -> l l' from amplitudes, the photon of C_7 included.

H = -N_0 sum C O with O_9 = (sbar g^mu P_L b)(lbar_i g_mu l_j), O_10 with g_mu g5, primes with P_R,
and the photon of C_7 as a current -(2 m_b/q2) <sbar i sigma^{mu nu} q_nu P_R b> beside that of C_9.
k1 is the lepton of the barred field, l_i^-, of a Bbar.  Conventions: brute_force.py.
"""

from collections.abc import Sequence

import brute_force as bf
import brute_force_annihilation
import numpy as np
from brute_force import Array, FormFactors
from brute_force_pairs import Pair, amplitudes, with_chiral

FOUR_FERMION = {"C9": ("V_L", "V"), "C10": ("V_L", "A"), "C9p": ("V_R", "V"), "C10p": ("V_R", "A")}
LEPTONS = Pair(FOUR_FERMION | {"C7": ("photon", "V")}, bf.fermion_currents)


def photon_current(event: bf.Event, hadron: dict[str, Array], m_b: float) -> Array:
    """What multiplies C_7 where <sbar g^mu P_L b> multiplies C_9."""
    tensor = (hadron["T"] + hadron["T5"]) / 2
    q2 = bf.dot(event.q, event.q).real
    current: Array = -2 * m_b / q2 * 1j * tensor @ (bf.METRIC * event.q)
    return current


def quadratic_form(
    q2: float,
    m_B: float,
    m_K: float,
    form_factors: FormFactors,
    m_i: float,
    m_j: float,
    m_b: float,
    *,
    vector: bool,
) -> Array:
    """G_ab of dGamma/dq2 in GeV^3 for N_0 = 1, over C9, C10, C9p, C10p, C7."""
    event = bf.three_body(q2, m_B, m_K, m_i, m_j)
    currents = LEPTONS.currents(event.k1, event.k2, m_i, m_j)
    form = np.zeros((5, 5), dtype=complex)
    for hadron in bf.matrix_elements(event, form_factors, vector):
        every = with_chiral(hadron) | {"photon": photon_current(event, hadron, m_b)}
        found = amplitudes(every, LEPTONS, currents)
        form += np.einsum("anst,bnst,n->ab", found, found.conj(), event.weights)
    return event.measure * form


def annihilation_form(m_Bs: float, f_Bs: float, m_i: float, m_j: float) -> Array:
    """G_ab of Bs -> l_i l_j in GeV^5 for N_0 = 1, over C9, C10, C9p, C10p."""
    pair = Pair(FOUR_FERMION, bf.fermion_currents)
    return brute_force_annihilation.quadratic_form(m_Bs, f_Bs, 4.0, 0.1, pair, m_i, m_j)


def rate(form: Array, coefficients: Sequence[complex]) -> float:
    """sum_ab C_a conj(C_b) G_ab."""
    c = np.asarray(coefficients)
    return float((c @ form @ c.conj()).real)
