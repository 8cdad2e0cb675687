"""Degrees of freedom by other means: scipy's splines of the table, and an ideal gas of hadrons."""

from functools import cache
from importlib import resources

import numpy as np
import yaml
from scipy.interpolate import CubicSpline

# Mass [GeV], number of states, +1 for fermions and -1 for bosons.
GAS = (
    (0.51099895e-3, 4, 1),  # e
    (0.1056584, 4, 1),  # mu
    (0.1395704, 2, -1),
    (0.1349768, 1, -1),  # pi
    (0.493677, 2, -1),
    (0.497611, 2, -1),
    (0.547862, 1, -1),
    (0.95778, 1, -1),  # K, eta, eta'
    (0.77526, 9, -1),
    (0.78266, 3, -1),
    (0.89361, 12, -1),
    (1.01946, 3, -1),  # rho, omega, K*, phi
    (0.99, 4, -1),
    (1.166, 3, -1),
    (1.2295, 9, -1),
    (1.23, 9, -1),
    (1.253, 12, -1),  # f0, a0, ...
    (1.2754, 5, -1),
    (1.3182, 15, -1),
    (1.43, 20, -1),  # f2, a2, K2*
    (0.93892, 8, 1),
    (1.11568, 4, 1),
    (1.1931, 12, 1),
    (1.232, 32, 1),  # N, ..., Delta
)


@cache
def table() -> np.ndarray:
    """The rows T [GeV], g_rho, g_s of the file of the package."""
    folder = resources.files("bsnunu_jax.observables.dark_matter") / "data"
    return np.array(yaml.safe_load((folder / "equation_of_state.yaml").read_text())["rows"])


@cache
def spline() -> CubicSpline:
    """ln g_rho and ln g_s of ln T, last axis, at equal steps; for T in the table."""
    rows = table()
    knots = np.linspace(*np.log(rows[[0, -1], 0]), len(rows))
    return CubicSpline(knots, np.log(rows[:, 1:]), bc_type="natural")


def logs_and_slope(T: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ln g_rho, ln g_s and d ln g_s/d ln T at T [GeV], held outside the table."""
    low, high = table()[[0, -1], 0]
    at = np.log(np.clip(T, low, high))
    log_rho, log_s = np.moveaxis(spline()(at), -1, 0)
    slope = np.where((low < T) & (high > T), spline()(at, 1)[..., 1], 0.0)
    return log_rho, log_s, slope


def _one(mass: float, T: np.ndarray, sign: int) -> np.ndarray:
    """g_rho and g_s of one state, shape (2, temperatures)."""
    t, weights = np.polynomial.legendre.leggauss(120)
    u = (t + 1) / 2
    k, dk = 45 * u**2, 45 * u * weights
    energy = np.sqrt(k**2 + (mass / T[:, None]) ** 2)
    occupied = dk * k**2 / (np.exp(np.minimum(energy, 600.0)) + sign)
    rho = np.sum(occupied * energy, axis=1)
    pressure = np.sum(occupied * k**2 / (3 * energy), axis=1)
    return np.stack([15 / np.pi**4 * rho, 45 / (4 * np.pi**4) * (rho + pressure)])


def ideal_gas(T: np.ndarray) -> np.ndarray:
    """g_rho and g_s of photons, neutrinos, e, mu and hadrons without interactions at T [GeV].

    Neutrinos decouple while electrons are relativistic, (T_nu/T)^3 = g_s(photons, e)/(11/2).
    """
    (mass, states, sign), *others = GAS
    found = 2 + states * _one(mass, T, sign)
    neutrinos = found[1] / 5.5
    found += 5.25 * np.stack([neutrinos ** (4 / 3), neutrinos])
    for mass, states, sign in others:
        found += states * _one(mass, T, sign)
    return found
