"""posterior.nc: draws, sampler statistics and predictions in the groups that ArviZ reads."""

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from bsnunu_jax.experiments.measurement import BinnedMeasurement
from bsnunu_jax.foundation.files import netcdf, write_whole
from bsnunu_jax.foundation.seals import seal_of
from bsnunu_jax.foundation.version import __version__
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.sampling.nuts import Chains
from bsnunu_jax.inference.sampling.predictive import Predictive
from bsnunu_jax.observables.catalogue import get_observable
from bsnunu_jax.report.draws import predicted, reported

Group = tuple[dict[str, Any], dict[str, Any]]  # variables, coordinates


def write_posterior(
    path: Path,
    problem: Problem,
    chains: Chains,
    predictive: Predictive,
    attrs: Mapping[str, str | int],
    *,
    thin: int = 1,
    remarks: Mapping[str, str] | None = None,
) -> None:
    """Write the groups posterior, sample_stats, posterior_predictive and observed_data.

    Args:
        path: the file, replaced whole.
        problem: names and labels.
        chains: all draws.
        predictive: predictions of every `thin`-th draw, chain after chain.
        attrs: attributes of the file, e.g. the card's text and the seed; versions are added.
        thin: distance of the draws in `predictive`.
        remarks: on predictions, by name: attributes of their variables.
    """
    import xarray

    versions = {f"{name}_version": version(name) for name in ("jax", "numpyro", "numpy")}
    root = {"bsnunu_jax_version": __version__, **versions, **attrs}
    groups = {
        "posterior": _posterior(problem, chains),
        "sample_stats": _sample_stats(chains),
        "posterior_predictive": _predictive(problem, chains, predictive, thin, remarks or {}),
        "observed_data": _observed(problem),
    }
    datasets: dict[str | None, xarray.Dataset] = {None: xarray.Dataset(attrs=root)}
    datasets |= {name: xarray.Dataset(*about) for name, about in groups.items()}
    payload = netcdf(datasets)
    write_whole(path, payload + seal_of(path, payload))


def _chain_draw(chains: int, draws: np.ndarray) -> dict[str, Any]:
    return {"chain": np.arange(chains), "draw": draws}


def _posterior(problem: Problem, chains: Chains) -> Group:
    variables: dict[str, Any] = {}
    values = reported(problem, chains)
    for p in problem.parameters:
        about = {"latex": p.latex, "also": json.dumps(p.also), "mirrored": int(p.mirror)}
        variables[p.name] = (("chain", "draw"), values[p.name], about)
    coordinates = _chain_draw(*_shape(chains))
    names = problem.names[len(problem.parameters) :]
    if names:
        nuisances = chains.theta[..., len(problem.parameters) :]
        about = {"long_name": "standard-normal nuisances"}
        variables["nuisances"] = (("chain", "draw", "nuisance"), nuisances, about)
        coordinates["nuisance"] = list(names)
    return variables, coordinates


def _sample_stats(chains: Chains) -> Group:
    dims = ("chain", "draw")
    variables = {
        "diverging": (dims, np.asarray(chains.diverging, dtype=bool)),
        "acceptance_rate": (dims, chains.accept_prob),
        "n_steps": (dims, chains.steps),
        "lp": (dims, -chains.potential),
    }
    if chains.jumped is not None:
        far, near = np.moveaxis(np.asarray(chains.jumped), -1, 0)
        variables |= {"jumped_across": (dims, far), "jumped_nearby": (dims, near)}
    return variables, _chain_draw(*_shape(chains))


def _predictive(
    problem: Problem, chains: Chains, predictive: Predictive, thin: int, remarks: Mapping[str, str]
) -> Group:
    number, draws = _shape(chains)
    coordinates = _chain_draw(number, draws[::thin])
    variables: dict[str, Any] = {
        name: (
            ("chain", "draw"),
            values,
            {"latex": get_observable(name).latex}
            | ({"remark": remarks[name]} if name in remarks else {}),
        )
        for name, values in predicted(predictive, number).items()
    }
    for m in problem.measurements:
        if isinstance(m, BinnedMeasurement):
            counts, bins = predictive.counts[m.name], f"bin_{m.name}"
            coordinates[bins] = list(m.labels)
            for kind in ("signal", "background", "sm_signal"):
                values = np.asarray(getattr(counts, kind)).reshape(number, -1, len(m.labels))
                about = {"long_name": "expected events, not a Poisson draw"}
                variables[f"{kind}({m.name})"] = (("chain", "draw", bins), values, about)
    return variables, coordinates


def _observed(problem: Problem) -> Group:
    variables: dict[str, Any] = {}
    coordinates: dict[str, Any] = {}
    for m in problem.measurements:
        about = {"long_name": m.title}
        if isinstance(m, BinnedMeasurement):
            bins = f"bin_{m.name}"
            coordinates[bins] = list(m.labels)
            variables[m.name] = ((bins,), m.observed, about)
        else:
            value = getattr(m, "observed", getattr(m, "value", None))
            if isinstance(value, int | float):
                variables[m.name] = ((), float(value), about)
    return variables, coordinates


def _shape(chains: Chains) -> tuple[int, np.ndarray]:
    return chains.theta.shape[0], np.arange(chains.theta.shape[1])
