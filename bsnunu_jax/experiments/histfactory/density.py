"""The density of a pyhf workspace in all its parameters: what `pyhf.Model.logpdf` computes.

ln L = sum_b ln Poisson(n_b | rate_b) + constraint terms, with rate_b = sum_(e in b) rate_e and the
entries of `model.py` times all factors of single bins: shapefactor, shapesys and staterror.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments.histfactory.model import HistFactory
from bsnunu_jax.experiments.histfactory.parameters import Parameters
from bsnunu_jax.experiments.histfactory.pieces import Pieces
from bsnunu_jax.experiments.quoted.marginal_poisson import poisson

Scalar = Float[Array, ""]
Vector = Float[Array | np.ndarray, " parameters"]


@dataclass(frozen=True, eq=False)
class Density:
    """A workspace as arrays: static structure and a function of one vector, for jit, grad, vmap.

    Attributes:
        model: expected events, and MC statistics as a sampler wants them.
        parameters: names, initial values, bounds, constraint terms, in pyhf's order.
        poi: parameter of interest, none where it was dropped.
        measurement: whose settings these are.
        alpha_at: indices of the model's systematics in the vector.
        factor_at: those of its factors.
        gamma_at: those of its gammas.
        bin_factors: indices of the further factors of every entry, shape (entries, k), padded with
            the number of parameters.
        collapses: whether the model's gammas are all that MC statistics do, each in one entry and
            around 1, so that their sum is exactly the Gaussian of `collapsed_moments`.
    """

    model: HistFactory
    parameters: Parameters
    poi: str | None
    measurement: str
    alpha_at: np.ndarray
    factor_at: np.ndarray
    gamma_at: np.ndarray
    bin_factors: np.ndarray
    collapses: bool

    def vector(
        self,
        alpha: Float[Array, " alphas"],
        factors: Float[Array, " factors"],
        gamma: Float[Array, " gammas"],
    ) -> Vector:
        """The vector with what the model is a function of, the rest at its initial values."""
        start = jnp.asarray(self.parameters.inits)
        systematics = start.at[self.alpha_at].set(alpha)
        return systematics.at[self.factor_at].set(factors).at[self.gamma_at].set(gamma)

    def entry_rates(self, vector: Vector, xp: Any = jnp) -> Float[Array, " entries"]:
        """Expected events of every entry; `xp` is jax.numpy, or numpy, which compiles nothing."""
        alpha, factors, *columns = self._picks.of(vector, xp)
        rates = self.model.entry_rates(alpha, factors, xp)
        for column in columns:
            rates = rates * column
        return rates

    @cached_property
    def _picks(self) -> Pieces:
        """Of the vector: systematics, factors, every column of the factors of single bins."""
        return Pieces(len(self.parameters), (self.alpha_at, self.factor_at, *self.bin_factors.T))

    def bin_rates(
        self, vector: Vector, weights: Float[Array, " entries"] | None = None, xp: Any = jnp
    ) -> Float[Array, " bins"]:
        """Expected events of every bin; `weights` are further factors of the entries."""
        rates = self.entry_rates(vector, xp)
        return self.model.bin_rates(rates if weights is None else rates * weights, xp)

    def log_density(
        self,
        vector: Vector,
        weights: Float[Array, " entries"] | None = None,
        observed: Float[Array, " bins"] | None = None,
        auxdata: Vector | None = None,
        xp: Any = jnp,
    ) -> Scalar:
        """ln of the density, pyhf's `Model.logpdf` at the data: Poisson and constraint terms.

        Args:
            vector: the parameters, e.g. `parameters.inits`.
            weights: further factors of the entries, 1 if absent (a reweighted signal).
            observed: counts in the place of those of the workspace.
            auxdata: auxiliary data in the place of those of the measurement, a parameter each.
            xp: jax.numpy, or numpy, which compiles nothing.
        """
        counts = self.log_counts(vector, weights, observed, xp)
        return counts + self.parameters.log_constraints(vector, auxdata, xp)

    def log_counts(
        self,
        vector: Vector,
        weights: Float[Array, " entries"] | None = None,
        observed: Float[Array, " bins"] | None = None,
        xp: Any = jnp,
    ) -> Scalar:
        """The Poisson terms of `log_density`."""
        seen = self.model.observed if observed is None else observed
        return poisson(seen, self.bin_rates(vector, weights, xp), xp)

    def impossible_bin(self, vector: np.ndarray) -> str | None:
        """Which bin cannot have what it has at these parameters, in words; None if all can."""
        rates, seen = self.bin_rates(vector, xp=np), self.model.observed
        bad = np.flatnonzero(~((rates > 0) | ((rates == 0) & (seen == 0))))
        if not bad.size:
            return None
        b = int(bad[0])
        first = self.model.bins == b
        channel = self.model.entries[int(np.flatnonzero(first)[0])][0]
        inside = [i for i, (c, _) in enumerate(self.model.entries) if c == channel]
        place = b - int(self.model.bins[inside].min())
        return (
            f"bin {place} of channel {channel!r} expects {rates[b]:.6g} events and has {seen[b]:g}"
        )
