"""Standard-normal coordinates of the parameters of a workspace, for models that need them all.

vector = start + matrix z with z standard normal: Normal(a | p, sigma) is p = a + sigma z.
Systematics are rotated as in `HistFactory.rotation`; MC statistics have coordinates only where they
are sampled. Of a nuisance that belongs to another measurement too, p = a + sigma (rho b + sqrt(1 -
rho^2) z), the standard normal b there comes after the coordinates of one's own. Parameters without
a normal constraint come last of these, see `free.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments.histfactory.density import Density
from bsnunu_jax.experiments.histfactory.free import Free, free_parameters
from bsnunu_jax.experiments.quoted.marginal_poisson import poisson
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
        free: parameters without a normal constraint, whose columns of the matrix are 0.
    """

    density: Density
    start: np.ndarray
    matrix: np.ndarray
    of_simulation: np.ndarray
    sampled: bool
    borrowed: int = 0
    free: Free | None = None

    @property
    def size(self) -> int:
        """How many coordinates are its own."""
        return int(self.matrix.shape[1]) - self.borrowed

    @property
    def constrained(self) -> np.ndarray:
        """Mask of its own coordinates that have a standard-normal term in a best fit."""
        return np.arange(self.size) < self.size - len(self.free or ())

    def entries(self, z: Float[Array, " n"], exposure: float | Scalar) -> Float[Array, " entries"]:
        """Expected events of every entry; relative errors of simulation fall with the exposure."""
        width = jnp.where(self.of_simulation, 1 / jnp.sqrt(exposure), 1.0)
        return self.density.entry_rates(self.vector(width * z))

    def vector(self, z: Float[Array, " n"]) -> Float[Array, " parameters"]:
        """The parameters of the workspace."""
        found = self.start + self.matrix @ z
        if self.free is None:
            return found
        return jnp.asarray(found).at[self.free.at].set(self.free.values(self.of_free(z)))

    def of_free(self, z: Float[Array, " n"]) -> Float[Array, " free"]:
        """The coordinates of the free parameters."""
        return z[self.size - len(self.free or ()) : self.size]

    def row(self, name: str) -> Float[np.ndarray, " coordinates"]:
        """A nuisance as a standard normal, linear in the coordinates."""
        at = self.density.parameters.slices[name].start
        found = self.matrix[at]
        scale: np.ndarray = found / np.linalg.norm(found)
        return scale

    @property
    def constant(self) -> float:
        """The constraint terms at z = 0, where every pull is 0, but for auxiliary counts."""
        found = self.density.parameters.log_constraints(self.start, xp=np)
        if self.free is not None and len(self.free.counted):
            start = self.start[self.free.at[self.free.counted]]
            found = found - poisson(self.free.auxdata, self.free.scale * start, np)
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
        InputError: for MC statistics that do not collapse, or a free parameter out of its bounds.
    """
    parameters, model = density.parameters, density.model
    loose = free_parameters(parameters, where)
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
    plain = {s.type for s in parameters.sets} <= {"histosys", "normsys", "staterror"}
    if usual and plain and borrowed is None and model.gamma_of_one_entry:
        return None
    unmoved = np.zeros((len(parameters), len(loose or ())))
    matrix = np.concatenate([matrix, beside, unmoved, lent], axis=1)
    simulated = np.zeros(matrix.shape[1], dtype=bool)
    simulated[len(rotated) : len(rotated) + len(others)] = of_simulation[others]
    return Coordinates(density, start, matrix, simulated, sampled, len(given), loose)


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
