"""Standard-normal coordinates of the parameters of a workspace, for models that need them all.

vector = start + matrix z with z standard normal: Normal(a | p, sigma) is p = a + sigma z.
Systematics are rotated as in `HistFactory.rotation`; MC statistics have coordinates only where they
are sampled.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments.histfactory.density import Density
from bsnunu_jax.foundation.errors import InputError

Scalar = Float[Array, ""]


@dataclass(frozen=True, eq=False)
class Coordinates:
    """A linear map from coordinates to the vector of a workspace.

    Attributes:
        density: the workspace.
        start: the vector at z = 0, shape (parameters,).
        matrix: shape (parameters, coordinates).
        of_simulation: mask of the coordinates that are MC statistics.
        sampled: whether there are such; else MC statistics are one Gaussian a bin.
    """

    density: Density
    start: np.ndarray
    matrix: np.ndarray
    of_simulation: np.ndarray
    sampled: bool

    def entries(self, z: Float[Array, " n"], exposure: float | Scalar) -> Float[Array, " entries"]:
        """Expected events of every entry; relative errors of simulation fall with the exposure."""
        width = jnp.where(self.of_simulation, 1 / jnp.sqrt(exposure), 1.0)
        return self.density.entry_rates(self.start + self.matrix @ (width * z))

    @property
    def constant(self) -> float:
        """The constraint terms at z = 0, where every pull is 0."""
        found = self.density.parameters.log_constraints(self.start, xp=np)
        return float(found)


def coordinates(density: Density, sampled: bool, where: str) -> Coordinates | None:
    """The coordinates of a workspace; None where systematics and MC statistics of `model` do.

    Args:
        density: the workspace, without what a theory replaces.
        sampled: MC statistics as coordinates, not one Gaussian a bin.
        where: the workspace, for messages.

    Raises:
        InputError: for parameters that no normal constrains, or MC statistics that do not collapse.
    """
    parameters, model = density.parameters, density.model
    for s in parameters.sets:
        if s.constraint != "normal" and not s.fixed.all():
            raise InputError(
                f"parameter {s.name!r} ({s.type}) has no normal constraint",
                where=where,
                allowed="put it under drop, or fix it in the measurement",
            )
    if not sampled and not _collapses(density):
        raise InputError(
            "its MC statistics are not one Gaussian a bin (an entry has two, or one not around 1)",
            where=where,
            allowed="mc_statistics: sampled",
        )
    names = {s.name: s for s in parameters.sets}
    of_simulation = np.zeros(len(parameters), dtype=bool)
    start, width = parameters.inits, np.zeros(len(parameters))
    for name, at in parameters.slices.items():
        free = ~names[name].fixed & ~names[name].without_error
        of_simulation[at] = names[name].type == "staterror"
        if names[name].constraint != "normal":
            continue
        centre, scale = names[name].auxdata, names[name].scale
        start[at] = np.where(free, centre, start[at])
        width[at] = np.where(free, scale, 0.0)
    if not sampled:
        start[of_simulation], width[of_simulation] = 1.0, 0.0
    free = width > 0
    alphas = np.zeros(len(parameters), dtype=bool)
    alphas[density.alpha_at] = True
    rotated = np.flatnonzero(free[density.alpha_at])
    matrix = np.zeros((len(parameters), len(rotated)))
    matrix[density.alpha_at[rotated]] = model.rotation_of(rotated)
    others = np.flatnonzero(free & ~alphas)
    beside = np.zeros((len(parameters), len(others)))
    beside[others, np.arange(len(others))] = width[others]
    usual = not sampled and not len(others) and free[alphas].all() and not start[alphas].any()
    if usual and not model.factors and model.gamma_of_one_entry:
        return None
    return Coordinates(
        density,
        start,
        np.concatenate([matrix, beside], axis=1),
        np.append(np.zeros(len(rotated), dtype=bool), of_simulation[others]),
        sampled,
    )


def _collapses(density: Density) -> bool:
    """Whether every entry has one parameter of MC statistics at most, around 1 and free."""
    at = density.gamma_at
    used = np.isin(density.bin_factors, at).sum(axis=1)
    sets = [s for s in density.parameters.sets if s.type == "staterror"]
    around = all((s.auxdata == 1)[~s.without_error].all() for s in sets)
    free = not any((s.fixed & ~s.without_error).any() for s in sets)
    return bool((used <= 1).all()) and around and free
