"""A HistFactory model of arrays as a workspace of pyhf: the inverse of the reader."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bsnunu_jax.experiments.histfactory.model import HistFactory
from bsnunu_jax.foundation.errors import InputError

Content = dict[str, Any]
MEASUREMENT = "fit"


def workspace_of(model: HistFactory) -> tuple[Content, list[tuple[str, str]]]:
    """A workspace that is read as this model; and (channel, sample) of its entries.

    Bins in which other samples are make other channels: `bins_00`, `bins_01`, ... where the model
    has no names for them.

    Args:
        model: with pyhf's default interpolation; its gammas are MC statistics around 1.

    Raises:
        InputError: for other interpolation, or a model in which a sample fills a bin twice.
    """
    if (model.norm_code, model.histo_code) != ("code4", "code4p"):
        raise InputError(f"interpolation {model.norm_code}, {model.histo_code} is not pyhf's own")
    names = _channels(model)
    entries = [
        (names[b], sample)
        for b, (_, sample) in zip(model.bins.tolist(), model.entries, strict=True)
    ]
    channels, observations = [], []
    for name in dict.fromkeys(names):
        bins = [b for b, n in enumerate(names) if n == name]
        rows: dict[str, list[int]] = {s: [] for c, s in entries if c == name}
        for i in sorted(range(len(entries)), key=lambda i: model.bins[i]):
            if entries[i][0] == name:
                rows[entries[i][1]].append(i)
        if any(model.bins[at].tolist() != bins for at in rows.values()):
            raise InputError(f"a sample of channel {name!r} has a bin twice, or not at all")
        seen: set[int] = set()
        samples = [
            {
                "name": sample,
                "data": model.nominal[at].tolist(),
                "modifiers": [*_systematics(model, at), *_statistics(model, name, at, rows, seen)],
            }
            for sample, at in rows.items()
        ]
        channels.append({"name": name, "samples": samples})
        observations.append({"name": name, "data": model.observed[bins].tolist()})
    content = {
        "channels": channels,
        "observations": observations,
        "measurements": [{"name": MEASUREMENT, "config": {"poi": "", "parameters": []}}],
        "version": "1.0.0",
    }
    return content, entries


def _channels(model: HistFactory) -> list[str]:
    """The channel of every bin: runs of bins that have the same samples, in the same channel."""
    inside: list[dict[str, str]] = [{} for _ in model.observed]
    for b, (channel, sample) in zip(model.bins.tolist(), model.entries, strict=True):
        inside[b][sample] = channel
    found: list[str] = []
    count = -1
    for b, samples in enumerate(inside):
        if not b or samples != inside[b - 1]:
            count += 1
        found.append(f"bins_{count:02d}")
    own = [next(iter(samples.values()), "") for samples in inside]
    usable = all(own) and len(set(zip(found, own, strict=True))) == len(set(own))
    return own if usable else found


def _systematics(model: HistFactory, at: Sequence[int]) -> list[Content]:
    """Those of a sample in a channel."""
    found: list[Content] = []
    nominal = model.nominal[at]
    for a, name in enumerate(model.alphas):
        even, odd = model.symmetric[a, at], 8 * model.antisymmetric[a, at]
        if even.any() or odd.any():
            high, low = nominal + even + odd, nominal - even + odd
            data = {"hi_data": high.tolist(), "lo_data": low.tolist()}
            found.append({"name": name, "type": "histosys", "data": data})
    norms, factors = model.norm_of_entry[at], model.factor_of_entry[at]
    if (norms != norms[0]).any() or (factors != factors[0]).any():
        raise InputError("normalisations that differ in the bins of a sample are no workspace")
    for i in norms[0][norms[0] < len(model.norm_alpha)].tolist():
        data = {"hi": float(model.norm_up[i]), "lo": float(model.norm_down[i])}
        name = model.alphas[model.norm_alpha[i]]
        found.append({"name": name, "type": "normsys", "data": data})
    for i in factors[0][factors[0] < len(model.factors)].tolist():
        found.append({"name": model.factors[i], "type": "normfactor", "data": None})
    return found


def _statistics(
    model: HistFactory, channel: str, at: Sequence[int], rows: dict[str, list[int]], seen: set[int]
) -> list[Content]:
    """MC statistics of a sample in a channel: those that move together have one name.

    pyhf adds the errors of samples of a name in squares: the first has all of it, the others none.
    """
    gammas = model.gammas[at]
    live = gammas < len(model.gamma_sigma)
    if not live.any():
        return []
    number = int(gammas[live][0])
    alike = [other for other in rows.values() if np.array_equal(model.gammas[other], gammas)]
    total = np.sum([model.nominal[other] for other in alike], axis=0)
    sigma = np.where(live, np.append(model.gamma_sigma, 0.0)[gammas], 0.0)
    errors = np.zeros(len(at)) if number in seen else sigma * total
    seen.add(number)
    return [{"name": f"mc_{channel}_{number}", "type": "staterror", "data": errors.tolist()}]
