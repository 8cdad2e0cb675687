"""-2 ln L of one or two observables, everything else profiled, whatever the parameters are.

A narrow Gaussian probe pulls each fit to a value of the observables. Where it comes to rest is a
point of the profile exactly: the probe fixes nothing but how far along the profile that is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments.quoted.hypothetical import ProjectedMeasurement
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.hypotheses.ensembles import DataSets, Fits
from bsnunu_jax.inference.hypotheses.profile_likelihood import ProfileLikelihood
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.programs import program
from bsnunu_jax.models import get_model

_PROBE = "probe of observables"
# Widths of the probe one after the other, in errors of the observables.
_LADDER = (0.5, 0.1, 0.02)
# Errors are looked for so far from the best fit, first in units of the value.
_FIRST, _ROUNDS = 0.3, 3


@dataclass(frozen=True)
class ObservablePoints:
    """Points of a profile.

    Attributes:
        values: observables there, shape (n, k).
        objective: -2 ln L, everything else profiled, shape (n,).
        slope: its derivatives in the observables, shape (n, k).
        converged: shape (n,).
    """

    values: np.ndarray
    objective: np.ndarray
    slope: np.ndarray
    converged: np.ndarray


def with_probe(problem: Problem, names: Sequence[str]) -> Problem:
    """The problem with the probe as its last measurement, which says nothing by itself."""
    n = len(names)
    independent = tuple(tuple(float(i == j) for j in range(n)) for i in range(n))
    probe = ProjectedMeasurement(
        tuple(names),
        (1.0,) * n,
        independent,
        "unit",
        name=_PROBE,
        title=_PROBE,
        samples=(),
        sources=(),
        sm_spectrum=False,
        tree_tau="",
    )
    return replace(problem, measurements=(*problem.measurements, probe))


class ObservableProfile:
    """The profile likelihood of observables.

    Attributes:
        names: the observables.
        best: their values at the best fit.
        lowest: -2 ln L there.
        sm: their values in the SM, uncertain inputs at their centres.
        errors: distance from `best` at which -2 ln L is up by about 1, below and above, shape
            (k, 2).
    """

    def __init__(self, problem: Problem, *, starts: int = 16, seed: int = 0) -> None:
        """Fit the data and find the errors.

        Args:
            problem: of `with_probe`.
            starts: random starts of the best fit.
            seed: their seed.

        Raises:
            InputError: if the data do not bound the observables.
        """
        probe = problem.measurements[-1]
        assert isinstance(probe, ProjectedMeasurement)  # of `with_probe`
        self.names = probe.observables
        first = problem.parameters[0]
        low, high = first.range
        null = 0.0 if low <= 0 < high else low
        self._likelihood = ProfileLikelihood(
            problem, first.name, null=null, starts=starts, seed=seed
        )
        found = self._likelihood.best
        self.lowest = float(found.objective[0])
        self.best = self._values(found)[0]
        sm = problem.of_model(get_model("neutrinos"))
        nuisances = jnp.zeros(sm.size)
        self.sm = np.asarray(_observed(sm, jnp.zeros((1, 0)), nuisances[None]))[0]
        self._start = found
        self.errors = self._errors()

    def at(self, wanted: Float[np.ndarray, "n k"]) -> ObservablePoints:
        """Points of the profile as near to these values as can be."""
        scale = self.errors.mean(axis=1)
        fits: Fits | None = None
        for width in _LADDER:
            sets = self._sets(wanted, width * scale)
            fits = self._likelihood.fit(sets, start=fits or self._start)
        assert fits is not None
        return self._points(fits, wanted, _LADDER[-1] * scale)

    def _points(self, fits: Fits, wanted: np.ndarray, widths: np.ndarray) -> ObservablePoints:
        values = self._values(fits)
        pulls = (values - wanted) / widths
        slope = -2 * pulls / widths
        return ObservablePoints(
            values, fits.objective - (pulls**2).sum(axis=1), slope, fits.converged
        )

    def _errors(self) -> np.ndarray:
        """Secants of the root of the rise on both sides of every observable."""
        k = len(self.names)
        size = np.where(self.best != 0, np.abs(self.best), 1.0) * _FIRST
        errors = np.repeat(size[:, None], 2, axis=1)
        rows, side = np.repeat(np.arange(k), 2), np.tile([0, 1], k)
        sign = 2.0 * side - 1
        for _ in range(_ROUNDS):
            step = errors[rows, side]
            wanted = np.tile(self.best, (2 * k, 1))
            wanted[np.arange(2 * k), rows] += sign * step
            widths = 0.3 * errors.mean(axis=1)
            found = self._points(
                self._likelihood.fit(self._sets(wanted, widths), start=self._start), wanted, widths
            )
            gone = np.abs(found.values[np.arange(2 * k), rows] - self.best[rows])
            rise = found.objective - self.lowest
            if not (np.isfinite(rise) & (rise > 1e-6) & (gone > 0)).all():
                raise InputError(
                    "the data do not bound " + ", ".join(self.names), allowed="another observable"
                )
            errors[rows, side] = np.clip(gone / np.sqrt(rise), step / 20, 20 * step)
        return errors

    def _sets(self, wanted: np.ndarray, widths: np.ndarray) -> DataSets:
        one = self._likelihood.observed
        many = one.take(np.zeros(len(wanted), dtype=int))
        probe = np.concatenate([wanted, np.broadcast_to(widths, wanted.shape)], axis=1)
        return replace(many, data=(*many.data[:-1], probe))

    def _values(self, fits: Fits) -> np.ndarray:
        values, nuisances = self._likelihood.parameters(fits)
        return np.asarray(_observed(self._likelihood.problem, values, nuisances))


@program
def _observed(problem: Problem, values: Array, nuisances: Array) -> Array:
    """The observables of the probe at many points."""

    def one(values: Array, nuisances: Array) -> Array:
        predictions = problem.predictions_at(values, nuisances)
        probe = problem.measurements[-1]
        assert isinstance(probe, ProjectedMeasurement)
        return probe.predicted(predictions)

    return jax.vmap(one)(values, nuisances)
