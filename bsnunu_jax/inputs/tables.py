"""The YAML files of this folder as plain Python: numbers and presets."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.packaged import load_yaml as load_yaml
from bsnunu_jax.hadrons.transitions import NUMBERS

_NUMBERS = (
    "masses_lifetimes.yaml",
    "electroweak_ckm.yaml",
    "charged_leptons.yaml",
    "bs_mixing.yaml",
    "charm_dark_matter.yaml",
    "inclusive.yaml",
    "kaons.yaml",
    "detectors.yaml",
)


@dataclass(frozen=True)
class Number:
    """One input: value, standard uncertainty (0 if the source gives none), unit, source."""

    value: float
    uncertainty: float
    unit: str
    source: str
    note: str = ""


@cache
def _file(name: str) -> Mapping[str, Any]:
    return MappingProxyType(load_yaml(_data().joinpath(name).read_text()))


def _data() -> Any:
    return resources.files("bsnunu_jax.inputs") / "data"


def presets() -> Mapping[str, Mapping[str, Any]]:
    """All presets by name, with their description, blocks, roles and form-factor sets."""
    return _file("presets.yaml")


def preset(name: str) -> Mapping[str, Any]:
    """One preset.

    Raises:
        InputError: for an unknown name.
    """
    if name not in presets():
        raise InputError(f"unknown preset {name!r}", allowed=f"presets: {', '.join(presets())}")
    return presets()[name]


@cache
def numbers(preset_name: str) -> Mapping[str, Number]:
    """The scalar inputs of a preset by name, in GeV, ps and pure numbers.

    >>> numbers("default")["VtbVts_abs"].value
    0.04185
    """
    files = [_file(name) for name in _NUMBERS]
    found = {key: _number(n) for key, n in NUMBERS.items()}
    description = preset(preset_name)
    beside = [{"block": name} for name in description["beside"]]
    for entry in [*beside, *description["blocks"]]:
        block = {k: v for file in files for k, v in file.get(entry["block"], {}).items()}
        found |= {key: _number(block[key]) for key in entry.get("take", block)}
    return MappingProxyType(found)


def _number(n: Mapping[str, Any]) -> Number:
    uncertainty = float(n["uncertainty"] or 0.0)
    return Number(float(n["value"]), uncertainty, n["unit"], n["source"], n.get("note", ""))
