"""Gram matrices of all operators of one kind of pair, at many masses through one program.

A kernel is quadratic in the form factors at a q2, and these are linear in their coefficients b:
with the values F = phi b, kernel = F^T Q F and M = int dq2 phi^T Q phi. Operators of the same pair
share phi and all hadronic rows, so that a further operator costs next to nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax import kinematics, rates
from bsnunu_jax.experiments.base import Request
from bsnunu_jax.gram import basis, polarised
from bsnunu_jax.inference.pair_operator import PairOperator
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.invisible.massive_pair import MassivePair
from bsnunu_jax.modes import MODES, Annihilation, get_decay
from bsnunu_jax.quadrature import BIN_NODES, NODES

Scalar = Float[Array, ""]
# Masses in flight.
_WIDTH = 4


class _Values(eqx.Module):
    """Form factors that are the same at every q2."""

    values: dict[str, Scalar]

    def __call__(self, q2: Scalar) -> dict[str, Scalar]:
        return self.values


@dataclass(frozen=True, eq=False)
class PairFamily:
    """Operators whose pairs have the same masses and statistics.

    Attributes:
        operators: the operators.
        inputs: central inputs; only couplings, lifetimes and form factors may vary in a fit.
        requests: the integrated kernels that are wanted.
    """

    operators: tuple[PairOperator, ...]
    inputs: Inputs
    requests: tuple[Request, ...]

    def grams(self, masses: np.ndarray) -> list[np.ndarray]:
        """One array a request, at Lambda = 1 TeV.

        Shape (masses, operators, n n) for the total of a mode with n form-factor coefficients,
        (masses, operators, n n, bins) in bins, (masses, operators) for an annihilation.
        """
        found = []
        for first in range(0, len(masses), _WIDTH):
            rows = np.minimum(np.arange(first, first + _WIDTH), len(masses) - 1)
            found.append([np.asarray(a) for a in self._compiled(masses[rows])])
        return [np.concatenate(parts)[: len(masses)] for parts in zip(*found, strict=True)]

    def closings(self, requests: Sequence[Request]) -> list[float]:
        """Masses [GeV] at which these decays close, increasing."""
        values = {k: float(v) for k, v in self.inputs.values.items()}
        operator = self.operators[0]
        # The threshold is linear in the mass that is fitted.
        none, one = (sum(float(m) for m in operator.state(jnp.asarray(x), self.inputs).masses)
                     for x in (0.0, 1.0))  # fmt: skip
        found = set()
        for mode, _ in requests:
            decay = get_decay(mode)
            end = values[decay.m_B]
            if not isinstance(decay, Annihilation):
                end -= values[decay.m_K]
            found.add((end - none) / (one - none))
        return sorted(found)

    @cached_property
    def _compiled(self) -> Callable[[np.ndarray], list[Array]]:
        return jax.jit(jax.vmap(self._at))

    def _at(self, mass: Scalar) -> list[Array]:
        states = [op.state(mass, self.inputs) for op in self.operators]
        merged = {k: c for s in states for k, c in s.coefficients.items()}
        union = eqx.tree_at(lambda s: s.coefficients, states[0], merged)
        weights = [s.invariants(self.inputs) for s in states]

        def of_operators(kernels: dict[str, Array]) -> Array:
            """Rates of every operator: sums over the invariants that it has."""
            zero = jnp.zeros(())
            sums = [sum((v * kernels[k] for k, v in w.items() if k in kernels), zero)
                    for w in weights]  # fmt: skip
            return jnp.stack(sums)

        found: dict[Request, Array] = {}
        for transition in ("B->K", "B->K*"):
            found |= self._of_transition(transition, union, of_operators)
        for request in self.requests:
            decay = get_decay(request[0])
            if isinstance(decay, Annihilation):
                kernels = rates.annihilation_kernels(decay, union, self.inputs)
                found[request] = of_operators(kernels)
        return [found[request] for request in self.requests]

    def _of_transition(
        self, transition: str, union: MassivePair, of_operators: Callable[[Any], Array]
    ) -> dict[Request, Array]:
        """All requests of modes with these form factors: one graph, whatever mode and bin."""
        rules, nodes = {}, []
        for request in self.requests:
            decay = get_decay(request[0])
            if isinstance(decay, Annihilation) or decay.transition != transition:
                continue
            m_B, m_K = self.inputs.values[decay.m_B], self.inputs.values[decay.m_K]
            q2_max = kinematics.q2_max(m_B, m_K)
            if request[1] is None:
                q2, weights = union.total_rule(q2_max, NODES)
            else:
                q2, weights = union.bin_rule(
                    jnp.asarray(np.frombuffer(request[1])), q2_max, BIN_NODES
                )
            rules[request] = weights
            # Where the channel is closed anything finite will do.
            q2 = jnp.where(q2 < q2_max, q2, q2_max / 2).ravel()
            nodes.append(jnp.stack([q2, jnp.full_like(q2, m_B), jnp.full_like(q2, m_K)], axis=1))
        if not rules:
            return {}
        at = self._at_node(transition, union, of_operators)
        values, found, start = jax.vmap(at)(jnp.concatenate(nodes)), {}, 0
        for request, weights in rules.items():
            part = values[start : start + weights.size].reshape(*weights.shape, *values.shape[1:])
            start += weights.size
            total = jnp.einsum("...q,...qoij->oij...", weights, part)
            found[request] = total.reshape(total.shape[0], -1, *weights.shape[:-1])
        return found

    def _at_node(
        self, transition: str, union: MassivePair, of_operators: Callable[[Any], Array]
    ) -> Callable[[Array], Array]:
        """phi^T Q phi of every operator at a node (q2, m_B, m_K), shape (operators, n, n)."""
        mode = next(m for m in MODES.values() if m.transition == transition)
        ff = self.inputs.form_factors[transition]
        names = tuple(ff(jnp.ones(())))
        points = jnp.asarray(basis(len(names)))
        unit = polarised({"": np.eye(len(points))}, len(names), transition).matrix[""]
        units = np.eye(ff.linear.shape[0])

        def at(node: Array) -> Array:
            q2, m_B, m_K = node
            values = self.inputs.values | {mode.m_B: m_B, mode.m_K: m_K}
            moved = eqx.tree_at(lambda i: i.values, self.inputs, values)

            def kernels(F: Array) -> Array:
                constant = _Values(dict(zip(names, F, strict=True)))
                there = eqx.tree_at(lambda i: i.form_factors[transition], moved, constant)
                return of_operators(rates.kernels(mode.name, union, there, q2))

            form = (unit @ jax.vmap(kernels)(points)).T.reshape(-1, len(names), len(names))
            phi = jax.vmap(lambda e: jnp.stack(list(ff.with_linear(e)(q2).values())))(units)
            return phi @ form @ phi.T

        return at


def families(
    operators: Sequence[PairOperator], inputs: Inputs, requests: Sequence[Request]
) -> list[PairFamily]:
    """The operators sorted into families."""
    found: dict[Any, list[PairOperator]] = {}
    for op in operators:
        state = op.state(jnp.asarray(1.3), inputs)
        masses = tuple(float(m) for m in state.masses)
        key = type(state), state.m_other is None, state.identical, masses
        found.setdefault(key, []).append(op)
    return [PairFamily(tuple(ops), inputs, tuple(requests)) for ops in found.values()]
