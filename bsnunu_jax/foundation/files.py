"""Files written whole or not at all."""

import errno
import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bsnunu_jax.foundation.errors import InputError, RunError
from bsnunu_jax.foundation.interrupts import finish, unfinished
from bsnunu_jax.foundation.owned import owner

if TYPE_CHECKING:
    import xarray

# What is wrong with a path that someone has chosen; anything else is wrong with the machine.
_OF_THE_PATH = {
    errno.EACCES,
    errno.EEXIST,
    errno.EINVAL,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}
_KEPT = "what is finished is kept: `--resume` goes on from there"
_NAME_MAX = 255  # bytes, of all usual file systems


@contextmanager
def whole(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """A path beside `path` to write to; it takes its name when the block ends without an error.

    In the folder of a run nothing is written once that has gone or is another's.

    Args:
        path: the file; folders on the way are made, but never that of a run again.
        durable: on disk before it takes its name, so that a power failure leaves the old file or
            the new one. Without, a kill of the process still does no harm: for large files that
            carry a checksum.

    Raises:
        InputError: if there can be no such file.
        RunError: if the machine cannot write it, e.g. on a full disk, or the folder of the run has
            gone.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with whole(folder / "a.txt") as partial:
    ...     _ = partial.write_text("done")
    >>> [p.name for p in folder.iterdir()]
    ['a.txt']
    """
    ours = owner(path)
    partial = path.with_name(_partial_name(path))
    problem: InputError | RunError | None = None
    try:
        with unfinished(partial):
            if ours:
                ours.make(path.parent)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
            partial.unlink(missing_ok=True)
            yield partial
            if durable:
                _to_disk(partial)
            if ours:
                ours.check()
            finish(partial, path)
            if ours:
                ours.written.add(path)
    except Exception as error:
        if ours:
            ours.check()  # where the folder has gone, that is what there is to say
        if not isinstance(error, OSError):
            raise
        problem = cannot_write(path, error, _KEPT if ours else "")
    finally:
        with suppress(OSError):
            partial.unlink()
    # Out here nothing remembers the frames in which writing failed, and the memory they hold.
    if problem:
        raise problem


def write_whole(path: Path, content: str | bytes) -> None:
    """Write text as UTF-8, or bytes.

    Libraries that write files themselves fail in ways of their own on a full disk: HDF5 crashes
    when the process ends, Matplotlib and zipfile complain of what the first error left. They write
    to memory, and this writes to disk.

    Raises:
        InputError, RunError: as `whole`.
    """
    with whole(path) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


def netcdf(groups: Mapping[str | None, "xarray.Dataset"]) -> bytes:
    """Datasets as the groups of one NetCDF file, for `write_whole`; by name, None for the root."""
    import h5netcdf
    from xarray.backends import H5NetCDFStore

    buffer = io.BytesIO()
    with h5netcdf.File(buffer, "w") as file:
        for name, dataset in groups.items():
            dataset.dump_to_store(H5NetCDFStore(file, group=name, mode="a"))
    return buffer.getvalue()


def cannot_write(path: Path, error: OSError, remedy: str = "") -> InputError | RunError:
    """What to raise: an InputError for a wrong path, a RunError for a machine that fails.

    Args:
        path: the file or folder.
        error: why.
        remedy: what helps when the machine can write again.

    >>> cannot_write(Path("a"), OSError(errno.ENOSPC, "No space left on device"))
    RunError('a: cannot be written (No space left on device)')
    """
    what = f"cannot be written ({error.strerror or str(error).splitlines()[0]})"
    if error.errno in _OF_THE_PATH:
        return InputError(what, where=str(path))
    return RunError(what, where=str(path), allowed=remedy)


def _partial_name(path: Path) -> str:
    """In the same folder, with the same suffix, and no longer than names can be."""
    name = f"{path.stem}.partial{path.suffix}"
    if len(os.fsencode(name)) <= _NAME_MAX or len(os.fsencode(path.name)) > _NAME_MAX:
        return name
    return f"{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}.partial{path.suffix}"


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
