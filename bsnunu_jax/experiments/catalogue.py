"""The measurements of the package by name, read from the YAML files of this folder."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from itertools import combinations
from types import MappingProxyType
from typing import Any

import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.errors import InputError
from bsnunu_jax.experiments.base import Measurement, Predictions
from bsnunu_jax.experiments.belle2 import Belle2Binned
from bsnunu_jax.experiments.counting import CountingMeasurement, joint_log_likelihoods
from bsnunu_jax.experiments.gaussian import GaussianMeasurement
from bsnunu_jax.inputs.tables import load_yaml


def _read(name: str) -> Any:
    path = resources.files("bsnunu_jax.experiments") / "data" / name
    return load_yaml(path.read_text())


def _sources(raw: Mapping[str, Any]) -> tuple[str, ...]:
    arxiv = raw.get("arxiv", ())
    arxiv = (arxiv,) if isinstance(arxiv, str) else arxiv
    return tuple(f"arXiv:{a}" for a in arxiv) or (raw["inspire"],)


@cache
def _catalogue() -> Mapping[str, Measurement]:
    found: dict[str, Measurement] = {}
    raw = _read("belle2_knunu_2023.yaml")
    arrays = {
        "observed": "observed", "background": "b0", "log_efficiency": "ls0",
        "covariance": "covariance", "q2_edges": "q2_edges", "underflow": "underflow",
        "events": "events", "null_br": "null_br",
    }  # fmt: skip
    found[raw["id"]] = Belle2Binned(
        name=raw["id"], title=raw["title"], mode=raw["mode"], labels=tuple(raw["labels"]),
        samples=tuple(raw["samples"]), sources=_sources(raw), tree_tau=raw["tree_tau"],
        **{key: np.asarray(raw[column], dtype=float) for key, column in arrays.items()},
    )  # fmt: skip
    file = _read("counting.yaml")
    for raw in file["measurements"]:
        found[raw["id"]] = CountingMeasurement(
            name=raw["id"], title=raw["title"], mode=raw["mode"], observed=float(raw["observed"]),
            background=raw["background"], background_std=raw["background_std"],
            limit=raw["limit"], confidence_level=raw["confidence_level"],
            samples=tuple(raw["samples"]), sources=_sources(raw), note=raw.get("note", ""),
            sm_spectrum=file["sm_spectrum"], tree_tau=file["tree_tau"],
        )  # fmt: skip
    file = _read("gaussian.yaml")
    for raw in file["measurements"]:
        upper, lower = (np.linalg.norm(side) for side in zip(*raw["errors"], strict=True))
        found[raw["id"]] = GaussianMeasurement(
            name=raw["id"], title=raw["title"], observable=raw["observable"], value=raw["value"],
            upper=float(upper), lower=float(lower), samples=tuple(raw["samples"]),
            sources=_sources(raw), sm_spectrum=file["sm_spectrum"], tree_tau=raw["tree_tau"],
        )  # fmt: skip
    return MappingProxyType(found)


def measurement_names() -> tuple[str, ...]:
    """All measurements of the package.

    >>> "belle_2017_Kstar0" in measurement_names()
    True
    """
    return tuple(_catalogue())


def load_measurements(names: Sequence[str], where: str = "") -> tuple[Measurement, ...]:
    """The measurements called `names`, which must not share data.

    Raises:
        InputError: for an unknown or repeated name, or for an average together with its parts.
    """
    catalogue = _catalogue()
    for name in names:
        if name not in catalogue:
            raise InputError(
                f"unknown measurement {name!r}", where=where,
                allowed="see `bsnunu list measurements` for the names",
            )  # fmt: skip
    chosen = [catalogue[name] for name in names]
    for a, b in combinations(chosen, 2):
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
