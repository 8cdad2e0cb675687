"""The workspace of a record with the signal of this package at one point, for pyhf.

Signal samples get the weights of `Reweighted.weights`: their events, variations and errors of bins.
The background model is the published one. What the record drops is gone but for the published
parameter of interest, if that scales the signal: it is the strength of the signal at this point.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from bsnunu_jax.experiments.histfactory.density import Density
from bsnunu_jax.experiments.histfactory.patches import patched
from bsnunu_jax.experiments.predictions import Predictions
from bsnunu_jax.experiments.records.added import added
from bsnunu_jax.experiments.records.folder import Record, is_record
from bsnunu_jax.experiments.records.record import PACKAGED, likelihood_folder
from bsnunu_jax.foundation.errors import InputError, shown
from bsnunu_jax.foundation.json_files import read_json
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.models import Model

Content = dict[str, Any]


@dataclass(frozen=True)
class SignalWorkspace:
    """A workspace and what it is.

    Attributes:
        content: what pyhf reads.
        about: record, model, parameters, signals, modifiers that stay and that went, poi.
        log_density: of this package at the initial values of the parameters, all terms.
    """

    content: Content
    about: dict[str, Any]
    log_density: float


def record_of(given: str, likelihood: Path | None = None) -> Record:
    """The record that a name or a folder stands for.

    Args:
        given: a folder with a record.yaml, or a record of the package or the user's by its id.
        likelihood: the published files of a record of the package.

    Raises:
        InputError: for others, or a record of the package without its files.
    """
    if is_record(Path(given)):
        return Record.read(Path(given))
    own = added()
    if given in own:
        return Record.read(own[given])
    if given not in PACKAGED:
        known = ", ".join((*PACKAGED, *own))
        raise InputError(f"no record {shown(given)}", allowed=f"a folder, or one of {known}")
    if likelihood is None:
        raise InputError(
            "its workspace does not come with the package",
            where=given,
            allowed="--likelihood DIR with the published files",
        )
    return Record.packaged(given, likelihood_folder(str(likelihood), Path()))


def published_workspace(record: Record) -> tuple[Content, Content]:
    """The workspace of a record, patched, with one measurement; and that measurement.

    Raises:
        InputError: for files that cannot be read, or differ.
    """
    record.check()
    c, path = record.content, record.folder / record.content.workspace
    content = deepcopy(read_json(path, "pyhf workspace"))
    if c.patch is not None:
        content = patched(content, record.folder / c.patch.file, c.patch.name, str(path))
    name = record.workspace().measurement
    content["measurements"] = [m for m in content["measurements"] if m["name"] == name]
    return content, content["measurements"][0]


def signal_workspace(
    record: Record, model: Model, parameters: Mapping[str, Any], inputs: Inputs
) -> SignalWorkspace:
    """The workspace of a record with the signal of a model; uncertain inputs are at their centre.

    Args:
        record: with the published files.
        model: of the invisible final state.
        parameters: its parameters, the others at their defaults.
        inputs: their central values are used.

    Raises:
        InputError: for files that do not fit, or a signal that is not finite or is negative.
    """
    measurement, density = record.measurement(), record.workspace()
    content, fit = published_workspace(record)

    @jax.jit
    def predicted(inputs: Inputs) -> jax.Array:
        return measurement.predicted(Predictions(model.build(parameters, inputs), inputs))

    weights: Any = np.asarray(predicted(inputs))
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise InputError("the signal has bins that are not finite, or negative", where=model.name)
    signals = dict.fromkeys(
        density.model.entries[i] for i in np.flatnonzero(measurement.signal).tolist()
    )
    poi = _strength(content, fit["config"].get("poi", ""), record.content.drop, list(signals))
    gone = [name for name in record.content.drop if name != poi]
    moved: set[str] = set()
    for channel in content["channels"]:
        for sample in channel["samples"]:
            sample["modifiers"] = [m for m in sample["modifiers"] if m["name"] not in gone]
            key = (channel["name"], sample["name"])
            if key in signals:
                rows = np.array([e == key for e in density.model.entries])
                moved |= _weigh(sample, weights[rows])
    _configure(fit, density, gone, poi, moved)
    about = {
        "record": record.content.id,
        "model": model.name,
        "parameters": {k: str(v) if isinstance(v, complex) else v for k, v in parameters.items()},
        "inputs": "at their central values",
        "signals": [f"{sample} in {channel}" for channel, sample in signals],
        "modes": list(measurement.modes),
        "modifiers that went": gone,
        "modifiers that stay": [s.name for s in density.parameters.sets],
        "poi": poi and f"{poi}: strength of this signal, 1 for the model",
    }
    with np.errstate(all="ignore"):
        found = float(density.log_density(density.parameters.inits, weights, xp=np))
    return SignalWorkspace(content, about, found)


def _strength(
    content: Content, poi: str, dropped: tuple[str, ...], signals: list[tuple[str, str]]
) -> str:
    """The published parameter of interest where it stays: dropped, and a factor of the signal."""
    factor_of = {
        (c["name"], s["name"])
        for c in content["channels"]
        for s in c["samples"]
        for m in s["modifiers"]
        if m["name"] == poi and m["type"] == "normfactor"
    }
    if poi and poi not in dropped:
        return poi
    return poi if factor_of == set(signals) else ""


def _weigh(sample: Content, weights: np.ndarray) -> set[str]:
    """Multiply a sample; the names of its errors of single bins."""

    def times(values: list[float]) -> list[float]:
        return (np.array(values, dtype=float) * weights).tolist()

    sample["data"] = times(sample["data"])
    found = set()
    for m in sample["modifiers"]:
        if m["type"] == "histosys":
            m["data"] = {key: times(values) for key, values in m["data"].items()}
        elif m["type"] in ("staterror", "shapesys"):
            m["data"] = times(m["data"])
            found.add(m["name"])
    return found


def _configure(fit: Content, density: Density, gone: list[str], poi: str, moved: set[str]) -> None:
    """Settings of the measurement: widths of errors of bins as published, strength 1."""
    config = fit["config"]
    config["poi"] = poi
    given = {p["name"]: p for p in config.get("parameters", []) if p["name"] not in gone}
    for s in density.parameters.sets:
        if s.name in moved and s.type == "staterror":
            # pyhf takes the width relative to all samples together, of which one has changed.
            given.setdefault(s.name, {"name": s.name})["sigmas"] = s.scale.tolist()
    if poi and poi not in density.parameters.slices:
        given.setdefault(poi, {"name": poi})["inits"] = [1.0]
    config["parameters"] = list(given.values())
