r"""The hadronic half of a decay 1/2+ -> 1/2+, and of a free quark, whose form factors are all 1.

Twelve rows as in `rows.py`, summed over the spins of the daughter and averaged over those of the
decaying baryon, and eight more for its polarisation or for that of the daughter: products of
amplitudes of opposite parity, weighted with the sign of the spin. The form factors are the helicity
ones of arXiv:1111.4327 and arXiv:1602.01399: f0, f+, fperp of the vector current, g0, g+, gperp of
the axial one, h+, hperp and ht+, htperp of sigma^{mu nu} q_nu without and with gamma_5.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.hadrons.rows import Rows

FORM_FACTORS = ("f0", "f+", "fperp", "g0", "g+", "gperp", "h+", "hperp", "ht+", "htperp")


class _Amplitudes(NamedTuple):
    """Helicity amplitudes without the roots of s_+ and s_-; s_+- = (m_B +- m_K)^2 - q2.

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
        ff: the `FORM_FACTORS` at q2.
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
        ff: the `FORM_FACTORS` at q2.
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
    return dict.fromkeys(FORM_FACTORS, jnp.ones(()))


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
