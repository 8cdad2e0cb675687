"""Belle II 2023, B+ -> K+ nu nubar: the HistFactory model with the signal of any spectrum.

The signal of a rate follows from the published joint number densities, reweighted in bins of true
q2 (arXiv:2507.12393, method arXiv:2402.08417). The signal strength and the null model's form-factor
systematics `corr_ff_*` are dropped: the rate and the form factors of a fit take their place.

The null model of the published reweighting is the SM rate with its own constants, dBR/dq2 = GF^2
alpha^2 X_t^2/(32 pi^5 s_W^4) |VtbVts*|^2 tau |p_K|^3 f+^2 (arXiv:2207.13371), with the f+ of
arXiv:2207.12468 in rounded coefficients as published with the likelihood.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments.histfactory.model import HistFactory
from bsnunu_jax.experiments.measurement import Quoted
from bsnunu_jax.experiments.predictions import Predictions
from bsnunu_jax.experiments.quoted.counting import log_likelihood_of_signal, sample_counts
from bsnunu_jax.experiments.quoted.marginal_poisson import log_most_likely, saturated_poisson

Scalar = Float[Array, ""]
Bins = Float[Array, " bins"]

# Of the integral over MC statistics.
_NODES = 40


class Belle2Likelihood(Quoted):
    """The likelihood as a measurement; its nuisances are the systematics, rotated.

    The MC statistics of a bin are one Gaussian variable (see `HistFactory.collapsed_log_density`),
    integrated out in `log_likelihood` and profiled in `profile_log_likelihood`: as a parameter it
    would run a sampler into zero rate in the nearly empty off-resonance bins.

    Attributes:
        form: what the model is made of, "compact" or "published likelihood".
        luminosity: of the observed data [1/ab].
        model: the HistFactory model without signal strength and `corr_ff_*`.
        signal: mask of the signal entries of the model.
        density: events of every signal entry in the bins of true q2, shape (signal, q2 bins).
        underflow: those without a matched true q2, whose weight stays 1.
        null_br: BR of the null model in the bins of true q2.
        null_model: its constants.
        exposure: luminosity over that of the observed data, see `at_luminosity`; may be traced.
        seen: counts in the place of the observed ones, see `with_data`; may be traced.
    """

    form: str = eqx.field(static=True)
    mode: str = eqx.field(static=True)
    luminosity: float = eqx.field(static=True)
    labels: tuple[str, ...] = eqx.field(static=True)
    model: HistFactory
    signal: np.ndarray = eqx.field(converter=np.asarray)
    density: np.ndarray = eqx.field(converter=np.asarray)
    underflow: np.ndarray = eqx.field(converter=np.asarray)
    q2_edges: np.ndarray = eqx.field(converter=np.asarray)
    null_br: np.ndarray = eqx.field(converter=np.asarray)
    null_model: Mapping[str, float]
    exposure: float | Scalar = 1.0
    seen: Any = None

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
        """Standard-normal coordinates, most constrained first."""
        return tuple(f"{self.name}[{i}]" for i in range(len(self.rotation)))

    def weights(self, br_bins: Float[Array, " q2_bins"]) -> Float[Array, " entries"]:
        """Factors of the entries: signal reweighted bin by bin of true q2, the rest 1."""
        events = self.underflow + self.density @ (br_bins / self.null_br)
        nominal = self.underflow + self.density.sum(axis=1)
        scatter = np.eye(self.signal.size)[:, self.signal]
        return scatter @ (events / nominal) + ~self.signal

    def entries(
        self, weights: Float[Array, " entries"], z: Float[Array, " n"]
    ) -> Float[Array, " entries"]:
        """Expected events of every entry at the nuisances z, MC statistics at their mean."""
        return self.model.entry_rates(jnp.asarray(self.rotation) @ z, jnp.zeros(0)) * weights

    def moments(self, predictions: Predictions, z: Float[Array, " n"]) -> tuple[Bins, Bins]:
        """Mean rate and MC-statistics standard deviation of every bin."""
        weights = self.weights(predictions.bins(self.mode, self.q2_edges))
        mean, spread = self.model.collapsed_moments(self.entries(weights, z))
        return self.exposure * mean, jnp.sqrt(self.exposure) * spread

    def counts(self, predictions: Predictions, z: Float[Array, " n"]) -> tuple[Bins, Bins]:
        """Expected signal and background events at the nuisances z."""
        entries = self.entries(self.weights(predictions.bins(self.mode, self.q2_edges)), z)
        signal = self.exposure * self.model.bin_rates(jnp.where(self.signal, entries, 0.0))
        return signal, self.exposure * self.model.bin_rates(entries) - signal

    def at_luminosity(self, factor: float | Scalar) -> "Belle2Likelihood":
        """The measurement with `factor` times the luminosity, of data and simulation alike.

        All expected events grow with the factor and their relative MC-statistics errors fall with
        its root; relative systematics, coordinates and observed counts stay.
        """
        return replace(self, exposure=self.exposure * factor)

    def log_likelihood(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """ln L of the counts, MC statistics of every bin marginalised over positive rates."""
        return self.marginal(*self.moments(predictions, z))

    def profile_log_likelihood(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """ln L of the counts, MC statistics of every bin at their most likely value."""
        return self.profile(*self.moments(predictions, z))

    @property
    def data(self) -> Bins:
        """Counts per bin."""
        return jnp.asarray(self.observed)

    def with_data(self, data: Bins) -> "Belle2Likelihood":
        """The same measurement with other counts; its coordinates stay."""
        return replace(self, seen=data)

    def expected_data(self, predictions: Predictions, z: Float[Array, " n"]) -> Bins:
        """Mean rates, at least 0."""
        return jnp.maximum(self.moments(predictions, z)[0], 0.0)

    def sample_data(self, predictions: Predictions, z: Float[Array, " n"], key: jax.Array) -> Bins:
        """Poisson counts at bin rates drawn from the Gaussian of their MC statistics."""
        return sample_counts(key, *self.moments(predictions, z))

    def saturated(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """The largest `profile_log_likelihood`: every bin expects what it observed."""
        return saturated_poisson(self.observed)

    def marginal(self, mean: Bins, spread: Bins) -> Scalar:
        """ln of the integral over Gaussian rates of every bin, cut at positive rates."""
        return jnp.sum(log_likelihood_of_signal(mean, self.observed, 0.0, spread, nodes=_NODES))

    def profile(self, mean: Bins, spread: Bins) -> Scalar:
        """ln of the largest integrand: what pyhf finds with all MC-statistics parameters free."""
        return log_most_likely(mean, jnp.asarray(self.observed, dtype=float), spread)

    @property
    def constant(self) -> float:
        """What `profile_log_likelihood` leaves out of pyhf's log-density of the full workspace.

        The normalisations of the constraint terms; with the nuisances' -z^2/2 the sum is the
        log-density, maximised over the MC-statistics parameters.
        """
        gammas = self.model.gamma_sigma
        normals = len(self.model.alphas) + len(gammas)
        half_log = -0.5 * np.log(2 * np.pi)
        return float(half_log * normals - np.log(gammas).sum() + self.model.constant)


_HBAR = 6.582119569e-25  # GeV s


def null_dbr_dq2(q2: np.ndarray, constants: Mapping[str, float]) -> np.ndarray:
    """dBR/dq2 [GeV^-2] of the null model at q2 [GeV^2] inside the phase space."""
    c = constants
    t_plus = (c["m_B"] + c["m_K"]) ** 2
    root, root_0 = np.sqrt(t_plus - q2), np.sqrt(t_plus)
    z = (root - root_0) / (root + root_0)
    series = c["a0"] + c["a1"] * (z - z**3 / 3) + c["a2"] * (z**2 + 2 * z**3 / 3)
    f_plus = c["L"] / (1 - q2 / c["m_pole"] ** 2) * series
    p_K = np.sqrt(((c["m_B"] - c["m_K"]) ** 2 - q2) * (t_plus - q2)) / (2 * c["m_B"])
    norm = (c["GF"] * c["X_t"] * c["VtbVts_abs"] / c["inverse_alpha"] / c["sin2thetaW"]) ** 2
    return norm / (32 * np.pi**5) * c["tau_ps"] * 1e-12 / _HBAR * p_K**3 * f_plus**2


def null_br(edges: np.ndarray, constants: Mapping[str, float]) -> np.ndarray:
    """BR of the null model in bins of q2, edges in GeV^2."""
    end = (constants["m_B"] - constants["m_K"]) ** 2
    # In u = sqrt(1 - q2/end) the rate is analytic up to the endpoint.
    u = np.sqrt(np.maximum(1 - np.asarray(edges) / end, 0))
    x, weights = np.polynomial.legendre.leggauss(8)
    half = (u[:-1] - u[1:])[:, None] / 2
    at = u[1:, None] + half * (1 + x)
    return (null_dbr_dq2(end * (1 - at**2), constants) * 2 * end * at * half * weights).sum(axis=1)
