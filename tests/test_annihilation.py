"""Mesons -> invisible pair against explicit amplitudes: every operator and every interference."""

import jax
import numpy as np
import programs
import pytest
from brute_force_annihilation import quadratic_form
from pair_cases import DISTINCT, IDENTICAL
from pair_comparison import Case, assert_same, random_couplings, rates_of, restricted

from bsnunu_jax.hadrons.transitions import ANNIHILATIONS, Annihilation
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.rates import kernels as rates

CASES = DISTINCT | IDENTICAL
# Parity leaves P and A; the conserved currents of two equal masses drop out of A.
SEEN = {
    "scalars": {"P", "A"},
    "fermions": {"P1", "P2", "A1", "A2"},
    "vectors": {"P", "A2", "A3"},
    "nu N": {f"{a}_{x}{y}" for a in "VS" for x in "LR" for y in "LR"},
    "N N": {f"{a}_{x}{y}" for a in "VS" for x in "LR" for y in "LR"},
    "real scalars": {"P"},
    "Majorana fermions": {"P1", "P2", "A2"},
    "real vectors": {"P", "A2", "A3"},
    "Majorana N N": {f"{a}_{x}{y}" for a in "VS" for x in "LR" for y in "LR"},
}
BS = ANNIHILATIONS["Bs->inv"]
# Of the largest rate of one operator: the square of what is left of a conserved current.
ROUNDING = 1e-26


def form(case: Case, inputs: Inputs, m1: float, m2: float, decay: Annihilation = BS) -> np.ndarray:
    """G_ab in GeV with what only rounding leaves of a vanishing operator set to 0."""
    numbers = [float(inputs.values[name]) for name in (decay.m_B, decay.f_B)]
    numbers += [float(m) for m in inputs.quark_masses(decay.quarks)]
    found = restricted(case, quadratic_form(*numbers, case.amplitudes, m1, m2))
    seen = np.diag(found).real > ROUNDING * np.diag(found).real.max()
    return np.where(np.outer(seen, seen), found, 0)


# Of the other mesons, numbers alone: one state of each kind.
RATES = [("Bs->inv", name) for name in CASES]
RATES += [
    (mode, name)
    for mode in ANNIHILATIONS
    for name in ("scalars", "Majorana fermions", "real vectors", "nu N")
    if mode != "Bs->inv"
]


@pytest.mark.parametrize(("mode", "name"), RATES)
def test_rate(mode: str, name: str, every_set: Inputs, rng: np.random.Generator) -> None:
    inputs = every_set  # not integrated over time
    case, decay = CASES[name], ANNIHILATIONS[mode]
    # Masses that fit the B into the D.
    scale = float(inputs.values[decay.m_B] / inputs.values[BS.m_B])
    masses = [(scale * m1, scale * m2) for m1, m2 in case.draw_masses(rng)]
    forms = [form(case, inputs, *pair, decay) for pair in masses]
    drawn = [random_couplings(g, rng) for g in forms]

    def one(pair: jax.Array, couplings: jax.Array) -> jax.Array:
        values = dict(zip(case.operators, couplings, strict=True))
        state = case.state(pair[0], pair[1], quarks=decay.quarks, **values)
        return rates.gamma(mode, state, inputs)

    couplings = np.array([c for c, _ in drawn])
    found = jax.jit(jax.vmap(jax.vmap(one, (None, 0))))(np.array(masses), couplings)
    for g, (chosen, on), values in zip(forms, drawn, np.asarray(found), strict=True):
        assert_same(values, rates_of(g, chosen), on, case, rounding=ROUNDING)


@pytest.mark.parametrize("name", CASES)
def test_operators_that_annihilate(name: str, inputs: Inputs, rng: np.random.Generator) -> None:
    case = CASES[name]
    seen = np.diag(form(case, inputs, *case.draw_masses(rng)[0])).real > 0
    assert {op for op, on in zip(case.operators, seen, strict=True) if on} == SEEN[name]


def test_closed_channel_is_exactly_zero(inputs: Inputs) -> None:
    mass = float(inputs.values["m_B_s"])
    for name, case in CASES.items():
        heavy = (0.0, 1.001 * mass) if name == "nu N" else (0.501 * mass, 0.501 * mass)
        state = case.state(*heavy, **dict.fromkeys(case.operators, 1.0))
        assert float(programs.gamma("Bs->inv", state, inputs)) == 0
