r"""B+ -> K+ X with an invisible X of 0.1 GeV width, as in arXiv:2602.09666: mass and strength.

The rate is that of the SM plus BR times the spectrum of X, normalised. Integrated over bins of q2
the kernels are quadratic forms of the form factors (`forms`), one a mass: they are data of two
programs, one with MC statistics profiled and one that integrates them, nuisances by the Laplace
approximation, for a posterior with flat priors.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.interpolate import CubicSpline

from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.experiments.histfactory.reweighted import Reweighted
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import get_mode
from bsnunu_jax.inference.fits.lanes import Descent, Lanes
from bsnunu_jax.inference.hypotheses.hypotest import local_significance
from bsnunu_jax.inputs import Inputs, Nuisances, load_inputs
from bsnunu_jax.numerics.batch import Batched
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.rates.forms import forms
from bsnunu_jax.reproduce.settings import Settings
from bsnunu_jax.states import Neutrinos, Resonance

MODE, TRANSITION, DATA = "B+->K+", "B->K", "belle2_knunu_2023"
WIDTH = 0.1  # GeV
MASSES, LARGEST_BR = (0.1, 4.5), 5e-5
# Numbers of the fit are in units of this branching fraction.
_UNIT = 1e-5
_CONVERGED = 1e-3


@dataclass(frozen=True)
class Resonances:
    """Profile and posterior on a grid.

    Attributes:
        m: masses [GeV], shape (n,).
        br: branching fractions, shape (k,).
        best_br: most likely BR >= 0 at every mass, shape (n,).
        delta: -2 ln L there minus that of the SM, shape (n,).
        profile: -2 ln L minus that of the SM on the grid, MC statistics profiled, shape (n, k).
        log_density: ln posterior density, flat in m and BR, up to a constant, shape (n, k).
    """

    m: np.ndarray
    br: np.ndarray
    best_br: np.ndarray
    delta: np.ndarray
    profile: np.ndarray
    log_density: np.ndarray

    @property
    def local(self) -> dict[str, float]:
        """Standard deviations of the deepest point over the SM."""
        gain = -self.best[2]
        wilks, cls = local_significance(gain, 2)
        return {"mass given": float(np.sqrt(gain)), "Wilks": wilks, "CLs": cls}

    @property
    def best(self) -> tuple[float, float, float]:
        """Mass, BR and -2 ln L minus that of the SM of the deepest point."""
        fine = np.linspace(self.m[0], self.m[-1], 20_001)
        curve = CubicSpline(self.m, self.delta)(fine)
        i = int(curve.argmin())
        return float(fine[i]), float(CubicSpline(self.m, self.best_br)(fine[i])), float(curve[i])

    def mass_interval(self, rise: float = 1.0) -> tuple[float, float]:
        """Where -2 ln L is less than `rise` above its minimum, around the deepest point."""
        fine = np.linspace(self.m[0], self.m[-1], 20_001)
        return _around_lowest(fine, CubicSpline(self.m, self.delta)(fine), rise)

    def br_interval(self, rise: float = 1.0) -> tuple[float, float]:
        """The same of BR, masses profiled."""
        fine = np.linspace(self.br[0], self.br[-1], 20_001)
        masses = np.linspace(self.m[0], self.m[-1], 2_001)
        over_mass = CubicSpline(self.m, self.profile, axis=0)(masses).min(axis=0)
        return _around_lowest(fine, CubicSpline(self.br, over_mass)(fine), rise)

    def fine_profile(self, m: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Masses, an even grid of BR, and -2 ln L above its minimum there."""
        br = np.linspace(self.br[0], self.br[-1], 501)
        depth = CubicSpline(self.br, CubicSpline(self.m, self.profile, axis=0)(m), axis=1)(br)
        return m, br, depth - self.best[2]

    def posterior(self) -> "Posterior":
        """The posterior on a finer grid."""
        m = np.linspace(self.m[0], self.m[-1], 801)
        br = np.linspace(self.br[0], self.br[-1], 1001)
        log = CubicSpline(self.m, self.log_density, axis=0)(m)
        log = CubicSpline(self.br, log, axis=1)(br)
        density = np.exp(log - log.max())
        return Posterior(m, br, density / np.trapezoid(np.trapezoid(density, br, axis=1), m))


@dataclass(frozen=True)
class Posterior:
    """A density on a grid of masses and branching fractions, normalised to 1."""

    m: np.ndarray
    br: np.ndarray
    density: np.ndarray

    @property
    def marginals(self) -> tuple[np.ndarray, np.ndarray]:
        """Densities of m and of BR."""
        return (
            np.trapezoid(self.density, self.br, axis=1),
            np.trapezoid(self.density, self.m, axis=0),
        )

    @property
    def mode(self) -> tuple[float, float]:
        """The point of highest density."""
        i, k = np.unravel_index(np.argmax(self.density), self.density.shape)
        return float(self.m[i]), float(self.br[k])

    def hdi(self, mass: float = 0.6827) -> tuple[tuple[float, float], tuple[float, float]]:
        """Ends of the regions of highest density of m and of BR, marginalised."""
        of_m, of_br = self.marginals
        return _highest(self.m, of_m, mass), _highest(self.br, of_br, mass)


def resonances(
    settings: Settings, *, m: np.ndarray | None = None, strengths: int = 25
) -> Resonances:
    """Fits on a grid of masses and branching fractions.

    Args:
        settings: with the likelihood.
        m: masses of the grid [GeV], increasing; every 0.05 GeV over `MASSES` if absent.
        strengths: branching fractions of the grid, closer to each other near 0.
    """
    (measurement,) = load_measurements([DATA], likelihood=settings.likelihood)
    assert isinstance(measurement, Reweighted)
    nuisances = Nuisances(load_inputs("default"), [TRANSITION])
    m = np.linspace(*MASSES, 89) if m is None else m
    masses = len(m)
    br = LARGEST_BR * np.linspace(0, 1, strengths) ** 1.5
    sm, bins, total = _forms(nuisances.inputs, measurement.q2_edges, m)
    size = nuisances.size + len(measurement.nuisance_names)

    def run(fits: Lanes, x: Any, free: bool, start: Any) -> list[np.ndarray]:
        x, start = np.broadcast_to(x, (masses, 1)), np.broadcast_to(start, (masses, size))
        held = np.arange(1 + size) < (0 if free else 1)
        found = fits(np.concatenate([x, start], axis=1), (bins, total), held=held)
        if not found[-1].max() < _CONVERGED:
            raise InputError("a fit of the resonance did not converge")
        return list(found)

    profiled, marginal = (_fits(measurement, nuisances, sm, p) for p in (True, False))
    no_signal = run(profiled, 0.0, False, 0.0)
    of_sm = float(no_signal[1].mean())
    free = run(profiled, 0.5, True, no_signal[2])
    # Rates are not negative: elsewhere no signal is best.
    positive = free[0] > 0
    best, lowest = np.where(positive, free[0], 0.0), np.where(positive, free[1], no_signal[1])
    profile, log_density = np.zeros((masses, strengths)), np.zeros((masses, strengths))
    z = z_marginal = no_signal[2]
    for k, x in enumerate(br / _UNIT):
        _, profile[:, k], z, *_ = run(profiled, x, False, z)
        _, value, z_marginal, log_det, _ = run(marginal, x, False, z_marginal)
        log_density[:, k] = -0.5 * (value + log_det)
    return Resonances(m, br, best * _UNIT, lowest - of_sm, profile - of_sm, log_density)


def _forms(
    inputs: Inputs, edges: np.ndarray, m: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Quadratic forms in the form-factor coefficients: SM bins, bins and total of X at all masses.

    Shapes (nn, bins), (masses, nn, bins) and (masses, nn).
    """
    in_bins, total = (MODE, edges.tobytes()), (MODE, None)

    @jax.jit
    def of_sm() -> jax.Array:
        state = Neutrinos()
        kernel = forms(state, inputs, [in_bins])[in_bins].arrays
        tau = inputs.lifetime(get_mode(MODE).tau_B)
        return tau * rates.contract(state.invariants(inputs), kernel)

    def of_x(m: jax.Array) -> tuple[jax.Array, jax.Array]:
        found = forms(Resonance(m, WIDTH, S=1.0), inputs, [in_bins, total])
        return found[in_bins].arrays["scalar"], found[total].arrays["scalar"]

    return np.asarray(of_sm()), *Batched(of_x)(m)


def _fits(measurement: Reweighted, nuisances: Nuisances, sm: np.ndarray, profiled: bool) -> Lanes:
    """Fits of BR [1e-5] and nuisances, one lane a mass.

    They return BR, -2 ln (L x nuisance terms), nuisances, ln det of their Hessian, largest
    gradient.
    """
    likelihood = measurement.profile if profiled else measurement.marginal
    own = nuisances.size

    def objective(point: jax.Array, lane: tuple[jax.Array, jax.Array]) -> jax.Array:
        br, z, (bins, total) = point[0], point[1:], lane
        b = nuisances.shift(z[:own]).form_factors[TRANSITION].linear
        products = jnp.outer(b, b).ravel()
        signal = products @ sm + _UNIT * br * (products @ bins) / (products @ total)
        entries = measurement.entries(measurement.weights(signal), z[own:])
        terms = likelihood(*measurement.model.collapsed_moments(entries))
        return -2 * terms + jnp.sum(z**2)

    def finish(found: Descent, _: Any) -> tuple[jax.Array, ...]:
        log_det = jnp.linalg.slogdet(found.hessian[1:, 1:])[1]
        steepest = jnp.max(jnp.abs(found.gradient))
        return found.point[0], found.objective, found.point[1:], log_det, steepest

    return Lanes(objective, finish)


def _around_lowest(x: np.ndarray, y: np.ndarray, rise: float) -> tuple[float, float]:
    """The connected piece around the minimum where y is less than `rise` above it."""
    i = int(np.argmin(y))
    above = np.flatnonzero(y > y[i] + rise)
    low = x[above[above < i][-1] + 1] if (above < i).any() else x[0]
    high = x[above[above > i][0] - 1] if (above > i).any() else x[-1]
    return float(low), float(high)


def _highest(x: np.ndarray, density: np.ndarray, mass: float) -> tuple[float, float]:
    """First and last point of the region of highest density on an even grid."""
    ordered = np.sort(density)[::-1]
    level = ordered[np.searchsorted(np.cumsum(ordered), mass * ordered.sum())]
    inside = np.flatnonzero(density >= level)
    return float(x[inside[0]]), float(x[inside[-1]])
