"""What one point of a model consists of: the invisible final states and what is correlated."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import equinox as eqx

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.states import InvisibleState, States, each_state
from bsnunu_jax.states.sectors.bs_mixing import BsMixing
from bsnunu_jax.states.sectors.charged_current import ChargedCurrent
from bsnunu_jax.states.sectors.charged_leptons import ChargedLeptons
from bsnunu_jax.states.sectors.dark_scalar import DarkScalar

# By name the kind of the coefficients; those that need no argument are 0 where a model has none.
SECTORS: Mapping[str, type[Any]] = MappingProxyType(
    {"charged": ChargedLeptons, "current": ChargedCurrent, "mixing": BsMixing, "dark": DarkScalar}
)
# Sectors without a default: a particle is there or is not.
_OPTIONAL = (DarkScalar,)


class Sectors(eqx.Module):
    """Everything that observables read of a model at one point: coefficients by name of a sector.

    Iterating gives the invisible states, whose rates add: `Sectors` does wherever a sequence of
    states does.

    Attributes:
        invisible: what recoils against the kaon.
        given: what else the model has, by the names of `SECTORS`.

    >>> from bsnunu_jax.states import Neutrinos
    >>> sectors = Sectors((Neutrinos(),), ChargedLeptons(), mixing=BsMixing(C_VLL=1e-12))
    >>> sorted(sectors.given), complex(sectors["mixing"].C_VLL), sectors.dark
    (['charged', 'mixing'], (1e-12+0j), None)
    """

    invisible: tuple[InvisibleState, ...]
    given: dict[str, Any]

    def __init__(self, invisible: Sequence[Any], *coefficients: Any, **by_name: Any) -> None:
        """States, and coefficients whose type or name tells their sector; None is none.

        Raises:
            InputError: for an unknown sector, or coefficients of another one.
        """
        names = {kind: name for name, kind in SECTORS.items()}
        found = [(names.get(type(c), type(c).__name__), c) for c in coefficients if c is not None]
        found += [(name, c) for name, c in by_name.items() if c is not None]
        for name, c in found:
            if not isinstance(c, SECTORS.get(name, ())):
                raise InputError(
                    f"{type(c).__name__} as sector {name!r}", allowed=", ".join(SECTORS)
                )
        self.invisible, self.given = tuple(invisible), dict(found)

    def __getattr__(self, name: str) -> Any:
        """The coefficients of a sector."""
        if name not in SECTORS:
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, key: int | str) -> Any:
        """The coefficients of a sector, or one invisible state.

        0 for a sector that the model has not, None where that makes no sense.
        """
        if isinstance(key, int):
            return self.invisible[key]
        kind = SECTORS[key]
        if key in self.given or kind in _OPTIONAL:
            return self.given.get(key)
        return kind()

    def __iter__(self) -> Iterator[InvisibleState]:
        """The invisible states."""
        return iter(self.invisible)

    def __len__(self) -> int:
        """Number of invisible states."""
        return len(self.invisible)

    def with_states(self, invisible: Sequence[InvisibleState]) -> "Sectors":
        """The same with other invisible states."""
        return Sectors(invisible, **self.given)


class Listening(Sectors):
    """The same sectors, which note the names of those that are read; no pytree."""

    heard: list[str] = eqx.field(static=True)

    def __init__(self, sectors: Sectors) -> None:
        """Those of `sectors`, none of them read yet."""
        self.invisible, self.given, self.heard = sectors.invisible, sectors.given, []

    def __getitem__(self, key: int | str) -> Any:
        """As in `Sectors`."""
        if isinstance(key, str):
            self.heard.append(key)
        return super().__getitem__(key)

    def with_states(self, invisible: Sequence[InvisibleState]) -> "Listening":
        """The same with other invisible states, into the same ears."""
        found = Listening(super().with_states(invisible))
        object.__setattr__(found, "heard", self.heard)
        return found


def sectors_of(states: States) -> Sectors:
    """States alone as `Sectors` without anything correlated; `Sectors` as they are.

    >>> from bsnunu_jax.states import Neutrinos
    >>> len(sectors_of(Neutrinos()))
    1
    """
    return states if isinstance(states, Sectors) else Sectors(each_state(states))
