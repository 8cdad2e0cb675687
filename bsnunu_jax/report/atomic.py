"""Files written whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bsnunu_jax.runs.owned import owner


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
        RunError: if the folder of the run has gone.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with whole(folder / "a.txt") as partial:
    ...     _ = partial.write_text("done")
    >>> [p.name for p in folder.iterdir()]
    ['a.txt']
    """
    ours = owner(path)
    partial = path.with_name(f"{path.stem}.partial{path.suffix}")
    try:
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
        partial.replace(path)
        if ours:
            ours.written.add(path)
    except Exception:
        if ours:
            ours.check()  # where the folder has gone, that is what there is to say
        raise
    finally:
        with suppress(OSError):
            partial.unlink()


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
