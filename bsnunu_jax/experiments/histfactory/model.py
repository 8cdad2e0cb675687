r"""Expected events of a HistFactory model as pure JAX, and its MC statistics collapsed.

Every (sample, channel, bin) is one entry e of a flat vector. With alpha the interpolated
systematics and gamma the factors of single bins,

    rate_e = (nominal_e + sum_a [alpha_a S_ae + f(alpha_a) A_ae]) x prod norm factors x gamma_e,

where S and A are the symmetric and antisymmetric part of the up and down variations and f is the
interpolation code: two matrix products whatever the number of systematics. The gammas of MC
statistics (staterror) add up to one Gaussian a bin here; all factors of bins, and all constraint
terms, are in `density.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments.histfactory.factors import Factors, NormCode, factors_of
from bsnunu_jax.experiments.histfactory.layout import channel_shapes, sums
from bsnunu_jax.experiments.histfactory.pieces import Pieces
from bsnunu_jax.experiments.quoted.marginal_poisson import poisson

Scalar = Float[Array, ""]
HistoCode = Literal["code4p", "code0"]
# Size of a small matrix.
_SMALL = 2_000


@dataclass(frozen=True, eq=False)
class HistFactory:
    """A HistFactory model as dense arrays; entries e, systematics a, norm factors k, bins b.

    Attributes:
        entries: (channel, sample) of every entry.
        nominal: expected events of every entry.
        bins: index of the bin of every entry.
        observed: counts per bin.
        alphas: names of the interpolated systematics, Normal(0, 1) each.
        symmetric: S, shape (alphas, entries): half of up minus down.
        antisymmetric: A, shape (alphas, entries): (up + down - 2 nominal)/16.
        norm_alpha: index of the systematic of every normsys modifier.
        norm_up, norm_down: its factors at +1 and -1.
        norm_of_entry: shape (entries, k): normsys modifiers of an entry, padded with their number.
        factors: names of normfactors, the signal strength among them, and of the luminosity.
        factor_of_entry: shape (entries, k): their indices, padded with their number.
        gammas: index of the first gamma of every entry, number of gammas where it has none.
        gamma_sigma: relative MC-statistics error of every gamma.
        constant: ln of the constraint terms of gammas without error, which pyhf counts.
        norm_code: interpolation of normsys, pyhf's default "code4" or "code1".
        histo_code: interpolation of histosys, pyhf's default "code4p" or "code0".
    """

    entries: tuple[tuple[str, str], ...]
    nominal: np.ndarray
    bins: np.ndarray
    observed: np.ndarray
    alphas: tuple[str, ...]
    symmetric: np.ndarray
    antisymmetric: np.ndarray
    norm_alpha: np.ndarray
    norm_up: np.ndarray
    norm_down: np.ndarray
    norm_of_entry: np.ndarray
    factors: tuple[str, ...]
    factor_of_entry: np.ndarray
    gammas: np.ndarray
    gamma_sigma: np.ndarray
    constant: float = 0.0
    norm_code: NormCode = "code4"
    histo_code: HistoCode = "code4p"

    def entry_rates(
        self, alpha: Float[Array, " alphas"], factors: Float[Array, " factors"], xp: Any = jnp
    ) -> Float[Array, " entries"]:
        """Expected events of every entry with all gammas at 1; `xp` is jax.numpy or numpy."""
        moved, curved, at = self._systematics.of(alpha, xp)
        bend = _antisymmetric_weight(curved, self.histo_code, xp)
        shifts = xp.concatenate([moved, bend]) if curved.size else moved
        shifted = self.nominal + shifts @ self._shifts if shifts.size else xp.asarray(self.nominal)
        return shifted * self._factors.of_entries(at, factors, self.norm_code, xp)

    @cached_property
    def _systematics(self) -> Pieces:
        """Picks of the systematics: with an even part, with a curved one, of normalisations."""
        moved, curved = (
            np.flatnonzero(m.any(axis=1)) for m in (self.symmetric, self.antisymmetric)
        )
        return Pieces(len(self.alphas), (moved, curved, self._factors.alphas))

    @cached_property
    def _shifts(self) -> np.ndarray:
        moved, curved, _ = self._systematics.indices
        return np.concatenate([self.symmetric[moved], self.antisymmetric[curved]])

    @cached_property
    def _factors(self) -> Factors:
        return factors_of(
            self.norm_of_entry,
            self.factor_of_entry,
            self.norm_alpha,
            self.norm_up,
            self.norm_down,
            len(self.factors),
        )

    def bin_rates(
        self, entry_rates: Float[Array, " entries"], xp: Any = jnp
    ) -> Float[Array, " bins"]:
        """Sums of the entries of each bin."""
        if self.bins.size * len(self.observed) > _SMALL and self._shapes is not None:
            found = sums(entry_rates, self._shapes, xp)
            if found is not None:
                return found
        return entry_rates @ self.of_bin

    @cached_property
    def _shapes(self) -> tuple[tuple[int, int], ...] | None:
        return channel_shapes([channel for channel, _ in self.entries], self.bins)

    @cached_property
    def of_bin(self) -> np.ndarray:
        """1 where an entry belongs to a bin, shape (entries, bins)."""
        return (self.bins[:, None] == np.arange(len(self.observed))).astype(float)

    @cached_property
    def rotation(self) -> np.ndarray:
        """Coordinates in which the counts constrain one systematic at a time, orthogonal.

        Eigenvectors of the Fisher information of the counts at the nominal yields. A rotation
        leaves standard normals standard normal; in these coordinates the posterior is nearly
        uncorrelated, so that a diagonal mass matrix fits it.
        """
        return self.rotation_of(np.arange(len(self.alphas)))

    def rotation_of(self, chosen: np.ndarray) -> np.ndarray:
        """The same of some of the systematics alone, by index."""
        slope = self.nominal_slopes[chosen] @ self.of_bin
        expected = self.nominal @ self.of_bin
        expected[expected == 0] = np.inf  # nothing to see
        found: np.ndarray = np.linalg.eigh(-slope @ (slope / expected).T)[1]
        return found

    @property
    def nominal_slopes(self) -> np.ndarray:
        """Change of every entry per systematic, one sigma up against down, shape (alphas, e)."""
        slopes = self.symmetric.copy()
        norms = np.append((self.norm_up - self.norm_down) / 2, 0.0)[self.norm_of_entry]
        alphas = np.append(self.norm_alpha, 0)[self.norm_of_entry]
        entry = np.arange(self.nominal.size)
        for norm, alpha in zip(norms.T, alphas.T, strict=True):
            np.add.at(slopes, (alpha, entry), self.nominal * norm)
        return slopes

    def collapsed_log_density(
        self,
        alpha: Float[Array, " alphas"],
        factors: Float[Array, " factors"],
        t: Float[Array, " bins"],
        weights: Float[Array, " entries"] | None = None,
    ) -> Scalar:
        """The density with one MC-statistics parameter per bin, t ~ Normal(0, 1).

        A bin's rate is a sum of Gaussians, sum_e m_e gamma_e, hence itself Gaussian with mean
        sum m_e and variance sum m_e^2 sigma_e^2. Exact for the marginal over untruncated gammas and
        for the profile, as long as every gamma belongs to one entry of one bin.
        """
        entries = self.entry_rates(alpha, factors)
        entries = entries if weights is None else entries * weights
        counts = poisson(self.observed, self.collapsed_rates(entries, t))
        return counts + _log_normal(alpha) + _log_normal(t) + self.constant

    def collapsed_rates(
        self, entries: Float[Array, " entries"], t: Float[Array, " bins"]
    ) -> Float[Array, " bins"]:
        """Expected events per bin from the rates of the entries, MC statistics moved by t."""
        mean, spread = self.collapsed_moments(entries)
        return mean + spread * t

    def collapsed_moments(
        self, entries: Float[Array, " entries"]
    ) -> tuple[Float[Array, " bins"], Float[Array, " bins"]]:
        """Mean and MC-statistics standard deviation of every bin's rate."""
        if self.gamma_of_one_entry:
            sigma = jnp.append(jnp.asarray(self.gamma_sigma), 0.0)[self.gammas]
            variance = self.bin_rates((entries * sigma) ** 2)
        else:  # samples of a bin that move together
            of_gamma = (self.gammas[:, None] == np.arange(len(self.gamma_sigma))).astype(float)
            in_bin = (of_gamma.T @ self.of_bin > 0).astype(float)
            variance = (entries @ (of_gamma * self.gamma_sigma)) ** 2 @ in_bin
        # The root of 0 has no slope: a bin without MC statistics has no width to vary.
        some = variance > 0
        spread = jnp.where(some, jnp.sqrt(jnp.where(some, variance, 1.0)), 0.0)
        return self.bin_rates(entries), spread

    @property
    def gamma_of_one_entry(self) -> bool:
        """True if the collapse is exact: no gamma is shared between entries."""
        used = self.gammas[self.gammas < len(self.gamma_sigma)]
        return len(used) == len(set(used.tolist()))

    def selects(self, sample: str) -> np.ndarray:
        """Mask of the entries of a sample, in all channels."""
        return np.array([name == sample for _, name in self.entries])


def padded(rows: Sequence[Sequence[int]], padding: int) -> np.ndarray:
    """Rows of indices, filled up to equal length."""
    width = max(map(len, rows), default=0)
    filled = [[*row, *[padding] * (width - len(row))] for row in rows]
    return np.array(filled, dtype=int).reshape(len(rows), width)


def _log_normal(pulls: Float[Array, " n"]) -> Scalar:
    """ln of standard-normal densities, summed."""
    return -0.5 * jnp.sum(pulls**2) - 0.5 * np.log(2 * np.pi) * pulls.size


def _antisymmetric_weight(alpha: Array, code: HistoCode, xp: Any) -> Array:
    """The f of the module docstring: 8 |alpha|, smoothed inside |alpha| < 1 by code4p."""
    linear = 8 * xp.abs(alpha)
    if code == "code0":
        return linear
    square = alpha**2
    return xp.where(square > 1, linear, square * (15 + square * (3 * square - 10)))
