"""A HistFactory model with the signal of any spectrum.

The signal of a rate follows from published joint number densities, reweighted in bins of true q2
(method arXiv:2402.08417, applied in arXiv:2507.12393): an entry has the weight

    (underflow + sum density x BR_theory/BR_null) / (underflow + sum density)

with sums over the bins of true q2 of every mode, and polarisation, that it holds. The rate and the
form factors of a fit take the place of the signal strength and the null model's form factors.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments.histfactory.closed_form import null_dbr_dq2 as null_dbr_dq2
from bsnunu_jax.experiments.histfactory.compaction import COMBINATION
from bsnunu_jax.experiments.histfactory.coordinates import Coordinates, lendable
from bsnunu_jax.experiments.histfactory.free import Free
from bsnunu_jax.experiments.histfactory.model import HistFactory
from bsnunu_jax.experiments.histfactory.spectrum import Spectrum as Spectrum
from bsnunu_jax.experiments.measurement import Quoted
from bsnunu_jax.experiments.predictions import Predictions
from bsnunu_jax.experiments.quoted.counting import log_likelihood_of_signal, sample_counts
from bsnunu_jax.experiments.quoted.marginal_poisson import (
    log_most_likely,
    poisson,
    saturated_poisson,
)

Scalar = Float[Array, ""]
Bins = Float[Array, " bins"]

# Of the integral over MC statistics.
_NODES = 40


@dataclass(frozen=True)
class Shared:
    """A nuisance in common with another measurement.

    Attributes:
        name: of the nuisance here.
        other: the other measurement.
        there: its name there.
        correlation: of the two standard normals.
        where: the place that says so, for messages.
    """

    name: str
    other: str
    there: str
    correlation: float = 1.0
    where: str = field(default="", compare=False)


class Reweighted(Quoted):
    """The likelihood as a measurement; its nuisances are the systematics, rotated.

    The MC statistics of a bin are one Gaussian variable (see `HistFactory.collapsed_log_density`),
    integrated out in `log_likelihood` and profiled in `profile_log_likelihood`: as a parameter it
    would run a sampler into zero rate in nearly empty bins. Where that is not exact they are
    coordinates, see `Coordinates`.

    Attributes:
        form: what the model is made of, "compact", "published likelihood" or "record".
        spectra: what the columns of `density` are, one after the other.
        luminosity: of the observed data [1/ab]; None where it is not stated.
        labels: one a bin.
        model: the HistFactory model without what a theory replaces.
        signal: mask of the signal entries of the model.
        density: events of every signal entry in the bins of true q2, shape (signal, q2 bins).
        underflow: those without a matched true q2, whose weight stays 1.
        null_br: BR of the null model in the bins of true q2.
        null_model: its constants, where it is the closed form.
        coordinates: of all parameters, where systematics alone are not enough.
        share: nuisances in common with other measurements, as the record states them.
        lenders: the other measurements among the data, one a nuisance, see `likelihood.blocks`.
        rows: the nuisance there, a standard normal, linear in the coordinates there.
        exposure: luminosity over that of the observed data, see `at_luminosity`; may be traced.
        seen: counts in the place of the observed ones, see `with_data`; may be traced.
        counted: auxiliary counts in the place of those of the workspace, the same.
    """

    form: str = eqx.field(static=True)
    spectra: tuple[Spectrum, ...] = eqx.field(static=True)
    luminosity: float | None = eqx.field(static=True)
    labels: tuple[str, ...] = eqx.field(static=True)
    model: HistFactory
    signal: np.ndarray = eqx.field(converter=np.asarray)
    density: np.ndarray = eqx.field(converter=np.asarray)
    underflow: np.ndarray = eqx.field(converter=np.asarray)
    null_br: np.ndarray = eqx.field(converter=np.asarray)
    null_model: Mapping[str, float] = eqx.field(default_factory=dict)
    coordinates: Coordinates | None = None
    share: tuple[Shared, ...] = eqx.field(static=True, default=())
    lenders: tuple[str, ...] = eqx.field(static=True, default=())
    rows: tuple[np.ndarray, ...] = ()
    exposure: float | Scalar = 1.0
    seen: Any = None
    counted: Any = None

    @property
    def mode(self) -> str:
        """The mode of the signal, the first of several."""
        return self.spectra[0].mode

    @property
    def modes(self) -> tuple[str, ...]:
        """All modes of the signal."""
        return tuple(dict.fromkeys(s.mode for s in self.spectra))

    @property
    def q2_edges(self) -> np.ndarray:
        """Edges of the bins of true q2 of the first spectrum [GeV^2]."""
        return np.array(self.spectra[0].edges)

    @property
    def observed(self) -> Any:
        """Counts per bin."""
        return self.model.observed if self.seen is None else self.seen

    @property
    def rotation(self) -> np.ndarray:
        """Orthogonal matrix from the coordinates of the sampler to the systematics."""
        return self.model.rotation

    @property
    def nuisance_names(self) -> tuple[str, ...]:
        """Standard-normal coordinates, most constrained systematics first."""
        found = self.coordinates
        n = len(self.rotation) if found is None else found.size
        return tuple(f"{self.name}[{i}]" for i in range(n))

    @property
    def constrained(self) -> np.ndarray:
        """Mask of the nuisances that are no free parameters, see `free`."""
        if self.coordinates is None:
            return np.ones(len(self.nuisance_names), dtype=bool)
        return self.coordinates.constrained

    @property
    def lendable(self) -> tuple[str, ...]:
        """Nuisances that other measurements may have in common with this one."""
        if self.coordinates is not None:
            return lendable(self.coordinates.density)
        # A combination is of several and has no meaning of its own.
        return tuple(n for n in self.model.alphas if not n.startswith(COMBINATION))

    def row(self, name: str) -> np.ndarray:
        """A nuisance of `lendable` as a standard normal, linear in the coordinates."""
        if self.coordinates is not None:
            return self.coordinates.row(name)
        found: np.ndarray = self.rotation[self.model.alphas.index(name)]
        return found

    def weights(self, br_bins: Float[Array, " q2_bins"]) -> Float[Array, " entries"]:
        """Factors of the entries: signal reweighted bin by bin of true q2, the rest 1."""
        null = np.where(self.null_br > 0, self.null_br, np.inf)  # no events there, see the reader
        events = self.underflow + self.density @ (br_bins / null)
        nominal = self.underflow + self.density.sum(axis=1)
        empty = nominal == 0
        scatter = np.eye(self.signal.size)[:, self.signal]
        return scatter @ ((events + empty) / (nominal + empty)) + ~self.signal

    def predicted(self, predictions: Predictions) -> Float[Array, " entries"]:
        """`weights` of what is predicted."""
        behind = self.behind(predictions)
        found = [s.bins(behind) for s in self.spectra]
        return self.weights(found[0] if len(found) == 1 else jnp.concatenate(found))

    def entries(
        self, weights: Float[Array, " entries"], z: Float[Array, " n"]
    ) -> Float[Array, " entries"]:
        """Expected events of every entry at the nuisances z, MC statistics at their mean."""
        if self.coordinates is not None:
            return self.coordinates.entries(z, self.exposure) * weights
        return self.model.entry_rates(jnp.asarray(self.rotation) @ z, jnp.zeros(0)) * weights

    def moments(self, predictions: Predictions, z: Float[Array, " n"]) -> tuple[Bins, Bins]:
        """Mean rate and MC-statistics standard deviation of every bin."""
        entries = self.entries(self.predicted(predictions), z)
        if self.sampled:
            mean = self.exposure * self.model.bin_rates(entries)
            return mean, jnp.zeros_like(mean)
        mean, spread = self.model.collapsed_moments(entries)
        return self.exposure * mean, jnp.sqrt(self.exposure) * spread

    @property
    def sampled(self) -> bool:
        """MC statistics are among the nuisances."""
        return self.coordinates is not None and self.coordinates.sampled

    def counts(self, predictions: Predictions, z: Float[Array, " n"]) -> tuple[Bins, Bins]:
        """Expected signal and background events at the nuisances z."""
        entries = self.entries(self.predicted(predictions), z)
        signal = self.exposure * self.model.bin_rates(jnp.where(self.signal, entries, 0.0))
        return signal, self.exposure * self.model.bin_rates(entries) - signal

    def at_luminosity(self, factor: float | Scalar) -> "Reweighted":
        """The measurement with `factor` times the luminosity, of data and simulation alike.

        All expected events grow with the factor and their relative MC-statistics errors fall with
        its root; relative systematics, coordinates and observed counts stay.
        """
        return replace(self, exposure=self.exposure * factor)

    def log_likelihood(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """ln L of the counts, MC statistics of every bin marginalised over positive rates.

        Free parameters have their prior here, flat between their bounds, over a standard normal.
        """
        found = self.marginal(*self.moments(predictions, z))
        if self.free is None:
            return found
        own = self._of_free(z)
        return found + self._auxiliary(own) + self.free.log_prior(own)

    def profile_log_likelihood(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """ln L of the counts, MC statistics of every bin at their most likely value."""
        found = self.profile(*self.moments(predictions, z))
        return found if self.free is None else found + self._auxiliary(self._of_free(z))

    @property
    def free(self) -> Free | None:
        """Parameters that no normal constrains."""
        return None if self.coordinates is None else self.coordinates.free

    def _of_free(self, z: Float[Array, " n"]) -> Float[Array, " free"]:
        assert self.coordinates is not None
        return self.coordinates.of_free(z)

    def _auxiliary(self, own: Float[Array, " free"]) -> Scalar:
        assert self.free is not None
        return self.free.log_auxiliary(own, self._counted)

    @property
    def _counted(self) -> Any:
        """Auxiliary counts, none without free parameters that have them."""
        if self.counted is not None:
            return self.counted
        return np.zeros(0) if self.free is None else self.free.auxdata

    @property
    def data(self) -> Bins:
        """Counts per bin, then the auxiliary ones."""
        return self._with_auxiliary(jnp.asarray(self.observed), self._counted)

    def _with_auxiliary(self, bins: Bins, counts: Any) -> Bins:
        return jnp.append(bins, counts) if len(self._counted) else bins

    def with_data(self, data: Bins) -> "Reweighted":
        """The same measurement with other counts; its coordinates stay."""
        if not len(self._counted):
            return replace(self, seen=data)
        bins = len(self.model.observed)
        return replace(self, seen=data[:bins], counted=data[bins:])

    def expected_data(self, predictions: Predictions, z: Float[Array, " n"]) -> Bins:
        """Mean rates, at least 0."""
        mean = jnp.maximum(self.moments(predictions, z)[0], 0.0)
        return mean if self.free is None else self._with_auxiliary(mean, self._expected(z))

    def _expected(self, z: Float[Array, " n"]) -> Float[Array, " counted"]:
        assert self.free is not None
        return self.free.expected(self._of_free(z))

    def sample_data(self, predictions: Predictions, z: Float[Array, " n"], key: jax.Array) -> Bins:
        """Poisson counts at bin rates drawn from the Gaussian of their MC statistics."""
        moments = self.moments(predictions, z)
        if not len(self._counted):
            return sample_counts(key, *moments)
        of_bins, of_counts = jax.random.split(key)
        drawn = jax.random.poisson(of_counts, self._expected(z)).astype(float)
        return self._with_auxiliary(sample_counts(of_bins, *moments), drawn)

    def saturated(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """The largest `profile_log_likelihood`: every bin expects what it observed."""
        found = saturated_poisson(self.observed)
        return found + saturated_poisson(self._counted) if len(self._counted) else found

    def marginal(self, mean: Bins, spread: Bins) -> Scalar:
        """ln of the integral over Gaussian rates of every bin, cut at positive rates."""
        if self.sampled:
            return poisson(jnp.asarray(self.observed, dtype=float), mean)
        return jnp.sum(log_likelihood_of_signal(mean, self.observed, 0.0, spread, nodes=_NODES))

    def profile(self, mean: Bins, spread: Bins) -> Scalar:
        """ln of the largest integrand: what pyhf finds with all MC-statistics parameters free."""
        if self.sampled:
            return poisson(jnp.asarray(self.observed, dtype=float), mean)
        return log_most_likely(mean, jnp.asarray(self.observed, dtype=float), spread)

    @property
    def constant(self) -> float:
        """What `profile_log_likelihood` leaves out of pyhf's log-density of the full workspace.

        The normalisations of the constraint terms; with the nuisances' -z^2/2 the sum is the
        log-density, maximised over the MC-statistics parameters.
        """
        if self.coordinates is not None:
            return self.coordinates.constant
        gammas = self.model.gamma_sigma
        normals = len(self.model.alphas) + len(gammas)
        half_log = -0.5 * np.log(2 * np.pi)
        return float(half_log * normals - np.log(gammas).sum() + self.model.constant)
