"""The measurements of the package by name, read from the YAML files of this folder."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.errors import InputError
from bsnunu_jax.experiments.base import Measurement, Predictions
from bsnunu_jax.experiments.belle2 import Belle2Binned
from bsnunu_jax.experiments.belle2_published import load_published
from bsnunu_jax.experiments.counting import CountingMeasurement, joint_log_likelihoods
from bsnunu_jax.experiments.files import read_measurements
from bsnunu_jax.inputs.tables import load_yaml


@cache
def _catalogue() -> Mapping[str, Measurement]:
    found: dict[str, Measurement] = {}
    file = resources.files("bsnunu_jax.experiments") / "data" / "belle2_knunu_2023.yaml"
    raw = load_yaml(file.read_text())
    arrays = {
        "observed": "observed", "background": "b0", "log_efficiency": "ls0",
        "covariance": "covariance", "q2_edges": "q2_edges", "underflow": "underflow",
        "events": "events", "null_br": "null_br",
    }  # fmt: skip
    columns: dict[str, Any] = {
        key: np.asarray(raw[column], dtype=float) for key, column in arrays.items()
    }
    found[raw["id"]] = Belle2Binned(
        name=raw["id"], title=raw["title"], mode=raw["mode"], labels=tuple(raw["labels"]),
        samples=tuple(raw["samples"]), tree_tau=raw["tree_tau"],
        sources=tuple(f"arXiv:{a}" for a in raw["arxiv"]),
        null_model=raw["null_model"],
        **columns,
    )  # fmt: skip
    for name in ("counting.yaml", "gaussian.yaml"):
        with resources.as_file(resources.files("bsnunu_jax.experiments") / "data" / name) as path:
            found |= {m.name: m for m in read_measurements(path)}
    return MappingProxyType(found)


def measurement_names() -> tuple[str, ...]:
    """All measurements of the package.

    >>> "belle_2017_Kstar0" in measurement_names()
    True
    """
    return tuple(_catalogue())


def load_measurements(
    names: Sequence[str], where: str = "", folder: Path = Path(), likelihood: Path | None = None
) -> tuple[Measurement, ...]:
    """The measurements called `names`, which must not share data.

    Args:
        names: names of the package's measurements, or files (*.yaml, relative to `folder`) with
            measurements of your own in the format of counting.yaml and gaussian.yaml.
        where: place that an error names.
        folder: folder of the card.
        likelihood: folder with Belle II's published likelihood, which then takes the place of its
            18-bin form.

    Raises:
        InputError: for an unknown or repeated name, for an average together with its parts, or for
            missing or altered files of the published likelihood.
    """
    catalogue = _catalogue()
    chosen: list[Measurement] = []
    if likelihood and not any(isinstance(catalogue.get(n), Belle2Binned) for n in names):
        raise InputError(
            "a published likelihood is given, but no data set has one", where=where,
            allowed="add belle2_knunu_2023 to the data",
        )  # fmt: skip
    for name in names:
        if name.endswith((".yaml", ".yml")):
            if not (folder / name).is_file():
                raise InputError(f"no such data file {str(folder / name)!r}", where=where)
            chosen += read_measurements(folder / name)
        elif name in catalogue:
            measurement = catalogue[name]
            if likelihood and isinstance(measurement, Belle2Binned):
                measurement = load_published(likelihood, measurement)
            chosen.append(measurement)
        else:
            raise InputError(
                f"unknown measurement {name!r}", where=where,
                allowed="see `bsnunu list measurements` for the names",
            )  # fmt: skip
    for a, b in combinations(chosen, 2):
        if a.name == b.name:
            raise InputError(f"{a.name!r} stands twice", where=where, allowed="keep one")
        shared = sorted(set(a.samples) & set(b.samples))
        if shared:
            raise InputError(
                f"{a.name!r} and {b.name!r} contain the same data ({shared[0]})", where=where,
                allowed="keep one of them",
            )  # fmt: skip
    return tuple(chosen)


def log_likelihoods(
    measurements: Sequence[Measurement], predictions: Predictions, z: Float[Array, " n"]
) -> dict[str, Float[Array, ""]]:
    """ln L of every measurement by name; z holds their nuisances one after the other."""
    counting = [m for m in measurements if isinstance(m, CountingMeasurement)]
    found = {}
    if counting:
        joint = joint_log_likelihoods(counting, predictions)
        found = {m.name: joint[i] for i, m in enumerate(counting)}
    start = 0
    for m in measurements:
        stop = start + len(m.nuisance_names)
        if m.name not in found:
            found[m.name] = m.log_likelihood(predictions, z[start:stop])
        start = stop
    return found
