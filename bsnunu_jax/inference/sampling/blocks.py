"""Blocks of a long run on disk: finished ones survive whatever ends the run."""

import io
from pathlib import Path

import numpy as np

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.files import write_whole
from bsnunu_jax.foundation.seals import seal_of, sealed

_REMEDY = "delete it and start again with `--resume`, which makes it anew"


def save_block(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write whole or not at all, sealed: a kill must not leave half a block under its name."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    payload = buffer.getvalue()
    write_whole(path, payload + seal_of(path, payload))


def load_block(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a block.

    Raises:
        InputError: for a file that is damaged or of another run.
    """
    payload = sealed(path, _REMEDY)
    try:
        with np.load(io.BytesIO(payload)) as file:
            return {k: file[k] for k in file.files}
    except Exception as error:
        raise InputError(f"is no block ({error})", where=str(path), allowed=_REMEDY) from None
