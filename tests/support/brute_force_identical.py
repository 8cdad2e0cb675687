"""Real scalars, Majorana fermions and real vectors: both contractions and a phase space of 1/2.

A field that is its own conjugate creates each particle of <1(k1) 2(k2)| from either place in the
operator.  The second contraction exchanges all labels of the two, with a minus for fermions.
"""

from collections.abc import Mapping

import brute_force as bf
import numpy as np
from brute_force import Array
from brute_force_pairs import (
    CHIRAL,
    CHIRAL_OPERATORS,
    FERMIONS,
    SCALARS,
    Currents,
    Pair,
    scalar_currents,
)
from brute_force_vectors import VECTORS, vector_currents

# psi^c = C psibar^T; in the Dirac representation C = i g2 g0 and C g^mu C^-1 = -(g^mu)^T.
CHARGE_CONJUGATION = 1j * bf.GAMMA[2] @ bf.GAMMA[0]
HALF = 0.5


def majorana_spinors(k: Array, mass: float) -> tuple[Array, Array]:
    """u(k, s) and the v(k, s) = C ubar^T(k, s) that creates the same particle."""
    u = bf.spinors(k, mass, antiparticle=False)
    ubar = u.conj() @ bf.GAMMA[0]
    return u, ubar @ CHARGE_CONJUGATION.T


def both(one: Currents, sign: int) -> Currents:
    """Both contractions of particles that are identical, sign +1 for bosons and -1 for fermions."""

    def currents(k1: Array, k2: Array, m1: float, m2: float) -> dict[str, Array]:
        if m1 != m2:
            raise ValueError(f"identical particles with masses {m1} and {m2} GeV")
        direct, crossed = one(k1, k2, m1, m2), one(k2, k1, m2, m1)
        return {name: direct[name] + sign * crossed[name].swapaxes(1, 2) for name in direct}

    return currents


def both_contractions(pair: Pair, sign: int) -> Pair:
    """The pair with its particles identical."""
    return Pair(pair.operators, both(pair.currents, sign), HALF)


def one_contraction(structures: Mapping[str, Array]) -> Currents:
    """<1(k1) 2(k2)|chibar Gamma chi|0> where chibar creates the first: ubar(k1) Gamma v(k2)."""

    def currents(k1: Array, k2: Array, m1: float, m2: float) -> dict[str, Array]:
        (u, _), (_, v) = majorana_spinors(k1, m1), majorana_spinors(k2, m2)
        ubar = u.conj() @ bf.GAMMA[0]
        return {
            name: np.einsum("nai,...ij,nbj->nab...", ubar, matrices, v)
            for name, matrices in structures.items()
        }

    return currents


REAL_SCALARS = both_contractions(Pair(SCALARS.operators, scalar_currents), +1)
REAL_VECTORS = both_contractions(Pair(VECTORS.operators, vector_currents), +1)
MAJORANA = both_contractions(Pair(FERMIONS.operators, one_contraction(bf.STRUCTURES)), -1)
MAJORANA_STERILE = both_contractions(Pair(CHIRAL_OPERATORS, one_contraction(CHIRAL)), -1)

# The operators that are odd under the exchange and vanish.
VANISHING = {
    "scalar": ("V", "A"),
    "fermion": ("V1", "A1", "T1", "T2"),
    "vector": ("T1", "T2", "V4", "V5", "V6", "A4", "A5", "A6"),
    "sterile": ("T_LL", "T_LR", "T_RL", "T_RR"),
}


def charge_conjugation_deviation() -> float:
    """Largest violation of C g^mu C^-1 = -(g^mu)^T and of u = C vbar^T, 0 up to rounding."""
    C, inverse = CHARGE_CONJUGATION, np.linalg.inv(CHARGE_CONJUGATION)
    deviations = [C @ bf.GAMMA @ inverse + bf.GAMMA.swapaxes(1, 2)]
    k = np.array([[np.sqrt(0.5**2 + 1.3**2 + 0.2**2 + 0.7**2), 1.3, -0.2, 0.7]])
    u, v = majorana_spinors(k, 0.5)
    vbar = v.conj() @ bf.GAMMA[0]
    slash = np.einsum("m,m,mij->ij", bf.METRIC, k[0], bf.GAMMA)
    deviations += [u - vbar @ C.T, v @ (slash + 0.5 * np.eye(4)).T]
    return max(float(np.max(np.abs(deviation))) for deviation in deviations)
