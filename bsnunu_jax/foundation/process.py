"""What the command does before anything else, JAX included: streams, signals, foreign messages.

Standard streams cannot break a run then: closed ones, readers that left, narrow encodings. Standard
library only: they are repaired before anything opens a file.
"""

import io
import logging
import os
import sys
from importlib import metadata
from pathlib import Path

from bsnunu_jax.foundation import interrupts


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


def begin_if_command() -> None:
    """Begin if this process is `bsnunu` or `python -m bsnunu_jax`, and no other program."""
    name = sys.argv[0] if getattr(sys, "argv", None) else ""
    # Python imports a package before it looks for the `__main__` to run.
    if Path(name).stem == "bsnunu" or (name == "-m" and "bsnunu_jax" in sys.orig_argv):
        begin()


def begin() -> None:
    """Repair the standard streams, listen to signals, leave out what others say without need."""
    repair()
    interrupts.listen()
    # A folder for its fonts that cannot be written; fonts are read anew.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    # Before 0.10.2 XLA complains of every program of its cache that processors have no feature
    # called prefer-no-gather, which is none.
    if tuple(metadata.version("jaxlib").split(".")[:3]) in (("0", "10", "0"), ("0", "10", "1")):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
