"""The grid from which parameters jump: a density over them, and how the other coordinates follow.

Everything here is a proposal: a poor grid costs acceptance and never biases a draw.
"""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.ndimage import correlate1d, distance_transform_edt, maximum_filter, minimum_filter

from bsnunu_jax.foundation.seals import load_block, save_block
from bsnunu_jax.numerics.bfgs import Surface, curvature, descend, inverse_root

# Energies and their gradients in all coordinates at many points.
Energies = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

# Cells an axis by the number of jumping parameters, and of the first look.
_FINE, _COARSE = {1: 512, 2: 96}, {1: 128, 2: 24}
# The density is flattened to this power and mixed with this share of a flat one: at nuisances off
# their mode the density is another, and its tails must stay below those of the proposals.
_POWER, _FLAT = 0.8, 0.1
# Modes are looked for where -ln density is less than the first number above its minimum. Fine cells
# are looked at where it is below the second number, from the mean density, and its second
# difference between coarse cells above the third.
_HOPELESS, _TAIL, _BEND = 30.0, 8.0, 0.3
_CLOSE = 0.02
_DIRECTIONS = 8
# Points whose mean curvature standardises the others; with a quarter of them NUTS diverges.
_LOOKS = 32


class JumpGrid(eqx.Module):
    """Piecewise constant density of the jumping parameters and the modes of all others.

    The parameters have coordinates s from 0 to 1, the sigmoids of their coordinates in theta; a
    uniform or log-uniform prior is flat in s. The other coordinates are centre(s) + root @ w: at
    any s, w has nearly a standard normal density, so that a jump keeps w.

    Attributes:
        log_density: ln of the density of proposals, cell by cell, shape (cells, ...).
        cumulative: summed probability of the cells, C order.
        modes: most likely others at the centres of the cells, in `directions` from `middle`, shape
            (cells, ..., r).
        directions: shape (r, k).
        middle: shape (k).
        root: lower root of the covariance of the others, shape (k, k).
    """

    log_density: Array
    cumulative: Float[Array, " cells"]
    modes: Array
    directions: Float[Array, "r k"]
    middle: Float[Array, " k"]
    root: Float[Array, "k k"]

    @classmethod
    def shaped(cls, jumping: int, others: int) -> "JumpGrid":
        """A grid without information: what a program compiles for."""
        cells = (_FINE[jumping],) * jumping
        return cls.of(np.zeros(cells), np.zeros((*cells, others)), np.eye(others))

    @classmethod
    def of(cls, energy: np.ndarray, modes: np.ndarray, root: np.ndarray) -> "JumpGrid":
        """The grid for these -ln densities at the modes."""
        likely = tempered(energy)
        share = (1 - _FLAT) * likely + _FLAT / energy.size
        middle = np.tensordot(likely, modes, energy.ndim)
        shifts = (modes - middle) @ np.linalg.inv(root).T
        # A signal moves the others along a few directions only.
        axes = tuple(range(energy.ndim))
        _, vectors = np.linalg.eigh(np.tensordot(shifts * likely[..., None], shifts, (axes, axes)))
        vectors = vectors[:, ::-1][:, :_DIRECTIONS]
        arrays = (
            np.log(share * energy.size),
            np.cumsum(share),
            shifts @ vectors,
            (root @ vectors).T,
            middle,
            root,
        )
        return cls(*(jnp.asarray(a) for a in arrays))

    def draw(self, key: jax.Array, count: int) -> Float[Array, "count d"]:
        """Independent points from the density."""
        cell_key, place_key = jax.random.split(key)
        shape = self.log_density.shape
        level = jax.random.uniform(cell_key, (count,))
        cell = jnp.minimum(jnp.searchsorted(self.cumulative, level), self.cumulative.size - 1)
        corner = jnp.stack(jnp.unravel_index(cell, shape), axis=1)
        place = jax.random.uniform(place_key, (count, len(shape)))
        return (corner + place) / jnp.array([shape])

    def log_density_at(self, s: Float[Array, " d"]) -> Float[Array, ""]:
        """ln of the density of `draw`."""
        shape = jnp.array(self.log_density.shape)
        cell = jnp.clip((s * shape).astype(int), 0, shape - 1)
        found: Array = self.log_density[tuple(cell)]
        return found

    def centre(self, s: Float[Array, " d"]) -> Float[Array, " k"]:
        """Mode of the other coordinates, linear between the centres of cells."""
        shape = jnp.array(self.log_density.shape)
        place = jnp.clip(s * shape - 0.5, 0.0, shape - 1.0)
        low = jnp.minimum(place.astype(int), shape - 2)
        sizes = (*(2 for _ in range(len(s))), self.modes.shape[-1])
        mode = jax.lax.dynamic_slice(self.modes, (*low, 0), sizes)
        for fraction in place - low:
            mode = mode[0] + fraction * (mode[1] - mode[0])
        return self.middle + mode @ self.directions


def tempered(energy: np.ndarray) -> np.ndarray:
    """Flattened share of each cell, smeared into its neighbours."""
    share = np.exp(-_POWER * (energy - energy.min()))
    for axis in range(share.ndim):
        share = correlate1d(share, [0.25, 0.5, 0.25], axis, mode="nearest")
    return share / share.sum()


def jump_grid(
    energies: Energies, jumping: tuple[int, ...], start: np.ndarray
) -> tuple[JumpGrid, np.ndarray]:
    """Grid of some parameters around the modes of all other coordinates.

    Args:
        energies: -ln density and its gradient at many points.
        jumping: positions of one or two parameters in a point.
        start: a point with likely values of the others.

    Returns:
        the grid, and -ln density of s at the modes, shape (cells, ...).
    """
    rest = np.setdiff1d(np.arange(start.size), jumping)

    def surface(s: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        points = np.empty((len(s), start.size))
        points[:, list(jumping)] = np.log(s) - np.log1p(-s)
        points[:, rest] = z
        value, gradient = energies(points)
        return value + np.sum(np.log(s) + np.log1p(-s), axis=1), gradient[:, rest]

    here = 1 / (1 + np.exp(-start[list(jumping)]))
    root = inverse_root(curvature(surface, here[None], start[None, rest]))
    value, z = _surface_at_modes(surface, start[rest], root, len(jumping))
    likely = _systematic(value, _LOOKS, 0.5)
    s, modes = _centres(value.shape)[likely], z.reshape(value.size, rest.size)[likely]
    at_modes = curvature(surface, s[::8], modes[::8])
    # The curvature at typical points, not that at modes, is what limits the steps of NUTS.
    typical = np.random.default_rng(0).standard_normal(modes.shape) @ inverse_root(at_modes).T
    root = inverse_root(curvature(surface, s, modes + typical))
    # Along these axes tails are long where the two differ: adapted masses can follow.
    root = root @ np.linalg.eigh(root.T @ at_modes @ root)[1]
    return JumpGrid.of(value, z, root), value


def _surface_at_modes(
    surface: Surface, start: np.ndarray, root: np.ndarray, d: int
) -> tuple[np.ndarray, np.ndarray]:
    """-ln density at the modes of the others, and the modes, on the fine grid."""
    shape, fine = (_COARSE[d],) * d, (_FINE[d],) * d
    coarse = _centres(shape)
    value, z = _towards_modes(surface, coarse, np.tile(start, (len(coarse), 1)), root, passes=12)
    value, z = value.reshape(shape), z.reshape(*shape, start.size)
    _, nearest = distance_transform_edt(value > value.min() + _HOPELESS, return_indices=True)
    z = z[tuple(nearest)]
    value = np.minimum(value, value.min() + 10 * _HOPELESS)
    rough = _rough(value)
    for axis in range(d):
        value, z = (_between(a, _FINE[d], axis) for a in (value, z))
        rough = np.repeat(rough, _FINE[d] // _COARSE[d], axis)
    if rough.any():
        s = _centres(fine)[rough.ravel()]
        value[rough], z[rough] = _towards_modes(surface, s, z[rough], root, passes=1)
    return value, z


def _towards_modes(
    surface: Surface, s: np.ndarray, z: np.ndarray, root: np.ndarray, passes: int
) -> tuple[np.ndarray, np.ndarray]:
    value, z, _ = descend(surface, s, z, root, passes=passes, close=_CLOSE, hopeless=_HOPELESS)
    return value, z


def grid_and_starts(
    path: Path,
    energies: Energies,
    jumping: tuple[int, ...],
    start: np.ndarray,
    chains: int,
    seed: int,
) -> tuple[JumpGrid, np.ndarray]:
    """`jump_grid` and the starts of the chains; from `path` if they are there, else left there."""
    names = [f.name for f in fields(JumpGrid)]
    if path.exists():
        saved: dict[str, Any] = load_block(path)
        return JumpGrid(*(saved[name] for name in names)), saved["starts"]
    grid, energy = jump_grid(energies, jumping, start)
    starts = spread(energy, chains, np.random.default_rng(seed))
    # What the grid was made of is a profile likelihood, which reports draw.
    seen = {"starts": starts, "energy": energy, "jumping": np.array(jumping)}
    save_block(path, {n: np.asarray(getattr(grid, n)) for n in names} | seen)
    return grid, starts


def spread(energy: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Starts over all that the grid finds likely, each the centre of a cell, shape (count, d)."""
    cells = _systematic(energy, count, rng.uniform())
    return np.asarray(_centres(energy.shape)[cells])


def _systematic(energy: np.ndarray, count: int, offset: float) -> np.ndarray:
    """Cells at equal steps of the summed density, C order."""
    cumulative = np.cumsum(tempered(energy))
    return np.searchsorted(cumulative / cumulative[-1], (np.arange(count) + offset) / count)


def _centres(shape: tuple[int, ...]) -> np.ndarray:
    """Centres of the cells, C order, shape (cells, d)."""
    return (np.indices(shape).reshape(len(shape), -1).T + 0.5) / shape


def _between(array: np.ndarray, number: int, axis: int) -> np.ndarray:
    """Values at finer cells along an axis, linear between centres."""
    size = array.shape[axis]
    place = np.clip((np.arange(number) + 0.5) * size / number - 0.5, 0, size - 1)
    low = np.minimum(place.astype(int), size - 2)
    fraction = np.expand_dims(place - low, tuple(i for i in range(array.ndim) if i != axis))
    below, above = np.take(array, low, axis), np.take(array, low + 1, axis)
    return below + fraction * (above - below)


def _rough(value: np.ndarray) -> np.ndarray:
    """Coarse cells in and beside which -ln density is not linear, where it matters."""
    bend = sum(np.abs(correlate1d(value, [1, -2, 1], a, mode="nearest")) for a in range(value.ndim))
    mean = value.min() - np.log(np.mean(np.exp(value.min() - value)))
    return (maximum_filter(bend, 3) > _BEND) & (minimum_filter(value, 3) < mean + _TAIL)
