"""One end for all commands on Ctrl-C, SIGTERM and SIGHUP: at once, one line, nothing partial.

Python raises KeyboardInterrupt in its main thread, between two of its own instructions: not while
XLA compiles, and in vain inside a callback of the garbage collector, of which JAX has one. A thread
of our own hears of the signal through a pipe instead and ends the process.

Standard library only: the command starts to listen before JAX is imported.
"""

import atexit
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KEPT = "finished blocks are kept: `--resume` goes on from them"
_SIGNALS = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "ended by SIGTERM",
    signal.SIGHUP: "ended by SIGHUP",
}

# Files that are being written, and the lock that whoever gives them their name holds.
_partial: set[Path] = set()
_moving = threading.Lock()
_kept = ""
_listening = False


def keep(what: str) -> None:
    """Say what an interrupt leaves behind, for its line on stderr."""
    global _kept
    _kept = what


def message(signum: int = signal.SIGINT) -> str:
    """The line without the name of the command.

    >>> message(signal.SIGTERM).partition(";")[0]
    'ended by SIGTERM'
    """
    word = _SIGNALS[signal.Signals(signum)]
    return f"{word}; {_kept}" if _kept else word


@contextmanager
def unfinished(partial: Path) -> Iterator[None]:
    """Delete this file if the process is interrupted within the block."""
    with _moving:
        _partial.add(partial)
    try:
        yield
    finally:
        _partial.discard(partial)


def finish(partial: Path, path: Path) -> None:
    """Give a file its name, unless an interrupt is deleting what has none."""
    with _moving:
        partial.replace(path)


def listen() -> None:
    """End this process at any of the signals, except those that its caller has it ignore."""
    global _listening
    if _listening or threading.current_thread() is not threading.main_thread():
        return
    _listening = True
    heard, told = os.pipe()
    os.set_blocking(told, False)
    threading.Thread(target=_wait, args=(heard,), daemon=True, name="interrupts").start()
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    for signum in _SIGNALS:
        if signal.getsignal(signum) is not signal.SIG_IGN:
            signal.signal(signum, _nothing)
    atexit.register(_all_done)


def _all_done() -> None:
    """Python takes its handlers away as it ends: by then nothing is left to interrupt."""
    for signum in _SIGNALS:
        signal.signal(signum, signal.SIG_IGN)


def _nothing(*_: object) -> None:
    """The pipe has the signal."""


def _wait(heard: int) -> None:
    while True:
        for signum in os.read(heard, 16):
            if signum in _SIGNALS:
                _end(signum)


def _end(signum: int) -> None:
    _moving.acquire(timeout=1.0)  # for good: nothing gets its name any more
    for partial in list(_partial):
        try:
            partial.unlink(missing_ok=True)
        except OSError:
            continue
    line = f"bsnunu: error: {message(signum)}\n"
    try:
        os.write(2, (_after_bars() + line).encode("ascii", "backslashreplace"))
    finally:
        os._exit(128 + signum)


def _after_bars() -> str:
    """A new line if a progress bar stands on this one."""
    tqdm = getattr(sys.modules.get("tqdm"), "tqdm", None)
    bars = list(getattr(tqdm, "_instances", ()))
    return "\n" if any(not bar.disable for bar in bars) else ""
