"""What is computed at one point of a scan, and from which integrated kernels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from bsnunu_jax.experiments import Measurement, Predictions, log_likelihoods
from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.inputs import Nuisances
from bsnunu_jax.models import Model
from bsnunu_jax.rates.kernels import Request, Tabulated
from bsnunu_jax.states.sectors import Sectors, sectors_of

Coordinates = Mapping[str, Any]
# Known kernels of every state.
Tables = Sequence[Mapping[Request, Mapping[str, Any]]]

LOG_LIKELIHOOD = "log_likelihood"


@dataclass(frozen=True)
class Scanned:
    """A parameter of the model and the axes that set it: one, or real and imaginary part."""

    name: str
    axes: tuple[str, ...]
    also: tuple[str, ...] = ()

    def value(self, x: Coordinates) -> Any:
        """The parameter at these coordinates."""
        if self.axes == (self.name,):
            return x[self.name]
        parts = {axis[:2]: x[axis] for axis in self.axes}
        return parts.get("Re", 0.0) + 1j * parts.get("Im", 0.0)


@dataclass(frozen=True, eq=False)
class Study:
    """A model, what of it is scanned, and the numbers wanted at every point.

    Attributes:
        fixed: parameters and settings held at a value.
        observables: names of numbers.
        measurements: whose ln L is added up if `log_likelihood`.
        drawn: whether the nuisances of the measurements are drawn, else they are 0.
    """

    model: Model
    fixed: Mapping[str, Any]
    scanned: tuple[Scanned, ...]
    nuisances: Nuisances
    measurements: tuple[Measurement, ...]
    observables: tuple[str, ...]
    log_likelihood: bool
    drawn: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Of the numbers."""
        return (*self.observables, *((LOG_LIKELIHOOD,) if self.log_likelihood else ()))

    @property
    def nuisance_names(self) -> tuple[str, ...]:
        """Of what is drawn beside the parameters: inputs, then data."""
        of_data = [n for m in self.measurements for n in m.nuisance_names] if self.drawn else []
        return (*self.nuisances.names, *of_data)

    def sectors(self, nuisances: Nuisances, x: Coordinates, z: Float[Array, " k"]) -> Sectors:
        """What the model has at these coordinates."""
        named = dict(self.fixed)
        for p in self.scanned:
            named |= dict.fromkeys((p.name, *p.also), p.value(x))
        return sectors_of(self.model.build(named, nuisances.shift(z[: nuisances.size])))

    def predictions(
        self, nuisances: Nuisances, x: Coordinates, z: Float[Array, " k"], tables: Tables
    ) -> Predictions:
        """The predictions at these coordinates with what is known of the kernels."""
        s = self.sectors(nuisances, x, z)
        states = tuple(Tabulated(i, t) for i, t in zip(s.invisible, tables, strict=True))
        return Predictions(s.with_states(states), nuisances.shift(z[: nuisances.size]))

    def numbers(
        self,
        nuisances: Nuisances,
        x: Coordinates,
        z: Float[Array, " k"],
        tables: Tables,
        names: Sequence[str],
    ) -> dict[str, Scalar]:
        """The numbers with these names at one point."""
        predictions = self.predictions(nuisances, x, z, tables)
        found = {n: predictions.observable(n) for n in names if n != LOG_LIKELIHOOD}
        if LOG_LIKELIHOOD in names:
            size = sum(len(m.nuisance_names) for m in self.measurements)
            of_data = z[nuisances.size :] if self.drawn else jnp.zeros(size)
            terms = log_likelihoods(self.measurements, predictions, of_data)
            found[LOG_LIKELIHOOD] = sum(terms.values(), start=jnp.zeros(()))
        return found

    def requests(self, x: Coordinates) -> list[set[Request]]:
        """The integrated kernels that the numbers read, state by state."""
        z = jnp.zeros(len(self.nuisance_names))
        asked: list[_Asked] = []

        def evaluate(x: Coordinates, z: Float[Array, " k"]) -> dict[str, Scalar]:
            asked[:] = [_Asked() for _ in self.sectors(self.nuisances, x, z)]
            return self.numbers(self.nuisances, x, z, asked, self.names)

        jax.eval_shape(evaluate, x, z)
        return [one.keys_asked for one in asked]


class _Asked(dict[Request, Any]):
    """An empty table that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.keys_asked: set[Request] = set()

    def get(self, key: Request, default: Any = None) -> Any:
        """Nothing."""
        self.keys_asked.add(key)
        return default
