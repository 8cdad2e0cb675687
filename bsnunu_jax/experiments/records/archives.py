"""Files by name out of a zip or tar archive, wherever in it they lie.

An archive comes from elsewhere and may be anything: what is read of it is bounded in bytes, in
members and in time, whatever it says of itself.
"""

import gzip
import io
import os
import tarfile
import time
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

MOST_BYTES = 1 << 26  # unpacked, of all members; HEPData accepts 52 MB a submission
_MOST_MEMBERS = 10_000
_PIECE = 1 << 20  # read at once: a directory of a zip archive with 20,000 members
_EXTENSIONS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_MOST_EXTENSION = 1 << 10  # bytes; tarfile's work on one grows with their square
_MOST_WORK = 1 << 26  # sum of these squares
_SECONDS = 1.5  # of a core, for what tarfile makes of it; 64 MB take a third of that
_GZIP = b"\x1f\x8b"


def read_members(
    archive: Path, names: Collection[str], most: int = MOST_BYTES
) -> Iterator[tuple[str, bytes]]:
    """Name and content of every regular file that is called one of `names` in any folder.

    Nothing is written: no path in the archive leads anywhere. Members are stored or deflated in a
    zip archive and of a fixed length in a tar archive, which may be compressed by gzip.

    Args:
        most: bytes of one file; of a longer one, one byte more.

    Raises:
        ValueError: if it is no archive, a damaged one, or one beyond all bounds.
    """
    left = MOST_BYTES
    try:
        with _File(archive) as file:
            for name, member in _members(file, names):
                content = member.read(most + 1)
                left -= len(content)
                if left < 0:
                    raise tarfile.ReadError("too much")
                yield name, content
    # The parsers end in IndexError, struct.error, NotImplementedError and more on damaged bytes.
    except Exception:
        raise ValueError("no archive that can be read") from None


def _members(file: "_File", names: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(cast(IO[bytes], file)) as unzipped:
            for info in unzipped.infolist():
                name = PurePosixPath(info.filename).name
                if name not in names or info.is_dir():
                    continue
                # bzip2 and LZMA unpack in one go whatever is asked of them
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise zipfile.BadZipFile("another compression")
                with unzipped.open(info) as content:
                    yield name, content
        return
    file.seek(0)
    packed = file.read(len(_GZIP)) == _GZIP
    file.seek(0)
    source = gzip.GzipFile(fileobj=file) if packed else file
    bounded = cast(IO[bytes], _Bounded(source))
    header = type("Header", (_Header,), {})
    with tarfile.open(fileobj=bounded, mode="r|", tarinfo=header) as unpacked:
        for count, member in enumerate(unpacked):
            if count == _MOST_MEMBERS:
                raise tarfile.ReadError("too many members")
            name = PurePosixPath(member.name).name
            inner = unpacked.extractfile(member) if name in names and member.isfile() else None
            if inner is not None:
                yield name, inner


class _File(io.FileIO):
    """A file of which no more than a piece is read at once, whatever is asked."""

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(os.fstat(self.fileno()).st_size - self.tell(), 0)
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > _PIECE:
            raise OSError("too much at once")
        return super().read(wanted) or b""


class _Bounded:
    """What tarfile reads of an archive, up to a number of bytes and a time."""

    def __init__(self, source: Any) -> None:
        self._source, self._left = source, MOST_BYTES
        self._until = time.thread_time() + _SECONDS

    def read(self, size: int) -> bytes:
        content = bytes(self._source.read(size))
        self._left -= len(content)
        if self._left < 0 or time.thread_time() > self._until:
            raise tarfile.ReadError("too long")
        return content


class _Header(tarfile.TarInfo):
    """A header of a member; a class of its own for each archive, of which it counts the work."""

    work = 0

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Header":
        made = super().frombuf(buf, encoding, errors)
        if made.type == tarfile.GNUTYPE_SPARSE:
            raise tarfile.ReadError("a sparse member")
        if made.type in _EXTENSIONS:
            cls.work += made.size**2
            if not 0 <= made.size <= _MOST_EXTENSION or cls.work > _MOST_WORK:
                raise tarfile.ReadError("extensions out of proportion")
        return made
