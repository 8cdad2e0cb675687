"""A final state whose integrated kernels are known already, at least some of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bsnunu_jax.states.base import Around, InvisibleState

# A mode, and the edges of its q2 bins as bytes or None for the total.
Request = tuple[str, bytes | None]


@dataclass(frozen=True)
class Tabulated(Around):
    """`state` with `kernels`, which `rates` and `Predictions` take in place of a quadrature.

    Not a pytree: make it inside the traced function. Kernels that are not there are integrated.
    """

    state: InvisibleState
    kernels: Mapping[Request, Mapping[str, Any]]
