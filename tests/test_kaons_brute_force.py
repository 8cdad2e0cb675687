"""K_L -> pi0 + pair against amplitudes of K0 and K0bar, superposed before they are squared."""

from typing import Any, NamedTuple

import brute_force_kaons as kaons
import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest
from brute_force_identical import MAJORANA, REAL_SCALARS, REAL_VECTORS, VANISHING
from brute_force_pairs import FERMIONS, SCALARS, Pair
from brute_force_vectors import VECTORS
from pair_comparison import form_factors, meson_masses

from bsnunu_jax.inputs import Inputs
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.states import (
    FermionPair,
    Neutrinos,
    Resonance,
    ScalarPair,
    Scaled,
    SterileNeutrino,
    TwoBody,
    Universal,
    VectorPair,
)

MODE = "KL->pi0"
TOLERANCE = 1e-11
POINTS = [(0.02, 0.01), (0.11, 0.06), (0.1305, 0.17)]  # q2 [GeV^2], mass [GeV]
UNEQUAL = [(0.11, (0.0, 0.2)), (0.09, (0.15, 0.06)), (0.12, (0.1, 0.1))]


class Case(NamedTuple):
    """Currents of D and of its conjugate, and the state with options."""

    pair: Pair
    daggers: Pair
    state: Any
    options: dict[str, bool]
    vanishing: tuple[str, ...] = ()


CASES = {
    "scalars": Case(SCALARS, kaons.SCALAR_DAGGERS, ScalarPair, {}),
    "fermions": Case(FERMIONS, kaons.FERMION_DAGGERS, FermionPair, {}),
    "vectors": Case(VECTORS, kaons.VECTOR_DAGGERS, VectorPair, {}),
    "real scalars": Case(
        REAL_SCALARS, kaons.REAL_SCALAR_DAGGERS, ScalarPair, {"real": True}, VANISHING["scalar"]
    ),
    "Majorana fermions": Case(
        MAJORANA, kaons.MAJORANA_DAGGERS, FermionPair, {"majorana": True}, VANISHING["fermion"]
    ),
    "real vectors": Case(
        REAL_VECTORS, kaons.REAL_VECTOR_DAGGERS, VectorPair, {"real": True}, VANISHING["vector"]
    ),
}


def couplings_of(case: Case, sizes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[set, operator]: each alone, each two together, all, with random phases."""
    names = list(case.pair.operators)
    seen = [i for i, n in enumerate(names) if sizes[i] > 0 and n not in case.vanishing]
    on = [{i} for i in seen] + [{i, j} for i in seen for j in seen if i < j] + [set(seen)]
    mask = np.array([[i in chosen for i in range(len(names))] for chosen in on])
    phases = np.exp(1j * rng.uniform(0, 2 * np.pi, mask.shape))
    modulus = rng.uniform(0.5, 1.5, mask.shape)
    return np.where(mask, modulus * phases / np.where(sizes > 0, sizes, 1.0), 0)


def sizes_of(case: Case, one: Any) -> np.ndarray:
    """Root of the rate of each operator at C = 1 and i together, 0 for those that vanish."""
    unit = np.eye(len(case.pair.operators))
    found = np.sqrt(one(unit) + one(1j * unit))
    return np.where(found > 1e-12 * found.max(), found, 0.0)


def package(case: Case, inputs: Inputs, distinct: bool) -> Any:
    names = [n for n in case.pair.operators if n not in case.vanishing]
    places = np.array([list(case.pair.operators).index(n) for n in names])

    def one(q2: jax.Array, masses: jax.Array, couplings: jax.Array) -> jax.Array:
        given = dict(zip(names, couplings[places], strict=True))
        used = (masses[0], masses[1]) if distinct else (masses[0],)
        state = case.state(*used, quarks="s->d", **case.options, **given)
        return rates.dgamma_dq2(MODE, state, inputs, q2)

    return jax.jit(jax.vmap(one, (None, None, 0)))


@pytest.mark.parametrize("name", CASES)
def test_pairs(name: str, inputs: Inputs, rng: np.random.Generator) -> None:
    case = CASES[name]
    function = package(case, inputs, False)
    width = None
    for q2, mass in POINTS:
        ff = form_factors(inputs, MODE, q2)

        def brute(c: np.ndarray, q2: float = q2, ff: Any = ff, m: float = mass) -> np.ndarray:
            decay = meson_masses(inputs, MODE)
            return kaons.spectrum(q2, *decay, ff, case.pair, case.daggers, m, c)

        couplings = couplings_of(case, sizes_of(case, brute), rng)
        width = width or len(couplings)
        found = np.asarray(function(q2, np.array([mass, mass]), couplings))
        np.testing.assert_allclose(found, brute(couplings), rtol=TOLERANCE, atol=1e-13)
    assert width > 1


@pytest.mark.parametrize("name", ["scalars", "fermions"])
def test_two_different_particles(name: str, inputs: Inputs, rng: np.random.Generator) -> None:
    """There is no interference of C with its conjugate: other final states."""
    case = CASES[name]
    function = package(case, inputs, True)
    for q2, masses in UNEQUAL:
        ff = form_factors(inputs, MODE, q2)

        def brute(c: np.ndarray, q2: float = q2, ff: Any = ff, m: Any = masses) -> np.ndarray:
            decay = meson_masses(inputs, MODE)
            return kaons.spectrum_of_two(q2, *decay, ff, case.pair, case.daggers, m, c)

        couplings = couplings_of(case, sizes_of(case, brute), rng)
        found = np.asarray(function(q2, np.array(masses), couplings))
        np.testing.assert_allclose(found, brute(couplings), rtol=TOLERANCE, atol=1e-13)


def test_neutrinos(inputs: Inputs, rng: np.random.Generator) -> None:
    """All four matrices with the SM and the CKM phase, at 5 points."""
    unit = inputs.normalisation("s->d") * jnp.exp(1j * inputs.values["VtsVtd_arg"])
    sm = np.diag(np.asarray(inputs.sm_coefficient("s->d")))
    for q2 in (1e-4, 0.02, 0.07, 0.11, 0.131):
        new = 8 * (rng.normal(size=(4, 3, 3)) + 1j * rng.normal(size=(4, 3, 3)))
        names = dict(zip(("CL", "CR", "CLp", "CRp"), new, strict=True))
        total = np.asarray(unit) * (new + np.array([sm, *np.zeros((3, 3, 3))]))
        ff = form_factors(inputs, MODE, q2)
        expected = kaons.neutrinos(q2, *meson_masses(inputs, MODE), ff, total)
        state = Neutrinos(elsewhere={"s->d": names})
        found = float(programs.dgamma_dq2(MODE, state, inputs, q2))
        assert found == pytest.approx(expected, rel=TOLERANCE, abs=0)


def test_states_made_of_others(inputs: Inputs) -> None:
    """Scaled ones, sterile neutrinos, EOS's set (the SM here), and a scalar X."""

    def rate(state: Any) -> float:
        return float(programs.gamma(MODE, state, inputs))

    pair = FermionPair(0.05, S1=1e-9 + 2e-9j, V2=3e-9j, quarks="s->d")
    assert rate(Scaled(pair, 2.5)) == pytest.approx(2.5 * rate(pair), rel=1e-13, abs=0)
    sterile = SterileNeutrino(0.05, pair="NN", V_LR=1e-9j, S_LL=2e-9 - 1e-9j, quarks="s->d")
    assert rate(sterile) == pytest.approx(rate(sterile.state), rel=1e-13, abs=0)
    universal = Universal.standard_model(inputs)
    assert rate(universal) == pytest.approx(rate(Neutrinos()), rel=1e-13, abs=0)
    for make in (
        lambda S: TwoBody(0.1, S=S, quarks="s->d"),
        lambda S: Resonance(0.1, 0.01, S=S, quarks="s->d"),
    ):
        real, both = rate(make(1e-10)), rate(make(1e-10 + 3e-10j))
        charged = float(programs.gamma("K+->pi+", make(1e-10), inputs))
        assert both == pytest.approx(real, rel=1e-13, abs=0)
        # Isospin: the couplings of K+ in units of which a real one is seen in full.
        assert real == pytest.approx(charged, rel=0.05, abs=0)
        assert rate(make(1e-10j)) == 0
