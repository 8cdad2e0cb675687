"""Files that are taken up again: each carries the identity of its run and a checksum of itself.

Binary files (NPZ, HDF5) carry both behind their end, where their readers do not look; JSON files
as the keys `run` and `sha256`.
"""

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.files import whole, write_whole
from bsnunu_jax.foundation.owned import identity_of

_HEAD, _DIGITS = b"\nbsnunu run ", 64
# A line of known length: the run, and the checksum of all that stands before it.
_SEAL = len(_HEAD) + _DIGITS + len(b" sha256 ") + _DIGITS + 1
_NOBODY = "0" * _DIGITS
_DAMAGED = "is damaged"
_ANEW = "delete it and start again with `--resume`, which makes it anew"


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON whole or not at all."""
    with whole(path) as partial:
        partial.write_text(
            json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )


def write_sealed_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with the run and a checksum."""
    named = {**content, "run": identity_of(path) or _NOBODY}
    write_json(path, named | {"sha256": _of_json(named)})


def read_sealed_json(path: Path, allowed: str) -> dict[str, Any]:
    """What `write_sealed_json` wrote.

    Args:
        path: the file.
        allowed: what helps if it is damaged.

    Raises:
        InputError: if it is damaged or of another run.
    """
    found = read_json(path, allowed)
    if "sha256" not in found or found.pop("sha256") != _of_json(found):
        raise InputError(_DAMAGED, where=str(path), allowed=allowed)
    _check_run(path, str(found.pop("run", "")))
    return found


def read_json(path: Path, allowed: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        InputError: if it is none; `allowed` says what helps.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputError(_DAMAGED, where=str(path), allowed=allowed)
    return found


def seal_of(path: Path, payload: bytes | memoryview) -> bytes:
    """What a binary file with this content ends with at this path."""
    return _seal(identity_of(path) or _NOBODY, payload)


def seal(path: Path, partial: Path) -> None:
    """Seal the file `partial` that will be `path`."""
    end = seal_of(path, partial.read_bytes())
    with partial.open("ab") as file:
        file.write(end)


def sealed(path: Path, allowed: str) -> bytes:
    """The content of a sealed file.

    Raises:
        InputError: if it is damaged or of another run; `allowed` says what helps.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot be read ({error.strerror})", where=str(path), allowed=allowed
        ) from None
    payload, end = memoryview(raw)[:-_SEAL], raw[-_SEAL:]
    run = _run(end)
    if not run or end != _seal(run, payload):
        raise InputError(_DAMAGED, where=str(path), allowed=allowed)
    _check_run(path, run)
    return bytes(payload)


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
    payload = sealed(path, _ANEW)
    try:
        with np.load(io.BytesIO(payload)) as file:
            return {k: file[k] for k in file.files}
    except Exception as error:
        raise InputError(f"is no block ({error})", where=str(path), allowed=_ANEW) from None


def run_of(path: Path) -> str:
    """The run that a sealed file names, without reading the file; "" if it is not sealed."""
    try:
        with path.open("rb") as file:
            file.seek(-_SEAL, 2)
            return _run(file.read())
    except OSError:
        return ""


def _check_run(path: Path, run: str) -> None:
    ours = identity_of(path)
    if ours and run != ours:
        raise InputError(
            "is of another run (card, seed, data, settings or versions)",
            where=str(path),
            allowed="choose another --out, or delete it",
        )


def _run(end: bytes) -> str:
    if len(end) != _SEAL or not end.startswith(_HEAD):
        return ""
    return end[len(_HEAD) : len(_HEAD) + _DIGITS].decode("ascii", "replace")


def _seal(run: str, payload: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(payload)
    digest.update(run.encode("ascii", "replace"))
    return _HEAD + run.encode("ascii", "replace") + f" sha256 {digest.hexdigest()}\n".encode()


def _of_json(content: Mapping[str, Any]) -> str:
    as_read = json.loads(json.dumps(content))
    return hashlib.sha256(json.dumps(as_read, sort_keys=True).encode()).hexdigest()
