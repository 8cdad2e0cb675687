r"""Effective degrees of freedom of energy and entropy below 150 MeV, from an ideal gas.

Photons, three neutrinos, e, mu and hadrons with their masses; neutrinos decouple while electrons
are relativistic, (T_nu/T)^3 = g_s(photons, e)/(11/2). Up to 50 MeV this is within 0.1 % of the fits
of arXiv:1803.01038, at 100 MeV within 1 %; sub-GeV dark matter freezes out at 25 to 45 MeV. Above
150 MeV, where there is no gas of hadrons, the values are held.
"""

from functools import cache

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array

from bsnunu_jax.foundation.packaged import packaged

# Mass [GeV], number of states, +1 for fermions and -1 for bosons.
_ELECTRON = (0.51099895e-3, 4, +1)
_GAS = packaged("observables.dark_matter", "gas.yaml")["gas"]
_LOW, _HIGH = 2e-5, 0.15  # GeV
_CELLS, _ORDER = 192, 5


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
    """g_rho and g_s at T [GeV], shape (2, temperatures); NumPy, not differentiable.

    >>> ideal_gas(np.array([0.03])).round(2).ravel().tolist()
    [12.58, 12.36]
    """
    found = 2 + _ELECTRON[1] * _one(_ELECTRON[0], T, _ELECTRON[2])
    neutrinos = found[1] / 5.5
    found += 5.25 * np.stack([neutrinos ** (4 / 3), neutrinos])
    for mass, states, sign in _GAS:
        found += states * _one(mass, T, sign)
    return found


@cache
def _cells() -> np.ndarray:
    """ln g_rho, ln g_s, d ln g_s/d ln T as polynomials in cells of ln T, [cell, function, power].

    The powers are of the distance from the lower edge over the width.
    """
    chebyshev = np.polynomial.chebyshev
    nodes = np.cos(np.pi * (np.arange(80) + 0.5) / 80)
    half = np.log(_HIGH / _LOW) / 2
    logs = np.log(ideal_gas(_LOW * np.exp(half * (nodes + 1))))
    series = chebyshev.chebfit(nodes, logs.T, nodes.size - 1)
    slope = chebyshev.chebder(series[:, 1:]) / half
    u = (np.cos(np.pi * (np.arange(_ORDER + 1) + 0.5) / (_ORDER + 1)) + 1) / 2
    y = 2 * (np.arange(_CELLS)[:, None] + u) / _CELLS - 1
    values = np.stack([*chebyshev.chebval(y, series), *chebyshev.chebval(y, slope)])
    return np.einsum("pu,fcu->cfp", np.linalg.inv(np.vander(u, increasing=True)), values)


def degrees_of_freedom(T: ArrayLike) -> tuple[Array, Array, Array]:
    """g_rho, g_s and g_*^{1/2} = g_s/sqrt(g_rho) (1 + d ln g_s/d ln T/3) at T [GeV], any shape.

    Interpolated from `ideal_gas`, differentiable.

    >>> g_rho, g_s, root = degrees_of_freedom(0.05)
    >>> print(f"{g_rho:.2f} {g_s:.2f} {root:.2f}")
    14.61 14.31 4.07
    """
    log_rho, log_s, slope = log_degrees_of_freedom(T)
    return jnp.exp(log_rho), jnp.exp(log_s), jnp.exp(log_s - log_rho / 2) * (1 + slope / 3)


def log_degrees_of_freedom(T: ArrayLike) -> tuple[Array, Array, Array]:
    """ln g_rho, ln g_s and d ln g_s/d ln T at T [GeV], any shape."""
    width = np.log(_HIGH / _LOW) / _CELLS
    place = jnp.log(jnp.asarray(T, dtype=float) / _LOW) / width
    place = jnp.clip(place, 0.0, float(_CELLS))
    cell = jnp.clip(jnp.floor(place), 0, _CELLS - 1)
    powers = jnp.asarray(_cells())[cell.astype(int)]
    u, found = (place - lax.stop_gradient(cell))[..., None], powers[..., _ORDER]
    for k in range(_ORDER - 1, -1, -1):
        found = found * u + powers[..., k]
    return found[..., 0], found[..., 1], found[..., 2]
