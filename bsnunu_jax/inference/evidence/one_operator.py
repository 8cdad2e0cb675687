"""One operator of a pair model with its mass and scale free: what `bsnunu compare` scans fastest.

The rate of a single operator is Lambda^-q times a function of the mass; everything else about it is
in the kernels at Lambda = 1 TeV.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jaxtyping import Array, Float

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.problem.parameters import LogUniform, Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.models import Model
from bsnunu_jax.models.strength import SCALE, Strength
from bsnunu_jax.states import Neutrinos
from bsnunu_jax.states.massive_pair import MassivePair

Scalar = Float[Array, ""]


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
    strength: Strength

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
        pair = getattr(states[1], "fermions", states[1])
        if isinstance(pair, MassivePair):
            return pair
    raise InputError(f"{model.name!r} is no pair beside the SM neutrinos")
