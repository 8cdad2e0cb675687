"""Effective degrees of freedom of energy and entropy from the table of arXiv:1803.01038.

`equation_of_state.yaml` has the rows and says where they were read. ln g_rho and ln g_s are natural
cubic splines in ln T through them. What is tabulated obeys d rho = T ds to 1.3e-4 of s between 10
and 130 MeV, where all particles are in equilibrium, and to 3e-4 up to 2 GeV. Outside the table, 10
keV to 2 GeV, the values are held.
"""

from functools import cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array

from bsnunu_jax.foundation.packaged import packaged

_ORDER = 3


class Cells(NamedTuple):
    """A piecewise polynomial in ln T.

    Attributes:
        low: lowest T [GeV].
        width: of a cell, in ln T.
        powers: ln g_rho, ln g_s and d ln g_s/d ln T, [cell, function, power] of the distance from
            the lower edge over the width.
    """

    low: float
    width: float
    powers: np.ndarray


@cache
def _cells() -> Cells:
    """The splines through the table."""
    rows = np.array(packaged("observables.dark_matter", "equation_of_state.yaml")["rows"])
    number, y = len(rows) - 1, np.log(rows[:, 1:])
    # Temperatures are printed to six digits; their steps in ln T are equal.
    width = float(np.log(rows[-1, 0] / rows[0, 0])) / number
    # Second derivatives at the knots, none at the ends.
    inner = np.arange(1, number)
    system = np.eye(number + 1)
    system[inner[:, None], inner[:, None] + [-1, 0, 1]] = [1 / 6, 2 / 3, 1 / 6]
    bend = np.linalg.solve(system, np.pad(y[2:] - 2 * y[1:-1] + y[:-2], ((1, 1), (0, 0))))
    low, high = bend[:-1], bend[1:]
    powers = np.stack(
        [y[:-1], y[1:] - y[:-1] - (2 * low + high) / 6, low / 2, (high - low) / 6], axis=-1
    )
    slope = np.pad((powers[:, 1] * np.arange(_ORDER + 1) / width)[:, 1:], ((0, 0), (0, 1)))
    return Cells(float(rows[0, 0]), width, np.concatenate([powers, slope[:, None]], axis=1))


def degrees_of_freedom(T: ArrayLike) -> tuple[Array, Array, Array]:
    """g_rho, g_s and g_*^{1/2} = g_s/sqrt(g_rho) (1 + d ln g_s/d ln T/3) at T [GeV], any shape.

    The table of arXiv:1803.01038, interpolated; differentiable.

    >>> g_rho, g_s, root = degrees_of_freedom(0.05)
    >>> print(f"{g_rho:.2f} {g_s:.2f} {root:.2f}")
    14.61 14.31 4.07
    """
    log_rho, log_s, slope = log_degrees_of_freedom(T)
    return jnp.exp(log_rho), jnp.exp(log_s), jnp.exp(log_s - log_rho / 2) * (1 + slope / 3)


def log_degrees_of_freedom(T: ArrayLike) -> tuple[Array, Array, Array]:
    """ln g_rho, ln g_s and d ln g_s/d ln T at T [GeV], any shape."""
    low, width, cells = _cells()
    place = jnp.log(jnp.asarray(T, dtype=float) / low) / width
    place = jnp.clip(place, 0.0, float(len(cells)))
    cell = jnp.clip(jnp.floor(place), 0, len(cells) - 1)
    powers = jnp.asarray(cells)[cell.astype(int)]
    u, found = (place - lax.stop_gradient(cell))[..., None], powers[..., _ORDER]
    for k in range(_ORDER - 1, -1, -1):
        found = found * u + powers[..., k]
    return found[..., 0], found[..., 1], found[..., 2]
