"""The contract of a measurement, and the predictions that it reads."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments.predictions import Predictions, Scalar
from bsnunu_jax.inputs.detectors import Detector
from bsnunu_jax.observables.catalogue import get_observable
from bsnunu_jax.rates.kernels import Request as Request

# Systematics of a factor of 0, over those of today: errors need a width.
NARROWEST = 1e-4


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


class Quoted(eqx.Module):
    """What every published result has, see `Measurement`; its data alone may be traced.

    A `shape_std` above 0 adds a nuisance, see `shape_systematic`. Without a `detector` decays in
    flight are not described.
    """

    name: str = eqx.field(static=True, kw_only=True)
    title: str = eqx.field(static=True, kw_only=True)
    samples: tuple[str, ...] = eqx.field(static=True, kw_only=True)
    sources: tuple[str, ...] = eqx.field(static=True, kw_only=True)
    sm_spectrum: bool = eqx.field(static=True, kw_only=True)
    tree_tau: str = eqx.field(static=True, kw_only=True)
    shape_std: float = eqx.field(static=True, kw_only=True, default=0.0)
    detector: Detector | None = eqx.field(static=True, kw_only=True, default=None)

    def behind(self, predictions: Predictions) -> Predictions:
        """What its detector sees of the predictions, see `Predictions.behind`."""
        return predictions.behind(self.detector)

    @property
    def nuisance_names(self) -> tuple[str, ...]:
        """That of the efficiency, if there is one."""
        return (f"shape[{self.name}]",) if self.shape_std else ()


def observables_of(m: Measurement) -> tuple[str, ...]:
    """Names of the observables that a measurement reads by name."""
    return tuple(n for n in (getattr(m, "observable", None), *getattr(m, "observables", ())) if n)


def decays_of(m: Measurement) -> tuple[str | None, ...]:
    """The decays that a measurement is of; None where an observable has none."""
    own = getattr(m, "mode", None)
    of_own = getattr(m, "modes", (own,) if own else ())
    return (*of_own, *(get_observable(name).mode for name in observables_of(m)))


def detector_of(m: Measurement) -> Detector | None:
    """The detector whose sizes a measurement has, None for one without."""
    return getattr(m, "detector", None)


def has_envelope(m: Measurement) -> bool:
    """Whether it has a detector of which more than one size may count."""
    detector = detector_of(m)
    return detector is not None and bool(detector.outer)


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
    def luminosity(self) -> float | None:
        """Of the observed data at the Y(4S) [1/ab], None where it is not stated."""

    def at_luminosity(self, factor: float | Scalar) -> "Scalable":
        """Expectations with so many times the luminosity, which may be traced; data stay."""
        ...


@runtime_checkable
class Systematic(Scalable, Protocol):
    """A measurement with systematic errors of its own that are no nuisances."""

    def with_systematics(self, factor: float | Scalar) -> "Systematic":
        """The same with so many times these errors, which may be traced; 0 is next to nothing."""
        ...


@runtime_checkable
class Hypothetical(Systematic, Protocol):
    """A measurement that nobody has made: only expected data have something to say.

    Its data are values followed by their errors, infinite as long as nothing is measured.
    """

    @property
    def hypothetical(self) -> bool:
        """True."""


def measured(measurements: Sequence[Measurement]) -> tuple[Measurement, ...]:
    """Those that have been made."""
    return tuple(m for m in measurements if not isinstance(m, Hypothetical))


def scaled_beyond_sm(value: Array, sm: Array, shift: Array) -> Array:
    """sm + (value - sm) exp(shift): a rate whose part beyond the SM has another efficiency."""
    return sm + (value - sm) * jnp.exp(shift)
