"""pyhf workspace JSON -> `HistFactory`; what the model cannot do is named and refused."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bsnunu_jax.experiments.histfactory.model import HistFactory, HistoCode, NormCode, padded
from bsnunu_jax.foundation.errors import InputError

# Up and down variations closer to symmetric than this are symmetric, in units of the nominal yield.
_ROUNDING = 1e-13
_SUPPORTED = ("normfactor", "normsys", "histosys", "staterror")


def read_workspace(
    path: Path,
    *,
    drop: Sequence[str] = (),
    channels: Sequence[str] | None = None,
    norm_code: NormCode = "code4",
    histo_code: HistoCode = "code4p",
) -> HistFactory:
    """The model of a pyhf workspace, with its observations.

    Args:
        path: JSON file with channels, samples, observations and one measurement.
        drop: names of modifiers to leave out, with their constraint terms.
        channels: names of the channels to keep, all if absent; modifiers that act on no other
            channel go, with their constraint terms.
        norm_code: interpolation of normsys.
        histo_code: interpolation of histosys.

    Raises:
        InputError: for a file that is missing or no workspace, a modifier of another type, or a
            channel that it does not have.
    """
    try:
        content = json.loads(path.read_text())
        found, observed = (
            content["channels"],
            {o["name"]: o["data"] for o in content["observations"]},
        )
    except FileNotFoundError:
        raise InputError("no such file", where=str(path)) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"is no pyhf workspace ({error!r})", where=str(path)) from None
    if channels is not None:
        names = [c["name"] for c in found]
        for name in channels:
            if name not in names:
                raise InputError(
                    f"no channel {name!r}", where=str(path), allowed=f"channels: {', '.join(names)}"
                )
        found = [c for c in found if c["name"] in channels]
    for sample in (s for c in found for s in c["samples"]):
        sample["modifiers"] = [m for m in sample["modifiers"] if m["name"] not in drop]
    return build(found, observed, str(path), norm_code=norm_code, histo_code=histo_code)


def build(
    channels: Sequence[dict[str, Any]],
    observed: dict[str, Sequence[float]],
    where: str,
    *,
    norm_code: NormCode = "code4",
    histo_code: HistoCode = "code4p",
) -> HistFactory:
    """The model of these channels; see `read_workspace`."""
    entries: list[tuple[str, str]] = []
    bins: list[int] = []
    nominal: list[float] = []
    blocks: list[tuple[slice, dict[str, Any]]] = []
    first = 0
    for channel in channels:
        width = len(channel["samples"][0]["data"])
        if len(observed.get(channel["name"], ())) != width:
            raise InputError(
                f"channel {channel['name']!r} has {width} bins, its observation "
                f"{len(observed.get(channel['name'], ()))}",
                where=where,
            )
        for sample in channel["samples"]:
            if len(sample["data"]) != width:
                raise InputError(
                    f"sample {sample['name']!r} of channel {channel['name']!r} has "
                    f"{len(sample['data'])} bins, the channel {width}",
                    where=where,
                )
            blocks.append((slice(len(nominal), len(nominal) + width), sample))
            entries += [(channel["name"], sample["name"])] * width
            bins += range(first, first + width)
            nominal += sample["data"]
        first += width
    modifiers = [(block, m) for block, sample in blocks for m in sample["modifiers"]]
    _refuse_unsupported(blocks, where)
    centre = np.array(nominal, dtype=float)
    alphas = _names(modifiers, ("histosys", "normsys"))
    factors = _names(modifiers, ("normfactor",))
    symmetric = np.zeros((len(alphas), centre.size))
    antisymmetric = np.zeros_like(symmetric)
    norms: list[tuple[int, float, float]] = []
    normed: list[tuple[slice, int]] = []
    frees: list[tuple[slice, int]] = []
    for block, m in modifiers:
        if m["type"] == "histosys":
            high, low = np.array(m["data"]["hi_data"]), np.array(m["data"]["lo_data"])
            a = alphas.index(m["name"])
            symmetric[a, block] += (high - low) / 2
            bend = high + low - 2 * centre[block]
            bend[np.abs(bend) <= _ROUNDING * np.abs(centre[block])] = 0
            antisymmetric[a, block] += bend / 16
        elif m["type"] == "normsys":
            norm = alphas.index(m["name"]), m["data"]["hi"], m["data"]["lo"]
            if norm not in norms:
                norms.append(norm)
            normed.append((block, norms.index(norm)))
        elif m["type"] == "normfactor":
            frees.append((block, factors.index(m["name"])))
    gammas, gamma_sigma, fixed = _mc_statistics(modifiers, centre, np.array(bins))
    return HistFactory(
        entries=tuple(entries),
        nominal=centre,
        bins=np.array(bins),
        observed=np.concatenate([np.array(observed[c["name"]], dtype=float) for c in channels]),
        alphas=alphas,
        symmetric=symmetric,
        antisymmetric=antisymmetric,
        norm_alpha=np.array([n[0] for n in norms], dtype=int),
        norm_up=np.array([n[1] for n in norms]),
        norm_down=np.array([n[2] for n in norms]),
        norm_of_entry=_table(centre.size, normed, len(norms)),
        factors=factors,
        factor_of_entry=_table(centre.size, frees, len(factors)),
        gammas=gammas,
        gamma_sigma=gamma_sigma,
        constant=-0.5 * np.log(2 * np.pi) * fixed,
        norm_code=norm_code,
        histo_code=histo_code,
    )


def _names(modifiers: Sequence[tuple[slice, Any]], types: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({m["name"] for _, m in modifiers if m["type"] in types}))


def _table(size: int, items: Sequence[tuple[slice, int]], padding: int) -> np.ndarray:
    """For every entry the indices of the items that touch it, padded to equal length."""
    rows: list[list[int]] = [[] for _ in range(size)]
    for block, index in items:
        for entry in range(block.start, block.stop):
            rows[entry].append(index)
    return padded(rows, padding)


def _mc_statistics(
    modifiers: Sequence[tuple[slice, Any]], nominal: np.ndarray, bins: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    """Gamma of every entry, relative errors, and how many gammas have none and stay at 1.

    Samples that share a name share one gamma a bin.
    """
    gammas = np.full(nominal.size, -1)
    sigma: list[float] = []
    fixed = 0
    for name in _names(modifiers, ("staterror",)):
        blocks = [(b, np.array(m["data"])) for b, m in modifiers if m["name"] == name]
        touched = np.concatenate([np.arange(b.start, b.stop) for b, _ in blocks])
        errors = np.concatenate([e for _, e in blocks])
        for b in sorted(set(bins[touched])):
            of_bin = bins[touched] == b
            total = nominal[touched][of_bin].sum()
            error = np.sqrt((errors[of_bin] ** 2).sum())
            if total <= 0 or error <= 0:
                fixed += 1
                continue
            gammas[touched[of_bin]] = len(sigma)
            sigma.append(float(error / total))
    return np.where(gammas < 0, len(sigma), gammas), np.array(sigma), fixed


def _refuse_unsupported(blocks: Sequence[tuple[slice, Any]], where: str) -> None:
    for _, sample in blocks:
        for m in sample["modifiers"]:
            if m["type"] not in _SUPPORTED:
                raise InputError(
                    f"modifier {m['name']!r} of sample {sample['name']!r} has the type "
                    f"{m['type']!r}",
                    where=where,
                    allowed=f"supported: {', '.join(_SUPPORTED)}",
                )
