"""B- -> tau- nubar, tau- -> hadron- nu from explicit momenta and Dirac matrices.

The oracle for the tree-level part: one amplitude for the whole chain, with the propagator of the
tau on its shell, summed over the polarisations of the hadron. The charge conjugate has the same
rate. Conventions: `brute_force`.
"""

from typing import Any, NamedTuple

import numpy as np
from brute_force import GAMMA, GAMMA5, METRIC, dot

_LEFT = (np.eye(4) - GAMMA5) / 2


class Chain(NamedTuple):
    """Masses and decay constants [GeV], elements of the CKM matrix, G_F, width of the tau [GeV]."""

    m_B: float
    m_tau: float
    m: float
    f_B: float
    f: float
    V_B: float
    V: float
    GF: float
    width: float
    vector: bool


def dgamma_dcos(chain: Chain, cosine: float) -> tuple[float, float]:
    """Gamma(B -> hadron nu nubar) in the cosine of the two neutrinos at the tau's rest; q2 [GeV^2].

    In the narrow-width limit: pi/(m Gamma) on the mass shell stands for the squared propagator.
    """
    M2, t2, m2 = chain.m_B**2, chain.m_tau**2, chain.m**2
    tau = np.array([chain.m_tau, 0, 0, 0])
    first = (M2 - t2) / (2 * chain.m_tau)
    nubar = first * np.array([1, 0, 0, 1])
    second = (t2 - m2) / (2 * chain.m_tau)
    nu = second * np.array([1, np.sqrt(1 - cosine**2), 0, cosine])
    hadron, B = tau - nu, tau + nubar
    weak = 2 * np.sqrt(2) * chain.GF
    line = weak**2 * chain.V_B * chain.V * chain.f_B / 2 * chain.f / 2
    # <0|u g^mu P_L d|hadron>: f p^mu/2, or f m eps^mu/2 for a vector, up to phases.
    if chain.vector:
        tensor = m2 * (-np.diag(METRIC) + np.outer(hadron, hadron) / m2)
    else:
        tensor = np.outer(hadron, hadron)
    behind = (_slash(tau) + chain.m_tau * np.eye(4)) @ _slash(B) @ _LEFT
    amplitudes = [g @ _LEFT @ behind for g in GAMMA * METRIC[:, None, None]]
    summed = sum(
        tensor[i, j] * np.trace(_slash(nu) @ a @ _slash(nubar) @ _bar(b)).real
        for i, a in enumerate(amplitudes)
        for j, b in enumerate(amplitudes)
    )
    on_shell = np.pi / (chain.m_tau * chain.width) / (2 * np.pi)
    # Two-body phase space: |p|/(4 pi M) of B, |p|/(4 pi m_tau) of the tau, half of it per cosine.
    of_B = (M2 - t2) / (2 * chain.m_B) / (4 * np.pi * chain.m_B)
    of_tau = second / (4 * np.pi * chain.m_tau) / 2
    rate = line**2 * summed * on_shell * of_B * of_tau / (2 * chain.m_B)
    return float(rate), 2 * dot(nubar, nu).real


def _slash(p: Any) -> Any:
    return np.einsum("m,mij->ij", METRIC * p, GAMMA)


def _bar(matrix: Any) -> Any:
    return GAMMA[0] @ matrix.conj().T @ GAMMA[0]
