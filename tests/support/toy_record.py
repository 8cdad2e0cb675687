"""The package's toy B0 -> K*0 nu nubar as a folder that tests change."""

from pathlib import Path

import numpy as np

from bsnunu_jax.experiments.records import toys
from bsnunu_jax.foundation.located_yaml import as_yaml

MODE = "B0->K*0"
EDGES = np.linspace(*toys.TOYS["kstar"]["signals"][0]["q2"])
BINS = {c: n for group in toys.TOYS["kstar"]["groups"].values() for c, n in group.items()}
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
    return {p: found for (_, p), found in toys.null_bins("kstar").items()}


def toy_record(folder: Path, **changes) -> dict:
    """Write the folder; what its record.yaml says, with some keys changed (None: left out)."""
    folder.mkdir(parents=True, exist_ok=True)
    content = toys.write_toy("kstar", folder)
    content = {k: v for k, v in (content | changes).items() if v is not None}
    (folder / "record.yaml").write_text(as_yaml(content))
    return content


# A card that fits a signal strength to the record in the folder toy/ beside it.
STRENGTH = """\
title: strength
model: signal-strength
inputs: {nuisances: []}
parameters:
  mu: {prior: {uniform: [0, 20]}}
data: [toy/]
best_fit: {starts: 2}
"""
