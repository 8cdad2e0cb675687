"""Another final state times a factor: signal strengths."""

import equinox as eqx
import jax.numpy as jnp
from jax.typing import ArrayLike

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.states.base import (
    Around,
    InvisibleState,
    in_integrals,
    invariants_in,
    mixing_invariants_in,
)


class Scaled(Around, eqx.Module):
    """All rates of `state` times a real factor, which may be negative.

    >>> from bsnunu_jax import Neutrinos, branching_fraction, load_inputs
    >>> states = Neutrinos(), Scaled(Neutrinos(), 4.6)
    >>> sm, scaled = (branching_fraction("B+->K+", s, load_inputs()) for s in states)
    >>> round(float(scaled / sm), 12)
    4.6
    """

    state: InvisibleState
    factor: Scalar

    def __init__(self, state: InvisibleState, factor: ArrayLike) -> None:
        """A state and a scalar."""
        self.state = state
        self.factor = jnp.asarray(factor, dtype=float)

    @property
    def in_integrals(self) -> InvisibleState:
        """That of the state: factors belong to the invariants."""
        return in_integrals(self.state)

    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """Those of the state times the factor."""
        return {k: self.factor * v for k, v in self.state.invariants(inputs).items()}

    def invariants_in(self, quarks: str, inputs: Inputs) -> dict[str, Scalar]:
        """Those of the state times the factor."""
        return {k: self.factor * v for k, v in invariants_in(self.state, quarks, inputs).items()}

    def mixing_invariants_in(self, quarks: str, inputs: Inputs) -> dict[str, Scalar]:
        """Those of the state times the factor."""
        found = mixing_invariants_in(self.state, quarks, inputs)
        return {k: self.factor * v for k, v in found.items()}
