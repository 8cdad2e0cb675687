r"""The hadronic half of dGamma/dq2: rows S, P, V0, A0, SV, PA, V, A, E, F, VE, AF.

In the rest frame of the invisible pair every quark bilinear splits into a J = 0 part (S, P, V0, A0)
and a J = 1 part (V, A, and E = <s sigma^{0i} b>, F = <s sigma^{0i} g5 b>). A row is the product of
two such amplitudes summed over the spins of the final hadron and averaged over those of the first;
rows of different J or parity do not interfere once the angles of the pair are integrated. Rows that
vanish are absent.

A baryon's spin, weighted with its sign, sees eight more: products of amplitudes of opposite parity.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import jax.numpy as jnp

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.hadrons.form_factors import FORM_FACTORS
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


class _Amplitudes(NamedTuple):
    """Helicity amplitudes of 1/2+ -> 1/2+ without roots of s_+ and s_-, (m_B +- m_K)^2 - q2.

    In order: J = 0 of S, P, V, A, then (longitudinal, transverse) of V, A, E, F.
    """

    s_plus: Scalar
    s_minus: Scalar
    S: Scalar
    P: Scalar
    V0: Scalar
    A0: Scalar
    V: tuple[Scalar, Scalar]
    A: tuple[Scalar, Scalar]
    E: tuple[Scalar, Scalar]
    F: tuple[Scalar, Scalar]


def baryon_rows(
    q2: Scalar,
    m_B: Scalar,
    m_K: Scalar,
    ff: Mapping[str, Scalar],
    m_b: Scalar,
    m_s: Scalar,
    longitudinal: bool = False,
) -> Rows:
    """Rows of Lambda_b -> Lambda, all twelve: S, P in GeV^2, the others as `vector_rows` has them.

    Args:
        q2: momentum transfer [GeV^2].
        m_B, m_K: masses of the baryons [GeV].
        ff: those of `FORM_FACTORS` at q2, arXiv:1111.4327 and arXiv:1602.01399.
        m_b, m_s: MSbar quark masses at the scale of the scalar coefficient [GeV].
        longitudinal: keep only a pair of helicity 0, i.e. f+, g+, h+, ht+ of the J = 1 rows.

    >>> import jax.numpy as jnp
    >>> rows = baryon_rows(*map(jnp.asarray, (6.0, 5.6, 1.1)), quark_form_factors(), 4.1, 0.09)
    >>> sorted(rows) == sorted("S P V0 A0 SV PA V A E F VE AF".split())
    True
    """
    h = _amplitudes(q2, m_B, m_K, ff, m_b, m_s)

    def sum_of(a: tuple[Scalar, Scalar], b: tuple[Scalar, Scalar]) -> Scalar:
        return a[0] * b[0] if longitudinal else a[0] * b[0] + a[1] * b[1]

    return {
        "S": h.s_plus * h.S**2,
        "P": h.s_minus * h.P**2,
        "V0": h.s_plus * h.V0**2,
        "A0": h.s_minus * h.A0**2,
        "SV": h.s_plus * h.S * h.V0,
        "PA": h.s_minus * h.P * h.A0,
        "V": h.s_minus * sum_of(h.V, h.V),
        "A": h.s_plus * sum_of(h.A, h.A),
        "E": h.s_minus * sum_of(h.E, h.E),
        "F": h.s_plus * sum_of(h.F, h.F),
        "VE": h.s_minus * sum_of(h.V, h.E),
        "AF": h.s_plus * sum_of(h.A, h.F),
    }


def polarised_rows(
    q2: Scalar,
    m_B: Scalar,
    m_K: Scalar,
    ff: Mapping[str, Scalar],
    m_b: Scalar,
    m_s: Scalar,
    daughter: bool = False,
) -> Rows:
    """Rows SP, V0A0, SA0, PV0, VA, EF, VF, AE of a spin, in the units of the rows of a rate.

    Of the decaying baryon they belong to the slope of the rate in the angle between its
    polarisation and the daughter: there a transverse pair has the other sign than one of helicity
    0. Of the daughter they belong to its helicity, and all signs are the same.

    Args:
        q2: momentum transfer [GeV^2].
        m_B, m_K: masses of the baryons [GeV].
        ff: those of `FORM_FACTORS` at q2.
        m_b, m_s: MSbar quark masses at the scale of the scalar coefficient [GeV].
        daughter: the helicity of the daughter, in place of the spin of the decaying baryon.
    """
    h = _amplitudes(q2, m_B, m_K, ff, m_b, m_s)
    root = jnp.sqrt(h.s_plus * h.s_minus)
    transverse = 1 if daughter else -1

    def product(a: tuple[Scalar, Scalar], b: tuple[Scalar, Scalar]) -> Scalar:
        return root * (a[0] * b[0] + transverse * a[1] * b[1])

    return {
        "SP": root * h.S * h.P,
        "V0A0": root * h.V0 * h.A0,
        "SA0": root * h.S * h.A0,
        "PV0": root * h.P * h.V0,
        "VA": product(h.V, h.A),
        "EF": product(h.E, h.F),
        "VF": product(h.V, h.F),
        "AE": product(h.A, h.E),
    }


def quark_form_factors() -> dict[str, Scalar]:
    """The form factors of a free quark: `baryon_rows` at its own masses are then the parton's."""
    return dict.fromkeys(FORM_FACTORS["1/2"], jnp.ones(()))


def _amplitudes(
    q2: Scalar, m_B: Scalar, m_K: Scalar, ff: Mapping[str, Scalar], m_b: Scalar, m_s: Scalar
) -> _Amplitudes:
    total, delta, root = m_B + m_K, m_B - m_K, jnp.sqrt(q2)
    root_2 = jnp.sqrt(2.0)
    return _Amplitudes(
        s_plus=total**2 - q2,
        s_minus=delta**2 - q2,
        S=delta * ff["f0"] / (m_b - m_s),
        P=total * ff["g0"] / (m_b + m_s),
        V0=delta * ff["f0"] / root,
        A0=total * ff["g0"] / root,
        V=(total * ff["f+"] / root, root_2 * ff["fperp"]),
        A=(delta * ff["g+"] / root, root_2 * ff["gperp"]),
        E=(ff["h+"], root_2 * total * ff["hperp"] / root),
        F=(ff["ht+"], root_2 * delta * ff["htperp"] / root),
    )


def quark_rows(
    q2: Scalar,
    m_B: Scalar,
    m_K: Scalar,
    ff: Mapping[str, Scalar],
    m_b: Scalar,
    m_s: Scalar,
    longitudinal: bool = False,
) -> Rows:
    """Rows of free quarks with the masses m_B and m_K; m_b, m_s count for nothing.

    Args:
        q2: momentum transfer [GeV^2].
        m_B, m_K: masses of the quarks [GeV].
        ff: "norm", which multiplies every amplitude.
        m_b, m_s: as those of hadrons.
        longitudinal: as `baryon_rows`.
    """
    found = baryon_rows(q2, m_B, m_K, quark_form_factors(), m_B, m_K, longitudinal)
    return {name: ff["norm"] ** 2 * row for name, row in found.items()}


# By the spin of the final hadron: its rows, and which ones there are.
ROWS: Mapping[str, Callable[..., Rows]] = MappingProxyType(
    {"0": pseudoscalar_rows, "1": vector_rows, "1/2": baryon_rows, "quark": quark_rows}
)
_ALL = ("S", "P", "V0", "A0", "SV", "PA", "V", "A", "E", "F", "VE", "AF")
NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "0": ("S", "V0", "SV", "V", "E", "VE"),
        "1": ("P", "A0", "PA", "V", "A", "E", "F", "VE", "AF"),
        "1/2": _ALL,
        "quark": _ALL,
    }
)
