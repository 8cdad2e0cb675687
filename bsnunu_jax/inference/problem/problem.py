"""One log-density from couplings and nuisances to the data: what every method below works on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments import Measurement, Predictions, log_likelihoods
from bsnunu_jax.experiments.likelihood import blocks
from bsnunu_jax.experiments.measurement import Generative, Request, Scalable, Systematic
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.problem.parameters import Parameter, model_parameters
from bsnunu_jax.inputs import Nuisances
from bsnunu_jax.models import Model
from bsnunu_jax.rates.forms import Gram, Table

Scalar = Float[Array, ""]
# One array a measurement.
Data = tuple[Float[Array, " bins"], ...]


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["nuisances", "measurements", "fixed", "grams", "sm_grams"],
    meta_fields=["model", "parameters"],
)
@dataclass(frozen=True, eq=False)
class Problem:
    """A model, its fitted parameters, the uncertain inputs and the data: a frozen pytree.

    A point is a flat vector theta: unconstrained coordinates of the parameters, then
    standard-normal nuisances of the inputs, then those of each measurement.

    Attributes:
        fixed: model parameters held at a value, and its settings. Problems that differ in held
            arrays of JAX, not in numbers of Python, share their programs, see `programs`.
        grams: integrated kernels as quadratic forms, see `tabulate`; none: all are integrated.
        sm_grams: the same of the SM, where a measurement asks for it.
    """

    model: Model
    parameters: tuple[Parameter, ...]
    nuisances: Nuisances
    measurements: tuple[Measurement, ...]
    fixed: tuple[tuple[str, Any], ...] = ()
    grams: Mapping[Request, Sequence[Gram | None]] = field(default_factory=Table)
    sm_grams: Mapping[Request, Sequence[Gram | None]] = field(default_factory=Table)

    def of_model(
        self,
        model: Model,
        parameters: tuple[Parameter, ...] = (),
        fixed: tuple[tuple[str, Any], ...] = (),
    ) -> "Problem":
        """Another model with these data and inputs, all kernels integrated at every point."""
        return Problem(model, parameters, self.nuisances, self.measurements, fixed)

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
        return _stack([p.prior.value(theta[i]) for i, p in enumerate(self.parameters)])

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
        return jnp.concatenate([_stack(coordinates), jnp.zeros(self.size - len(self.parameters))])

    def predictions(self, theta: Float[Array, " size"]) -> Predictions:
        """The predictions at theta."""
        return self.predictions_at(self.values(theta), theta[len(self.parameters) :])

    def predictions_at(
        self, values: Float[Array, " n"], nuisances: Float[Array, " m"]
    ) -> Predictions:
        """The predictions at these parameter values and nuisances."""
        inputs = self.nuisances.shift(nuisances[: self.nuisances.size])
        named = dict(self.fixed) | model_parameters(self.parameters, values)
        states = self.model.build(named, inputs)
        return Predictions(states, inputs, self.grams, self.sm_grams)

    def log_likelihoods(
        self, theta: Float[Array, " size"], *, profiled: bool = False
    ) -> dict[str, Scalar]:
        """ln L of every measurement, see `experiments.log_likelihoods`."""
        return self.log_likelihood_of(self.predictions(theta), theta, profiled=profiled)

    def log_likelihood_of(
        self, predictions: Predictions, theta: Float[Array, " size"], *, profiled: bool = False
    ) -> dict[str, Scalar]:
        """ln L of every measurement with these predictions and the nuisances of theta."""
        z = theta[len(self.parameters) + self.nuisances.size :]
        return log_likelihoods(self.measurements, predictions, z, profiled=profiled)

    def objective(self, theta: Float[Array, " size"]) -> Scalar:
        """-2 ln (likelihood x nuisance terms x Gaussian priors): what a best fit minimises.

        Nuisances that a measurement integrates over in `potential` are profiled here, so that -2 ln
        L and its minimum are those of a fit with all nuisances free.
        """
        return self.objective_at(self.values(theta), theta[len(self.parameters) :])

    def objective_at(
        self,
        values: Float[Array, " n"],
        nuisances: Float[Array, " m"],
        *,
        data: Data | None = None,
        centres: Float[Array, " m"] | None = None,
        profiled: bool = True,
    ) -> Scalar:
        """The objective at these parameter values and nuisances.

        Args:
            values: one a parameter.
            nuisances: of the inputs, then of every measurement.
            data: counts or values in place of the observed ones, one array a measurement.
            centres: where the standard-normal terms of the nuisances have their centres, the
                auxiliary data; 0 if absent.
            profiled: False for the likelihood of `potential`, see `experiments.log_likelihoods`.
        """
        constraints = sum(p.prior.constraint(values[i]) for i, p in enumerate(self.parameters))
        pulls = nuisances if centres is None else nuisances - centres
        deviance = self.deviance(values, nuisances, data, profiled=profiled)
        return deviance - 2 * constraints + self.nuisance_terms(pulls, profiled=profiled)

    @property
    def constrained(self) -> np.ndarray:
        """Mask of the nuisances with a standard-normal term in a best fit, all but free ones.

        To samplers free parameters of data are standard normal too, see `Reweighted.free`.
        """
        free = [
            getattr(m, "constrained", np.ones(len(m.nuisance_names), dtype=bool))
            for m in self.measurements
        ]
        return np.concatenate([np.ones(self.nuisances.size, dtype=bool), *free])

    def nuisance_terms(self, pulls: Float[Array, " m"], *, profiled: bool = True) -> Scalar:
        """-2 ln of the standard-normal terms of the nuisances."""
        if profiled and not (mask := self.constrained).all():
            pulls = jnp.where(mask, pulls, 0.0)
        return jnp.sum(pulls**2)

    def deviance(
        self,
        values: Float[Array, " n"],
        nuisances: Float[Array, " m"],
        data: Data | None = None,
        *,
        profiled: bool = True,
    ) -> Scalar:
        """-2 ln of the likelihood alone, of these data or the observed ones."""
        measurements = self.measurements if data is None else self.with_data(data).measurements
        predictions = self.predictions_at(values, nuisances)
        of_data = nuisances[self.nuisances.size :]
        terms = log_likelihoods(measurements, predictions, of_data, profiled=profiled)
        return -2 * sum(terms.values(), start=jnp.zeros(()))

    @property
    def generative(self) -> tuple[Generative, ...]:
        """The measurements, all of which can exchange their data.

        Raises:
            InputError: naming one that cannot.
        """
        for m in self.measurements:
            if not isinstance(m, Generative):
                raise InputError(
                    f"the data of {m.name!r} cannot be exchanged",
                    allowed="limits, toys and goodness of fit need measurements that can",
                )
        return cast("tuple[Generative, ...]", self.measurements)

    @property
    def data(self) -> Data:
        """What was observed, one array a measurement."""
        return tuple(m.data for m in self.generative)

    def with_data(self, data: Data) -> "Problem":
        """The same problem with other data, which may be traced."""
        exchanged = (m.with_data(d) for m, d in zip(self.generative, data, strict=True))
        return replace(self, measurements=tuple(exchanged))

    def at_luminosity(self, growth: Float[Array, "measurements 2"] | None) -> "Problem":
        """The same problem with other luminosities and systematics, which may be traced.

        Args:
            growth: of every measurement the luminosity and the systematic errors over those of
                today; None is the problem as it is. Data stay, and what does not scale.
        """
        if growth is None:
            return self
        rows = zip(self.measurements, growth, strict=True)
        return replace(self, measurements=tuple(_grown(m, *row) for m, row in rows))

    def expected_data(self, values: Float[Array, " n"], nuisances: Float[Array, " m"]) -> Data:
        """Asimov data of this point."""
        predictions = self.predictions_at(values, nuisances)
        own = self.of_measurements(nuisances)
        return tuple(
            m.expected_data(predictions, z) for m, z in zip(self.generative, own, strict=True)
        )

    def sample_data(
        self, values: Float[Array, " n"], nuisances: Float[Array, " m"], key: jax.Array
    ) -> Data:
        """A toy of this point: independent draws for all measurements."""
        predictions = self.predictions_at(values, nuisances)
        own = self.of_measurements(nuisances)
        keys = jax.random.split(key, len(self.measurements))
        return tuple(
            m.sample_data(predictions, z, k)
            for m, z, k in zip(self.generative, own, keys, strict=True)
        )

    def saturated_deviance(
        self, values: Float[Array, " n"], nuisances: Float[Array, " m"], data: Data
    ) -> Scalar:
        """`deviance` if every bin expected what suits its data best."""
        predictions = self.predictions_at(values, nuisances)
        own = self.of_measurements(nuisances)
        terms = [
            m.with_data(d).saturated(predictions, z)
            for m, d, z in zip(self.generative, data, own, strict=True)
        ]
        return -2 * sum(terms, start=jnp.zeros(()))

    def of_measurements(self, nuisances: Float[Array, " m"]) -> list[Float[Array, " k"]]:
        """The nuisances of each measurement."""
        return blocks(self.measurements, nuisances[self.nuisances.size :])

    def descent_values(self, v: Float[Array, " n"]) -> Float[Array, " n"]:
        """Values of the parameters at the coordinates of the best fit."""
        return _stack([p.prior.descent_value(v[i]) for i, p in enumerate(self.parameters)])

    def potential(self, theta: Float[Array, " size"]) -> Scalar:
        """-ln posterior density of theta, Jacobians of the coordinates included."""
        free = len(self.parameters)
        objective = self.objective_at(self.values(theta), theta[free:], profiled=False)
        return 0.5 * objective - self.log_measure(theta[:free])

    def log_measure(self, u: Float[Array, " n"]) -> Scalar:
        """ln of what the prior has beyond `objective`, in the coordinates u of the parameters."""
        terms = [
            p.prior.log_jacobian(u[i]) + self.log_density_of_range(i, p.prior.value(u[i]))
            for i, p in enumerate(self.parameters)
        ]
        return jnp.sum(_stack(terms))

    def log_density_of_ranges(self, values: Float[Array, " n"]) -> Scalar:
        """The sum of `log_density_of_range`."""
        terms = [self.log_density_of_range(i, values[i]) for i in range(len(self.parameters))]
        return jnp.sum(_stack(terms))

    def log_density_of_range(self, index: int, value: Scalar) -> Scalar:
        """ln prior density of a parameter where it is no constraint of a best fit, else 0."""
        prior = self.parameters[index].prior
        return prior.log_density(value) - prior.constraint(value)


def _grown(m: Measurement, luminosity: Scalar, systematics: Scalar) -> Measurement:
    """A measurement with these factors; systematics that are nuisances belong to their terms."""
    if isinstance(m, Systematic):
        m = m.with_systematics(systematics)
    return m.at_luminosity(luminosity) if isinstance(m, Scalable) else m


def _stack(numbers: Sequence[Scalar]) -> Float[Array, " n"]:
    """The numbers as an array, of length 0 for a model without parameters."""
    return jnp.stack(numbers) if numbers else jnp.zeros(0)
