"""The contract between an invisible final state and the rates."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from jaxtyping import Array, Float

from bsnunu_jax.inputs import Inputs

Scalar = Float[Array, ""]


@runtime_checkable
class InvisibleState(Protocol):
    """A frozen pytree of masses and coefficients whose rate is sum_k invariant_k x kernel_k.

    The invariants are real and quadratic in the coefficients (|C|^2 and the interferences that
    survive) and know nothing of q2; the dark rows are the kinematics of each invariant and know
    nothing of the coefficients. At fixed masses and form factors a scan over coefficients needs
    the integrated kernels once.
    """

    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """The quadratic invariants by name, SM included where the final state is neutrinos."""
        ...

    def dark_rows(self, q2: Scalar) -> Mapping[str, Mapping[str, Scalar]]:
        """For every invariant the weight of each hadronic row (S, P, V0, A0, SV, PA, V, ...)."""
        ...
