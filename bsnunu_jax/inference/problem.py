"""One log-density from couplings and nuisances to the data: what every method below works on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from bsnunu_jax.experiments import Measurement, Predictions, log_likelihoods
from bsnunu_jax.inference.parameters import Parameter, model_parameters
from bsnunu_jax.inputs import Nuisances
from bsnunu_jax.models import Model

Scalar = Float[Array, ""]


@dataclass(frozen=True, eq=False)
class Problem:
    """A model, its fitted parameters, the uncertain inputs and the data.

    A point is a flat vector theta: unconstrained coordinates of the parameters, then
    standard-normal nuisances of the inputs, then those of each measurement.

    Attributes:
        fixed: model parameters held at a value.
    """

    model: Model
    parameters: tuple[Parameter, ...]
    nuisances: Nuisances
    measurements: tuple[Measurement, ...]
    fixed: tuple[tuple[str, complex], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """One name a component of theta."""
        return (
            *(p.name for p in self.parameters),
            *self.nuisances.names,
            *(n for m in self.measurements for n in m.nuisance_names),
        )

    @property
    def size(self) -> int:
        """Number of components of theta."""
        return len(self.names)

    def values(self, theta: Float[Array, " size"]) -> Float[Array, " n"]:
        """Values of the parameters, unfolded."""
        return jnp.stack([p.prior.value(theta[i]) for i, p in enumerate(self.parameters)])

    def reported(self, theta: Float[Array, " size"]) -> dict[str, Scalar]:
        """Values of the parameters as reported, mirrored ones folded."""
        values = self.values(theta)
        return {p.name: p.report(values[i]) for i, p in enumerate(self.parameters)}

    def theta(self, values: Sequence[float] | Float[Array, " n"]) -> Float[Array, " size"]:
        """theta at these parameter values with all nuisances at 0."""
        coordinates = [
            p.prior.coordinate(jnp.asarray(v, dtype=float))
            for p, v in zip(self.parameters, values, strict=True)
        ]
        return jnp.concatenate(
            [jnp.stack(coordinates), jnp.zeros(self.size - len(self.parameters))]
        )

    def predictions(self, theta: Float[Array, " size"]) -> Predictions:
        """The predictions at theta."""
        return self.predictions_at(self.values(theta), theta[len(self.parameters) :])

    def predictions_at(
        self, values: Float[Array, " n"], nuisances: Float[Array, " m"]
    ) -> Predictions:
        """The predictions at these parameter values and nuisances."""
        inputs = self.nuisances.shift(nuisances[: self.nuisances.size])
        named = dict(self.fixed) | model_parameters(self.parameters, values)
        return Predictions(self.model.build(named, inputs), inputs)

    def log_likelihoods(self, theta: Float[Array, " size"]) -> dict[str, Scalar]:
        """ln L of every measurement."""
        start = len(self.parameters) + self.nuisances.size
        return log_likelihoods(self.measurements, self.predictions(theta), theta[start:])

    def objective(self, theta: Float[Array, " size"]) -> Scalar:
        """-2 ln (likelihood x nuisance terms x non-flat priors): what a best fit minimises."""
        return self.objective_at(self.values(theta), theta[len(self.parameters) :])

    def objective_at(self, values: Float[Array, " n"], nuisances: Float[Array, " m"]) -> Scalar:
        """The objective at these parameter values and nuisances."""
        predictions = self.predictions_at(values, nuisances)
        of_data = nuisances[self.nuisances.size :]
        log_likelihood = sum(log_likelihoods(self.measurements, predictions, of_data).values())
        log_prior = sum(p.prior.log_density(values[i]) for i, p in enumerate(self.parameters))
        return -2 * (log_likelihood + log_prior) + jnp.sum(nuisances**2)

    def descent_values(self, v: Float[Array, " n"]) -> Float[Array, " n"]:
        """Values of the parameters at the coordinates of the best fit."""
        return jnp.stack([p.prior.descent_value(v[i]) for i, p in enumerate(self.parameters)])

    def descent_objective(self, point: Float[Array, " size"]) -> Scalar:
        """The objective in the coordinates of the best fit, then the nuisances."""
        free = len(self.parameters)
        return self.objective_at(self.descent_values(point[:free]), point[free:])

    @cached_property
    def compiled(self) -> Callable[[Float[Array, " size"]], Scalar]:
        """`objective`, jitted once: repeated use neither traces nor compiles again."""
        return jax.jit(self.objective)

    def potential(self, theta: Float[Array, " size"]) -> Scalar:
        """-ln posterior density of theta, Jacobians of the coordinates included."""
        jacobian = sum(p.prior.log_jacobian(theta[i]) for i, p in enumerate(self.parameters))
        return 0.5 * self.objective(theta) - jacobian
