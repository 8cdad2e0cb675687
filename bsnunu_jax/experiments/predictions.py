"""What a measurement may ask of the rates at one point."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.hadrons.transitions import LONGITUDINAL, get_decay
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.inputs.detectors import Detector
from bsnunu_jax.numerics.quadrature import BIN_NODES
from bsnunu_jax.observables.catalogue import get_observable
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.rates.forms import Gram, Kernels
from bsnunu_jax.rates.kernels import Request as Request
from bsnunu_jax.rates.kernels import Tabulated
from bsnunu_jax.states import InvisibleState, Neutrinos
from bsnunu_jax.states.sectors import Sectors
from bsnunu_jax.states.unstable import unstable

Scalar = Float[Array, ""]


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
        self,
        states: Sequence[InvisibleState] | Sectors,
        inputs: Inputs,
        grams: Mapping[Request, Sequence[Gram | None]] | None = None,
        sm_grams: Mapping[Request, Sequence[Gram | None]] | None = None,
        detector: Detector | None = None,
    ) -> None:
        """Predictions of these final states with these inputs.

        Args:
            states: the final states.
            inputs: the inputs.
            grams: for a request the kernels of every state as quadratic forms of the form-factor
                coefficients; what is not there or None is integrated.
            sm_grams: the same of the SM.
            detector: that the final states are seen in, see `behind`.
        """
        self.sectors = states if isinstance(states, Sectors) else Sectors(tuple(states))
        self.states = self.sectors.invisible
        self.inputs = inputs
        self.requested: set[Request] = set()
        self.observed: set[str] = set()
        self._grams, self._sm_grams = grams or {}, sm_grams or {}
        self._memo: dict[Any, Any] = {}
        self._detector = detector
        self._behind: dict[Detector, Predictions] = {}

    @cached_property
    def sm(self) -> "Predictions":
        """Those of the SM with the same inputs."""
        return Predictions((Neutrinos(),), self.inputs, self._sm_grams, self._sm_grams)

    def behind(self, detector: Detector | None = None) -> "Predictions":
        """What a detector sees as missing: what decays inside is lost; these if nothing may decay.

        Args:
            detector: the detector; None for one in which decays are not described.
        """
        made = None if detector is None else [unstable(s) for s in self.states]
        if detector is None or not any(made or ()):
            return self
        if detector not in self._behind:
            pairs = zip(self.states, made or (), strict=True)
            states = [rates.seen_in(m or s, detector, self.inputs) for s, m in pairs]
            sectors = self.sectors.with_states(states)
            found = Predictions(sectors, self.inputs, self._grams, self._sm_grams, detector)
            found.requested, found.observed = self.requested, self.observed
            found.sm = self.sm
            self._behind[detector] = found
        return self._behind[detector]

    def kernels(self, request: Request) -> list[Kernels]:
        """The integrated kernels of every state."""
        self.requested.add(request)
        grams = self._grams.get(request, (None,) * len(self.states))
        return [
            self._integrated(request, state) if gram is None else gram(self.inputs)
            for state, gram in zip(self.states, grams, strict=True)
        ]

    def _integrated(self, request: Request, state: InvisibleState) -> Kernels:
        mode, edges, *_ = request
        if edges is None:
            return rates.integrated_kernels(mode, state, self.inputs)
        known = state.kernels.get(request) if isinstance(state, Tabulated) else None
        if known is not None:
            return dict(known)
        bins = jnp.asarray(np.frombuffer(edges))
        return rates.binned_kernels(mode, state, self.inputs, bins, nodes=BIN_NODES)

    def _branching_fractions(self, mode: str, edges: bytes | None = None) -> Array:
        detector = self._detector
        request: Request = (mode, edges) if detector is None else (mode, edges, detector)
        if request not in self._memo:
            decay = get_decay(request[0])
            gamma = sum(
                rates.contract(rates.invariants(request[0], state, self.inputs), kernel)
                for state, kernel in zip(self.states, self.kernels(request), strict=True)
            )
            self._memo[request] = rates.lifetime(decay, self.inputs) * gamma
        return self._memo[request]

    def branching_fraction(self, mode: str) -> Scalar:
        """Total BR of the mode."""
        return self._branching_fractions(mode)

    def bins(self, mode: str, edges: np.ndarray, polarisation: str = "") -> Float[Array, " bins"]:
        """BR of the mode in narrow bins of q2 (edges in GeV^2), or of a polarisation of its hadron.

        Args:
            mode: the mode.
            edges: of the bins.
            polarisation: "longitudinal" or "transverse" vector mesons; "" for all hadrons.
        """
        at = np.asarray(edges, dtype=float).tobytes()
        if not polarisation:
            return self._branching_fractions(mode, at)
        longitudinal = self._branching_fractions(mode + LONGITUDINAL, at)
        if polarisation == "longitudinal":
            return longitudinal
        return self._branching_fractions(mode, at) - longitudinal

    def observable(self, name: str) -> Scalar:
        """Any observable that is a number."""
        self.observed.add(name)
        if name not in self._memo:
            self._memo[name] = get_observable(name).function(self.sectors, self.inputs)
        return self._memo[name]
