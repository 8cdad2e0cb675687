"""Massive fermion pairs against EOS 1.0.21, whose B -> K(*) l l has the same ten operators.

At m_l = 0.9 GeV masses count. EOS shares no formula with the package here: transversity amplitudes
and angular coefficients of arXiv:1212.2321.
"""

from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bsnunu_jax.hadrons import kinematics
from bsnunu_jax.hadrons.transitions import MODES
from bsnunu_jax.inputs import Inputs, load_inputs
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.states import FermionPair

eos_dilepton = pytest.importorskip("eos_dilepton", reason="needs EOS: pip install '.[test,peers]'")

pytestmark = pytest.mark.peers

RTOL = 1e-11
MASS = 0.9  # GeV
FRACTIONS = np.array([0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98])  # of the range of q2
OPERATORS = ("S1", "S2", "P1", "P2", "V1", "V2", "A1", "A2", "T1", "T2")


def _couplings() -> np.ndarray:
    """[set, operator]: alone, every two, all; complex, of the size of C9."""
    n = len(OPERATORS)
    on = [(i,) for i in range(n)] + list(combinations(range(n), 2)) + [tuple(range(n))] * 3
    rng = np.random.default_rng(20260419)
    values = rng.normal(scale=4.0, size=(2, len(on), n))
    mask = np.array([[i in chosen for i in range(n)] for chosen in on])
    return np.where(mask, values[0] + 1j * values[1], 0)


def _inputs(mode: str) -> Inputs:
    """The preset with the masses of the observable."""
    inputs, oracle = load_inputs("eos"), eos_dilepton.eos_dilepton(mode, MASS)
    roles = dict(inputs.roles)
    changed = {MODES[mode].m_B: oracle.m_B, MODES[mode].m_K: oracle.m_K}
    changed |= dict(zip((roles["m_b"], roles["m_s"]), oracle.quark_masses, strict=True))
    values = inputs.values | {name: jnp.asarray(value) for name, value in changed.items()}
    return Inputs(values, inputs.form_factors, inputs.preset, inputs.sets, inputs.roles)


@pytest.mark.parametrize("mode", ["B0->K0", "B0->K*0"])
def test_fermion_pair(mode: str) -> None:
    """dGamma/dq2 and, for K*, F_L with L = N_0 sum C O."""
    inputs, oracle = _inputs(mode), eos_dilepton.eos_dilepton(mode, MASS)
    couplings = _couplings()
    q2_max = float(kinematics.q2_max(oracle.m_B, oracle.m_K))
    q2 = 4 * MASS**2 + FRACTIONS * (q2_max - 4 * MASS**2)

    def one(x: jax.Array, c: jax.Array) -> tuple[jax.Array, jax.Array]:
        state = FermionPair(MASS, **dict(zip(OPERATORS, inputs.N_0 * c, strict=True)))
        kernels = rates.kernels(mode, state, inputs, x, longitudinal=MODES[mode].vector)
        longitudinal = rates.contract(state.invariants(inputs), kernels)
        return rates.dgamma_dq2(mode, state, inputs, x), longitudinal

    found = jax.jit(jax.vmap(jax.vmap(one, (None, 0)), (0, None)))(q2, couplings)
    total, longitudinal = (np.asarray(x) for x in found)
    for i, x in enumerate(q2):
        for j, c in enumerate(couplings):
            rate, fraction = oracle.at(x, dict(zip(OPERATORS, c, strict=True)))
            assert total[i, j] == pytest.approx(rate, rel=RTOL, abs=0)
            if fraction is not None and rate > 0:
                assert longitudinal[i, j] / rate == pytest.approx(fraction, rel=RTOL, abs=0)
