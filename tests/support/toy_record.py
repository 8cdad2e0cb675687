"""A toy experiment as a record: B0 -> K*0 nu nubar at 1/ab, 30 systematics, made from a seed."""

import json
from pathlib import Path

import numpy as np
from workspaces import LUMI, channel, histosys, modifier, normsys, sample, staterror, workspace

from bsnunu_jax import load_inputs
from bsnunu_jax.experiments import Predictions
from bsnunu_jax.foundation.located_yaml import as_yaml
from bsnunu_jax.states import Neutrinos

MODE = "B0->K*0"
EDGES = np.linspace(0, 19.2, 25)
PAIRS, BINS = 1.1e9, {"SR_low": 5, "SR_high": 4, "CR": 3}
SHAPES, NORMS = 24, 5  # and the luminosity
POLARISATIONS = ("longitudinal", "transverse")
CARD = """\
title: toy
model: neutrinos
inputs: {nuisances: ["B->K*"]}
parameters:
  CR_tautau: {prior: {uniform: [-20, 20]}}
data: [toy/]
best_fit: {starts: 4}
sampler: {chains: 2, warmup: 50, draws: 50, block: 50}
"""


def null_bins() -> dict[str, np.ndarray]:
    """BR of the SM with the default inputs in `EDGES`."""
    inputs = load_inputs()
    predictions = Predictions((Neutrinos(),), inputs)
    return {p: np.asarray(predictions.bins(MODE, EDGES, p)) for p in POLARISATIONS}


def densities(rng: np.random.Generator) -> dict[tuple[str, str], np.ndarray]:
    """Events by region ("SR" is both signal regions) and polarisation, underflow first."""
    centre = (EDGES[1:] + EDGES[:-1]) / 2
    found = {}
    for kind, br in null_bins().items():
        # Slow longitudinal K* have soft pions, which are lost.
        rise = 0.4 if kind == "longitudinal" else 1.0
        efficiency = 0.012 * (1 - rise * centre / 30)
        for region, n in (("SR", BINS["SR_low"] + BINS["SR_high"]), ("CR", BINS["CR"])):
            size = 1.0 if region == "SR" else 0.05
            at = np.linspace(1, 18, n)[:, None]
            smeared = np.exp(-((centre - at) ** 2) / 18) * rng.uniform(0.8, 1.2, (n, 1))
            smeared /= smeared.sum(axis=0)
            events = size * PAIRS * br * efficiency * smeared
            events[:, -1] = 0  # where next to nothing is left
            under = 0.01 * events.sum(axis=1, keepdims=True)
            found[region, kind] = np.concatenate([under, events], axis=1)
    return found


def toy_workspace(signal: dict[str, np.ndarray], rng: np.random.Generator) -> dict:
    """Signal of a strength mu and two backgrounds in three regions; bins of a region share MC."""
    channels, observed = [], {}
    for region, n in BINS.items():
        backgrounds = {"charged": rng.uniform(30, 120, n), "continuum": rng.uniform(10, 60, n)}
        samples, total = [], np.zeros(n)
        for name, data in {"signal": signal[region], **backgrounds}.items():
            modifiers = [modifier("lumi", "lumi")] if name != "continuum" else []
            if name == "signal":
                modifiers += [modifier("normfactor", "mu"), normsys("ff_1", 1.1, 0.92)]
            for i in range(NORMS):
                modifiers.append(
                    normsys(f"norm_{i}", *(1 + rng.uniform(0.02, 0.1) * np.array([1, -1])))
                )
            for i in range(SHAPES):
                up, down = rng.normal(0, 0.02, n), rng.normal(0, 0.02, n)
                shift = [(data * (1 + x)).tolist() for x in (up, down - up)]
                modifiers.append(histosys(f"shape_{i}", *shift))
            modifiers.append(
                staterror(f"mc_{region}", (data * rng.uniform(0.02, 0.08, n)).tolist())
            )
            samples.append(sample(name, data.tolist(), *modifiers))
            total += data
        channels.append(channel(region, *samples))
        observed[region] = rng.poisson(total).astype(float).tolist()
    return workspace(channels, observed, [LUMI])


def toy_record(folder: Path, **changes) -> dict:
    """Write the folder; what its record.yaml says, with some keys changed (None: left out)."""
    rng = np.random.default_rng(7)
    tables = densities(rng)
    of_region = {r: sum(tables[r, p].sum(axis=1) for p in POLARISATIONS) for r in ("SR", "CR")}
    split = BINS["SR_low"]
    signal = {
        "SR_low": of_region["SR"][:split],
        "SR_high": of_region["SR"][split:],
        "CR": of_region["CR"],
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "workspace.json").write_text(json.dumps(toy_workspace(signal, rng)))
    signals = []
    for (region, kind), table in tables.items():
        name = f"density_{region}_{kind}.csv"
        np.savetxt(folder / name, table, delimiter=",", fmt="%.17g")
        signals.append(
            {
                "channel": "SR_*" if region == "SR" else region,
                "sample": "signal",
                "mode": MODE,
                "polarisation": kind,
                "density": name,
                "underflow": True,
                "q2": {"linspace": [0, 19.2, 25]},
            }
        )
    content = {
        "record": 1,
        "id": "toy_kstar",
        "title": "Toy experiment, B0 -> K*0 nu nubar",
        "sources": ["2402.08417"],
        "samples": ["toy 1/ab"],
        "luminosity": 1.0,
        "tree_tau": "subtracted",
        "workspace": "workspace.json",
        "measurement": "m",
        "drop": ["mu", "ff_1"],
        "signals": signals,
        "null": {"model": {"name": "neutrinos"}},
    }
    content = {k: v for k, v in (content | changes).items() if v is not None}
    (folder / "record.yaml").write_text(as_yaml(content))
    return content
