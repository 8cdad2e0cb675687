"""Operators of a pair with mass and scale free: what `bsnunu compare` scans fastest.

The rate of a single operator is Lambda^-q times a function of the mass; everything else about it is
in the kernels at Lambda = 1 TeV. Operators of the same pair share their forms (`forms.forms`), so
that a further one costs next to nothing: Gram matrices of all operators of one kind of pair, at
many masses, come from one program, and nothing is integrated after that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments.measurement import Request
from bsnunu_jax.experiments.predictions import Predictions
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import ANNIHILATIONS, MODES, Annihilation, get_decay
from bsnunu_jax.inference.problem.parameters import LogUniform, Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.models import Model
from bsnunu_jax.models.strength import SCALE
from bsnunu_jax.models.strength import Strength as Powers
from bsnunu_jax.models.values import LIFETIMES
from bsnunu_jax.numerics.batch import Batched
from bsnunu_jax.observables.catalogue import RATIOS
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.rates.forms import Kernels, by_state, forms
from bsnunu_jax.states import Neutrinos, SterileNeutrino
from bsnunu_jax.states.massive_pair import MassivePair

Scalar = Float[Array, ""]
# The mode behind a branching fraction.
_BR = {f"BR({m}inv)": m for m in MODES} | {f"BR({m})": m for m in ANNIHILATIONS}


@dataclass(frozen=True, eq=False)
class PairOperator:
    """A pair model with one operator, its mass and Lambda fitted.

    Attributes:
        model: the model.
        mass: the fitted mass, flat in the mass [GeV].
        scale: Lambda, flat in its logarithm [TeV].
        fixed: operator and settings.
        strength: from Lambda to the rate over that at 1 TeV and back.
    """

    model: Model
    mass: Parameter
    scale: Parameter
    fixed: Mapping[str, Any]
    strength: Powers

    @property
    def masses(self) -> tuple[float, float]:
        """Range of the mass [GeV]."""
        return self.mass.prior.range

    @property
    def scales(self) -> tuple[float, float]:
        """Range of Lambda [TeV]."""
        return self.scale.prior.range

    def state(self, mass: Scalar, inputs: Inputs) -> MassivePair:
        """The pair at this mass and Lambda = 1 TeV."""
        return pair_of(self.model, {**self.fixed, self.mass.name: mass, SCALE: 1.0}, inputs)

    @classmethod
    def of(cls, problem: Problem) -> "PairOperator | None":
        """The operator that a problem fits; None if it is about anything else."""
        by_name = {p.name: p for p in problem.parameters}
        if len(by_name) != 2 or SCALE not in by_name:
            return None
        mass, scale = (by_name[n] for n in sorted(by_name, key=lambda n: n == SCALE))
        if any(p.also or p.mirror for p in (mass, scale)):
            return None
        if not {name for name, _ in problem.fixed}.isdisjoint(LIFETIMES):
            return None
        if not (isinstance(mass.prior, Uniform) and isinstance(scale.prior, LogUniform)):
            return None
        strength = problem.model.strength(dict(problem.fixed))
        if strength is None or mass.name == "scale":
            return None
        return cls(problem.model, mass, scale, dict(problem.fixed), strength)


def pair_of(model: Model, parameters: Mapping[str, Any], inputs: Inputs) -> MassivePair:
    """The pair beside the SM neutrinos.

    Raises:
        InputError: if the model has other final states.
    """
    states = model.build(parameters, inputs)
    if len(states) == 2 and isinstance(states[0], Neutrinos):
        # A sterile neutrino is a fermion pair with several coefficients.
        pair = states[1].state if isinstance(states[1], SterileNeutrino) else states[1]
        if isinstance(pair, MassivePair):
            return pair
    raise InputError(f"{model.name!r} is no pair beside the SM neutrinos")


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
        for mode, *_ in requests:
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
        return by_state(states, self.inputs, [mode for mode, *_ in self.requests], kernels)

    def _none(self, request: Request) -> Kernels:
        """The kernel of a request to which no operator contributes: of its shape, but 0."""
        name, edges, *_ = request
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


class Strength(eqx.Module):
    """A pair whose only invariant is its strength; kernels come from outside."""

    time_integrated: ClassVar[bool] = True
    has_spectrum: ClassVar[bool] = True
    vanishes_at_limits: ClassVar[bool] = False

    strength: Scalar

    @property
    def conjugated(self) -> "Strength":
        """Itself: what a decay sees of the pair is in its kernels."""
        return self

    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        return {"pair": self.strength}

    def invariants_in(self, quarks: str, inputs: Inputs) -> dict[str, Scalar]:
        return self.invariants(inputs)

    def _refuse(self, *_: Any) -> Any:
        raise InputError("the kernels of this state are tabulated")

    dark_rows = total_rule = bin_rule = _refuse


class Tabulated(Predictions):
    """Predictions whose every number comes from tabulated kernels."""

    @cached_property
    def sm(self) -> Predictions:
        """Those of the SM with the same inputs."""
        return Tabulated(self.states[:1], self.inputs, self._sm_grams, self._sm_grams)

    def observable(self, name: str) -> Scalar:
        """A branching fraction, or a ratio to the SM."""
        mode = mode_behind(name)
        found = self.branching_fraction(mode)
        return found if name in _BR else found / self.sm.branching_fraction(mode)


def constant(kernels: Kernels) -> Any:
    """Kernels that are what they are, in the place of a Gram matrix."""
    return lambda inputs: kernels


def mode_behind(observable: str) -> str:
    """The mode whose total rate tells an observable.

    Raises:
        InputError: if there is none.
    """
    for known in (_BR, RATIOS):
        if observable in known:
            return known[observable]
    raise InputError(f"{observable!r} is not tabulated")
