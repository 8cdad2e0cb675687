"""The log-density of a workspace at given parameters, term by term: `bsnunu data density`."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bsnunu_jax.experiments.histfactory.workspace import read_workspace
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.json_files import read_json


def evaluated(
    path: Path,
    at: Path | None = None,
    measurement: str | None = None,
    patch: tuple[Path, str | None] | None = None,
) -> dict[str, Any]:
    """The log-density of a pyhf workspace with its two parts, and the parameters, by name.

    Args:
        path: the workspace.
        at: JSON file of parameters by name; the others have their initial values.
        measurement: which of its measurements.
        patch: see `read_workspace`.

    Raises:
        InputError: as `read_workspace`, for parameters that it does not have, or where the density
            is 0 or no number.
    """
    density = read_workspace(path, measurement=measurement, patch=patch)
    values = {} if at is None else read_json(at, "JSON file of parameters")
    if not isinstance(values, Mapping):
        raise InputError(
            "is no mapping", where=str(at), allowed='parameters by name: {"mu": 1, "mc": [1, 1]}'
        )
    vector = density.parameters.vector(values, str(at))
    with np.errstate(all="ignore"):
        counts = float(density.log_counts(vector, xp=np))
        constraints = float(density.parameters.log_constraints(vector, xp=np))
        reason = density.impossible_bin(vector)
    if not math.isfinite(counts + constraints):
        reason = reason or "a constraint term is 0 or no number"
        raise InputError(f"no finite log-density here: {reason}", where=str(at or path))
    return {
        "file": str(path),
        "measurement": density.measurement,
        "poi": density.poi,
        "log_density": counts + constraints,
        "counts": counts,
        "constraints": constraints,
        "parameters": density.parameters.by_name(vector),
    }


def as_table(found: Mapping[str, Any]) -> str:
    """The same for people; numbers with all their digits."""
    lines = [f"{key:<12} {found[key]!r}" for key in ("log_density", "counts", "constraints")]
    parameters = found["parameters"]
    width = max(map(len, parameters))
    lines += [f"measurement  {found['measurement']}", "at"]
    return "\n".join(
        [*lines, *(f"  {name:<{width}} {value}" for name, value in parameters.items())]
    )
