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
