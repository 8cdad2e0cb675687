"""Standard-normal coordinates of the parameters of a workspace, for models that need them all.

vector = start + matrix z with z standard normal: Normal(a | p, sigma) is p = a + sigma z.
Systematics are rotated as in `HistFactory.rotation`; MC statistics have coordinates only where they
are sampled. Of a nuisance that belongs to another measurement too, p = a + sigma (rho b + sqrt(1 -
rho^2) z), the standard normal b there comes after the coordinates of one's own.
"""

from collections.abc import Mapping
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
        matrix: shape (parameters, coordinates), the borrowed ones last.
        of_simulation: mask of the coordinates that are MC statistics.
        sampled: whether there are such; else MC statistics are one Gaussian a bin.
        borrowed: how many coordinates are those of other measurements.
    """

    density: Density
    start: np.ndarray
    matrix: np.ndarray
    of_simulation: np.ndarray
    sampled: bool
    borrowed: int = 0

    @property
    def size(self) -> int:
        """How many coordinates are its own."""
        return int(self.matrix.shape[1]) - self.borrowed

    def entries(self, z: Float[Array, " n"], exposure: float | Scalar) -> Float[Array, " entries"]:
        """Expected events of every entry; relative errors of simulation fall with the exposure."""
        width = jnp.where(self.of_simulation, 1 / jnp.sqrt(exposure), 1.0)
        return self.density.entry_rates(self.start + self.matrix @ (width * z))

    def row(self, name: str) -> Float[np.ndarray, " coordinates"]:
        """A nuisance as a standard normal, linear in the coordinates."""
        at = self.density.parameters.slices[name].start
        found = self.matrix[at]
        scale: np.ndarray = found / np.linalg.norm(found)
        return scale

    @property
    def constant(self) -> float:
        """The constraint terms at z = 0, where every pull is 0."""
        found = self.density.parameters.log_constraints(self.start, xp=np)
        return float(found)


def coordinates(
    density: Density, sampled: bool, where: str, borrowed: Mapping[str, float] | None = None
) -> Coordinates | None:
    """The coordinates of a workspace; None where systematics and MC statistics of `model` do.

    Args:
        density: the workspace, without what a theory replaces.
        sampled: MC statistics as coordinates, not one Gaussian a bin.
        where: the workspace, for messages.
        borrowed: correlations with nuisances of other measurements, by name; one of `lendable`
            each.

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
    given = borrowed or {}
    lent = np.zeros((len(parameters), len(given)))
    for i, (name, correlation) in enumerate(given.items()):
        at = parameters.slices[name].start
        lent[at, i] = width[at] * correlation
        width[at] *= np.sqrt(1 - correlation**2)
    free = width > 0
    alphas = np.zeros(len(parameters), dtype=bool)
    alphas[density.alpha_at] = True
    alone = alphas.copy()
    alone[[parameters.slices[name].start for name in given]] = False
    rotated = np.flatnonzero((free & alone)[density.alpha_at])
    matrix = np.zeros((len(parameters), len(rotated)))
    matrix[density.alpha_at[rotated]] = model.rotation_of(rotated)
    others = np.flatnonzero(free & ~alone)
    beside = np.zeros((len(parameters), len(others)))
    beside[others, np.arange(len(others))] = width[others]
    usual = not sampled and not len(others) and free[alphas].all() and not start[alphas].any()
    if usual and borrowed is None and not model.factors and model.gamma_of_one_entry:
        return None
    of_rotated, of_lent = (np.zeros(n, dtype=bool) for n in (len(rotated), len(given)))
    return Coordinates(
        density,
        start,
        np.concatenate([matrix, beside, lent], axis=1),
        np.concatenate([of_rotated, of_simulation[others], of_lent]),
        sampled,
        len(given),
    )


def lendable(density: Density) -> tuple[str, ...]:
    """Nuisances that measurements may have in common: numbers with a normal constraint."""
    return tuple(
        s.name
        for s in density.parameters.sets
        if s.scalar and s.constraint == "normal" and not s.fixed.any()
    )


def _collapses(density: Density) -> bool:
    """Whether every entry has one parameter of MC statistics at most, around 1 and free."""
    at = density.gamma_at
    used = np.isin(density.bin_factors, at).sum(axis=1)
    sets = [s for s in density.parameters.sets if s.type == "staterror"]
    around = all((s.auxdata == 1)[~s.without_error].all() for s in sets)
    free = not any((s.fixed & ~s.without_error).any() for s in sets)
    return bool((used <= 1).all()) and around and free
