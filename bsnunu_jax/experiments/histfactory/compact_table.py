"""Compact forms of likelihoods: their tables in YAML, read and made."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np

from bsnunu_jax.experiments.histfactory.compaction import COMBINATION, compact, profile_strength
from bsnunu_jax.experiments.histfactory.model import HistFactory, padded
from bsnunu_jax.experiments.histfactory.plain import plain
from bsnunu_jax.experiments.histfactory.reweighted import Reweighted, Spectrum

# Combinations of systematics that stay, bins of true q2 that are merged into one, and how many a
# spectrum keeps at least.
COMBINATIONS, MERGED, FINE = 16, 2, 50

_HEAD = """\
# Compact form of {title}, made by
#   bsnunu data compact {command}
# Do not edit.
# The large normalisations stay; of the other systematics those combinations that the counts see at
# the best fit. `events` and `shapes` (events per combination) have the normalisations divided out;
# `mc_error` is relative. `density` is the signal in bins of true q2, many bins merged by two.
"""


def compacted(published: Reweighted) -> Reweighted:
    """The compact form of a likelihood.

    Raises:
        InputError: for one that has no such form, see `plain`.
    """
    m = plain(published)
    spectra, null, density = [], [], []
    first = 0
    for s in m.spectra:
        n = len(s.edges) - 1
        here = slice(first, first + n)
        first += n
        step = MERGED if n % MERGED == 0 and n // MERGED >= FINE else 1
        spectra.append(replace(s, edges=s.edges[::step]))
        null.append(m.null_br[here].reshape(-1, step).sum(axis=1))
        density.append(m.density[:, here].reshape(len(m.density), -1, step).sum(axis=2))
    return replace(
        m,
        form="compact",
        density=np.concatenate(density, axis=1),
        spectra=tuple(spectra),
        model=compact(m.model, m.signal, COMBINATIONS),
        null_br=np.concatenate(null),
    )


def accuracy(published: Reweighted, made: Reweighted) -> str:
    """Table of the profile of the signal strength in both forms."""
    strengths = list(range(11))
    both = plain(published), made
    full, ours = (profile_strength(m.model, m.signal, strengths) for m in both)
    lines = ["  mu   q(mu) published   compact   difference"]
    for mu, a, b in zip(strengths, full, ours, strict=True):
        lines.append(f"{mu:4d}{a:18.3f}{b:10.3f}{b / a - 1:13.2%}")
    sizes = [f"{len(m.model.alphas)} systematics" for m in both]
    return "\n".join([*lines, f"{sizes[0]} in the published files, {sizes[1]} here"])


def as_yaml(likelihood: Reweighted, command: str = "FOLDER") -> str:
    """The table of a compact likelihood; short where one mode and one size of each norm will do.

    Args:
        likelihood: as `compacted` makes it.
        command: what `bsnunu data compact` was called with.
    """
    model = likelihood.model
    sizes: dict[str, set[tuple[float, float]]] = {}
    for a, up, down in zip(model.norm_alpha, model.norm_up, model.norm_down, strict=True):
        sizes.setdefault(model.alphas[a], set()).add((up, down))
    one_size = all(len(found) == 1 for found in sizes.values())
    own = model.gamma_of_one_entry and (model.gammas < len(model.gamma_sigma)).all()
    combinations = model.symmetric[len(sizes) :]
    lines = [f"observed: {_row(model.observed)}"]
    if one_size:
        pairs = (f"{name}: {_row(min(found))}" for name, found in sizes.items())
        lines.append(f"norms: {{{', '.join(pairs)}}}")
    else:
        lines.append(f"norms: [{', '.join(sizes)}]")
    lines += _spectra(likelihood)
    if not own:
        lines.append(f"mc_error: {_row(model.gamma_sigma)}")
    lines.append("samples:")
    for _, group in groupby(range(len(model.entries)), key=model.entries.__getitem__):
        block = np.array(list(group))
        entry = block[0]
        channel, sample = model.entries[entry]
        norms = [i for i in model.norm_of_entry[entry] if i < len(model.norm_alpha)]
        names = [model.alphas[model.norm_alpha[i]] for i in norms]
        given = [
            f"{name}: {_row([model.norm_up[i], model.norm_down[i]])}"
            for name, i in zip(names, norms, strict=True)
        ]
        lines += [
            f"- sample: {sample}",
            *([f"  channel: {channel}"] if not one_size or not own else []),
            f"  signal: {str(bool(likelihood.signal[entry])).lower()}",
            f"  norms: [{', '.join(names)}]" if one_size else f"  norms: {{{', '.join(given)}}}",
            f"  bins: {_row(model.bins[block])}",
            f"  events: {_row(model.nominal[block])}",
            f"  mc_error: {_row(model.gamma_sigma[model.gammas[block]])}"
            if own
            else f"  mc: {_row(model.gammas[block])}",
            "  shapes:",
            *(f"  - {_row(row)}" for row in combinations[:, block]),
        ]
    lines += [f"underflow: {_row(likelihood.underflow)}", "density:"]
    lines += [f"- {_row(row)}" for row in likelihood.density]
    head = _HEAD.format(title=likelihood.title, command=command)
    return head + "\n".join(lines) + "\n"


def _spectra(likelihood: Reweighted) -> list[str]:
    """Bins of true q2; of one that is no closed form also modes and the null model."""
    if likelihood.null_model and len(likelihood.spectra) == 1:
        return [f"q2_edges: {_row(likelihood.q2_edges)}"]
    lines, first = ["spectra:"], 0
    for s in likelihood.spectra:
        null = likelihood.null_br[first : first + len(s.edges) - 1]
        first += len(null)
        lines += [
            f"- mode: {s.mode}",
            *([f"  polarisation: {s.polarisation}"] if s.polarisation else []),
            f"  edges: {_row(s.edges, 12)}",
            f"  null_br: {_row(null, 12)}",
        ]
    return lines


def read_table(table: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `Reweighted` that a table fills, but for what the record says of a null model.

    Raises:
        KeyError, TypeError, ValueError, IndexError: for what is no such table.
    """
    samples: Sequence[Mapping[str, Any]] = table["samples"]
    names = list(table["norms"])
    combinations = len(samples[0]["shapes"])
    bins = np.concatenate([s["bins"] for s in samples]).astype(int)
    events = np.concatenate([s["events"] for s in samples])
    shapes = np.concatenate([np.array(s["shapes"]) for s in samples], axis=1)
    norms: dict[tuple[int, float, float], int] = {}
    if isinstance(table["norms"], Mapping):
        for i, (up, down) in enumerate(table["norms"].values()):
            norms[i, float(up), float(down)] = i
    rows = []
    for s in samples:
        sizes = s["norms"] if isinstance(s["norms"], Mapping) else table["norms"]
        keys = [(names.index(n), float(sizes[n][0]), float(sizes[n][1])) for n in s["norms"]]
        rows += [[norms.setdefault(key, len(norms)) for key in keys]] * len(s["bins"])
    sized = np.array(list(norms), dtype=float).reshape(-1, 3)
    symmetric = np.concatenate([np.zeros((len(names), events.size)), shapes])
    if "mc_error" in table:
        sigma = np.array(table["mc_error"], dtype=float)
        gammas = np.concatenate([s["mc"] for s in samples]).astype(int)
    else:
        sigma = np.concatenate([s["mc_error"] for s in samples])
        gammas = np.arange(events.size)
    model = HistFactory(
        entries=tuple((s.get("channel", ""), s["sample"]) for s in samples for _ in s["bins"]),
        nominal=events,
        bins=bins,
        observed=np.array(table["observed"], dtype=float),
        alphas=(*names, *(f"{COMBINATION}{i + 1}" for i in range(combinations))),
        symmetric=symmetric,
        antisymmetric=np.zeros_like(symmetric),
        norm_alpha=sized[:, 0].astype(int),
        norm_up=sized[:, 1],
        norm_down=sized[:, 2],
        norm_of_entry=padded(rows, len(norms)),
        factors=(),
        factor_of_entry=np.zeros((events.size, 0), dtype=int),
        gammas=gammas,
        gamma_sigma=sigma,
    )
    found: dict[str, Any] = {
        "model": model,
        "signal": np.array([s["signal"] for s in samples for _ in s["bins"]]),
        "density": np.array(table["density"]),
        "underflow": np.array(table["underflow"]),
    }
    entries = {len(events), len(bins), len(gammas), shapes.shape[1]}
    signals = {int(found["signal"].sum()), len(found["underflow"]), len(found["density"])}
    if len(entries) > 1 or len(signals) > 1:
        raise ValueError("its samples, bins, shapes, density have different sizes")
    if "spectra" in table:
        found["spectra"] = tuple(
            Spectrum(s["mode"], tuple(map(float, s["edges"])), s.get("polarisation", ""))
            for s in table["spectra"]
        )
        found["null_br"] = np.concatenate([s["null_br"] for s in table["spectra"]])
    return found


def _row(values: Sequence[float] | np.ndarray, digits: int = 6) -> str:
    """So many digits; YAML takes a number with an exponent for text unless it has a point."""
    shown = [f"{float(v):.{digits}g}" for v in values]
    dotted = [s.replace("e", ".0e") if "e" in s and "." not in s else s for s in shown]
    return f"[{', '.join(dotted)}]"
