"""Pairs through a mediator, from amplitudes with its propagator and both vertices.

L = Z'_mu (g^a J_a^mu + d^b D_b^mu): the amplitude has (g_{mu nu} - q_mu q_nu/M^2) between both
currents, over q2 - M^2 + i M Gamma; of a scalar -1/(q2 - M^2 + i M Gamma).
"""

from collections.abc import Mapping

import brute_force as bf
import numpy as np
from brute_force import FormFactors
from brute_force_pairs import Currents


def spectrum(
    q2: float,
    m_B: float,
    m_K: float,
    form_factors: FormFactors,
    currents: Currents,
    masses: tuple[float, float],
    mediator: tuple[float, float],
    quarks: Mapping[str, complex],
    dark: Mapping[str, float],
    *,
    vector: bool,
) -> float:
    """dGamma/dq2 in GeV^-1 of B -> K(*) 1 2.

    Args:
        q2, m_B, m_K, form_factors: of the hadrons.
        currents: of the pair.
        masses: of the pair [GeV].
        mediator: its mass and width [GeV].
        quarks: couplings to the bilinears V and A, or S and P.
        dark: couplings to currents of the pair.
        vector: the final hadron is a K*.
    """
    event = bf.three_body(q2, m_B, m_K, *masses)
    M, width = mediator
    of_pair = currents(event.k1, event.k2, *masses)
    D = sum(c * of_pair[name] for name, c in dark.items())
    rate = 0.0
    for hadron in bf.matrix_elements(event, form_factors, vector):
        J = sum(c * hadron[name] for name, c in quarks.items())
        if J.ndim:
            between = (
                np.diag(bf.METRIC) - np.outer(bf.lower(event.q, 1), bf.lower(event.q, 1)) / M**2
            )
            amplitude = np.einsum("m,mn,dabn->dab", J, between, D)
        else:
            amplitude = -J * D
        amplitude = amplitude / (q2 - M**2 + 1j * M * width)
        rate += float(event.weights @ np.sum(np.abs(amplitude) ** 2, axis=(1, 2)))
    return event.measure * rate
