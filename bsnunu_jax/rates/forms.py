"""Integrated kernels as quadratic forms of the form-factor coefficients: the one maker of them.

A kernel is quadratic in the values F of the form factors at a q2, and these are linear in their
coefficients b: with F = phi^T b and kernel = F^T Q F the integral is b^T M b with M = int dq2 phi Q
phi^T. Any final state, any masses, any mode; at fixed masses M is integrated once, and a point then
needs one matrix product in place of a quadrature.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.hadrons.transitions import Annihilation, Mode, get_decay
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.inputs.detectors import Detector
from bsnunu_jax.numerics.quadratic import quadratic
from bsnunu_jax.numerics.quadrature import BIN_NODES, NODES
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.rates.kernels import Request
from bsnunu_jax.states import InvisibleState
from bsnunu_jax.states.base import in_integrals
from bsnunu_jax.states.massive_pair import MassivePair
from bsnunu_jax.states.unstable import unstable

Kernels = dict[str, Array]
# A mode, and nodes and weights of q2 [GeV^2], summed over their last axis.
_Nodes = tuple[Mode, Array, Array]


class Gram(eqx.Module):
    """The integrated kernels of one final state in one mode.

    Attributes:
        matrix: M of every invariant, shape (n n,) for the total or (n n, bins).
        transition: whose form factors enter.
    """

    matrix: dict[str, Float[np.ndarray | Array, "nn ..."]]
    transition: str = eqx.field(static=True)

    @property
    def arrays(self) -> Kernels:
        """The same as arrays of JAX."""
        return {k: jnp.asarray(m) for k, m in self.matrix.items()}

    def __call__(self, inputs: Inputs) -> Kernels:
        """What `rates.integrated_kernels` or `rates.binned_kernels` gives for these inputs."""
        b = inputs.form_factors[self.transition].linear
        products = jnp.outer(b, b).ravel()
        return {k: products @ m for k, m in self.matrix.items()}


class Table(eqx.Module, Mapping[Request, tuple[Gram | None, ...]]):  # type: ignore[misc]
    """Forms by request, one entry a final state, None where there is none: a pytree of arrays."""

    requests: tuple[Request, ...] = eqx.field(static=True, default=())
    rows: tuple[tuple[Gram | None, ...], ...] = ()

    def __getitem__(self, request: Request) -> tuple[Gram | None, ...]:
        """The forms of all final states."""
        if request not in self.requests:
            raise KeyError(request)
        return self.rows[self.requests.index(request)]

    def __iter__(self) -> Iterator[Request]:
        """The requests."""
        return iter(self.requests)

    def __len__(self) -> int:
        """Number of requests."""
        return len(self.requests)


def forms(
    state: InvisibleState, inputs: Inputs, requests: Sequence[Request]
) -> dict[Request, Gram]:
    """The forms of one final state; none for decays or form factors that have none.

    Args:
        state: masses matter, coefficients do not.
        inputs: masses and quarks' masses; of the form factors only their expansion.
        requests: modes, with the edges of their bins or None for the total.
    """
    # What has one graph: modes with these form factors, or the longitudinal parts of them, and what
    # one detector sees of them.
    by_transition: dict[tuple[str, bool, Detector | None], dict[Request, _Nodes]] = {}
    for request in requests:
        name, edges, *behind = request
        decay = get_decay(name)
        if isinstance(decay, Annihilation):
            continue
        if hasattr(inputs.form_factors_of(decay.transition), "with_linear"):
            end = rates.q2_max(decay, inputs)
            if edges is None:
                rule = state.total_rule(end, NODES)
            else:
                rule = state.bin_rule(jnp.asarray(np.frombuffer(edges)), end, BIN_NODES)
            detector = next(iter(behind), None) if unstable(state) else None
            kind = decay.transition, decay.longitudinal, detector
            by_transition.setdefault(kind, {})[request] = decay, *rule
    found: dict[Request, Gram] = {}
    for (transition, _, detector), nodes in by_transition.items():
        there = state if detector is None else rates.seen_in(state, detector, inputs)
        found |= _of_transition(there, inputs, transition, nodes)
    return found


def by_state(
    states: Sequence[MassivePair],
    inputs: Inputs,
    modes: Sequence[str],
    kernels: Callable[[MassivePair], Sequence[Kernels]],
) -> list[Float[Array, "states ..."]]:
    """Sums over the invariants of each of some pairs with the same masses, which share kernels.

    Args:
        states: pairs that differ in their operators.
        inputs: of their invariants.
        modes: one for each of the kernels.
        kernels: of the pair that has the operators of all.
    """
    merged = {k: c for s in states for k, c in s.coefficients.items()}
    union = eqx.tree_at(lambda s: s.coefficients, states[0], merged)
    known: dict[rates.Seen, list[Mapping[str, Scalar]]] = {}

    def sums(mode: str, kernel: Kernels) -> Array:
        seen = rates.seen(mode, inputs)
        if seen not in known:
            known[seen] = [rates.invariants(mode, s, inputs) for s in states]
        zero = jnp.zeros_like(next(iter(kernel.values()), jnp.zeros(())))
        return jnp.stack(
            [sum((v * kernel[k] for k, v in w.items() if k in kernel), zero) for w in known[seen]]
        )

    return [sums(mode, kernel) for mode, kernel in zip(modes, kernels(union), strict=True)]


def with_coefficients(inputs: Inputs, transition: str, b: Float[Array, " n"]) -> Inputs:
    """The inputs with the form factors of the transition at the linear coefficients b."""
    shifted = inputs.form_factors[transition].with_linear(b)
    return eqx.tree_at(lambda i: i.form_factors[transition], inputs, shifted)


def _of_transition(
    state: InvisibleState, inputs: Inputs, transition: str, rules: Mapping[Any, _Nodes]
) -> dict[Any, Gram]:
    """All rules of modes with these form factors: one graph, whatever mode and bin."""
    nodes = []
    for decay, q2, _ in rules.values():
        m_B, m_K, q2_max = (
            inputs.values[decay.m_B],
            inputs.values[decay.m_K],
            rates.q2_max(decay, inputs),
        )
        # Where the channel is closed anything finite will do.
        q2 = jnp.where(q2 < q2_max, q2, q2_max / 2).ravel()
        nodes.append(jnp.stack([q2, jnp.full_like(q2, m_B), jnp.full_like(q2, m_K)], axis=1))
    decay = next(iter(rules.values()))[0]
    every = jnp.concatenate(nodes)
    q_phi, phi = jax.vmap(lambda node: _at_node(state, inputs, transition, decay, node))(every)
    found, start = {}, 0
    for key, (_, _, weights) in rules.items():
        rows = slice(start, start + weights.size)
        start += weights.size
        linear = phi[rows].reshape(*weights.shape, *phi.shape[1:])
        matrix: dict[str, np.ndarray | Array] = {}
        for name, half in q_phi.items():
            part = half[rows].reshape(*weights.shape, *half.shape[1:])
            total = jnp.einsum("...q,...qif,...qjf->ij...", weights, part, linear)
            matrix[name] = total.reshape(-1, *weights.shape[:-1])
        found[key] = Gram(matrix, transition)
    return found


def _at_node(
    state: InvisibleState, inputs: Inputs, transition: str, mode: Mode, node: Float[Array, "3"]
) -> tuple[dict[str, Float[Array, "n f"]], Float[Array, "n f"]]:
    """phi Q of every invariant, and phi, at a node (q2, m_B, m_K)."""
    q2, m_B, m_K = node
    values = inputs.values | {mode.m_B: m_B, mode.m_K: m_K}
    there = eqx.tree_at(lambda i: i.values, inputs, values)
    ff = inputs.form_factors[transition]
    names = tuple(ff(q2))

    def kernels(F: Float[Array, " f"]) -> dict[str, Scalar]:
        given = dict(zip(names, F, strict=True))
        return rates.kernels(mode.name, in_integrals(state), there, q2, form_factors=given)

    def factors(b: Float[Array, " n"]) -> Float[Array, " f"]:
        return jnp.stack(list(ff.with_linear(b)(q2).values()))

    phi = jax.vmap(factors)(jnp.eye(ff.linear.shape[0]))
    half = quadratic(kernels, jnp.zeros(len(names))).hessian
    return {k: phi @ h / 2 for k, h in half.items()}, phi
