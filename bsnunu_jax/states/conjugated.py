r"""What decays of K_L = (K0 + K0bar)/sqrt 2 see of a final state, with C|K0> = |K0bar>.

The operator of a coefficient C_a turns K0bar into the pi0, its hermitian conjugate the K0. Charge
conjugation of the mesons relates the two: the amplitude into one dark state is that of charged
kaons with (C_a - zeta_a C_a^*)/2 in place of C_a, where zeta_a is -1 times the C parity of the
quark bilinear, and once more -1 where the dark one is antihermitian. CP violation in the mixing of
the kaons is left out.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import get_quarks
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.states.base import Around, InvisibleState
from bsnunu_jax.states.fermion_pair import FermionPair
from bsnunu_jax.states.massive_pair import MassivePair
from bsnunu_jax.states.mediated import Mediated
from bsnunu_jax.states.mediated_neutrinos import MediatedNeutrinos
from bsnunu_jax.states.neutrinos import Neutrinos, invariants_of
from bsnunu_jax.states.resonance import Resonance, TwoBody
from bsnunu_jax.states.scaled import Scaled
from bsnunu_jax.states.sterile_neutrino import SterileNeutrino
from bsnunu_jax.states.universal import Universal
from bsnunu_jax.states.vector_line import VectorLine

# Bilinears with C = -1; scalars, pseudoscalars and axial currents have C = +1.
_ODD = "VT"


def conjugated(state: InvisibleState) -> InvisibleState:
    """The state whose invariants are those that decays of K_L into a pi0 see, in units of K+.

    Of a pair of two different particles the rates into it and into its antiparticles add: each sees
    C/2, where the other order of the two has no coefficient. A state of one's own that K_L decays
    into has a property `conjugated`.

    Raises:
        InputError: for a final state whose behaviour under conjugation is not known here.

    >>> real, imaginary = (FermionPair(0.1, V1=c, quarks="s->d") for c in (1e-9, 1e-9j))
    >>> [abs(complex(conjugated(s).coefficients["V1"])) for s in (real, imaginary)]
    [0.0, 1e-09]
    """
    own: InvisibleState | None = getattr(state, "conjugated", None)
    if own is not None:
        return own
    if isinstance(state, Scaled):
        return Scaled(conjugated(state.state), state.factor)
    if isinstance(state, SterileNeutrino):
        return conjugated(state.state)
    if isinstance(state, Mediated):  # both amplitudes have the same propagator
        return state.of(conjugated(state.state))
    if isinstance(state, MediatedNeutrinos):
        return state.conjugate()
    if isinstance(state, MassivePair):
        new = {k: _of_pair(state, k, c) for k, c in state.coefficients.items()}
        return eqx.tree_at(lambda s: s.coefficients, state, new)
    if isinstance(state, Neutrinos | Universal):
        return ConjugatedNeutrinos(state)
    if isinstance(state, Resonance | TwoBody):
        new_ones = _half(state.S, -1), _half(state.P, -1)
        return eqx.tree_at(lambda s: (s.S, s.P), state, new_ones)
    if isinstance(state, VectorLine):
        return eqx.tree_at(lambda s: (s.V, s.A), state, (_half(state.V, 1), _half(state.A, -1)))
    if isinstance(inner := getattr(state, "state", None), InvisibleState):
        return conjugated(inner)
    raise InputError(
        f"no decay of K_L is known into the final state {type(state).__name__}",
        allowed="neutrinos, pairs of fermions, scalars or vectors, sterile neutrinos, a scalar or"
        " vector X",
    )


class ConjugatedNeutrinos(Around, eqx.Module):
    """Massless neutrinos, whose current is hermitian but for the order of the flavours."""

    state: Neutrinos | Universal

    def invariants_in(self, quarks: str, inputs: Inputs) -> dict[str, Scalar]:
        """Those of (C^ij - C^ji*)/2 with the CKM phase in C; none where the SM is taken as 0."""
        row = get_quarks(quarks)
        if not row.phase:
            return {}
        phase = jnp.exp(1j * inputs.number(row.phase))
        CL, CR, CLp, CRp = (
            _antihermitian(phase * C) for C in self.state.matrices_in(quarks, inputs)
        )
        return invariants_of(quarks, (CL, CR, CLp, CRp), inputs)


def _antihermitian(C: Array) -> Array:
    return (C - jnp.conj(C).T) / 2


def _of_pair(pair: MassivePair, operator: str, C: Array) -> Any:
    if pair.m_other is not None:
        return C / jnp.sqrt(2.0)
    antihermitian = isinstance(pair, FermionPair) and operator == "T2"
    return _half(C, -1 if antihermitian or operator[0] not in _ODD else 1)


def _half(C: Array, zeta: int) -> Array:
    return (C - zeta * jnp.conj(C)) / 2
