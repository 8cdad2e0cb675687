"""Files by name out of a zip or tar archive, wherever in it they lie."""

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

_BROKEN = (
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError,
    RuntimeError,
)  # fmt: skip
_MOST_BYTES = 1 << 28  # of one file; HEPData accepts 52 MB a submission


def read_members(archive: Path, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Name and content of every regular file that is called one of `names` in any folder.

    Nothing is written: no path in the archive leads anywhere.

    Raises:
        ValueError: if it is no archive, or a damaged one.
    """
    try:
        for name, member in _members(archive):
            if name in names:
                yield name, member.read(_MOST_BYTES)
    except _BROKEN:
        raise ValueError("no archive that can be read") from None


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as unzipped:
            for info in unzipped.infolist():
                if not info.is_dir():
                    with unzipped.open(info) as content:
                        yield PurePosixPath(info.filename).name, content
        return
    with tarfile.open(archive) as unpacked:
        for member in unpacked:
            inner = unpacked.extractfile(member) if member.isfile() else None
            if inner is not None:
                yield PurePosixPath(member.name).name, inner
