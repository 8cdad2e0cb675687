"""JSON files of others: with a byte-order mark, compressed by gzip, and never without an end."""

import errno
import gzip
import io
import json
import os
import stat
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bsnunu_jax.foundation.errors import InputError, shown, worded

# Bytes of a file, those of a compressed one after it is unpacked.
MAX_BYTES = 1 << 28
_GZIP = b"\x1f\x8b"


def read_json(path: Path, kind: str = "JSON file") -> Any:
    """The content of a JSON file in UTF-8, -16 or -32, with or without a byte-order mark or gzip.

    NaN and infinities are read as Python writes them: who takes the content knows where they stand.

    Args:
        path: the file.
        kind: what it should be, for messages.

    Raises:
        InputError: if it is missing, no file, too large, not JSON, or has a key twice.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.json"
    >>> _ = path.write_bytes(gzip.compress(b'{"a": [1, 2.5]}'))
    >>> read_json(path)
    {'a': [1, 2.5]}
    """
    where = worded(str(path), most=500)
    content = _bytes(path, where, kind)
    try:
        text = content.decode(json.detect_encoding(content))
        return json.loads(text, object_pairs_hook=_once)
    except _TwiceError as error:
        raise InputError(f"key {error} stands twice", where=where, allowed="keep one") from None
    except UnicodeDecodeError:
        raise InputError(f"is no {kind} (not UTF-8)", where=where) from None
    except RecursionError:
        raise InputError(f"is no {kind} (nested too deeply)", where=where) from None
    except ValueError as error:  # a number of thousands of digits is one without a position
        what = str(error).partition(";")[0]
        raise InputError(f"is no {kind} ({what})", where=where) from None


class _TwiceError(Exception):
    """A key that stands twice in an object: readers differ in which they take."""


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(shown(next(n for n in names if names.count(n) > 1)))
    return found


def _bytes(path: Path, where: str, kind: str) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise InputError("is a directory", where=where, allowed="name a file")
        if not stat.S_ISREG(mode):  # a pipe may wait and a device may go on for ever
            raise InputError(
                "is a pipe or a device", where=where, allowed="name a file on the disk"
            )
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if content.startswith(_GZIP) and len(content) <= MAX_BYTES:
            with gzip.open(io.BytesIO(content)) as unpacked:
                content = unpacked.read(MAX_BYTES + 1)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError("no such file", where=where) from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"is no {kind} (damaged gzip: {error})", where=where) from None
    except OSError as error:
        reason = os.strerror(error.errno or errno.EIO)
        raise InputError(f"cannot be read ({reason})", where=where) from None
    except ValueError:  # a null character in the name
        raise InputError("no such file", where=where) from None
    if len(content) > MAX_BYTES:
        raise InputError(
            f"has more than {MAX_BYTES:,} bytes", where=where, allowed=f"at most {MAX_BYTES:,}"
        )
    return content
