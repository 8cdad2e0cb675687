"""What draws of the posterior predict: spectra, branching fractions, expected counts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments.measurement import BinnedMeasurement, decays_of
from bsnunu_jax.experiments.predictions import Predictions
from bsnunu_jax.hadrons.transitions import MODES, REPORTED
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.programs import Arrays, Whole, shared
from bsnunu_jax.numerics.batch import Batched
from bsnunu_jax.observables.branching import branching_fraction_bins, dbr_dq2
from bsnunu_jax.observables.catalogue import RATIOS, get_observable
from bsnunu_jax.states import Neutrinos

_CHUNK = 256


class Counts(eqx.Module):
    """Expected events in the bins of one binned measurement, shape (n, bins).

    Attributes:
        signal: the model's signal, efficiency included.
        background: background at the nuisances of the point.
        sm_signal: the SM's signal at the same nuisances.
    """

    signal: Float[np.ndarray, "n bins"]
    background: Float[np.ndarray, "n bins"]
    sm_signal: Float[np.ndarray, "n bins"]


class Predictive(eqx.Module):
    """Predictions of n points, and of the SM with the inputs of the same points.

    Attributes:
        q2: where the spectra are taken, by mode, each of shape (k,) [GeV^2].
        observables: the four BRs, R_K_nunu, R_Kstar_nunu and those asked for by name, each of shape
            (n,).
        spectra: dBR/dq2 by mode, each of shape (n, k) [GeV^-2].
        counts: expected events by binned measurement.
        sm_observables: all of them in the SM, but those of dark matter, which it does not have.
        sm_spectra: dBR/dq2 in the SM.
    """

    q2: dict[str, Float[np.ndarray, " k"]]
    observables: dict[str, Float[np.ndarray, " n"]]
    spectra: dict[str, Float[np.ndarray, "n k"]]
    counts: dict[str, Counts]
    sm_observables: dict[str, Float[np.ndarray, " n"]]
    sm_spectra: dict[str, Float[np.ndarray, "n k"]]

    def rows(self, start: int, stop: int) -> "Predictive":
        """The points start, ..., stop - 1."""
        part: Predictive = jax.tree.map(lambda a: a[start:stop], self)
        return replace(part, q2=self.q2)


def predictive(
    problem: Problem,
    theta: Float[np.ndarray, "n size"],
    q2: Mapping[str, Float[np.ndarray, " k"]],
    observables: Sequence[str] = (),
) -> Predictive:
    """Predictions at the rows of theta, as NumPy arrays.

    Args:
        problem: model, nuisances and data.
        theta: points in the coordinates of the problem.
        q2: where to take the spectra [GeV^2], by mode.
        observables: names of others that are numbers.
    """
    grids = {mode: jnp.asarray(at, dtype=float) for mode, at in q2.items()}
    run, arrays = _predictions.of(problem, tuple(observables))
    found = run(theta, common=(arrays, grids))
    counts = {name: Counts(**c) for name, c in found.pop("counts").items()}
    return Predictive(
        q2={mode: np.asarray(at) for mode, at in grids.items()}, counts=counts, **found
    )


def spectrum_modes(problem: Problem, observables: Sequence[str] = ()) -> tuple[str, ...]:
    """Decays that the data are of, then those of observables, each once; not `Bs->inv` and such."""
    of_data = [mode for m in problem.measurements for mode in decays_of(m)]
    asked = [get_observable(name).mode for name in observables]
    return tuple(dict.fromkeys(m for m in (*of_data, *asked) if m is not None and m in MODES))


@shared
def _predictions(whole: Whole, _: Arrays, others: tuple[str, ...]) -> Batched:
    def one(arrays: Arrays, q2: Mapping[str, Array], theta: Array) -> dict[str, Any]:
        return _predict(whole(arrays), q2, others, theta)

    return Batched(one, together=True, width=_CHUNK)


def _predict(
    problem: Problem,
    q2: Mapping[str, Float[Array, " k"]],
    others: Sequence[str],
    theta: Float[Array, " size"],
) -> dict[str, Any]:
    """The fields of `Predictive` at one point."""
    model = problem.predictions(theta)
    sm = Predictions((Neutrinos(),), model.inputs)
    observables = {f"BR({mode}inv)": model.branching_fraction(mode) for mode in REPORTED}
    for name, mode in RATIOS.items():
        observables[name] = model.branching_fraction(mode) / sm.branching_fraction(mode)
    observables |= {name: model.observable(name) for name in others}
    return {
        "observables": observables,
        "spectra": _spectra(model, q2),
        "counts": _counts(problem, theta, model, sm),
        "sm_observables": _of_sm(sm, others),
        "sm_spectra": _spectra(sm, q2),
    }


def _of_sm(sm: Predictions, others: Sequence[str]) -> dict[str, Float[Array, ""]]:
    found = {f"BR({mode}inv)": sm.branching_fraction(mode) for mode in REPORTED}
    found |= dict.fromkeys(RATIOS, jnp.ones(()))
    return found | {name: sm.observable(name) for name in others if not get_observable(name).dark}


def _spectra(
    predictions: Predictions, q2: Mapping[str, Float[Array, " k"]]
) -> dict[str, Float[Array, " k"]]:
    """Spectra at q2; a line is as wide as a step there, with its area."""
    inputs = predictions.inputs
    smooth = [s for s in predictions.states if s.has_spectrum]
    lines = [s for s in predictions.states if not s.has_spectrum]

    def at(mode: str, s: Float[Array, ""]) -> Float[Array, ""]:
        return dbr_dq2(mode, smooth, inputs, s)

    found = {}
    for mode, grid in q2.items():
        found[mode] = jax.vmap(partial(at, mode))(grid) if smooth else jnp.zeros_like(grid)
        if lines:
            edges = jnp.concatenate([grid[:1], (grid[:-1] + grid[1:]) / 2, grid[-1:]])
            of_lines = branching_fraction_bins(mode, lines, inputs, edges)
            found[mode] += of_lines / jnp.diff(edges)
    return found


def _counts(
    problem: Problem, theta: Float[Array, " size"], model: Predictions, sm: Predictions
) -> dict[str, dict[str, Array]]:
    found = {}
    of_measurements = problem.of_measurements(theta[len(problem.parameters) :])
    for m, z in zip(problem.measurements, of_measurements, strict=True):
        if isinstance(m, BinnedMeasurement):
            (signal, background), (sm_signal, _) = m.counts(model, z), m.counts(sm, z)
            found[m.name] = {"signal": signal, "background": background, "sm_signal": sm_signal}
    return found
