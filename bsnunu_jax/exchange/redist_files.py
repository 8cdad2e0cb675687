"""redist's saved models (`redist.modifier.save`): written from a bridged model, read as a record.

A saved model has number densities and observed counts, but neither the mode nor the null spectrum:
they are functions in redist and have to be given. The parameters of the alternative go: the theory
takes their place.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bsnunu_jax.exchange.record import SignalTable, write_record
from bsnunu_jax.exchange.redist import Bridged, peers
from bsnunu_jax.experiments.histfactory.places import Place
from bsnunu_jax.foundation.json_files import read_json

_KEYS = ("spec", "name", "new_pars", "map", "bins", "cutoff")
_MORE = ("weight_bound", "allow_negative_weights", "quad_order", "data")
Content = dict[str, Any]


def save_redist(path: Path | str, bridged: Bridged) -> None:
    """Write a bridged model as `redist.modifier.load` reads it, with the observed counts.

    Args:
        path: the file.
        bridged: of `bridge`.

    Raises:
        InputError: without pyhf and redist.
    """
    _, modifier = peers()
    counts = bridged.data[: sum(bridged.model.config.channel_nbins.values())]
    modifier.save(path, bridged.model.spec, bridged.modifiers, data=counts)


def read_redist(
    path: Path | str, mode: str, null: Mapping[str, np.ndarray] | np.ndarray
) -> tuple[Content, list[SignalTable]]:
    """A workspace and the number densities of a saved model, for `write_record`.

    Args:
        path: the file.
        mode: of the signal.
        null: BR of the null model in the bins of true q2 inside the cutoff, of all modifiers or by
            their names, shape (q2,).

    Raises:
        InputError: for what is no saved model, has no counts, more variables than q2, or bounded
            weights.
    """
    place = Place(str(path))
    saved = place.keys(read_json(Path(path), "saved model of redist"), _KEYS, _MORE)
    if saved.get("data") is None:
        place.refuse("has no observed counts", "redist.modifier.save(..., data=counts)")
    spec = place.keys(saved["spec"], ("channels",), ("parameters",))
    channels = sorted(place.entries(spec["channels"], "channels"), key=lambda c: c["name"])
    widths = [len(c["samples"][0]["data"]) for c in channels]
    counts = place.numbers(saved["data"], "data")
    if len(counts) < sum(widths):
        place.refuse(f"data has {len(counts)} counts, the channels {sum(widths)} bins")
    tables: list[SignalTable] = []
    for i, name in enumerate(saved["name"]):
        found = null[name] if isinstance(null, Mapping) else null
        tables += _tables(place.inside("modifier", name), saved, i, channels, mode, found)
    kinds = set(saved["name"])
    for sample in (s for c in channels for s in c["samples"]):
        sample["modifiers"] = [m for m in sample["modifiers"] if m["type"] not in kinds]
    ends = np.cumsum([0, *widths])
    used = {m["name"] for c in channels for s in c["samples"] for m in s["modifiers"]}
    settings = [p for p in spec.get("parameters", []) if p["name"] in used]
    content = {
        "channels": channels,
        "observations": [
            {"name": c["name"], "data": counts[ends[k] : ends[k + 1]].tolist()}
            for k, c in enumerate(channels)
        ],
        "measurements": [{"name": "fit", "config": {"poi": "", "parameters": settings}}],
        "version": "1.0.0",
    }
    return content, tables


def record_of_redist(
    path: Path | str,
    folder: Path,
    mode: str,
    null: Mapping[str, np.ndarray] | np.ndarray,
    **about: Any,
) -> list[Path]:
    """Write a saved model as a record; see `read_redist` and `write_record`."""
    content, tables = read_redist(path, mode, null)
    return write_record(folder, content, tables, **about)


def _tables(
    place: Place, saved: Content, i: int, channels: list[Content], mode: str, null: np.ndarray
) -> list[SignalTable]:
    """The densities of one modifier: rows go by sample, channel, bin in the order of names."""
    name = saved["name"][i]
    if len(saved["bins"][i]) != 1:
        place.refuse(f"has {len(saved['bins'][i])} kinematic variables", "q2 alone")
    for key, usual in (("weight_bound", None), ("allow_negative_weights", False)):
        if saved.get(key) and saved[key][i] not in (None, usual):
            place.refuse(f"{key} is {saved[key][i]}", "weights as they are")
    edges = place.numbers(saved["bins"][i][0], "bins")
    table = np.array([place.numbers(row, "map") for row in saved["map"][i]])
    if table.shape[1] != len(edges) - 1:
        place.refuse(f"map has {table.shape[1]} columns, bins {len(edges) - 1}")
    low, high = saved["cutoff"][i][0] if saved["cutoff"][i] else (-np.inf, np.inf)
    inside = (edges[:-1] >= low) & (edges[1:] <= high)
    kept = np.append(edges[:-1][inside], edges[1:][inside][-1:])
    if len(kept) != inside.sum() + 1 or (np.diff(np.flatnonzero(inside)) != 1).any():
        place.refuse("the cutoff leaves no range of bins")
    if np.shape(null) != (int(inside.sum()),):
        place.refuse(f"null has shape {np.shape(null)}, {int(inside.sum())} bins are in the cutoff")
    where = sorted(
        (s["name"], c["name"], len(s["data"]))
        for c in channels
        for s in c["samples"]
        if any(m["type"] == name for m in s["modifiers"])
    )
    if sum(n for _, _, n in where) != len(table):
        place.refuse(f"map has {len(table)} rows, its samples {sum(n for _, _, n in where)} bins")
    found, first = [], 0
    for sample, channel, n in where:
        rows = table[first : first + n]
        under = rows[:, ~inside].sum(axis=1)
        found.append(
            SignalTable(
                channel,
                sample,
                mode,
                kept,
                rows[:, inside],
                np.asarray(null, dtype=float),
                under if (~inside).any() else None,
            )
        )
        first += n
    return found
