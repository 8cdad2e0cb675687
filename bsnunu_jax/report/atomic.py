"""Files written whole or not at all."""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bsnunu_jax.errors import InputError, WriteError
from bsnunu_jax.interrupts import finish, unfinished

# What is wrong with a path that someone has chosen; anything else is wrong with the machine.
_OF_THE_PATH = {
    errno.EACCES, errno.EINVAL, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT,
    errno.ENOTDIR, errno.EEXIST, errno.EPERM, errno.EROFS,
}  # fmt: skip
_NAME_MAX = 255  # bytes, of all usual file systems


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes its name when the block ends without an error.

    Raises:
        InputError: if there can be no such file.
        WriteError: if the machine cannot write it, e.g. as the disk is full.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with whole(folder / "a.txt") as partial:
    ...     _ = partial.write_text("done")
    >>> [p.name for p in folder.iterdir()]
    ['a.txt']
    """
    partial = path.with_name(_partial_name(path))
    problem: InputError | None = None
    try:
        with unfinished(partial):
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.unlink(missing_ok=True)
            try:
                yield partial
                finish(partial, path)
            finally:
                partial.unlink(missing_ok=True)
    except OSError as error:
        problem = cannot_write(path, error)
    # Out here nothing remembers the frames in which writing failed, and what they hold.
    if problem:
        raise problem


def write_whole(path: Path, content: str | bytes | memoryview) -> None:
    """Write text as UTF-8, or bytes.

    Libraries that write to a file themselves fail in ways of their own on a full disk: HDF5 crashes
    when the process ends, Matplotlib and zipfile complain of what the first error left. They are
    given memory to write to, and this writes it to disk.

    Raises:
        InputError, WriteError: as `whole`.
    """
    data = content.encode() if isinstance(content, str) else content
    with whole(path) as partial, partial.open("wb") as file:
        file.write(data)


def cannot_write(path: Path, error: OSError) -> InputError:
    """What to raise: an InputError for a wrong path, a WriteError for a machine that fails.

    >>> cannot_write(Path("a"), OSError(errno.ENOSPC, "No space left on device"))
    WriteError('a: cannot be written (No space left on device)')
    """
    kind = InputError if error.errno in _OF_THE_PATH else WriteError
    reason = error.strerror or str(error).partition("\n")[0]
    return kind(f"cannot be written ({reason})", where=str(path))


def _partial_name(path: Path) -> str:
    """In the same folder, with the same suffix, and no longer than names can be."""
    name = f"{path.stem}.partial{path.suffix}"
    if len(os.fsencode(name)) <= _NAME_MAX or len(os.fsencode(path.name)) > _NAME_MAX:
        return name
    return f"{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:16]}.partial{path.suffix}"
