"""The contract between an invisible final state and the rates."""

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Protocol, runtime_checkable

from jaxtyping import Array, Float

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import USUAL_QUARKS
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.numerics import quadrature

Rule = tuple[Float[Array, " n"], Float[Array, " n"]]
BinRule = tuple[Float[Array, "bins n"], Float[Array, "bins n"]]


@runtime_checkable
class InvisibleState(Protocol):
    """A frozen pytree of masses and coefficients whose rate is sum_k invariant_k x kernel_k.

    The invariants are real and quadratic in the coefficients (|C|^2 and the interferences that
    survive) and know nothing of q2; the dark rows are the kinematics of each invariant and know
    nothing of the coefficients. At fixed masses and form factors a scan over coefficients needs
    the integrated kernels once. Thresholds and peaks belong to the state, hence also the rules of
    integration over q2.
    """

    @property
    def has_spectrum(self) -> bool:
        """False if the whole rate sits at one q2: totals and bins exist, dGamma/dq2 does not."""
        ...

    @property
    def vanishes_at_limits(self) -> bool:
        """True if the integrand is 0 at both limits whatever moves them, see `fixed_nodes`."""
        ...

    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """The quadratic invariants by name, SM included where the final state is neutrinos.

        Those of b -> s where a state has coefficients in several transitions, see `invariants_in`.
        """
        ...

    def dark_rows(self, q2: Scalar) -> Mapping[str, Mapping[str, Scalar]]:
        """For every invariant the weight of each hadronic row (S, P, V0, A0, SV, PA, V, ...)."""
        ...

    def total_rule(self, q2_max: Scalar, nodes: int) -> Rule:
        """Nodes and weights [GeV^2] of the integral up to q2_max.

        `nodes` is what a massless pair needs; a state takes more if it has to.
        """
        ...

    def bin_rule(self, edges: Float[Array, " edges"], q2_max: Scalar, nodes: int) -> BinRule:
        """The same in bins of q2 (edges in GeV^2), weight 0 beyond the phase space."""
        ...


class MasslessPair:
    """Rules of a state whose kernels are smooth from q2 = 0 to the root at the endpoint."""

    has_spectrum: ClassVar[bool] = True
    vanishes_at_limits: ClassVar[bool] = False

    def total_rule(self, q2_max: Scalar, nodes: int) -> Rule:
        """See `quadrature.massless_rule`."""
        return quadrature.massless_rule(q2_max, nodes)

    def bin_rule(self, edges: Float[Array, " edges"], q2_max: Scalar, nodes: int) -> BinRule:
        """See `quadrature.bin_rule`."""
        return quadrature.bin_rule(edges, q2_max, nodes)


class Around:
    """What a state that changes another one leaves as it is, or that is another one by its name."""

    state: InvisibleState

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

    def invariants_in(self, quarks: str, inputs: Inputs) -> dict[str, Scalar]:
        """Those of the state."""
        return invariants_in(self.state, quarks, inputs)

    def mixing_invariants_in(self, quarks: str, inputs: Inputs) -> Mapping[str, Scalar]:
        """Those of the state."""
        return mixing_invariants_in(self.state, quarks, inputs)

    def dark_rows(self, q2: Scalar) -> Mapping[str, Mapping[str, Scalar]]:
        """Those of the state."""
        return self.state.dark_rows(q2)

    def rows_in(self, quarks: str, q2: Scalar) -> Mapping[str, Mapping[str, Scalar]]:
        """Those of the state."""
        return rows_in(self.state, quarks, q2)

    @property
    def all_quarks(self) -> tuple[str, ...]:
        """Those of the state."""
        return quarks_of(self.state)

    def masses_at(self, q2: Scalar) -> tuple[Scalar, ...]:
        """Those of the state."""
        return masses_at(self.state, q2)

    def total_rule(self, q2_max: Scalar, nodes: int) -> Rule:
        """That of the state."""
        return self.state.total_rule(q2_max, nodes)

    def bin_rule(self, edges: Float[Array, " edges"], q2_max: Scalar, nodes: int) -> BinRule:
        """That of the state."""
        return self.state.bin_rule(edges, q2_max, nodes)


def in_integrals(state: InvisibleState) -> InvisibleState:
    """The state whose dark rows the rules of `state` integrate: itself, if it names no other.

    A peak that a rule has in its weights must not be in the integrand too.
    """
    return getattr(state, "in_integrals", state)


def mixing_invariants_in(
    state: InvisibleState, quarks: str, inputs: Inputs
) -> Mapping[str, Scalar]:
    """The invariants with C_a zeta_b C_b in place of C_a C_b^*, of a final hadron with C = +1.

    They are what a meson and its antiparticle that decay to the same final state add to a rate
    through their mixing; zeta = -epsilon c with the charge parity c of the quark bilinear and
    epsilon = -1 where the hermitian conjugate of an operator has the other sign. A state without a
    method `mixing_invariants` is none that both decay to: none are returned.
    """
    own = getattr(state, "mixing_invariants_in", None)
    if own is not None:
        found: Mapping[str, Scalar] = own(quarks, inputs)
        return found
    mine = getattr(state, "mixing_invariants", None)
    if mine is None or getattr(state, "quarks", USUAL_QUARKS) != quarks:
        return {}
    found = mine(inputs)
    return found


def rows_in(state: InvisibleState, quarks: str, q2: Scalar) -> Mapping[str, Mapping[str, Scalar]]:
    """The dark rows of the invariants that decays of a quark transition see.

    A state has coefficients of the transition that its `quarks` names, b -> s where it has none; it
    is absent from decays of others. One that is there in several has a method `rows_in` of its own.
    """
    own = getattr(state, "rows_in", None)
    if own is not None:
        found: Mapping[str, Mapping[str, Scalar]] = own(quarks, q2)
        return found
    return state.dark_rows(q2) if getattr(state, "quarks", USUAL_QUARKS) == quarks else {}


def invariants_in(state: InvisibleState, quarks: str, inputs: Inputs) -> dict[str, Scalar]:
    """The invariants of `rows_in`: of one transition, so that others cost nothing."""
    own = getattr(state, "invariants_in", None)
    if own is not None:
        found: dict[str, Scalar] = own(quarks, inputs)
        return found
    return state.invariants(inputs) if getattr(state, "quarks", USUAL_QUARKS) == quarks else {}


def quarks_of(state: InvisibleState) -> tuple[str, ...]:
    """The quark transitions in which a state has coefficients, see `rows_in`."""
    own = getattr(state, "all_quarks", None)
    return own if own is not None else (getattr(state, "quarks", USUAL_QUARKS),)


def masses_at(state: InvisibleState, q2: Scalar) -> tuple[Scalar, ...]:
    """Masses [GeV] of the particles that may decay in flight, at one q2 [GeV^2]; () for none."""
    own = getattr(state, "masses_at", None)
    found: tuple[Scalar, ...] = own(q2) if own is not None else ()
    return found


@runtime_checkable
class SeveralStates(Protocol):
    """Whatever iterates over final states, e.g. the `Sectors` of a model."""

    def __iter__(self) -> Iterator[InvisibleState]:
        """The states."""
        ...

    def __len__(self) -> int:
        """Their number."""
        ...


# What observables take: their rates add.
States = InvisibleState | Sequence[InvisibleState] | SeveralStates


def each_state(states: States) -> tuple[InvisibleState, ...]:
    """The final states, of which there may be one without a list.

    Raises:
        InputError: for an empty list.
    """
    if isinstance(states, InvisibleState):
        return (states,)
    if not states:
        raise InputError("no invisible final state", allowed="give one, e.g. Neutrinos()")
    return tuple(states)
