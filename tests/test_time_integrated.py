"""Rates of a Bs that mixes: evolution in time with explicit amplitudes, sizes, the switch."""

from pathlib import Path
from typing import Any

import brute_force_mixing as mixing
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pair_cases import one_mass
from pair_comparison import form_factors, meson_masses, random_couplings

from bsnunu_jax import FermionPair, Neutrinos, ScalarPair, branching_fraction, load_inputs
from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.exchange.polynomials import quadratic_polynomials
from bsnunu_jax.experiments import Predictions
from bsnunu_jax.hadrons.transitions import ANNIHILATIONS, MODES
from bsnunu_jax.inputs import Inputs, Nuisances, tables
from bsnunu_jax.inputs.nuisances import groups_of
from bsnunu_jax.observables import branching
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.rates.forms import by_state
from bsnunu_jax.states import Resonance, SterileNeutrino, TwoBody, Universal, VectorPair
from bsnunu_jax.states.base import MasslessPair
from bsnunu_jax.states.scaled import Scaled

Y = "DeltaGamma_over_Gamma_Bs"
HADRONS = {"Bs->phi": -1, "Bs->eta": 1}
STATES = {
    "scalars": one_mass(ScalarPair),
    "fermions": one_mass(FermionPair),
    "vectors": one_mass(VectorPair),
    "real scalars": one_mass(ScalarPair, real=True),
    "Majorana fermions": one_mass(FermionPair, majorana=True),
    "real vectors": one_mass(VectorPair, real=True),
}


def with_width(ratio: float) -> Inputs:
    """Another Delta Gamma/Gamma than that of the inputs."""
    inputs = load_inputs()
    values = inputs.values | {Y: jnp.asarray(ratio)}
    return eqx.tree_at(lambda i: i.values, inputs, values)


# No error of the time evolution hides behind so large a width difference.
WIDE = with_width(0.6)
_spectrum = jax.jit(rates.dgamma_dq2, static_argnums=0)


@pytest.mark.parametrize("mode", HADRONS)
@pytest.mark.parametrize("name", STATES)
def test_pairs_evolve_in_time(name: str, mode: str, rng: np.random.Generator) -> None:
    """Every operator, every two of them and all, with complex coefficients."""
    pair, conjugate = mixing.CASES[name]
    state = STATES[name](0.5, 0.5)
    kept = [o for o in pair.operators if not (state.identical and o in state.vanishing)]
    mass, q2 = 0.7, 8.3
    couplings, _ = random_couplings(np.eye(len(kept)), rng)
    every = np.zeros((len(couplings), len(pair.operators)), dtype=complex)
    every[:, [list(pair.operators).index(o) for o in kept]] = couplings
    expected = mixing.rates(
        q2,
        *meson_masses(WIDE, mode),
        form_factors(WIDE, mode, q2),
        pair,
        conjugate,
        mass,
        every,
        **about(mode),
    )

    @jax.jit
    @jax.vmap
    def found(c: jax.Array) -> jax.Array:
        state = STATES[name](mass, mass, **dict(zip(kept, c, strict=True)))
        return rates.dgamma_dq2(mode, state, WIDE, q2)

    values = np.asarray(found(couplings))
    closed = expected == 0
    assert (values[closed] == 0).all()
    np.testing.assert_allclose(values[~closed], expected[~closed], rtol=1e-9)


def about(mode: str) -> dict[str, Any]:
    """What the brute force wants to know of a mode."""
    return {"vector": MODES[mode].vector, "charge_parity": HADRONS[mode], "y": 0.3}


@pytest.mark.parametrize("mode", HADRONS)
def test_neutrinos_evolve_in_time(mode: str, rng: np.random.Generator) -> None:
    """Flavour violation, right-handed ones and phases: nu_i nubar_j goes with C^ij and C^ji*."""
    given = {
        name: rng.standard_normal((3, 3)) + 1j * rng.standard_normal((3, 3))
        for name in ("CL", "CR", "CLp", "CRp")
    }
    total = given | {"CL": given["CL"] + float(WIDE.C_L_SM) * np.eye(3)}
    total = {name: float(WIDE.N_0) * C for name, C in total.items()}
    arguments = 9.1, *meson_masses(WIDE, mode), form_factors(WIDE, mode, 9.1)
    expected = mixing.neutrinos(*arguments, total, **about(mode))
    found = float(_spectrum(mode, Neutrinos(**given), WIDE, 9.1))
    assert found == pytest.approx(expected, rel=1e-9, abs=0)
    plain = float(_spectrum(mode, Neutrinos(**given), load_inputs(time_integrated=False), 9.1))
    assert abs(found / plain - 1) > 0.01


@pytest.mark.parametrize("mode", HADRONS)
def test_other_states(mode: str) -> None:
    """The set of EOS, a scalar X as a pair with its couplings, factors, and two species."""
    c, r = -WIDE.C_L_SM + 2.0 + 1.5j, 3.0 - 2.0j
    flavours = jnp.eye(3)
    same = Neutrinos(-(c + WIDE.C_L_SM) * flavours, -r * flavours)
    universal = _spectrum(mode, Universal(c, r), WIDE, 6.0)
    assert float(universal) == pytest.approx(float(_spectrum(mode, same, WIDE, 6.0)), rel=1e-12)
    scaled = _spectrum(mode, Scaled(same, 2.5), WIDE, 6.0)
    assert float(scaled) == pytest.approx(2.5 * float(universal), rel=1e-12, abs=0)

    couplings = {"S": 0.4 - 0.9j, "P": 0.7 + 0.2j}
    pair = ScalarPair(0.5, **couplings)
    for X in (Resonance(2.0, 0.3, **couplings), TwoBody(2.0, **couplings)):
        ratios = [shift(mode, s) for s in (X, pair)]
        assert ratios[0] == pytest.approx(ratios[1], rel=1e-12)
        assert abs(ratios[0] - 1) > 0.05
    for two in (
        ScalarPair(0.3, 0.5, S=1j, P=2.0, V=1.0),
        FermionPair(0.3, 0.5, S1=1.0, P2=0.5, T2=1j),
        SterileNeutrino(0.5, V_LR=1.0, S_LL=1j),
    ):
        assert shift(mode, two) == pytest.approx(1 / (1 - 0.3**2), rel=1e-12)


def shift(mode: str, state: Any) -> float:
    """What mixing does to a rate of new physics."""
    plain = load_inputs(time_integrated=False)
    found = [rates.integrated_kernels(mode, state, WIDE)] * 2
    invariants = rates.invariants(mode, state, WIDE), rates.invariants(mode, state, plain)
    mixed, alone = (rates.contract(v, k) for v, k in zip(invariants, found, strict=True))
    return float(mixed / alone)


def test_published_sizes() -> None:
    """phi -3.9 and -4.2 %, eta -6.0 % at y = 0.064; Bs -> inv through A2 1/(1 - y), as mu mu."""
    sets = {"bsz2015v2_lcsr": "-3.9", "bsz2015v2_lcsrlattice": "-4.2"}
    inputs, plain = with_width(0.128), load_inputs(time_integrated=False)
    for name, percent in sets.items():
        of = load_inputs(form_factors={"Bs->phi": name})
        there = eqx.tree_at(lambda i: i.form_factors, inputs, of.form_factors)
        without = eqx.tree_at(lambda i: i.form_factors, plain, of.form_factors)
        assert f"{100 * (ratio('Bs->phi', there, without) - 1):.1f}" == percent
    for mode in ("Bs->eta", "Bs->etaprime"):
        assert ratio(mode, inputs, plain) == pytest.approx(1 / 1.064, rel=1e-12)
        assert f"{100 * (ratio(mode, inputs, plain) - 1):.1f}" == "-6.0"
    assert ratio("Bs->K*0", inputs, plain) == pytest.approx(1 / (1 - 0.064**2), rel=1e-12)
    dark = FermionPair(0.5, A2=1e-9)
    assert ratio("Bs->inv", inputs, plain, dark) == pytest.approx(1 / (1 - 0.064), rel=1e-12)


def ratio(mode: str, inputs: Inputs, other: Inputs, state: Any = None) -> float:
    """BR with some inputs over that with others."""
    state = state or Neutrinos()
    return float(branching_fraction(mode, state, inputs) / branching_fraction(mode, state, other))


def test_every_rate_of_a_mode_is_time_integrated() -> None:
    """Bins, spectra, the longitudinal part, what data read, and polynomials."""
    state = [Neutrinos(), ScalarPair(0.5, P=1e-8j, A=1e-9)]
    total = float(branching_fraction("Bs->phi", state, WIDE))
    edges = jnp.asarray([0.0, 5.0, 20.0])
    bins = branching.branching_fraction_bins("Bs->phi", state, WIDE, edges)
    assert float(jnp.sum(bins)) == pytest.approx(total, rel=1e-9)
    read = Predictions(state, WIDE).branching_fraction("Bs->phi")
    assert float(read) == pytest.approx(total, rel=1e-12)
    share = {
        on: float(branching.longitudinal_fraction("Bs->phi", Neutrinos(), i))
        for on, i in ((True, WIDE), (False, load_inputs(time_integrated=False)))
    }
    vector = float(vector_share())
    # The longitudinal part is axial alone, which lives with 1 + y.
    expected = share[False] / ((1 - vector) + vector * 1.3 / 0.7)
    assert share[True] == pytest.approx(expected, rel=1e-10)
    br = float(branching_fraction("Bs->phi", Neutrinos(), WIDE))
    one = quadratic_polynomials(["BR(Bs->phiinv)"], parameters=["CL_tautau"], inputs=WIDE)
    assert one.central[0, 0] == pytest.approx(br, rel=1e-10)


def vector_share() -> jax.Array:
    kernels = rates.integrated_kernels("Bs->phi", Neutrinos(), load_inputs())
    return kernels["vector"] / (kernels["vector"] + kernels["axial"])


def test_operators_side_by_side_are_time_integrated() -> None:
    """What the evidence of operators is made from, also of Bs -> inv."""
    modes = ["Bs->phi", "Bs->inv"]
    states = [FermionPair(0.4, A2=2e-9), FermionPair(0.4, P1=1e-9j)]
    found = by_state(
        states, WIDE, modes, lambda s: [rates.integrated_kernels(m, s, WIDE) for m in modes]
    )
    for mode, of_mode in zip(modes, found, strict=True):
        for state, value in zip(states, of_mode, strict=True):
            assert float(value) == pytest.approx(float(rates.gamma(mode, state, WIDE)), rel=1e-12)


def test_switch() -> None:
    """Programs that leave mixing out, a card and `load_inputs` that do."""
    on = {name: load_inputs(name).time_integrated for name in tables.presets()}
    assert on == {"default": True, "paper": False, "hpqcd": True, "flavio": False, "eos": False}
    assert load_inputs("eos", time_integrated=True).time_integrated
    off = load_inputs(time_integrated=False)
    state, kernels = Neutrinos(), rates.integrated_kernels("Bs->phi", Neutrinos(), off)
    expected = rates.contract(state.invariants(off), kernels)
    assert rates.gamma("Bs->phi", state, off) == expected


def test_switch_of_a_card(tmp_path: Path) -> None:
    text = """
title: mixing
model: neutrinos
inputs: {preset: default, %snuisances: [Bs]}
parameters: {CR_tautau: {prior: {uniform: [-30, 30]}}}
data: [belle_2017_Kplus]
"""
    for key, on in (("", True), ("time_integrated: false, ", False)):
        path = tmp_path / "card.yaml"
        path.write_text(text % key)
        card = Card(path)
        assert card.problem.nuisances.inputs.time_integrated is on
        assert ("time_integrated" in card.resolved) is bool(key)


def test_width_difference_is_a_nuisance() -> None:
    """0.129(9), of modes that mix alone."""
    nuisances = Nuisances(load_inputs(), groups_of(["Bs->eta"]))
    z = jnp.zeros(nuisances.size).at[nuisances.names.index(Y)].set(1.0)
    shifted = nuisances.shift(z)
    assert float(shifted.values[Y]) == pytest.approx(0.138)
    found = ratio("Bs->eta", shifted, load_inputs())
    assert found == pytest.approx((1 + 0.129 / 2) / (1 + 0.138 / 2), rel=1e-12)
    assert Y not in Nuisances(load_inputs(), groups_of(["B+->K+"])).names


def test_other_modes_trace_nothing_more() -> None:
    """The program of a mode without mixing does not know of it."""
    mixing_modes = {n for n, d in {**MODES, **ANNIHILATIONS}.items() if d.mixing}
    assert mixing_modes == {"Bs->phi", "Bs->eta", "Bs->etaprime", "Bs->K0", "Bs->K*0", "Bs->inv"}
    programs = [
        str(jax.make_jaxpr(lambda i: branching.branching_fraction("B0->K*0", Neutrinos(), i))(i))
        for i in (load_inputs(), load_inputs(time_integrated=False))
    ]
    assert programs[0] == programs[1]


def test_state_of_ones_own() -> None:
    """Without `mixing_invariants` it is taken as one that the antiparticle does not decay to."""

    class Own(MasslessPair, eqx.Module):
        def invariants(self, inputs: Inputs) -> dict[str, jax.Array]:
            return {"one": jnp.asarray(1e-20)}

        def dark_rows(self, q2: jax.Array) -> dict[str, dict[str, jax.Array]]:
            return {"one": {"V": q2}}

    plain = load_inputs(time_integrated=False)
    assert ratio("Bs->eta", WIDE, plain, Own()) == pytest.approx(1 / (1 - 0.3**2), rel=1e-12)
