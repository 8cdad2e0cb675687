"""The q2 spectrum of b -> s and a pair of massless fermions at parton level, in closed form."""

import numpy as np


def closed_form(q2, m_b, m_s, left, right, product):
    """Spectrum of a pair of flavours over N_0^2, arXiv:0902.0160 in masses of GeV."""
    lam = ((m_b - m_s) ** 2 - q2) * ((m_b + m_s) ** 2 - q2)
    squares = (left + right) * (lam + 3 * q2 * (m_b**2 + m_s**2 - q2))
    return np.sqrt(lam) / (192 * np.pi**3 * m_b**3) * (squares - 12 * q2 * m_b * m_s * product)
