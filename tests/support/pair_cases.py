"""The final states compared with amplitudes: which amplitudes, which class, which masses."""

from functools import partial
from typing import Any

import numpy as np
from brute_force_identical import MAJORANA, MAJORANA_STERILE, REAL_SCALARS, REAL_VECTORS, VANISHING
from brute_force_pairs import FERMIONS, SCALARS, STERILE
from brute_force_vectors import VECTORS
from pair_comparison import Case, Masses

from bsnunu_jax.states import FermionPair, ScalarPair, SterileNeutrino, VectorPair

# (s sigma P_L b)(nubar sigma P_R N) = 0, for any particles: the package has no such operator.
OPPOSITE_TENSORS = ("T_LR", "T_RL")


def equal_masses(rng: np.random.Generator) -> Masses:
    """Light, anything, heavy."""
    return [(float(m), float(m)) for m in rng.uniform((0.1, 0.3, 0.8, 1.5), (0.3, 0.8, 1.5, 2.1))]


def unequal_masses(rng: np.random.Generator) -> Masses:
    """Either the heavier, the same, and one of them 0."""
    light, heavy = rng.uniform(0.1, 0.8, 5).tolist(), rng.uniform(0.8, 2.1, 5).tolist()
    return [
        (light[0], heavy[0]),
        (heavy[1], light[1]),
        (heavy[2], heavy[2]),
        (heavy[3], 0.0),
        (0.0, heavy[4]),
    ]


def massless_and_massive(rng: np.random.Generator) -> Masses:
    """A neutrino and something light, anything, heavy."""
    return [(0.0, float(m)) for m in rng.uniform((0.1, 0.8, 2.1), (0.8, 2.1, 3.5))]


def one_mass(state: Any, **options: Any) -> Any:
    """A constructor from (m1, m2 = m1, couplings)."""
    return lambda m1, m2, **couplings: state(m1, **options, **couplings)


def neutrino_and_sterile(m1: Any, m2: Any, **couplings: Any) -> SterileNeutrino:
    """A constructor from (m1 = 0, m2, couplings)."""
    return SterileNeutrino(m2, pair="nuN", **couplings)


sterile_pair = partial(one_mass, SterileNeutrino, pair="NN")

DISTINCT = {
    "scalars": Case(SCALARS, ScalarPair, unequal_masses),
    "fermions": Case(FERMIONS, FermionPair, unequal_masses),
    "vectors": Case(VECTORS, one_mass(VectorPair), equal_masses),
    "nu N": Case(STERILE, neutrino_and_sterile, massless_and_massive, OPPOSITE_TENSORS),
    "N N": Case(STERILE, sterile_pair(), equal_masses, OPPOSITE_TENSORS),
}
IDENTICAL = {
    "real scalars": Case(
        REAL_SCALARS, one_mass(ScalarPair, real=True), equal_masses, VANISHING["scalar"]
    ),
    "Majorana fermions": Case(
        MAJORANA, one_mass(FermionPair, majorana=True), equal_masses, VANISHING["fermion"]
    ),
    "real vectors": Case(
        REAL_VECTORS, one_mass(VectorPair, real=True), equal_masses, VANISHING["vector"]
    ),
    "Majorana N N": Case(
        MAJORANA_STERILE, sterile_pair(majorana=True), equal_masses, VANISHING["sterile"]
    ),
}
