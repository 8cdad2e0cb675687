"""Standard streams that cannot break a run: closed ones, readers that left, narrow encodings.

Standard library only: the command repairs them before anything opens a file.
"""

import io
import os
import sys


def repair() -> None:
    """Open what is closed, and let writing to stderr never fail; stdout may, it has the results.

    A closed descriptor would be given to the next file that is opened, and progress be written into
    data. A closed stdout stays None in `sys`, which `bsnunu_jax.cli` refuses.
    """
    for descriptor, mode in enumerate((os.O_RDONLY, os.O_WRONLY, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            nowhere = os.open(os.devnull, mode)
            if nowhere != descriptor:
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
        sys.stderr = io.TextIOWrapper(
            io.BufferedWriter(_Forgiving(2)), encoding, "backslashreplace", line_buffering=True
        )
    if sys.stdout is sys.__stdout__ and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


class _Forgiving(io.RawIOBase):
    """A descriptor that may have no reader, no space or no terminal any more."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: bytes | memoryview, /) -> int:  # type: ignore[override]
        try:
            return os.write(self._descriptor, data)
        except OSError:
            return len(data)
