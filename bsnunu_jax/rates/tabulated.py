"""A final state whose integrated kernels are known already, at least some of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jaxtyping import Array, Float

from bsnunu_jax.inputs import Inputs
from bsnunu_jax.states.base import BinRule, InvisibleState, Rule

Scalar = Float[Array, ""]
# A mode, and the edges of its q2 bins as bytes or None for the total.
Request = tuple[str, bytes | None]


@dataclass(frozen=True)
class Tabulated:
    """`state` with `kernels`, which `rates` and `Predictions` take in place of a quadrature.

    Not a pytree: make it inside the traced function. Kernels that are not there are integrated.
    """

    state: InvisibleState
    kernels: Mapping[Request, Mapping[str, Any]]

    @property
    def has_spectrum(self) -> bool:
        """That of the state."""
        return self.state.has_spectrum

    @property
    def vanishes_at_limits(self) -> bool:
        """That of the state."""
        return self.state.vanishes_at_limits

    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """Those of the state."""
        return self.state.invariants(inputs)

    def dark_rows(self, q2: Scalar) -> Mapping[str, Mapping[str, Scalar]]:
        """Those of the state."""
        return self.state.dark_rows(q2)

    def total_rule(self, q2_max: Scalar, nodes: int) -> Rule:
        """That of the state."""
        return self.state.total_rule(q2_max, nodes)

    def bin_rule(self, edges: Float[Array, " edges"], q2_max: Scalar, nodes: int) -> BinRule:
        """That of the state."""
        return self.state.bin_rule(edges, q2_max, nodes)
