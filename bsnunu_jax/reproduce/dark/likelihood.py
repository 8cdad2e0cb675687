"""How well the spectra describe Belle II's counts: Delta chi2 from the compact likelihood."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments.catalogue import load_measurements
from bsnunu_jax.experiments.histfactory.reweighted import Belle2Likelihood
from bsnunu_jax.inference.fits.lanes import Lanes
from bsnunu_jax.observables.spectra import ITA_MODE
from bsnunu_jax.reproduce.dark.rates import dark_rates
from bsnunu_jax.reproduce.dark.shapes import Case
from bsnunu_jax.reproduce.settings import Settings

# Masses [GeV], those of Figs. 7 and 8 among them.
FITTED = np.arange(1, 10) / 10
# BR_NP [1e-5] where fits begin, and the gradient where they end.
_START, _DONE = 1.0, 1e-4


@dataclass(frozen=True)
class Matches:
    """Fits of BR_NP >= 0 with the spectrum of every operator at `FITTED` masses.

    Attributes:
        delta: -2 ln L minus that of the SM, systematics profiled, by family, shape
            (masses, operators).
        br: BR_NP(B+ -> K+ inv) of the best fit, likewise.
        delta_sm: of the spectrum of the SM with its strength free.
        br_sm: its BR beyond the SM.
    """

    delta: dict[str, np.ndarray]
    br: dict[str, np.ndarray]
    delta_sm: float
    br_sm: float

    def at(self, case: Case) -> tuple[float, float]:
        """Delta chi2 and BR_NP of a case."""
        name, i = case.index
        k = int(np.argmin(np.abs(FITTED - case.mass)))
        return float(self.delta[name][k, i]), float(self.br[name][k, i])


def matches(settings: Settings) -> Matches:
    """Through `settings.once`; form factors and couplings at their central values."""
    (belle2,) = load_measurements(("belle2_knunu_2023",))
    assert isinstance(belle2, Belle2Likelihood)
    rates, edges = settings.once(dark_rates), belle2.q2_edges
    sm, bins = rates.sm_bins(ITA_MODE, edges, 1)[0], rates.bins(ITA_MODE, FITTED, edges, 1)
    new = [np.moveaxis(a[0], 1, -1).reshape(-1, edges.size - 1) for a in bins.values()]
    lanes = np.concatenate([sm[None], sm[None], *new])
    lanes *= 1e-5 / lanes.sum(axis=1, keepdims=True)
    # Nothing new, then the spectrum of the SM, then everything else.
    chi2, strength = _fits(belle2, sm, lanes)
    # A spectrum that would have to be subtracted helps nowhere: its best strength is 0.
    delta = np.where(strength > 0, chi2 - chi2[0], 0.0)
    br = 1e-5 * np.maximum(strength, 0.0)
    ends = np.cumsum([2, *(len(a) for a in new)])
    parts = {k: slice(*ends[i : i + 2]) for i, k in enumerate(bins)}
    return Matches(
        {k: delta[p].reshape(FITTED.size, -1) for k, p in parts.items()},
        {k: br[p].reshape(FITTED.size, -1) for k, p in parts.items()},
        float(delta[1]),
        float(br[1]),
    )


def _fits(
    belle2: Belle2Likelihood, sm: np.ndarray, lanes: np.ndarray
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """-2 ln L and strength of every lane, of the first one at strength 0."""

    def objective(point: Array, new: Array) -> Any:
        strength, z = point[0], point[1:]
        weights = belle2.weights(jnp.asarray(sm) + strength * new)
        moments = belle2.model.collapsed_moments(belle2.entries(weights, z))
        return -2 * belle2.profile(*moments) + z @ z

    starts = np.zeros((len(lanes), 1 + len(belle2.nuisance_names)))
    starts[1:, 0] = _START
    held = np.zeros_like(starts, dtype=bool)
    held[0, 0] = True
    found = Lanes(objective, done=_DONE)(starts, lanes, held=held)
    return found.objective, found.point[:, 0]
