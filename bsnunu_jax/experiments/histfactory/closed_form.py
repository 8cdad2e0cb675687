"""The null model that Belle II published: the SM rate of B -> K with constants of its own.

dBR/dq2 = GF^2 alpha^2 X_t^2/(32 pi^5 s_W^4) |VtbVts*|^2 tau |p_K|^3 f+^2 (arXiv:2207.13371), with
the f+ of arXiv:2207.12468 in rounded coefficients.
"""

from collections.abc import Mapping

import numpy as np

_HBAR = 6.582119569e-25  # GeV s


def null_dbr_dq2(q2: np.ndarray, constants: Mapping[str, float]) -> np.ndarray:
    """dBR/dq2 [GeV^-2] of the null model at q2 [GeV^2] inside the phase space."""
    c = constants
    t_plus = (c["m_B"] + c["m_K"]) ** 2
    root, root_0 = np.sqrt(t_plus - q2), np.sqrt(t_plus)
    z = (root - root_0) / (root + root_0)
    series = c["a0"] + c["a1"] * (z - z**3 / 3) + c["a2"] * (z**2 + 2 * z**3 / 3)
    f_plus = c["L"] / (1 - q2 / c["m_pole"] ** 2) * series
    p_K = np.sqrt(((c["m_B"] - c["m_K"]) ** 2 - q2) * (t_plus - q2)) / (2 * c["m_B"])
    norm = (c["GF"] * c["X_t"] * c["VtbVts_abs"] / c["inverse_alpha"] / c["sin2thetaW"]) ** 2
    return norm / (32 * np.pi**5) * c["tau_ps"] * 1e-12 / _HBAR * p_K**3 * f_plus**2


def null_br(edges: np.ndarray, constants: Mapping[str, float]) -> np.ndarray:
    """BR of the null model in bins of q2, edges in GeV^2."""
    end = (constants["m_B"] - constants["m_K"]) ** 2
    # In u = sqrt(1 - q2/end) the rate is analytic up to the endpoint.
    u = np.sqrt(np.maximum(1 - np.asarray(edges) / end, 0))
    x, weights = np.polynomial.legendre.leggauss(8)
    half = (u[:-1] - u[1:])[:, None] / 2
    at = u[1:, None] + half * (1 + x)
    return (null_dbr_dq2(end * (1 - at**2), constants) * 2 * end * at * half * weights).sum(axis=1)
