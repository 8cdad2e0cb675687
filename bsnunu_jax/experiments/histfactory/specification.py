"""What a pyhf workspace says, checked: channels, samples, modifiers, a measurement.

What stands in the file is read as pyhf 0.7.6 reads it. What pyhf refuses or takes silently for
something else (the last of two channels of one name, NaN, lengths that do not match) is refused
with file, channel, sample and modifier.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bsnunu_jax.experiments.histfactory.places import Place
from bsnunu_jax.foundation.errors import shown

# In pyhf's order, which is that of its parameters.
TYPES = ("histosys", "lumi", "normfactor", "normsys", "shapefactor", "shapesys", "staterror")
_CONFIGURABLE = ("inits", "bounds", "auxdata", "factors", "sigmas", "fixed")
_TOP = ("channels", "observations", "measurements", "version")
_VERSION = "1.0.0"


@dataclass(frozen=True)
class Modifier:
    """A modifier of a sample.

    Attributes:
        type: one of `TYPES`.
        data: (hi, lo) of histosys, shape (2, bins), or normsys, shape (2,); errors of the bins of
            staterror and shapesys; else none.
        place: where it stands.
    """

    type: str
    name: str
    data: np.ndarray
    place: Place


@dataclass(frozen=True)
class Sample:
    """Expected events of a process in a channel; of modifiers with one name and type the last."""

    name: str
    data: np.ndarray
    modifiers: Mapping[tuple[str, str], Modifier]


@dataclass(frozen=True)
class Channel:
    """Bins with their counts."""

    name: str
    samples: tuple[Sample, ...]
    observed: np.ndarray


@dataclass(frozen=True)
class Settings:
    """What a measurement says of a parameter: `inits`, `bounds`, ... as arrays, `fixed`."""

    values: Mapping[str, Any]
    place: Place


@dataclass(frozen=True)
class Measurement:
    """What a measurement says of parameters: the one of interest, and their settings by name."""

    name: str
    poi: str
    settings: Mapping[str, Settings]
    place: Place


@dataclass(frozen=True)
class Specification:
    """A workspace with one of its measurements."""

    channels: tuple[Channel, ...]
    measurement: Measurement
    place: Place


def specification(content: Any, where: str, measurement: str | None = None) -> Specification:
    """The checked content of a workspace.

    Args:
        content: of the JSON file, patches applied.
        where: the file, for messages.
        measurement: which of its measurements; may be left out where there is one.

    Raises:
        InputError: for what is no pyhf workspace, with the place of what is wrong.
    """
    place = Place(where)
    if isinstance(content, dict) and "distributions" in content:
        place.refuse("is an HS3 file", "pyhf workspaces: write one, e.g. with pyhf or cabinetry")
    if not isinstance(content, dict) or "channels" not in content:
        place.refuse("is no pyhf workspace", f"a mapping with the keys {', '.join(_TOP)}")
    place.keys(content, _TOP)
    if content["version"] != _VERSION:
        place.refuse(f"version {shown(content['version'])}", f"version {_VERSION}")
    observed: dict[str, np.ndarray] = {}
    for given in place.entries(content["observations"], "observations"):
        name, here = _begun(given, place, "observation", ("data",), observed)
        observed[name] = here.numbers(given["data"], "data", least=0.0)
    channels: dict[str, Channel] = {}
    for given in place.entries(content["channels"], "channels"):
        name, here = _begun(given, place, "channel", ("samples",), channels)
        channels[name] = _channel(name, given["samples"], observed.get(name), here)
    measured: dict[str, Measurement] = {}
    for given in place.entries(content["measurements"], "measurements"):
        name, here = _begun(given, place, "measurement", ("config",), measured)
        measured[name] = _measurement(name, given["config"], here)
    if measurement is None and len(measured) > 1:
        place.refuse(f"has {len(measured)} measurements", f"name one of {', '.join(measured)}")
    chosen = next(iter(measured)) if measurement is None else measurement
    if chosen not in measured:
        place.refuse(f"no measurement {shown(chosen)}", f"one of {', '.join(measured)}")
    return Specification(tuple(channels.values()), measured[chosen], place)


def selected(
    spec: Specification, drop: Sequence[str] = (), channels: Sequence[str] | None = None
) -> Specification:
    """The specification without the modifiers of some names, or with some channels alone.

    Raises:
        InputError: for a name that there is not.
    """
    there = {c.name: c for c in spec.channels}
    for name in channels or ():
        if name not in there:
            spec.place.refuse(f"no channel {shown(name)}", f"channels: {', '.join(there)}")
    names = {m.name for c in spec.channels for s in c.samples for m in s.modifiers.values()}
    for name in drop:
        if name not in names:
            spec.place.refuse(f"no modifier {shown(name)} to drop", ", ".join(sorted(names)))

    def without(sample: Sample) -> Sample:
        left = {key: m for key, m in sample.modifiers.items() if m.name not in drop}
        return replace(sample, modifiers=left)

    kept = [c for c in spec.channels if channels is None or c.name in channels]
    parts = tuple(replace(c, samples=tuple(map(without, c.samples))) for c in kept)
    return replace(spec, channels=parts)


def _begun(
    given: Any, place: Place, kind: str, keys: Sequence[str], known: Mapping[str, Any]
) -> tuple[str, Place]:
    """Name and place of an entry of a list, refused where the name is known."""
    label = given.get("name") if isinstance(given, dict) else None
    here = place.inside(kind, label)
    here.keys(given, ("name", *keys))
    name = here.name(given["name"])
    if name in known:
        here.refuse("stands twice", "each name once")
    return name, here


def _channel(name: str, given: Any, observed: np.ndarray | None, place: Place) -> Channel:
    samples: dict[str, Sample] = {}
    width = None
    for entry in place.entries(given, "samples"):
        label, here = _begun(entry, place, "sample", ("data", "modifiers"), samples)
        data = here.numbers(entry["data"], "data", size=width, of="the channel", least=0.0)
        width = len(data)
        modifiers: dict[tuple[str, str], Modifier] = {}
        for m in here.entries(entry["modifiers"], "modifiers", some=False):
            modifier = _modifier(m, width, here)
            key = modifier.type, modifier.name
            if modifier.type == "shapesys" and key in modifiers:
                modifier.place.refuse("stands twice", "a shapesys of one sample in one channel")
            modifiers[key] = modifier
        samples[label] = Sample(label, data, modifiers)
    if observed is None:
        place.refuse("has no observation", "observations: one of each channel")
    if len(observed) != width:
        place.refuse(f"has {width} bins, its observation {len(observed)}")
    return Channel(name, tuple(samples.values()), observed)


def _modifier(given: Any, width: int, place: Place) -> Modifier:
    label = given if not isinstance(given, dict) else given.get("name")
    place = place.inside("modifier", label)
    if isinstance(given, dict) and given.get("type") not in TYPES:
        place.refuse(f"has the type {shown(given.get('type'))}", f"supported: {', '.join(TYPES)}")
    place.keys(given, ("name", "type", "data"))
    kind, data = given["type"], given["data"]
    place = Place(f"{place} ({kind})")
    name = place.name(given["name"])
    found = np.zeros(0)
    if kind == "histosys":
        place.inside("data").keys(data, ("hi_data", "lo_data"))
        found = np.array(
            [place.numbers(data[k], k, size=width, of="the sample") for k in ("hi_data", "lo_data")]
        )
    elif kind == "normsys":
        place.inside("data").keys(data, ("hi", "lo"))
        found = np.array([place.number(data[key], key, above=0.0) for key in ("hi", "lo")])
    elif kind in ("shapesys", "staterror"):
        found = place.numbers(data, "data", size=width, of="the sample", least=0.0)
    elif data is not None:
        place.refuse(f"data is {shown(data)}", "null")
    if kind == "lumi" and name != "lumi":
        place.refuse("has another name than 'lumi'", "one luminosity, called lumi")
    return Modifier(kind, name, found, place)


def _measurement(name: str, given: Any, place: Place) -> Measurement:
    config = place.inside("config").keys(given, ("poi", "parameters"))
    settings: dict[str, Settings] = {}
    for entry in place.entries(config["parameters"], "parameters", some=False):
        label = entry.get("name") if isinstance(entry, dict) else None
        here = place.inside("parameter", label)
        here.keys(entry, ("name",), _CONFIGURABLE)
        if here.name(entry["name"]) in settings:
            here.refuse("stands twice", "each parameter once")
        values = {k: _setting(k, v, here) for k, v in entry.items() if k != "name"}
        settings[entry["name"]] = Settings(values, here)
    return Measurement(name, place.name(config["poi"], "poi"), settings, place)


def _setting(key: str, value: Any, place: Place) -> Any:
    if key == "fixed":
        if not isinstance(value, bool):
            place.refuse(f"fixed is {shown(value)}", "true or false")
        return value
    if key != "bounds":
        found = place.numbers(value, key)
        if key in ("sigmas", "factors") and found.min() <= 0:
            place.refuse(f"{key} has {found.min():g}", "numbers above 0")
        return found
    pairs = [
        place.numbers(pair, f"bounds[{i}]", size=2, of="a lower and an upper bound are")
        for i, pair in enumerate(place.entries(value, "bounds"))
    ]
    for i, (low, high) in enumerate(pairs):
        if low > high:
            place.refuse(f"bounds[{i}] is [{low:g}, {high:g}]", "the lower one first")
    return np.array(pairs)
