"""What the comparisons with other libraries share: CPU seconds, names with versions."""

import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax

ROOT = Path(__file__).parents[1]
Row = tuple[str, str]


def cpu(call: Callable[[], Any], repeats: int = 3) -> float:
    """CPU seconds of the best of several calls."""
    found = []
    for _ in range(repeats):
        start = time.process_time()
        jax.block_until_ready(call())
        found.append(time.process_time() - start)
    return min(found)


def named(library: str) -> str:
    """Name and version.

    Raises:
        ImportError: if it is not installed.
    """
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError as error:
        raise ImportError(library) from error
