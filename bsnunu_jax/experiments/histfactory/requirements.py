"""Which parameters the modifiers of a workspace need, in pyhf's order, and where bins have theirs.

pyhf walks channels, samples and modifiers in the order of their names, one type of modifier after
the other, and takes what it meets first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bsnunu_jax.experiments.histfactory.parameters import (
    Parameters,
    ParameterSet,
    interpolated,
    luminosity,
    of_bins,
    unconstrained,
)
from bsnunu_jax.experiments.histfactory.specification import TYPES, Modifier, Sample, Specification

# Types of which one name may be: they need the same parameter.
INTERPOLATED = ("histosys", "normsys")
# Types with one parameter a bin.
OF_BINS = ("shapefactor", "shapesys", "staterror")
Starts = Mapping[tuple[str, str, str], int]


@dataclass(frozen=True)
class _Use:
    """A modifier of a sample in a channel."""

    channel: str
    sample: str
    nominal: np.ndarray
    modifier: Modifier


def by_name(sample: Sample) -> tuple[Modifier, ...]:
    """The modifiers of a sample, sorted as pyhf sorts them."""
    return tuple(sorted(sample.modifiers.values(), key=lambda m: (m.name, m.type)))


def requirements(spec: Specification) -> tuple[Parameters, Starts]:
    """The parameters, and the index of the first one of (type, name, channel) of `OF_BINS`.

    Raises:
        InputError: for names that modifiers cannot share, and settings that do not fit.
    """
    uses: dict[str, list[_Use]] = {kind: [] for kind in TYPES}
    for c in sorted(spec.channels, key=lambda c: c.name):
        for s in sorted(c.samples, key=lambda s: s.name):
            for m in by_name(s):
                uses[m.type].append(_Use(c.name, s.name, s.data, m))
    uses["staterror"].sort(key=lambda use: use.modifier.name)  # the order of walking stays
    found: dict[str, ParameterSet] = {}
    for kind in TYPES:
        for use in uses[kind]:
            _take(use, found, uses[kind])
    settings = spec.measurement.settings
    made = [p.configured(settings[n]) if n in settings else p for n, p in found.items()]
    for parameter in made:
        parameter.complete(spec.measurement.place)
    parameters = Parameters(tuple(made))
    return parameters, _starts(uses, parameters)


def _take(use: _Use, found: dict[str, ParameterSet], alike: Sequence[_Use]) -> None:
    """Add what a modifier needs, or see that it fits to what its name has."""
    m = use.modifier
    known = found.get(m.name)
    if known is None:
        found[m.name] = _set(m, use, [u for u in alike if u.modifier.name == m.name])
    elif known.type != m.type and not {known.type, m.type} <= set(INTERPOLATED):
        m.place.refuse(f"another modifier of this name is a {known.type}", "another name")
    elif m.type == "shapesys":
        m.place.refuse("another sample has a shapesys of this name", "another name")
    elif m.type == "shapefactor" and len(use.nominal) > len(known.inits):
        m.place.refuse(
            f"the channel has {len(use.nominal)} bins, the first with this name {len(known.inits)}"
        )


def _set(m: Modifier, use: _Use, alike: Sequence[_Use]) -> ParameterSet:
    if m.type in INTERPOLATED:
        return interpolated(m.name, m.type)
    if m.type == "lumi":
        return luminosity()
    if m.type == "normfactor":
        return unconstrained(m.name, m.type, 1)
    if m.type == "shapefactor":
        return unconstrained(m.name, m.type, len(use.nominal))
    if m.type == "shapesys":
        return _poisson(m, use.nominal)
    return _mc_statistics(m, alike)


def _poisson(m: Modifier, nominal: np.ndarray) -> ParameterSet:
    """Poisson(nominal^2/error^2 | that x gamma), of 1 where one of them is 0."""
    valid = (nominal > 0) & (m.data > 0)
    with np.errstate(all="ignore"):
        factor = np.where(valid, nominal**2 / np.where(valid, m.data, 1.0) ** 2, 1.0)
    usable = np.isfinite(factor) & (factor > 0)
    if not usable.all():
        bad = int(np.argmin(usable))
        m.place.refuse(f"data[{bad}] is {m.data[bad]:g}, no error of {nominal[bad]:g} events")
    return of_bins(m.name, m.type, factor, factor, ~valid)


def _mc_statistics(m: Modifier, alike: Sequence[_Use]) -> ParameterSet:
    """Normal(1 | gamma, relative error of the sum of the samples), of width 1 without an error."""
    channels: dict[str, list[_Use]] = {}
    samples: dict[str, list[str]] = {}
    for use in alike:
        channels.setdefault(use.channel, []).append(use)
        samples.setdefault(use.sample, []).append(use.channel)
    first = next(iter(samples))
    for use in alike:
        if samples[use.sample] != samples[first]:
            use.modifier.place.refuse(
                f"acts on other channels than on the sample {first!r}", "the same, or another name"
            )
    parts = []
    for uses in channels.values():
        total = np.sum([u.nominal for u in uses], axis=0)
        some = total > 0
        with np.errstate(all="ignore"):
            ratios = [np.where(some, u.modifier.data / np.where(some, total, 1), 0) for u in uses]
            parts.append(np.sqrt(np.sum(np.square(ratios), axis=0)))
    sigma = np.concatenate(parts)
    none = sigma == 0
    return of_bins(m.name, m.type, np.where(none, 1.0, sigma), np.ones(len(sigma)), none)


def _starts(uses: Mapping[str, Sequence[_Use]], parameters: Parameters) -> Starts:
    found: dict[tuple[str, str, str], int] = {}
    after: dict[str, int] = {}
    for kind in OF_BINS:
        for use in uses[kind]:
            name, key = use.modifier.name, (kind, use.modifier.name, use.channel)
            start = parameters.slices[name].start
            if kind == "staterror" and key not in found:
                start = after.get(name, start)
                after[name] = start + len(use.nominal)
                found[key] = start
            elif kind != "staterror":
                found[key] = start
    return found
