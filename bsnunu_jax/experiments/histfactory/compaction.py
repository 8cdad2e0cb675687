"""A HistFactory model with fewer systematics: what `bsnunu data compact` makes.

The large normalisations (normsys) are kept as they are. All other systematics move the yields
almost linearly; of their combinations only those are kept that the counts can see at the best fit,
with their effect on every sample, so that normalisations and shapes still multiply. The others stay
at their best-fit values.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import minimize

from bsnunu_jax.experiments.histfactory.model import HistFactory, padded
from bsnunu_jax.experiments.quoted.marginal_poisson import log_most_likely

# What names of combinations begin with.
COMBINATION = "combination_"
# Relative change of a yield by one sigma above which a normalisation is kept.
_LARGE = 0.018
_OPTIONS = {"gtol": 1e-7, "maxiter": 2000}


def compact(model: HistFactory, signal: np.ndarray, combinations: int) -> HistFactory:
    """The model with its large normalisations and this many combinations of the rest.

    Args:
        model: without free normalisations (normfactor).
        signal: mask of the entries whose strength the best fit leaves free.
        combinations: how many combinations of the other systematics stay.
    """
    best, strength = _best_fit(model, signal)
    # One that moves shapes too is no normalisation.
    sizes = np.abs(model.norm_up - model.norm_down) / 2
    large = np.unique(model.norm_alpha[sizes > _LARGE])
    large = large[~model.symmetric[large].any(axis=1)]
    small = np.setdiff1d(np.arange(len(model.alphas)), large)
    kept = np.flatnonzero(np.isin(model.norm_alpha, large))
    table = _kept_norms(model.norm_of_entry, kept)

    def entries(alpha: Float[Array, " small"]) -> Float[Array, " entries"]:
        return model.entry_rates(jnp.asarray(best).at[small].set(alpha), jnp.zeros(0))

    norms = replace(
        model,
        nominal=np.ones_like(model.nominal),
        symmetric=np.zeros_like(model.symmetric),
        antisymmetric=np.zeros_like(model.antisymmetric),
        norm_of_entry=table,
        norm_alpha=model.norm_alpha[kept],
        norm_up=model.norm_up[kept],
        norm_down=model.norm_down[kept],
    )
    factor = np.asarray(norms.entry_rates(jnp.asarray(best), jnp.zeros(0)))
    rates = np.asarray(entries(jnp.asarray(best[small])))
    slope = np.asarray(jax.jit(jax.jacfwd(entries))(jnp.asarray(best[small]))).T
    directions = _visible(model, slope, rates, np.where(signal, strength, 1.0))[:, :combinations]
    shapes = directions.T @ slope / factor
    names = tuple(f"{COMBINATION}{i + 1}" for i in range(shapes.shape[0]))
    symmetric = np.concatenate([np.zeros((len(large), rates.size)), shapes])
    return replace(
        norms,
        nominal=rates / factor - (directions.T @ best[small]) @ shapes,
        symmetric=symmetric,
        antisymmetric=np.zeros_like(symmetric),
        alphas=(*(model.alphas[i] for i in large), *names),
        norm_alpha=np.searchsorted(large, norms.norm_alpha),
    )


def profile_objective(
    model: HistFactory, alpha: Float[Array, " alphas"], weights: Float[Array, " entries"]
) -> Float[Array, ""]:
    """-2 ln L with the MC statistics of every bin profiled, constraint terms included."""
    rates = model.entry_rates(alpha, jnp.zeros(0)) * weights
    mean, spread = model.collapsed_moments(rates)
    observed = jnp.asarray(model.observed, dtype=float)
    return jnp.sum(alpha**2) - 2 * log_most_likely(mean, observed, spread)


def profile_strength(
    model: HistFactory, signal: np.ndarray, strengths: Sequence[float]
) -> Float[np.ndarray, " strengths"]:
    """q(mu): `profile_objective` minimised at these signal strengths, less its minimum over all."""
    gradient = _strength_gradient(model, signal)
    best, strength = _best_fit(model, signal)
    lowest = float(gradient(np.append(strength, best))[0])
    start, found = best, []
    for mu in strengths:

        def fixed(alpha: np.ndarray, mu: float = mu) -> tuple[float, np.ndarray]:
            value, slope = gradient(np.append(mu, alpha))
            return float(value), np.asarray(slope)[1:]

        result = minimize(fixed, start, jac=True, method="BFGS", options=_OPTIONS)
        start = result.x
        found.append(float(result.fun) - lowest)
    return np.array(found)


def _best_fit(model: HistFactory, signal: np.ndarray) -> tuple[np.ndarray, float]:
    """Systematics and signal strength at the minimum of `profile_objective`."""
    gradient = _strength_gradient(model, signal)
    start = np.append(1.0, np.zeros(len(model.alphas)))
    found = minimize(gradient, start, jac=True, method="BFGS", options=_OPTIONS)
    return found.x[1:], float(found.x[0])


def _strength_gradient(model: HistFactory, signal: np.ndarray) -> Any:
    """Value and gradient of `profile_objective` in the signal strength and the systematics."""

    def objective(x: Float[Array, " n"]) -> Float[Array, ""]:
        return profile_objective(model, x[1:], jnp.where(signal, x[0], 1.0))

    return jax.jit(jax.value_and_grad(objective))


def _kept_norms(table: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Normsys modifiers of every entry, renumbered, those that are not kept left out."""
    rows = [[int(np.searchsorted(kept, i)) for i in row if i in kept] for row in table]
    return padded(rows, len(kept))


def _visible(
    model: HistFactory, slope: np.ndarray, rates: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Orthonormal combinations of systematics, shape (n, k), most visible in the counts first.

    Background and signal of a bin count separately: their sum may be blind where a shift of the
    signal matters for another signal strength.
    """
    of_bin = model.of_bin
    expected = np.sqrt((rates * weights) @ of_bin)
    moved = [(slope * weights * part) @ of_bin / expected for part in _parts(weights)]
    _, _, directions = np.linalg.svd(np.concatenate(moved, axis=1).T, full_matrices=False)
    return directions.T


def _parts(weights: np.ndarray) -> Sequence[np.ndarray]:
    is_signal = weights != 1.0
    return ~is_signal, is_signal
