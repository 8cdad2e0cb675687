"""Another final state with particles that may decay in flight."""

from typing import Any

import equinox as eqx
import numpy as np
from jax.core import Tracer
from jax.typing import ArrayLike

from bsnunu_jax.foundation.arrays import Scalar, as_scalar
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.states.base import Around, InvisibleState, in_integrals, masses_at
from bsnunu_jax.states.scaled import Scaled


class Unstable(Around, eqx.Module):
    """`state` whose particles have proper lifetimes ctau [m]: one for all, or one each.

    Rates are those of production, which know no detector; `rates.escape.seen_in` gives those of
    what leaves one.

    Attributes:
        state: what is produced.
        ctau: one for all particles, or one each; None for one that is stable.

    >>> from bsnunu_jax import FermionPair, branching_fraction, load_inputs
    >>> pair = FermionPair(0.4, 0.9, S1=1e-8)
    >>> state = Unstable(pair, None, 0.5)
    >>> brs = [branching_fraction("B+->K+", s, load_inputs()) for s in (pair, state)]
    >>> bool(brs[0] == brs[1])
    True
    """

    state: InvisibleState
    ctau: tuple[Scalar | None, ...]

    def __init__(self, state: InvisibleState, *ctau: ArrayLike | None) -> None:
        """A state, and the lifetime of all its particles or of each in their order.

        Raises:
            InputError: for a lifetime below 0, another number of them, or a state without massive
                particles.
        """
        particles = len(masses_at(state, as_scalar(1.0)))
        if not particles:
            raise InputError(
                f"{type(state).__name__} has no particle that decays",
                allowed="a lifetime belongs to pairs of massive particles, N, or X",
            )
        if len(ctau) not in (1, particles):
            raise InputError(f"{len(ctau)} lifetimes of {particles} particles", allowed="one each")
        for value in ctau:
            known = value is not None and not isinstance(value, Tracer)
            if known and not np.all(np.asarray(value) >= 0):
                raise InputError(f"ctau = {value}", allowed="give it in m, 0 or above")
        self.state = state
        self.ctau = tuple(None if value is None else as_scalar(value) for value in ctau)

    @property
    def in_integrals(self) -> InvisibleState:
        """That of the state, with these lifetimes."""
        found: InvisibleState = self.around(in_integrals(self.state))
        return found

    def around(self, other: InvisibleState) -> Any:
        """The same with another state inside."""
        return eqx.tree_at(lambda s: s.state, self, other)


def unstable(state: InvisibleState) -> Unstable | None:
    """The state as one whose particles may decay, a factor inside; None if it is none.

    A state around another one that has a property `unstable` says so itself.
    """
    if isinstance(state, Unstable):
        return state
    found: Unstable | None = None
    if isinstance(state, Scaled) and (inside := unstable(state.state)) is not None:
        found = inside.around(Scaled(inside.state, state.factor))
        return found
    found = getattr(state, "unstable", None)
    return found
