"""Shapes of the q2 spectra of all pairs, bare and through the efficiency of the inclusive tag.

How well they describe Belle II's counts: Delta chi2 from the compact likelihood.
"""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments.catalogue import load_measurements
from bsnunu_jax.experiments.histfactory.reweighted import Reweighted
from bsnunu_jax.inference.fits.lanes import Lanes
from bsnunu_jax.observables.spectra import ITA_MODE, ita_efficiency
from bsnunu_jax.reproduce.dark.families import FAMILIES
from bsnunu_jax.reproduce.dark.rates import DRAWS, dark_rates
from bsnunu_jax.reproduce.settings import Settings

# Where Belle II sees the excess [GeV^2].
EXCESS = (3.0, 7.0)
# Masses [GeV] of Figs. 7 and 8.
MASSES = {"scalar": (0.3, 0.7), "fermion": (0.7,), "vector": (0.7,)}
# Curves over q2 [GeV^2], and masses of omega and of the search for the best one [GeV];
# at m = 0 vectors with T2 do not exist.
Q2 = np.linspace(0, 23, 461)
SCAN = np.maximum(np.linspace(0, 2, 41), 1e-3)


@dataclass(frozen=True)
class Case:
    """One operator at one mass."""

    family: str
    operator: str
    mass: float

    @property
    def name(self) -> str:
        """For tables."""
        return f"{self.family} {self.operator}, {1e3 * self.mass:.0f} MeV"

    @property
    def column(self) -> str:
        """For columns."""
        return f"{self.family}_{self.operator}_{1e3 * self.mass:.0f}MeV"

    @property
    def index(self) -> tuple[str, int]:
        """Family and index of the operator."""
        return self.family, FAMILIES[self.family].operators.index(self.operator)

    @property
    def latex(self) -> str:
        """Of the operator."""
        name, i = self.index
        return FAMILIES[name].latex[i]


CASES = tuple(
    Case(name, operator, m)
    for name, family in FAMILIES.items()
    for operator in family.operators
    for m in MASSES[name]
)


@dataclass(frozen=True)
class Shapes:
    """Spectra of B+ -> K+ inv of area 1; axis 0 is the central inputs, then draws.

    Attributes:
        R: R_K_nunu, the centre of the new range: what Eq. (22) mixes with.
        sm: over `Q2`, shape (draws, q2).
        new: new part alone, shape (draws, cases, q2).
        sm_share: of the SM in `EXCESS`, shape (draws,).
        new_share: of the new part in `EXCESS` for all operators, by family, shape
            (draws, SCAN, operators).
        sm_seen: efficiency for the SM, shape (draws,).
        new_seen: efficiency for the new part, like `new_share`.
        sm_centres: SM at the centres of the bins of the efficiency, shape (draws, bins).
        new_centres: the same of the new part, by family, shape (draws, SCAN, bins, operators).
    """

    R: float
    sm: np.ndarray
    new: np.ndarray
    sm_share: np.ndarray
    new_share: dict[str, np.ndarray]
    sm_seen: np.ndarray
    new_seen: dict[str, np.ndarray]
    sm_centres: np.ndarray
    new_centres: dict[str, np.ndarray]

    def mixed(self, sm: np.ndarray, new: np.ndarray) -> np.ndarray:
        """Eq. (22): SM and new part of R_K_nunu."""
        return (sm + (self.R - 1) * new) / self.R

    def at(self, values: dict[str, np.ndarray], case: Case) -> np.ndarray:
        """What belongs to a case."""
        name, i = case.index
        return values[name][:, int(np.argmin(np.abs(SCAN - case.mass))), ..., i]

    def histogram(self, centres: np.ndarray) -> np.ndarray:
        """Fig. 8: spectrum at the centres of the bins, times efficiency, area 1; bins last."""
        seen = centres * ita_efficiency().values
        return seen / (seen @ np.diff(ita_efficiency().edges))[..., None]

    def case_histogram(self, case: Case) -> np.ndarray:
        """Fig. 8 of a case, SM included, shape (draws, bins)."""
        return self.histogram(self.mixed(self.sm_centres, self.at(self.new_centres, case)))

    @property
    def omega(self) -> np.ndarray:
        """Efficiency for the SM over that for scalars with S, shape (draws, SCAN)."""
        return self.sm_seen[:, None] / self.new_seen["scalar"][..., 0]


def share_of(histogram: np.ndarray) -> np.ndarray:
    """Share in `EXCESS` of histograms of area 1, bins that lie in it in part count in part."""
    edges = ita_efficiency().edges
    inside = np.clip(edges[1:], *EXCESS) - np.clip(edges[:-1], *EXCESS)
    return histogram @ inside


def peak(spectrum: np.ndarray) -> np.ndarray:
    """Where spectra over `Q2` are largest [GeV^2]."""
    return vertex(Q2, spectrum)


def vertex(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Where curves over x (last axis) are largest, between the points by a parabola."""
    i = y.argmax(axis=-1)[..., None]
    j = np.clip(i, 1, x.size - 2)
    low, mid, high = (np.take_along_axis(y, j + k, -1)[..., 0] for k in (-1, 0, 1))
    bend, top = low - 2 * mid + high, (i == j)[..., 0]
    move = np.where(top, (low - high) / (2 * np.where(bend < 0, bend, 1.0)), 0.0)
    return x[i[..., 0]] + np.where(bend < 0, move, 0.0) * (x[2] - x[1])


def shapes(settings: Settings) -> Shapes:
    """Through `settings.once`."""
    rates, n = settings.once(dark_rates), 1 + DRAWS
    efficiency = ita_efficiency()
    edges = np.union1d(efficiency.edges, EXCESS)
    middles = (edges[1:] + edges[:-1]) / 2
    seen = efficiency.values[np.searchsorted(efficiency.edges, middles) - 1]
    excess = ((middles > EXCESS[0]) & (middles < EXCESS[1])).astype(float)
    sm, new = rates.sm_bins(ITA_MODE, edges, n), rates.bins(ITA_MODE, SCAN, edges, n)
    sm_total, total = sm.sum(axis=1), {k: a.sum(axis=2) for k, a in new.items()}

    def over_total(weights: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        sums = {k: np.einsum("dmbo,b->dmo", a, weights) / total[k] for k, a in new.items()}
        return sm @ weights / sm_total, sums

    (sm_share, new_share), (sm_seen, new_seen) = over_total(excess), over_total(seen)
    low, high = settings.constraints.R_K["new"]
    centres = (efficiency.edges[1:] + efficiency.edges[:-1]) / 2
    at_centres = rates.spectra(ITA_MODE, SCAN, centres, n)
    masses = np.unique(np.concatenate([np.array(m) for m in MASSES.values()]))
    curves = rates.spectra(ITA_MODE, masses, Q2, n)
    index = [int(np.argmin(np.abs(SCAN - m))) for m in masses]
    normed = {k: a / total[k][:, index, None] for k, a in curves.items()}
    new_curves = [
        normed[case.family][:, list(masses).index(case.mass), :, case.index[1]] for case in CASES
    ]
    return Shapes(
        R=(low + high) / 2,
        sm=rates.sm_spectrum(ITA_MODE, Q2, n) / sm_total[:, None],
        new=np.stack(new_curves, axis=1),
        sm_share=sm_share,
        new_share=new_share,
        sm_seen=sm_seen,
        new_seen=new_seen,
        sm_centres=rates.sm_spectrum(ITA_MODE, centres, n) / sm_total[:, None],
        new_centres={k: a / total[k][:, :, None] for k, a in at_centres.items()},
    )


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
    assert isinstance(belle2, Reweighted)
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
    belle2: Reweighted, sm: np.ndarray, lanes: np.ndarray
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
