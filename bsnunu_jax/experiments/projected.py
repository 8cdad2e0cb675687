"""A measurement at any luminosity: the luminosity is one of its data."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from bsnunu_jax.experiments.measurement import ProfiledMeasurement, Scalable
from bsnunu_jax.experiments.predictions import Predictions

Scalar = Float[Array, ""]
Data = Float[Array, " bins+1"]


@dataclass(frozen=True, eq=False)
class Projected:
    """A measurement whose data end with the luminosity over that of the observed data.

    Data sets of all luminosities are fitted by one program.

    Attributes:
        measurement: at the luminosity of the observed data.
        factor: luminosity over that, may be traced.
    """

    measurement: Scalable
    factor: float | Scalar = 1.0

    @property
    def name(self) -> str:
        """Of the measurement."""
        return self.measurement.name

    @property
    def title(self) -> str:
        """Of the measurement."""
        return self.measurement.title

    @property
    def samples(self) -> tuple[str, ...]:
        """Of the measurement."""
        return self.measurement.samples

    @property
    def sources(self) -> tuple[str, ...]:
        """Of the measurement."""
        return self.measurement.sources

    @property
    def sm_spectrum(self) -> bool:
        """Of the measurement."""
        return self.measurement.sm_spectrum

    @property
    def tree_tau(self) -> str:
        """Of the measurement."""
        return self.measurement.tree_tau

    @property
    def nuisance_names(self) -> tuple[str, ...]:
        """Of the measurement."""
        return self.measurement.nuisance_names

    @property
    def _scaled(self) -> Scalable:
        return self.measurement.at_luminosity(self.factor)

    def at(self, factor: float | Scalar) -> "Projected":
        """The same measurement with so many times the luminosity of the observed data."""
        return replace(self, factor=factor)

    @property
    def data(self) -> Data:
        """Counts and factor."""
        return jnp.append(jnp.asarray(self.measurement.data, dtype=float), self.factor)

    def with_data(self, data: Data) -> "Projected":
        """The measurement with other counts at another luminosity."""
        return Projected(_observing(self.measurement, data[:-1]), data[-1])

    def log_likelihood(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """ln L at this luminosity."""
        return self._scaled.log_likelihood(predictions, z)

    def profile_log_likelihood(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """The same with what the measurement integrates over at its most likely value."""
        scaled = self._scaled
        if isinstance(scaled, ProfiledMeasurement):
            return scaled.profile_log_likelihood(predictions, z)
        return scaled.log_likelihood(predictions, z)

    def expected_data(self, predictions: Predictions, z: Float[Array, " n"]) -> Data:
        """Asimov data of this luminosity."""
        return jnp.append(self._scaled.expected_data(predictions, z), self.factor)

    def sample_data(self, predictions: Predictions, z: Float[Array, " n"], key: jax.Array) -> Data:
        """A toy of this luminosity."""
        return jnp.append(self._scaled.sample_data(predictions, z, key), self.factor)

    def saturated(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """That of the counts at this luminosity."""
        return self._scaled.saturated(predictions, z)


def _observing(measurement: Scalable, data: Float[Array, " bins"]) -> Scalable:
    found = measurement.with_data(data)
    assert isinstance(found, Scalable)
    return found
