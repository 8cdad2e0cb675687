"""Pairs of scalars and fermions, and the quadratic form of their rates, from amplitudes.

A pair is what its operators create, <1(k1) 2(k2)| . |0> with explicit spinors; the quadratic form
G has dGamma/dq2 = sum_ab C_a conj(C_b) G_ab for L = sum_a C_a O_a.  Conventions: brute_force.py.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import brute_force as bf
import numpy as np
from brute_force import Array, FormFactors

CHIRALITY = {"L": (np.eye(4) - bf.GAMMA5) / 2, "R": (np.eye(4) + bf.GAMMA5) / 2}


# (k1, k2, m1, m2) -> name: [direction, spin 1, spin 2, Lorentz indices]
Currents = Callable[[Array, Array, float, float], Mapping[str, Array]]


class Pair(NamedTuple):
    """What is created: each operator is (bilinear of the quarks, current of the pair)."""

    operators: Mapping[str, tuple[str, str]]
    currents: Currents
    statistics: float = 1.0  # 1/2 if the two particles are identical


def scalar_currents(k1: Array, k2: Array, m1: float, m2: float) -> dict[str, Array]:
    """phi1^dag phi2 (S) and phi1^dag i<->d^mu phi2 (V).

    phi1^dag creates exp(i k1 x) and phi2 exp(i k2 x), so that i<->d^mu gives i (i k2 - i k1)^mu.
    """
    current = (k1 - k2)[:, None, None, :]  # one "spin" of each scalar
    return {"S": np.ones(current.shape[:3]), "V": current}


SCALARS = Pair({a: (a, "V" if a in "VA" else "S") for a in "SPVA"}, scalar_currents)
FERMIONS = Pair(
    {
        "S1": ("S", "S"),
        "S2": ("S", "P"),
        "P1": ("P", "S"),
        "P2": ("P", "P"),
        "V1": ("V", "V"),
        "V2": ("V", "A"),
        "A1": ("A", "V"),
        "A2": ("A", "A"),
        "T1": ("T", "T"),
        "T2": ("T", "T5"),
    },
    bf.fermion_currents,
)

# The chiral operators of a sterile neutrino N, (s Gamma P_X b)(nubar Gamma P_Y N).
_GAMMAS = {"V": bf.GAMMA, "S": np.eye(4), "T": bf.SIGMA}
CHIRAL = {f"{a}_{x}": g @ CHIRALITY[x] for a, g in _GAMMAS.items() for x in CHIRALITY}
CHIRAL_OPERATORS = {
    f"{a}_{x}{y}": (f"{a}_{x}", f"{a}_{y}") for a in _GAMMAS for x in CHIRALITY for y in CHIRALITY
}


def chiral_currents(k1: Array, k2: Array, m1: float, m2: float) -> dict[str, Array]:
    """nubar Gamma P_Y N with k1 from nubar."""
    return bf.fermion_currents(k1, k2, m1, m2, CHIRAL)


STERILE = Pair(CHIRAL_OPERATORS, chiral_currents)


def with_chiral(hadron: Mapping[str, Array]) -> dict[str, Array]:
    """Matrix elements of sbar Gamma P_X b beside the others; P stands for i g5, so g5 = -i P."""
    times_gamma5 = {"V": hadron["A"], "S": -1j * hadron["P"], "T": hadron["T5"]}
    signs = {"L": -1, "R": +1}
    chiral = {
        f"{a}_{x}": (hadron[a] + sign * g5) / 2
        for a, g5 in times_gamma5.items()
        for x, sign in signs.items()
    }
    return {**hadron, **chiral}


def amplitudes(hadron: Mapping[str, Array], pair: Pair, currents: Mapping[str, Array]) -> Array:
    """Amplitude of every operator, [operator, direction, spin 1, spin 2]."""
    found = []
    for quark, dark in pair.operators.values():
        rank = hadron[quark].ndim
        if currents[dark].ndim != 3 + rank:
            raise ValueError(f"({quark}, {dark}) is not a Lorentz scalar")
        covariant = bf.lower(currents[dark], rank)
        found.append(np.tensordot(covariant, hadron[quark], axes=rank).astype(complex))
    return np.array(found)


def quadratic_forms(
    q2: float,
    m_B: float,
    m_K: float,
    form_factors: FormFactors,
    pair: Pair,
    m1: float,
    m2: float,
    *,
    vector: bool,
) -> Array:
    """G_ab of dGamma/dq2 in GeV^-1 of B -> K(*) 1 2, [K* polarization or 0, a, b]."""
    event = bf.three_body(q2, m_B, m_K, m1, m2)
    currents = pair.currents(event.k1, event.k2, m1, m2)
    forms = []
    for hadron in bf.matrix_elements(event, form_factors, vector):
        found = amplitudes(with_chiral(hadron), pair, currents)
        forms.append(np.einsum("anst,bnst,n->ab", found, found.conj(), event.weights))
    return event.measure * pair.statistics * np.array(forms)
