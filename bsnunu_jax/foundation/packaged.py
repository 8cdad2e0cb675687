"""The YAML files that come with the package: tables, texts, presets."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import yaml


def load_yaml(text: str) -> Any:
    """Parse YAML with the fast loader where libyaml is there."""
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@cache
def packaged(package: str, name: str) -> Mapping[Any, Any]:
    """A YAML file of the `data` folder of a package below bsnunu_jax, to be read only."""
    folder = resources.files(f"bsnunu_jax.{package}") / "data"
    return MappingProxyType(load_yaml((folder / name).read_text(encoding="utf-8")))


@cache
def packaged_all(package: str, name: str) -> Mapping[str, Mapping[Any, Any]]:
    """The YAML files of a folder in the `data` folder of a package, by their names."""
    folder = resources.files(f"bsnunu_jax.{package}") / "data" / name
    files = sorted(f.name for f in folder.iterdir() if f.name.endswith(".yaml"))
    return MappingProxyType({file: packaged(package, f"{name}/{file}") for file in files})
