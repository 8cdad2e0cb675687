"""Blocks of a long run on disk: finished ones survive whatever ends the run."""

import os
from pathlib import Path

import numpy as np

from bsnunu_jax.errors import InputError


def save_block(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write whole or not at all: a kill must not leave half a block under its final name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_block(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a block.

    Raises:
        InputError: for a file that cannot be read.
    """
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            return {k: file[k] for k in file.files}
    except Exception as error:
        raise InputError(
            f"cannot read the sampling block ({error})", where=str(path),
            allowed="delete this and later blocks, then resume",
        ) from None  # fmt: skip
