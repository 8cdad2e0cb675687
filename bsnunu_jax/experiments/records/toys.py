"""Toy experiments as records, made from a few invented numbers and a seed: `data/toys.yaml`."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from bsnunu_jax.experiments.histfactory.spectrum import Spectrum
from bsnunu_jax.experiments.predictions import Predictions
from bsnunu_jax.experiments.records.layout import FILE
from bsnunu_jax.foundation.errors import InputError, shown
from bsnunu_jax.foundation.files import write_whole
from bsnunu_jax.foundation.located_yaml import as_yaml
from bsnunu_jax.foundation.packaged import packaged
from bsnunu_jax.inputs import load_inputs
from bsnunu_jax.states import Neutrinos

TOYS = packaged("experiments", "toys.yaml")

# Of the events that have no true q2, the efficiency's scale [GeV^2], digits in the tables.
_UNDERFLOW, _AT, _DIGITS = 0.01, 30.0, 8
Table = Float[np.ndarray, "bins columns"]


def write_toy(name: str, folder: Path) -> dict[str, Any]:
    """Write the record of a toy experiment into a folder.

    Args:
        name: "kstar" or "xs".
        folder: what it has under the same names is replaced.

    Returns:
        what its record.yaml says.

    Raises:
        InputError: for another name.
    """
    if name not in TOYS:
        raise InputError(f"unknown toy {shown(name)}", allowed=f"one of {', '.join(TOYS)}")
    toy, rng = TOYS[name], np.random.default_rng(TOYS[name]["seed"])
    tables = _densities(toy, null_bins(name), rng)
    folder.mkdir(parents=True, exist_ok=True)
    workspace = _workspace(toy, tables, rng)
    signals = []
    for (i, group), table in tables.items():
        given = toy["signals"][i]
        polarisation = given.get("polarisation")
        mode = given["mode"].replace("->", "_").replace("*", "star").replace("+", "plus")
        file = f"density_{group}_{polarisation or mode}.csv"
        lines = [",".join(f"{x:.{_DIGITS}g}" for x in row) for row in table]
        write_whole(folder / file, "\n".join(lines) + "\n")
        channels = list(toy["groups"][group])
        entry = {
            "channel": channels[0] if len(channels) == 1 else f"{group}_*",
            "sample": given["sample"],
            "mode": given["mode"],
            "polarisation": polarisation,
            "density": file,
            "underflow": True,
            "q2": {"linspace": given["q2"]},
        }
        signals.append({k: v for k, v in entry.items() if v is not None})
    write_whole(folder / "workspace.json", json.dumps(workspace) + "\n")
    content = {
        "record": 1,
        **{k: toy[k] for k in ("id", "title")},
        "sources": ["2402.08417"],
        **{k: toy[k] for k in ("samples", "luminosity")},
        "tree_tau": "subtracted",
        "workspace": "workspace.json",
        "measurement": "m",
        "drop": ["mu", "ff_1"],
        "signals": signals,
        "null": {"model": {"name": "neutrinos"}},
    }
    write_whole(folder / FILE, as_yaml(content))
    return content


@cache
def null_bins(name: str) -> Mapping[tuple[str, str], np.ndarray]:
    """BR of the SM in the bins of true q2 of a toy, by mode and polarisation ("" for all)."""
    toy, inputs = TOYS[name], load_inputs()
    every = {(s["mode"], s.get("polarisation", "")): _edges(s) for s in toy["signals"]}

    @jax.jit
    def of_sm() -> list[jax.Array]:
        predictions = Predictions((Neutrinos(),), inputs)
        return [
            Spectrum(mode, tuple(edges.tolist()), part).bins(predictions)
            for (mode, part), edges in every.items()
        ]

    found = zip(every, of_sm(), strict=True)
    return MappingProxyType({key: np.asarray(bins) for key, bins in found})


def _densities(
    toy: Mapping[str, Any], null: Mapping[tuple[str, str], np.ndarray], rng: np.random.Generator
) -> dict[tuple[int, str], Table]:
    """Events by signal and group of channels: those without true q2, then bins of true q2."""
    found = {}
    for i, s in enumerate(toy["signals"]):
        edges = _edges(s)
        centre = (edges[1:] + edges[:-1]) / 2
        size, lost = s["efficiency"]
        produced = toy["pairs"] * null[s["mode"], s.get("polarisation", "")]
        seen = produced * size * np.maximum(1 - lost * centre / _AT, 0)
        for group, share in s["shares"].items():
            n = sum(toy["groups"][group].values())
            at = np.linspace(1, edges[-1] - 1, n)[:, None]
            smeared = np.exp(-((centre - at) ** 2) / (2 * toy["smearing"] ** 2))
            smeared *= rng.uniform(0.8, 1.2, (n, 1))
            events = share * seen * smeared / smeared.sum(axis=0)
            events[:, -1] = 0  # where next to nothing is left
            under = _UNDERFLOW * events.sum(axis=1, keepdims=True)
            found[i, group] = _rounded(np.concatenate([under, events], axis=1))
    return found


def _edges(signal: Mapping[str, Any]) -> Float[np.ndarray, " edges"]:
    low, high, number = signal["q2"]
    return np.linspace(low, high, number)


def _rounded(table: np.ndarray) -> np.ndarray:
    """As the file has it: workspace and densities agree to rounding of doubles."""
    return np.array([[float(f"{x:.{_DIGITS}g}") for x in row] for row in table])


def _workspace(
    toy: Mapping[str, Any], tables: Mapping[tuple[int, str], Table], rng: np.random.Generator
) -> dict[str, Any]:
    """Signals of a strength mu and backgrounds; samples of a bin share their MC statistics."""
    names = list(dict.fromkeys(s["sample"] for s in toy["signals"]))
    channels, observations = [], []
    for group, of_group in toy["groups"].items():
        first = 0
        for channel, n in of_group.items():
            here = slice(first, first + n)
            first += n
            data = {
                name: sum(
                    table[here].sum(axis=1)
                    for (i, g), table in tables.items()
                    if g == group and toy["signals"][i]["sample"] == name
                )
                for name in names
            }
            data = {name: x for name, x in data.items() if np.ndim(x)}
            signals = tuple(data)
            data |= {b: rng.uniform(low, high, n) for b, (low, high) in toy["backgrounds"].items()}
            samples = [
                {
                    "name": name,
                    "data": x.tolist(),
                    "modifiers": _modifiers(toy, channel, name, x, name in signals, rng),
                }
                for name, x in data.items()
            ]
            channels.append({"name": channel, "samples": samples})
            counts = rng.poisson(sum(data.values())).astype(float).tolist()
            observations.append({"name": channel, "data": counts})
    lumi = {"auxdata": [1.0], "sigmas": [0.02], "inits": [1.0], "bounds": [[0.5, 1.5]]}
    config = {"poi": "mu", "parameters": [{"name": "lumi", **lumi}]}
    return {
        "channels": channels,
        "observations": observations,
        "measurements": [{"name": "m", "config": config}],
        "version": "1.0.0",
    }


def _modifiers(
    toy: Mapping[str, Any],
    channel: str,
    name: str,
    data: np.ndarray,
    signal: bool,
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    def of(kind: str, modifier: str, values: Any = None) -> dict[str, Any]:
        return {"name": modifier, "type": kind, "data": values}

    def normsys(modifier: str, high: float, low: float) -> dict[str, Any]:
        return of("normsys", modifier, {"hi": high, "lo": low})

    # The last background is measured beside the signal, others are simulated.
    found = [of("lumi", "lumi")] if name != list(toy["backgrounds"])[-1] else []
    if signal:
        found += [of("normfactor", "mu"), normsys("ff_1", 1.1, 0.92)]
    for i in range(toy["norms"]):
        size = float(rng.uniform(0.02, 0.1))
        found.append(normsys(f"norm_{i}", 1 + size, 1 - size))
    for i in range(toy["shapes"]):
        up, skew = toy["shape"] * rng.normal(size=(2, len(data)))
        high, low = ((data * (1 + x)).tolist() for x in (up, 0.3 * skew - up))
        found.append(of("histosys", f"shape_{i}", {"hi_data": high, "lo_data": low}))
    errors = data * rng.uniform(0.02, 0.08, len(data))
    return [*found, of("staterror", f"mc_{channel}", errors.tolist())]
