"""The compact form of Belle II's likelihood: its table in YAML, read and made."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np

from bsnunu_jax.experiments.histfactory.compaction import COMBINATION, compact, profile_strength
from bsnunu_jax.experiments.histfactory.model import HistFactory, padded
from bsnunu_jax.experiments.histfactory.reweighted import Reweighted

# Combinations of systematics that stay, and bins of true q2 that are merged into one.
COMBINATIONS, MERGED = 16, 2

_HEAD = """\
# Compact form of Belle II's published B+ -> K+ nu nubar likelihood, made by
#   bsnunu data compact belle2-knunu
# from the HEPData record 10.17182/hepdata.166082 (arXiv:2507.12393). Do not edit.
# The large normalisations stay; of the other systematics those combinations that the counts see at
# the best fit. `events` and `shapes` (events per combination) have the normalisations divided out;
# `mc_error` is relative. `density` is the signal in bins of true q2, published bins merged by two.
"""


def compacted(published: Reweighted) -> Reweighted:
    """The compact form of the published likelihood."""
    density = published.density.reshape(len(published.density), -1, MERGED).sum(axis=2)
    return replace(
        published,
        form="compact",
        density=density,
        spectra=tuple(replace(s, edges=s.edges[::MERGED]) for s in published.spectra),
        model=compact(published.model, published.signal, COMBINATIONS),
        null_br=published.null_br.reshape(-1, MERGED).sum(axis=1),
    )


def accuracy(published: Reweighted, made: Reweighted) -> str:
    """Table of the profile of the signal strength in both forms."""
    strengths = list(range(11))
    full, ours = (profile_strength(m.model, m.signal, strengths) for m in (published, made))
    lines = ["  mu   q(mu) published   compact   difference"]
    for mu, a, b in zip(strengths, full, ours, strict=True):
        lines.append(f"{mu:4d}{a:18.3f}{b:10.3f}{b / a - 1:13.2%}")
    sizes = [f"{len(m.model.alphas)} systematics" for m in (published, made)]
    return "\n".join([*lines, f"{sizes[0]} in the published files, {sizes[1]} here"])


def as_yaml(likelihood: Reweighted) -> str:
    """The table of a compact likelihood."""
    model = likelihood.model
    norms = {
        model.alphas[a]: [up, down]
        for a, up, down in zip(model.norm_alpha, model.norm_up, model.norm_down, strict=True)
    }
    combinations = model.symmetric[len(norms) :]
    lines = [
        f"observed: {_row(model.observed)}",
        f"norms: {{{', '.join(f'{k}: {_row(v)}' for k, v in norms.items())}}}",
        f"q2_edges: {_row(likelihood.q2_edges)}",
        "samples:",
    ]
    channels = [f"{channel} {sample}" for channel, sample in model.entries]
    for _, group in groupby(range(len(channels)), key=channels.__getitem__):
        block = np.array(list(group))
        entry, sample = block[0], model.entries[block[0]][1]
        norm = model.norm_of_entry[entry]
        names = [model.alphas[model.norm_alpha[i]] for i in norm if i < len(norms)]
        lines += [
            f"- sample: {sample}",
            f"  signal: {str(bool(likelihood.signal[entry])).lower()}",
            f"  norms: [{', '.join(names)}]",
            f"  bins: {_row(model.bins[block])}",
            f"  events: {_row(model.nominal[block])}",
            f"  mc_error: {_row(model.gamma_sigma[model.gammas[block]])}",
            "  shapes:",
            *(f"  - {_row(row)}" for row in combinations[:, block]),
        ]
    lines += [f"underflow: {_row(likelihood.underflow)}", "density:"]
    lines += [f"- {_row(row)}" for row in likelihood.density]
    return _HEAD + "\n".join(lines) + "\n"


def read_table(table: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `Reweighted` that a table fills, but for spectrum and null model."""
    samples: Sequence[Mapping[str, Any]] = table["samples"]
    names = list(table["norms"])
    combinations = len(samples[0]["shapes"])
    bins = np.concatenate([s["bins"] for s in samples])
    events = np.concatenate([s["events"] for s in samples])
    shapes = np.concatenate([np.array(s["shapes"]) for s in samples], axis=1)
    rows = [[names.index(n) for n in s["norms"]] for s in samples for _ in s["bins"]]
    up, down = np.array(list(table["norms"].values())).T
    symmetric = np.concatenate([np.zeros((len(names), events.size)), shapes])
    model = HistFactory(
        entries=tuple(("", s["sample"]) for s in samples for _ in s["bins"]),
        nominal=events,
        bins=bins,
        observed=np.array(table["observed"], dtype=float),
        alphas=(*names, *(f"{COMBINATION}{i + 1}" for i in range(combinations))),
        symmetric=symmetric,
        antisymmetric=np.zeros_like(symmetric),
        norm_alpha=np.arange(len(names)),
        norm_up=up,
        norm_down=down,
        norm_of_entry=padded(rows, len(names)),
        factors=(),
        factor_of_entry=np.zeros((events.size, 0), dtype=int),
        gammas=np.arange(events.size),
        gamma_sigma=np.concatenate([s["mc_error"] for s in samples]),
    )
    return {
        "model": model,
        "signal": np.array([s["signal"] for s in samples for _ in s["bins"]]),
        "density": np.array(table["density"]),
        "underflow": np.array(table["underflow"]),
    }


def _row(values: Sequence[float] | np.ndarray) -> str:
    """Six digits; YAML takes a number with an exponent for text unless it has a point."""
    shown = [f"{float(v):.6g}" for v in values]
    dotted = [s.replace("e", ".0e") if "e" in s and "." not in s else s for s in shown]
    return f"[{', '.join(dotted)}]"
