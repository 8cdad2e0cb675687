"""The contract of a measurement, and the predictions that it reads."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.inputs import Inputs
from bsnunu_jax.invisible import InvisibleState
from bsnunu_jax.observables import branching_fraction, branching_fraction_bins, get_observable
from bsnunu_jax.quadrature import BIN_NODES

Scalar = Float[Array, ""]


class Predictions:
    """What one point of parameter space predicts; each number is traced once, however often read.

    Not a pytree: make it inside the traced function.
    """

    def __init__(self, states: Sequence[InvisibleState], inputs: Inputs) -> None:
        """Predictions of these final states with these inputs."""
        self.states = tuple(states)
        self.inputs = inputs
        self._memo: dict[Any, Any] = {}

    def branching_fraction(self, mode: str) -> Scalar:
        """Total BR of the mode."""
        if mode not in self._memo:
            self._memo[mode] = branching_fraction(mode, self.states, self.inputs)
        return self._memo[mode]

    def bins(self, mode: str, edges: np.ndarray) -> Float[Array, " bins"]:
        """BR of the mode in narrow bins of q2 (edges in GeV^2)."""
        key = (mode, edges.tobytes())
        if key not in self._memo:
            self._memo[key] = branching_fraction_bins(
                mode, self.states, self.inputs, jnp.asarray(edges), nodes=BIN_NODES
            )
        return self._memo[key]

    def observable(self, name: str) -> Scalar:
        """Any observable that is a number."""
        if name not in self._memo:
            self._memo[name] = get_observable(name).function(self.states, self.inputs)
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
