r"""The hadronic half of dGamma/dq2: rows S, P, V0, A0, SV, PA, V, A, E, F, VE, AF.

In the rest frame of the invisible pair every quark bilinear splits into a J = 0 part (S, P, V0, A0)
and a J = 1 part (V, A, and E = <s sigma^{0i} b>, F = <s sigma^{0i} g5 b>). A row is the product of
two such amplitudes summed over the polarisations of the K*; rows of different J or parity do not
interfere once the angles of the pair are integrated. Rows that vanish are absent.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import jax.numpy as jnp

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.hadrons.kinematics import kallen

Rows = dict[str, Scalar]


def pseudoscalar_rows(
    q2: Scalar,
    m_B: Scalar,
    m_K: Scalar,
    ff: Mapping[str, Scalar],
    m_b: Scalar,
    m_s: Scalar,
    longitudinal: bool = False,
) -> Rows:
    """Rows of B -> K: S in GeV^2, the others in GeV^2 or GeV^4/q2 as the operators need.

    Args:
        q2: momentum transfer [GeV^2].
        m_B, m_K: meson masses [GeV].
        ff: "f+", "f0", "fT" at q2; of f0 alone there are the rows S, V0 and SV.
        m_b, m_s: MSbar quark masses at the scale of the scalar coefficient [GeV].
        longitudinal: changes nothing, a K has no other helicity.
    """
    lam, delta, total, root = kallen(q2, m_B, m_K), m_B**2 - m_K**2, m_B + m_K, jnp.sqrt(q2)
    scalar, timelike = delta * ff["f0"] / (m_b - m_s), delta * ff["f0"] / root
    rows = {"S": scalar**2, "V0": timelike**2, "SV": scalar * timelike}
    if "f+" not in ff or "fT" not in ff:
        return rows
    vector2, tensor = lam * ff["f+"] ** 2 / q2, ff["fT"] / total
    return rows | {"V": vector2, "E": lam * tensor**2, "VE": lam * ff["f+"] * tensor / root}


def annihilation_rows(m_B: Scalar, f_B: Scalar, m_b: Scalar, m_s: Scalar) -> Rows:
    """Rows of B_s -> invisible at q2 = m_B^2: P in GeV^4, A0 in GeV^4, PA in GeV^4.

    With <0|s gamma^mu gamma_5 b|B_s> = i f_B p^mu; parity forbids scalar, vector and tensor.

    Args:
        m_B: meson mass [GeV].
        f_B: decay constant [GeV].
        m_b, m_s: MSbar quark masses at the scale of the scalar coefficient [GeV].
    """
    pseudoscalar, timelike = f_B * m_B**2 / (m_b + m_s), f_B * m_B
    return {"P": pseudoscalar**2, "A0": timelike**2, "PA": pseudoscalar * timelike}


def vector_rows(
    q2: Scalar,
    m_B: Scalar,
    m_V: Scalar,
    ff: Mapping[str, Scalar],
    m_b: Scalar,
    m_s: Scalar,
    longitudinal: bool = False,
) -> Rows:
    """Rows of B -> K*, summed over its polarisations or for the longitudinal one alone.

    Args:
        q2: momentum transfer [GeV^2].
        m_B, m_V: meson masses [GeV].
        ff: "V", "A0", "A1", "A12", "T1", "T2", "T23" at q2.
        m_b, m_s: MSbar quark masses at the scale of the scalar coefficient [GeV].
        longitudinal: keep only the longitudinal K*.
    """
    lam, delta, total, root = kallen(q2, m_B, m_V), m_B**2 - m_V**2, m_B + m_V, jnp.sqrt(q2)
    pseudoscalar, timelike = ff["A0"] / (m_b + m_s), ff["A0"] / root
    axial_0 = 8 * m_B * m_V * ff["A12"] / root
    tensor_0 = 4 * m_B * m_V * ff["T23"] / total
    rows = {
        "P": lam * pseudoscalar**2,
        "A0": lam * timelike**2,
        "PA": lam * pseudoscalar * timelike,
        "A": axial_0**2,
        "F": tensor_0**2,
        "AF": axial_0 * tensor_0,
    }
    if longitudinal:
        return rows
    vector, axial = ff["V"] / total, total * ff["A1"]
    tensor, tensor_5 = ff["T1"] / root, delta * ff["T2"] / root
    return rows | {
        "V": 2 * lam * vector**2,
        "E": 2 * lam * tensor**2,
        "VE": 2 * lam * vector * tensor,
        "A": rows["A"] + 2 * axial**2,
        "F": rows["F"] + 2 * tensor_5**2,
        "AF": rows["AF"] + 2 * axial * tensor_5,
    }


# By the spin of the final hadron: its rows, and which ones there are.
ROWS: Mapping[str, Callable[..., Rows]] = MappingProxyType(
    {"0": pseudoscalar_rows, "1": vector_rows}
)
NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"0": ("S", "V0", "SV", "V", "E", "VE"), "1": ("P", "A0", "PA", "V", "A", "E", "F", "VE", "AF")}
)
