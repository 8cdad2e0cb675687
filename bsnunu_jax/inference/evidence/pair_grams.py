"""Gram matrices of all operators of one kind of pair, at many masses through one program.

Operators of the same pair share their forms (`forms.forms`), so that a further one costs next to
nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments.measurement import Request
from bsnunu_jax.hadrons.transitions import ANNIHILATIONS, MODES, Annihilation, get_decay
from bsnunu_jax.inference.evidence.one_operator import PairOperator
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.numerics.batch import Batched
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.rates.forms import Kernels, by_state, forms
from bsnunu_jax.states.massive_pair import MassivePair

Scalar = Float[Array, ""]


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
        found: list[np.ndarray] = self._compiled(masses)
        return found

    def closings(self, requests: Sequence[Request]) -> list[float]:
        """Masses [GeV] at which these decays close, increasing."""
        values = {k: float(v) for k, v in self.inputs.values.items()}
        operator = self.operators[0]
        # The threshold is linear in the mass that is fitted.
        none, one = (
            sum(float(m) for m in operator.state(jnp.asarray(x), self.inputs).masses)
            for x in (0.0, 1.0)
        )
        found = set()
        for mode, _ in requests:
            decay = get_decay(mode)
            end = values[decay.m_B]
            if not isinstance(decay, Annihilation):
                end -= values[decay.m_K]
            found.add((end - none) / (one - none))
        return sorted(found)

    @cached_property
    def _compiled(self) -> Batched:
        return Batched(self._at, together=True)

    def _at(self, mass: Scalar) -> list[Array]:
        def kernels(pair: MassivePair) -> list[Kernels]:
            made = forms(pair, self.inputs, self.requests)
            return [
                made[request].arrays or self._none(request)
                if request in made
                else rates.annihilation_kernels(ANNIHILATIONS[request[0]], pair, self.inputs)
                for request in self.requests
            ]

        states = [op.state(mass, self.inputs) for op in self.operators]
        return by_state(states, self.inputs, kernels)

    def _none(self, request: Request) -> Kernels:
        """The kernel of a request to which no operator contributes: of its shape, but 0."""
        name, edges = request
        n = self.inputs.form_factors[MODES[name].transition].linear.size
        bins = () if edges is None else (np.frombuffer(edges).size - 1,)
        return {"none": jnp.zeros((n * n, *bins))}


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
