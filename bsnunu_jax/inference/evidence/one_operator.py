"""One operator of a pair model with its mass and scale free: what `bsnunu compare` scans fastest.

The rate of a single operator is Lambda^-q times a function of the mass; everything else about it is
in the kernels at Lambda = 1 TeV.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.problem.parameters import LogUniform, Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.models import Model
from bsnunu_jax.models.strength import SCALE
from bsnunu_jax.states import Neutrinos
from bsnunu_jax.states.massive_pair import MassivePair

Scalar = Float[Array, ""]
# Masses [GeV] and scales [TeV] at which the form of the rate is checked.
_MASSES, _SCALES = (0.4, 1.3), (2.0, 5.0)


@dataclass(frozen=True, eq=False)
class PairOperator:
    """A pair model with one operator, its mass and Lambda fitted.

    Attributes:
        model: the model.
        mass: the fitted mass, flat in the mass [GeV].
        scale: Lambda, flat in its logarithm [TeV].
        fixed: operator and settings.
        power: q of the rate, which goes like Lambda^-q.
    """

    model: Model
    mass: Parameter
    scale: Parameter
    fixed: Mapping[str, Any]
    power: float

    @property
    def masses(self) -> tuple[float, float]:
        """Range of the mass [GeV]."""
        return self.mass.prior.range

    @property
    def scales(self) -> tuple[float, float]:
        """Range of Lambda [TeV]."""
        return self.scale.prior.range

    def strength(self, scale: float | np.ndarray) -> Any:
        """The rate over that at Lambda = 1 TeV."""
        return np.asarray(scale, dtype=float) ** -self.power

    def scale_of(self, strength: float | np.ndarray) -> Any:
        """Lambda [TeV] of a strength, infinite for 0."""
        with np.errstate(divide="ignore"):
            return np.asarray(strength, dtype=float) ** (-1 / self.power)

    def state(self, mass: Scalar, inputs: Inputs) -> MassivePair:
        """The pair at this mass and Lambda = 1 TeV."""
        return _pair(self.model, {**self.fixed, self.mass.name: mass, SCALE: 1.0}, inputs)

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
        inputs, model, fixed = problem.nuisances.inputs, problem.model, dict(problem.fixed)
        rates = []
        try:
            for m in _MASSES:
                states = [
                    _pair(model, {**fixed, mass.name: jnp.asarray(m), SCALE: x}, inputs)
                    for x in (1.0, *_SCALES)
                ]
                rates.append([_largest(s, inputs) for s in states])
        except InputError:
            return None
        ratios = np.array(rates)[:, 1:] / np.array(rates)[:, :1]
        powers = -np.log(ratios) / np.log(_SCALES)
        if not np.ptp(powers) < 1e-9:
            return None
        return cls(model, mass, scale, fixed, float(np.round(powers[0, 0], 9)))


def _pair(model: Model, parameters: Mapping[str, Any], inputs: Inputs) -> MassivePair:
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


def _largest(pair: MassivePair, inputs: Inputs) -> float:
    return max(abs(float(v)) for v in pair.invariants(inputs).values())
