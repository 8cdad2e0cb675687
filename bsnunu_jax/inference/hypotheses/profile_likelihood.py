"""-2 ln L of one parameter, everything else profiled: many data sets and values at once.

The likelihood is a frequentist one: of the priors only the ranges are left, and the Gaussian ones
of other parameters as constraints. Every standard-normal term has a centre, its auxiliary datum.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.fits.best_fit import BestFit, best_fit
from bsnunu_jax.inference.fits.lanes import Descent, Lanes
from bsnunu_jax.inference.fits.starts import descent_coordinates, minima_of, off_edges
from bsnunu_jax.inference.hypotheses.ensembles import DataSets, Fits
from bsnunu_jax.inference.hypotheses.follow import Followed
from bsnunu_jax.inference.problem.flat_lines import need_seen
from bsnunu_jax.inference.problem.parameters import LogUniform, Normal
from bsnunu_jax.inference.problem.problem import Data, Problem
from bsnunu_jax.inference.problem.programs import Arrays, Whole, program, shared
from bsnunu_jax.numerics.batch import Batched

TestStatistic = Literal["qtilde", "q", "q0", "t"]

# Gradient at which a fit has converged.
_CONVERGED = 1e-3
# How near an edge a fit begins that begins at another one, in errors of the parameter.
_NEAR = 0.02
# Points of a call of what takes no time.
_WIDTH = 32


class _Lane(NamedTuple):
    """One fit: the parameter of interest free or at a value, data, constraint terms, growth."""

    value: Any
    free: Any
    data: Any
    centres: Any
    widths: Any
    growth: Any


class ProfileLikelihood:
    """The profile likelihood of one parameter of a problem.

    Attributes:
        problem: what is fitted.
        name: the parameter of interest.
        null: its value without a signal.
        low, high: its range; a mirrored parameter is |value|.
    """

    def __init__(
        self,
        problem: Problem,
        name: str | None = None,
        *,
        null: float = 0.0,
        starts: int = 16,
        seed: int = 0,
    ) -> None:
        """Check what is asked for; the observed data are fitted when first needed.

        Args:
            problem: the other parameters and all nuisances are profiled.
            name: the parameter of interest; may be left out where there is one.
            null: the value of the background-only hypothesis.
            starts: random starts of the best fits, with the parameter of interest free and at null.
            seed: seed of the starts.

        Raises:
            InputError: for an unknown or missing name, a null outside the range of the parameter,
                or data that cannot be exchanged.
        """
        names = [p.name for p in problem.parameters]
        wrong = f"unknown parameter {name!r}"
        if name is None:
            wrong = f"{len(names)} parameters are fitted, which one is of interest"
        if name not in names and not (name is None and len(names) == 1):
            allowed = f"one of {', '.join(names)}"
            raise InputError(wrong, where="--parameter", allowed=allowed)
        self.problem, self.name, self.null = problem, name or names[0], float(null)
        self.index = names.index(self.name)
        poi = problem.parameters[self.index]
        self.low, self.high = poi.range
        if not self.low <= self.null < self.high:
            raise InputError(
                f"{self.name} = {self.null:g} is outside its range [{self.low:g}, {self.high:g})",
                where="--null",
                allowed="see figures/scale_plane of `bsnunu fit` for the limit on a scale"
                if isinstance(poi.prior, LogUniform)
                else "give a value inside",
            )
        _ = problem.data  # refused here if they cannot be exchanged
        self._constrained = np.array(
            [
                isinstance(p.prior, Normal) and i != self.index
                for i, p in enumerate(problem.parameters)
            ]
            + problem.constrained.tolist()
        )
        self._search = starts, seed

    @cached_property
    def minima(self) -> BestFit:
        """All minima of the observed data, priors included."""
        starts, seed = self._search
        # The fits that follow compile meanwhile: XLA lets go of the interpreter.
        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(self._compile)
            found = best_fit(self.problem, starts=starts, seed=seed)
            ahead.result()
        return found

    def need_seen(self) -> None:
        """Refuse a parameter of interest that the data do not see.

        Raises:
            InputError: naming it.
        """
        names = [p.name for p in self.problem.parameters]
        need_seen(self.minima.flat, [self.name], names, "--parameter")

    @cached_property
    def scale(self) -> float:
        """A rough error of the parameter of interest."""
        error = self.minima.best.errors[self.name]
        return float(np.nanmin([np.inf if error is None else error, (self.high - self.low) / 8]))

    @cached_property
    def best(self) -> Fits:
        """The fit to the observed data.

        Raises:
            InputError: if it does not converge.
        """
        found = self.fit()
        if not found.converged[0]:
            raise InputError(
                "the best fit did not converge", allowed="raise best_fit: starts of the card"
            )
        return found

    @cached_property
    def _starts(self) -> np.ndarray:
        """Where every fit starts: minima of the observed data."""
        starts, seed = self._search
        points = minima_of(
            self.problem, self.minima, self.index, self.null, starts=starts, seed=seed
        )
        return off_edges(self.problem, points, self.index, self.scale)

    @property
    def one_sided(self) -> bool:
        """True if the null is where the range of the parameter begins: signals are positive."""
        return self.null == self.low

    @property
    def unconstrained(self) -> int:
        """Number of fitted parameters without a constraint term, lines that data do not see off."""
        return int((~self._constrained).sum()) - len(self.minima.flat)

    @property
    def observed(self) -> DataSets:
        """The one data set that was observed, constraint terms centred at 0."""
        data = tuple(np.asarray(d)[None] for d in self.problem.data)
        return self._sets(data, np.zeros((1, self.problem.size)))

    def fit(
        self,
        sets: DataSets | None = None,
        start: Fits | None = None,
        *,
        edge: Fits | None = None,
        there: bool = False,
    ) -> Fits:
        """The parameter of interest free inside its range, one fit a data set.

        Args:
            sets: data; the observed ones if absent.
            start: where every fit starts too, one or n.
            edge: the fits at the null, if known.
            there: the minimum is near `start` and nowhere else: expected data.
        """
        sets = sets or self.observed
        free = np.ones(len(sets), bool)
        found = self._run(sets, np.zeros(len(sets)), free, start, there=there)
        if not self.one_sided:
            return found
        # At the edge slopes vanish and the descent is slow: the edge itself may be lower.
        if edge is None:
            edge = self.profile(np.full(len(sets), self.null), sets, start)
        lower = edge.objective <= found.objective + 1e-9
        chosen: Fits = jax.tree.map(
            lambda f, e: np.where(lower.reshape(-1, *[1] * (f.ndim - 1)), e, f), found, edge
        )
        return chosen

    def profile(
        self, values: np.ndarray, sets: DataSets | None = None, start: Fits | None = None
    ) -> Fits:
        """The parameter of interest fixed, one value and one fit a data set.

        Args:
            values: shape (n,).
            sets: n data sets, or one for all values; the observed one if absent.
            start: where every fit starts too, one or n.
        """
        values = np.atleast_1d(np.asarray(values, dtype=float))
        sets = sets or self.observed
        if len(sets) == 1:
            sets = sets.take(np.zeros(len(values), dtype=int))
        return self._run(sets, values, np.zeros(len(values), bool), start)

    def asimov(self, at: Fits) -> DataSets:
        """Data and auxiliary data that expect nothing else at these fits (arXiv:1007.1727, 3.2)."""
        return self._expected(at, None)

    def _expected(self, at: Fits, growth: np.ndarray | None) -> DataSets:
        """Asimov data of fits to today's data, with this growth, see `DataSets`."""
        run, arrays = _expectations.of(self.problem)
        data = run(*self.parameters(at), growth, common=(arrays,))
        return self._sets(data, np.where(self._constrained, at.point, 0.0), growth)

    def _sets(self, data: Any, centres: np.ndarray, growth: np.ndarray | None = None) -> DataSets:
        return DataSets(tuple(map(np.asarray, data)), centres, growth=growth)

    @cached_property
    def along_observed(self) -> Followed:
        """Fits to the observed data with the parameter of interest fixed."""
        return Followed(1, lambda x, _, start: self.profile(x, start=start), self.best)

    @cached_property
    def along_asimov(self) -> Followed:
        """The same of the background-only Asimov data."""
        sets, best = self.asimov_of_null
        return Followed(1, lambda x, _, start: self.profile(x, sets, start), best)

    @cached_property
    def asimov_of_null(self) -> tuple[DataSets, Fits]:
        """Background-only Asimov data, nuisances as fitted to the observed data, and their fit."""
        null = self.profile(np.array([self.null]))
        sets = self.asimov(null)
        return sets, self.fit(sets, start=null, there=True)

    def toys(self, at: Fits, keys: jax.Array) -> DataSets:
        """Toys of the first of these fits, auxiliary data fluctuated too; one a key."""
        return self._drawn(at, keys, np.ones(self.problem.size), None)

    def _drawn(
        self, at: Fits, keys: jax.Array, widths: np.ndarray, growth: np.ndarray | None
    ) -> DataSets:
        """Toys with these widths of the constraint terms and one growth."""
        values, nuisances = (a[0] for a in self.parameters(at))
        moving = np.where(self._constrained, widths, 0.0)
        centre = np.where(self._constrained, at.point[0], 0.0)
        data, centres = _draw(self.problem, values, nuisances, centre, moving, growth, keys)
        every = None if growth is None else np.repeat(growth[None], len(keys), axis=0)
        return self._sets(data, np.asarray(centres), every)

    def parameters(self, at: Fits) -> tuple[np.ndarray, np.ndarray]:
        """Values of the parameters and nuisances, shapes (n, parameters) and (n, nuisances)."""
        free = len(self.problem.parameters)
        run, arrays = _values.of(self.problem)
        values = run(at.point[:, :free], common=(arrays,))
        values[:, self.index] = at.value
        return values, at.point[:, free:]

    @property
    def _fits(self) -> tuple[Lanes, Arrays]:
        """The fits of this kind of problem, and what is its own."""
        return _fits.of(self.problem, self.index, tuple(self._constrained.tolist()))

    def _lanes(self, sets: DataSets, values: np.ndarray, free: np.ndarray) -> _Lane:
        """One fit a data set."""
        widths = np.ones_like(sets.centres) if sets.widths is None else sets.widths
        data = tuple(np.asarray(d, dtype=float) for d in sets.data)
        return _Lane(values, free, data, sets.centres, widths, sets.growth)

    def _compile(self) -> None:
        """Have the program of the fits: look at one point."""
        fits, arrays = self._fits
        lanes = self._lanes(self.observed, np.zeros(1), np.ones(1, bool))
        fits(np.zeros((1, self.problem.size)), lanes, common=(arrays,), steps=0)

    def _run(
        self,
        sets: DataSets,
        values: np.ndarray,
        free: np.ndarray,
        start: Fits | None,
        *,
        there: bool = False,
    ) -> Fits:
        """Every fit from all starts, the lowest kept."""
        n = len(sets)
        # With one parameter, fixed, only nuisances are left: one minimum.
        alone = there or (len(self.problem.parameters) == 1 and not free.any())
        known = self._starts[: 1 if start is None else 0] if alone else self._starts
        starts = np.broadcast_to(known, (n, *known.shape))
        if start is not None:
            further = self._started(start)
            further = np.broadcast_to(further, (n, further.shape[1]))
            starts = np.concatenate([further[:, None], starts], axis=1)
        held = (np.arange(self.problem.size) == self.index) & ~free[:, None]
        starts = np.where(held[:, None], 0.0, starts)
        tries = starts.shape[1]
        row = np.repeat(np.arange(n), tries)
        lanes = self._lanes(sets.take(row), values[row], free[row])
        fits, arrays = self._fits
        found = fits(starts.reshape(n * tries, -1), lanes, common=(arrays,), held=held[row])
        x, objective, point, gradient = (a.reshape(n, tries, *a.shape[1:]) for a in found)
        objective = np.where(np.isfinite(objective), objective, np.inf)
        lowest = np.arange(n), objective.argmin(axis=1)
        x = x[lowest]
        folded = np.abs(x) if self.problem.parameters[self.index].mirror else x
        return Fits(folded, objective[lowest], point[lowest], gradient[lowest] < _CONVERGED)

    def _started(self, fits: Fits) -> np.ndarray:
        """Starts at the results of other fits, which are near: all but at an edge they stay."""
        points = fits.point.copy()
        prior = self.problem.parameters[self.index].prior
        points[:, self.index] = descent_coordinates(prior, fits.value)
        return off_edges(self.problem, points, self.index, _NEAR * self.scale)


@shared
def _fits(whole: Whole, _: Arrays, index: int, constrained: tuple[bool, ...]) -> Lanes:
    """Fits with one parameter free or not, to any data."""
    terms = np.array(constrained, dtype=float)

    def values(problem: Problem, point: Array, lane: _Lane) -> Array:
        found = problem.descent_values(point[: len(problem.parameters)])
        return found.at[index].set(jnp.where(lane.free, found[index], lane.value))

    def objective(point: Array, lane: _Lane, arrays: Arrays) -> Array:
        problem = whole(arrays).at_luminosity(lane.growth)
        pulls = terms * (point - lane.centres) / lane.widths
        nuisances = point[len(problem.parameters) :]
        deviance = problem.deviance(values(problem, point, lane), nuisances, lane.data)
        return deviance + jnp.sum(pulls**2)

    def finish(found: Descent, lane: _Lane, arrays: Arrays) -> tuple[Array, ...]:
        steepest = jnp.max(jnp.abs(found.gradient))
        at = values(whole(arrays), found.point, lane)[index]
        return at, found.objective, found.point, steepest

    return Lanes(objective, finish)


@shared
def _expectations(whole: Whole, _: Arrays) -> Batched:
    """Asimov data of many points, each with its growth."""

    def one(arrays: Arrays, values: Array, nuisances: Array, growth: Array | None) -> Data:
        return whole(arrays).at_luminosity(growth).expected_data(values, nuisances)

    return Batched(one, together=True, width=_WIDTH)


@shared
def _values(whole: Whole, _: Arrays) -> Batched:
    """Values of the parameters at many points of a descent."""
    return Batched(lambda arrays, v: whole(arrays).descent_values(v), together=True, width=_WIDTH)


@program
def _draw(
    problem: Problem,
    values: Array,
    nuisances: Array,
    centre: Array,
    widths: Array,
    growth: Array | None,
    keys: jax.Array,
) -> tuple[Data, Array]:
    """Toys of one point and centres of their constraint terms, one a key."""
    scaled = problem.at_luminosity(growth)

    def one(key: jax.Array) -> tuple[Data, Array]:
        of_data, of_centres = jax.random.split(key)
        data = scaled.sample_data(values, nuisances, of_data)
        return data, centre + widths * jax.random.normal(of_centres, centre.shape)

    return jax.vmap(one)(keys)
