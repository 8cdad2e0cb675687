"""Two- and three-body kinematics in GeV."""

import jax.numpy as jnp

from bsnunu_jax.foundation.arrays import Scalar


def q2_max(m_B: Scalar, m_K: Scalar) -> Scalar:
    """Largest q2 of B -> K + anything, (m_B - m_K)^2 [GeV^2]."""
    return (m_B - m_K) ** 2


def kallen(q2: Scalar, m_B: Scalar, m_K: Scalar) -> Scalar:
    """Kallen function lambda(m_B^2, m_K^2, q2) [GeV^4], factorised so that its sign is exact."""
    return ((m_B - m_K) ** 2 - q2) * ((m_B + m_K) ** 2 - q2)


def z_expansion(q2: Scalar, m_B: Scalar, m_M: Scalar, t_0: Scalar) -> Scalar:
    """Conformal variable z(q2) with the branch point at t_+ = (m_B + m_M)^2 (dimensionless)."""
    t_plus = (m_B + m_M) ** 2
    root, root_0 = jnp.sqrt(t_plus - q2), jnp.sqrt(t_plus - t_0)
    return (root - root_0) / (root + root_0)


def t_0_optimal(m_B: Scalar, m_M: Scalar) -> Scalar:
    """t_0 = t_+ (1 - sqrt(1 - t_-/t_+)) [GeV^2] (arXiv:1503.05534)."""
    t_plus, t_minus = (m_B + m_M) ** 2, (m_B - m_M) ** 2
    return t_plus * (1 - jnp.sqrt(1 - t_minus / t_plus))
