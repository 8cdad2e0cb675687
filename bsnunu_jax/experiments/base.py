"""The contract of a measurement, and the predictions that it reads."""

import copy
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol, TypeVar, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax import rates
from bsnunu_jax.forms import Gram, Kernels
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.invisible import InvisibleState, Neutrinos, Tabulated
from bsnunu_jax.invisible.tabulated import Request as Request
from bsnunu_jax.modes import get_decay
from bsnunu_jax.observables import get_observable
from bsnunu_jax.quadrature import BIN_NODES
from bsnunu_jax.sectors import Sectors

Scalar = Float[Array, ""]
T = TypeVar("T")


class Predictions:
    """What one point of parameter space predicts; each number is traced once, however often read.

    Not a pytree: make it inside the traced function.

    Attributes:
        states: the invisible final states; their rates add.
        sectors: these and what the model has beside them.
        inputs: the inputs of this point.
        requested: the kernels that were asked for.
        observed: the names of the observables that were asked for.
    """

    def __init__(
        self, states: Sequence[InvisibleState] | Sectors, inputs: Inputs,
        grams: Mapping[Request, Sequence[Gram | None]] | None = None,
        sm_grams: Mapping[Request, Sequence[Gram | None]] | None = None,
    ) -> None:  # fmt: skip
        """Predictions of these final states with these inputs.

        Args:
            states: the final states.
            inputs: the inputs.
            grams: for a request the kernels of every state as quadratic forms of the form-factor
                coefficients; what is not there or None is integrated.
            sm_grams: the same of the SM.
        """
        self.sectors = states if isinstance(states, Sectors) else Sectors(tuple(states))
        self.states = self.sectors.invisible
        self.inputs = inputs
        self.requested: set[Request] = set()
        self.observed: set[str] = set()
        self._grams, self._sm_grams = grams or {}, sm_grams or {}
        self._memo: dict[Any, Any] = {}

    @cached_property
    def sm(self) -> "Predictions":
        """Those of the SM with the same inputs."""
        return Predictions((Neutrinos(),), self.inputs, self._sm_grams, self._sm_grams)

    def kernels(self, request: Request) -> list[Kernels]:
        """The integrated kernels of every state."""
        self.requested.add(request)
        grams = self._grams.get(request, (None,) * len(self.states))
        return [
            self._integrated(request, state) if gram is None else gram(self.inputs)
            for state, gram in zip(self.states, grams, strict=True)
        ]

    def _integrated(self, request: Request, state: InvisibleState) -> Kernels:
        mode, edges = request
        if edges is None:
            return rates.integrated_kernels(mode, state, self.inputs)
        known = state.kernels.get(request) if isinstance(state, Tabulated) else None
        if known is not None:
            return dict(known)
        bins = jnp.asarray(np.frombuffer(edges))
        return rates.binned_kernels(mode, state, self.inputs, bins, nodes=BIN_NODES)

    def _branching_fractions(self, request: Request) -> Array:
        if request not in self._memo:
            gamma = sum(
                rates.contract(state.invariants(self.inputs), kernel)
                for state, kernel in zip(self.states, self.kernels(request), strict=True)
            )
            tau = self.inputs.lifetime(get_decay(request[0]).tau_B)
            self._memo[request] = tau * gamma
        return self._memo[request]

    def branching_fraction(self, mode: str) -> Scalar:
        """Total BR of the mode."""
        return self._branching_fractions((mode, None))

    def bins(self, mode: str, edges: np.ndarray) -> Float[Array, " bins"]:
        """BR of the mode in narrow bins of q2 (edges in GeV^2)."""
        return self._branching_fractions((mode, np.asarray(edges, dtype=float).tobytes()))

    def observable(self, name: str) -> Scalar:
        """Any observable that is a number."""
        self.observed.add(name)
        if name not in self._memo:
            self._memo[name] = get_observable(name).function(self.sectors, self.inputs)
        return self._memo[name]


@runtime_checkable
class Measurement(Protocol):
    """One published result with its own nuisances, standard normal a priori."""

    @property
    def name(self) -> str:
        """The id used in cards."""

    @property
    def title(self) -> str:
        """One line for people."""

    @property
    def samples(self) -> tuple[str, ...]:
        """The data that went in; two measurements that share one exclude each other."""

    @property
    def sources(self) -> tuple[str, ...]:
        """ArXiv numbers or INSPIRE keys to cite."""

    @property
    def sm_spectrum(self) -> bool:
        """True if the published efficiency assumes the SM q2 spectrum."""

    @property
    def tree_tau(self) -> str:
        """How the long-distance B+ -> tau nu part was treated."""

    @property
    def nuisance_names(self) -> tuple[str, ...]:
        """One name a nuisance; () if there are none or they are marginalised inside."""

    def log_likelihood(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """ln L without the standard-normal terms of z; constants that matter to no fit may go."""
        ...


@runtime_checkable
class BinnedMeasurement(Measurement, Protocol):
    """A measurement of counts in bins, which reports can draw."""

    @property
    def mode(self) -> str:
        """The decay mode of the signal."""

    @property
    def labels(self) -> tuple[str, ...]:
        """One label a bin."""

    @property
    def observed(self) -> np.ndarray:
        """Counts per bin."""

    def counts(
        self, predictions: Predictions, z: Float[Array, " n"]
    ) -> tuple[Float[Array, " bins"], Float[Array, " bins"]]:
        """Expected signal and background per bin at the nuisances z."""
        ...


@runtime_checkable
class ProfiledMeasurement(Measurement, Protocol):
    """A measurement with nuisances of its own that `log_likelihood` integrates over."""

    def profile_log_likelihood(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """ln L with these nuisances at their most likely values, for best fits and limits."""
        ...


@runtime_checkable
class Generative(Measurement, Protocol):
    """A measurement whose data can be exchanged: what Asimov data, toys and goodness of fit need.

    Everything here may be traced: data are as good an argument as nuisances.
    """

    @property
    def data(self) -> Float[Array, " bins"]:
        """What was observed: counts, or the quoted value."""

    def with_data(self, data: Float[Array, " bins"]) -> "Generative":
        """The same measurement, calibration and coordinates included, had it observed `data`."""
        ...

    def expected_data(
        self, predictions: Predictions, z: Float[Array, " n"]
    ) -> Float[Array, " bins"]:
        """Asimov data: expected counts (not integers) or the predicted value."""
        ...

    def sample_data(
        self, predictions: Predictions, z: Float[Array, " n"], key: jax.Array
    ) -> Float[Array, " bins"]:
        """A toy: data drawn from the density whose logarithm is `log_likelihood`."""
        ...

    def saturated(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """`log_likelihood` if the expectation of every bin were the one that suits its data best.

        The point matters only for what is not an expectation: MC statistics of the bins.
        """
        ...


@runtime_checkable
class Scalable(Generative, Protocol):
    """A measurement that can be projected to another luminosity."""

    @property
    def luminosity(self) -> float:
        """Of the observed data [1/ab]."""

    def at_luminosity(self, factor: float | Scalar) -> "Scalable":
        """Expectations with so many times the luminosity, which may be traced; data stay."""
        ...


def replaced(instance: T, **changes: Any) -> T:
    """`dataclasses.replace` that keeps derived and cached fields instead of making them anew.

    What a frozen dataclass worked out when it was made (a rotation, a calibration) may be slow, and
    may depend on the observed data: it stays.
    """
    made = copy.copy(instance)
    for name, value in changes.items():
        object.__setattr__(made, name, value)
    return made


def scaled_beyond_sm(value: Array, sm: Array, shift: Array) -> Array:
    """sm + (value - sm) exp(shift): a rate whose part beyond the SM has another efficiency."""
    return sm + (value - sm) * jnp.exp(shift)
