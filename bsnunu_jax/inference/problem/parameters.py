"""Priors of the fitted parameters and the unconstrained coordinates that samplers walk in."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Scalar = Float[Array, ""]


@runtime_checkable
class Prior(Protocol):
    """A one-dimensional prior with a map from the real line; equal ones share programs."""

    def __hash__(self) -> int:
        """By value."""
        ...

    def value(self, u: Scalar) -> Scalar:
        """The parameter at the unconstrained coordinate u."""
        ...

    def coordinate(self, value: Scalar) -> Scalar:
        """The inverse of `value`."""
        ...

    def descent_value(self, v: Scalar) -> Scalar:
        """The parameter at the coordinate v of the best fit, where an edge is a smooth minimum."""
        ...

    def descent_coordinate(self, value: Scalar) -> Scalar:
        """An inverse of `descent_value`."""
        ...

    @property
    def range(self) -> tuple[float, float]:
        """Where the parameter may be; infinite where nothing ends it."""
        ...

    def log_density(self, value: Scalar) -> Scalar:
        """ln of the prior density of the parameter, up to a constant."""
        ...

    def constraint(self, value: Scalar) -> Scalar:
        """ln of the density where it is a measurement of its own, 0 where it is a mere range."""
        ...

    def log_jacobian(self, u: Scalar) -> Scalar:
        """ln |d value/d u|."""
        ...


@dataclass(frozen=True)
class _Between:
    """A prior that ends at low and high, and is no constraint there: see `Prior`."""

    low: float
    high: float

    @property
    def range(self) -> tuple[float, float]:
        """The interval."""
        return self.low, self.high

    def constraint(self, value: Scalar) -> Scalar:
        """None: best fits are those of the likelihood, in x as in ln x."""
        return jnp.zeros_like(value)


@dataclass(frozen=True)
class Uniform(_Between):
    """Flat between low and high."""

    def value(self, u: Scalar) -> Scalar:
        """low + (high - low) / (1 + exp(-u))."""
        return self.low + (self.high - self.low) * jax.nn.sigmoid(u)

    def coordinate(self, value: Scalar) -> Scalar:
        """Logit of the position in the interval, kept off the edges by 1e-6 of the width."""
        fraction = jnp.clip((value - self.low) / (self.high - self.low), 1e-6, 1 - 1e-6)
        return jnp.log(fraction / (1 - fraction))

    def descent_value(self, v: Scalar) -> Scalar:
        """low + (high - low)(1 + sin v)/2, as Minuit does."""
        return self.low + (self.high - self.low) * (1 + jnp.sin(v)) / 2

    def descent_coordinate(self, value: Scalar) -> Scalar:
        """Arcsine of the position in the interval, from -1 to 1."""
        position = 2 * (value - self.low) / (self.high - self.low) - 1
        return jnp.arcsin(jnp.clip(position, -1.0, 1.0))

    def log_density(self, value: Scalar) -> Scalar:
        """Constant."""
        return jnp.zeros_like(value)

    def log_jacobian(self, u: Scalar) -> Scalar:
        """ln (high - low) + ln sigmoid(u) + ln sigmoid(-u)."""
        return jnp.log(self.high - self.low) + jax.nn.log_sigmoid(u) + jax.nn.log_sigmoid(-u)


@dataclass(frozen=True)
class LogUniform(_Between):
    """Flat in ln x between low > 0 and high."""

    def _log(self) -> Uniform:
        return Uniform(math.log(self.low), math.log(self.high))

    def value(self, u: Scalar) -> Scalar:
        """exp of a flat ln x."""
        return jnp.exp(self._log().value(u))

    def coordinate(self, value: Scalar) -> Scalar:
        """Logit of the position of ln x in its interval."""
        return self._log().coordinate(jnp.log(value))

    def descent_value(self, v: Scalar) -> Scalar:
        """exp of ln x at v."""
        return jnp.exp(self._log().descent_value(v))

    def descent_coordinate(self, value: Scalar) -> Scalar:
        """Arcsine of the position of ln x in its interval."""
        return self._log().descent_coordinate(jnp.log(value))

    def log_density(self, value: Scalar) -> Scalar:
        """-ln x."""
        return -jnp.log(value)

    def log_jacobian(self, u: Scalar) -> Scalar:
        """ln x + ln d(ln x)/du."""
        return self._log().value(u) + self._log().log_jacobian(u)


@dataclass(frozen=True)
class Normal:
    """Gaussian with mean and standard deviation."""

    mean: float
    std: float

    def value(self, u: Scalar) -> Scalar:
        """mean + std u."""
        return self.mean + self.std * u

    def coordinate(self, value: Scalar) -> Scalar:
        """(value - mean)/std."""
        return (value - self.mean) / self.std

    def descent_value(self, v: Scalar) -> Scalar:
        """mean + std v."""
        return self.value(v)

    def descent_coordinate(self, value: Scalar) -> Scalar:
        """(value - mean)/std."""
        return self.coordinate(value)

    @property
    def range(self) -> tuple[float, float]:
        """The real line."""
        return -math.inf, math.inf

    def log_density(self, value: Scalar) -> Scalar:
        """-(value - mean)^2/(2 std^2)."""
        return -0.5 * self.coordinate(value) ** 2

    def constraint(self, value: Scalar) -> Scalar:
        """-(value - mean)^2/(2 std^2)."""
        return self.log_density(value)

    def log_jacobian(self, u: Scalar) -> Scalar:
        """ln std."""
        return jnp.full_like(u, jnp.log(self.std))


@dataclass(frozen=True)
class Parameter:
    """A fitted parameter.

    Attributes:
        name: name in the model.
        prior: its prior; for a mirrored parameter that of the unfolded one, even about 0.
        latex: label without $.
        also: further parameters of the model that are set to the same value.
        mirror: True if the density is even in the parameter: the sampler walks on both sides of 0,
            where there is no wall, and |value| is reported.
        unit: e.g. "GeV"; "" for a pure number.
    """

    name: str
    prior: Prior
    latex: str
    also: tuple[str, ...] = ()
    mirror: bool = False
    unit: str = ""

    @property
    def range(self) -> tuple[float, float]:
        """Where the reported value may be: from 0 if mirrored."""
        low, high = self.prior.range
        return (0.0 if self.mirror else low), high

    def report(self, value: Scalar) -> Scalar:
        """The value that is reported: folded if mirrored."""
        return jnp.abs(value) if self.mirror else value


def model_parameters(
    parameters: Sequence[Parameter], values: Float[Array, " n"]
) -> dict[str, Scalar]:
    """Fitted values under all names of the model that they set."""
    return {
        name: value
        for p, value in zip(parameters, values, strict=True)
        for name in (p.name, *p.also)
    }
