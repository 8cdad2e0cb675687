"""Bs -> invisible pair from amplitudes: the Bs at rest, the pair back to back in all directions.

<0|sbar g^mu g5 b|Bs(p)> = i f p^mu and <0|sbar i g5 b|Bs> = f M^2/(m_b + m_s), tied by the
equation of motion d_mu (sbar g^mu g5 b) = (m_b + m_s) (sbar i g5 b); parity and the lack of a
second vector leave no other bilinear.
"""

import brute_force as bf
import numpy as np
from brute_force import Array
from brute_force_pairs import Pair, amplitudes, with_chiral


def quadratic_form(
    m_Bs: float, f_Bs: float, m_b: float, m_s: float, pair: Pair, m1: float, m2: float
) -> Array:
    """G_ab of the rate in GeV of Bs -> 1 2, all masses and f_Bs in GeV."""
    k = bf.momentum(m_Bs, m1, m2)
    unit, weights = bf.directions()
    energies = np.ones((len(unit), 1))
    k1 = np.hstack([energies * np.hypot(m1, k), k * unit])
    k2 = np.hstack([energies * np.hypot(m2, k), -k * unit])
    p, tensor = np.array([m_Bs, 0, 0, 0]), np.zeros((4, 4))
    axial, pseudoscalar = 1j * f_Bs * p, np.array(f_Bs * m_Bs**2 / (m_b + m_s))
    hadron = {"S": np.zeros(()), "P": pseudoscalar, "V": 0 * p, "A": axial}
    hadron |= {"T": tensor, "T5": tensor}
    found = amplitudes(with_chiral(hadron), pair, pair.currents(k1, k2, m1, m2))
    measure = pair.statistics * k / (4 * np.pi * m_Bs) / (2 * m_Bs)  # dPhi2/(2 M)
    form: Array = measure * np.einsum("anst,bnst,n->ab", found, found.conj(), weights)
    return form
