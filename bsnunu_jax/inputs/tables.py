"""The YAML files of this folder as plain Python: numbers, presets, form-factor sets."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import numpy as np

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.packaged import load_yaml as load_yaml
from bsnunu_jax.hadrons.transitions import TRANSITIONS

_NUMBERS = (
    "masses_lifetimes.yaml",
    "electroweak_ckm.yaml",
    "charged_leptons.yaml",
    "bs_mixing.yaml",
    "charm_dark_matter.yaml",
)


@dataclass(frozen=True)
class Number:
    """One input: value, standard uncertainty (0 if the source gives none), unit, source."""

    value: float
    uncertainty: float
    unit: str
    source: str
    note: str = ""


@dataclass(frozen=True)
class FormFactorSet:
    """Coefficients of one transition with their covariance; masses [GeV] of z and the poles."""

    name: str
    transition: str
    parametrisation: str
    source: str
    arxiv: str
    note: str
    masses: Mapping[str, float]
    parameters: tuple[str, ...]
    central: np.ndarray
    covariance: np.ndarray


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
    found: dict[str, Number] = {}
    description = preset(preset_name)
    beside = [{"block": name} for name in description["beside"]]
    for entry in [*beside, *description["blocks"]]:
        block = {k: v for file in files for k, v in file.get(entry["block"], {}).items()}
        for key in entry.get("take", block):
            n = block[key]
            found[key] = Number(
                float(n["value"]),
                float(n["uncertainty"] or 0.0),
                n["unit"],
                n["source"],
                n.get("note", ""),
            )
    return MappingProxyType(found)


def form_factor_sets(transition: str) -> tuple[str, ...]:
    """Names of the form-factor sets of "B->K" or "B->K*".

    >>> "hpqcd2022" in form_factor_sets("B->K")
    True

    Raises:
        InputError: for an unknown transition.
    """
    if transition not in TRANSITIONS:
        raise InputError(
            f"unknown transition {transition!r}", allowed=f"one of {', '.join(TRANSITIONS)}"
        )
    prefix = f"{TRANSITIONS[transition].file}_"
    files = (file.name for file in (_data() / "form_factors").iterdir())
    return tuple(sorted(f[len(prefix) : -5] for f in files if f.startswith(prefix)))


@cache
def form_factor_set(transition: str, name: str) -> FormFactorSet:
    """One form-factor set.

    Raises:
        InputError: for an unknown transition or set.
    """
    if name not in form_factor_sets(transition):
        allowed = f"{transition} sets: {', '.join(form_factor_sets(transition))}"
        raise InputError(f"unknown form-factor set {name!r}", allowed=allowed)
    raw = _file(f"form_factors/{TRANSITIONS[transition].file}_{name}.yaml")
    return FormFactorSet(
        name=name,
        transition=transition,
        parametrisation=raw["parametrisation"],
        source=raw["source"],
        arxiv=raw["arxiv"],
        note=raw.get("note", ""),
        masses=MappingProxyType(raw["masses"]),
        parameters=tuple(raw["parameters"]),
        central=np.asarray(raw["central"], dtype=float),
        covariance=np.asarray(raw["covariance"], dtype=float),
    )
