"""Belle II 2023, B+ -> K+ nu nubar: Poisson counts in 18 bins, signal reweighted in true q2."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments.base import Predictions
from bsnunu_jax.experiments.poisson import poisson

Scalar = Float[Array, ""]

# Correlation eigenvalues below this carry no variance: rounding of the published covariance.
_RANK_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Belle2Binned:
    """The 18-bin form of the published likelihood (arXiv:2311.14647, 2507.12393, 2402.08417).

    ln L = sum_i ln Poisson(n_i | b_i + db_i + s_i exp(ls_i + ds_i)) with (db, ds) correlated
    Gaussians, here in standard-normal coordinates.
    """

    name: str
    title: str
    mode: str
    labels: tuple[str, ...]
    observed: np.ndarray
    background: np.ndarray
    log_efficiency: np.ndarray
    covariance: np.ndarray
    q2_edges: np.ndarray
    underflow: np.ndarray
    events: np.ndarray
    null_br: np.ndarray
    null_model: Mapping[str, float]
    samples: tuple[str, ...]
    sources: tuple[str, ...]
    tree_tau: str
    sm_spectrum: bool = False
    root: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        """Whiten the covariance, once."""
        object.__setattr__(self, "root", _root(self.covariance, self.background))

    @property
    def nuisance_names(self) -> tuple[str, ...]:
        """Standard-normal coordinates of background and efficiency, most constrained first."""
        return tuple(f"{self.name}[{i}]" for i in range(self.root.shape[1]))

    def signal(self, br_bins: Float[Array, " q2_bins"]) -> Float[Array, " 18"]:
        """Expected signal events before efficiency shifts, from the BR in the bins of q2.

        Every published event of true q2 is reweighted by the ratio to the null model, bin by bin;
        events without a matched q2 keep weight 1 (arXiv:2402.08417).
        """
        return self.underflow + self.events @ (br_bins / self.null_br)

    def background_and_efficiency(
        self, z: Float[Array, " n"]
    ) -> tuple[Float[Array, " 18"], Float[Array, " 18"]]:
        """Expected background events and signal efficiency factors at the nuisances z."""
        shift = self.root @ z
        bins = len(self.observed)
        return self.background + shift[:bins], jnp.exp(self.log_efficiency + shift[bins:])

    def counts(
        self, predictions: Predictions, z: Float[Array, " n"]
    ) -> tuple[Float[Array, " 18"], Float[Array, " 18"]]:
        """Expected signal and background events at the nuisances z."""
        background, efficiency = self.background_and_efficiency(z)
        return efficiency * self.signal(predictions.bins(self.mode, self.q2_edges)), background

    def log_likelihood(self, predictions: Predictions, z: Float[Array, " n"]) -> Scalar:
        """ln L of the counts, -inf where an expected count is not positive."""
        signal, background = self.counts(predictions, z)
        return poisson(self.observed, background + signal)


def _root(covariance: np.ndarray, background: np.ndarray) -> np.ndarray:
    """A root R of the covariance, R R^T = covariance, fit for samplers.

    Any orthogonal rotation of whitened coordinates is standard normal too: this one also
    diagonalises what the counts say about the background, so that a diagonal mass matrix fits.
    """
    sigma = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(sigma, sigma))
    keep = values > _RANK_TOLERANCE * values.max()
    root = sigma[:, None] * vectors[:, keep] * np.sqrt(values[keep])
    counts = root[: len(background)]
    _, rotation = np.linalg.eigh(-counts.T @ (counts / background[:, None]))
    return root @ rotation
