"""A result folder belongs to one run: locked first, then claimed, watched while it works.

The lock is held by the kernel and ends with the process, however it ends. card.yaml says whose the
folder is; what is taken up again carries the identity of the run itself (`seals`).
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.files import cannot_write, whole
from bsnunu_jax.foundation.owned import CARD, LOCK, Owned, owned
from bsnunu_jax.foundation.progress import say_on_stderr, silent, warn
from bsnunu_jax.foundation.seals import write_json
from bsnunu_jax.runs.origin import FolderCard, Origin, changes, manifest, versions

ORIGIN, MANIFEST = "origin.json", "manifest.json"
# What runs leave, whatever the command: in a folder without card.yaml nobody knows whose it is.
_RESULTS = (
    "best_fit.json",
    "blocks",
    "posterior.nc",
    "summary.csv",
    "figures",
    "limits.json",
    "toys",
    "posteriors",
    "profile.nc",
    "profile.json",
    "project.json",
    "compare.json",
    "compare.csv",
    "variants",
    "points",
    "scan.nc",
    MANIFEST,
)
_ELSEWHERE = "choose another --out"


@dataclass
class Run:
    """A run that has its folder.

    Attributes:
        origin: what it began with.
        say: tells progress.
        facts: what the manifest says beside the usual.
    """

    origin: Origin
    say: Callable[[str], None]
    facts: dict[str, Any] = field(default_factory=dict)


@contextmanager
def run(
    folder: Path,
    card: FolderCard,
    *,
    resume: bool = False,
    quiet: bool = False,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[Run]:
    """The folder is ours inside the block; manifest.json, written at its end, says it is finished.

    Args:
        folder: made if absent.
        card: what is computed.
        resume: go on with the run of the folder.
        quiet: no progress.
        settings: of the command, compared like the card.

    Raises:
        InputError: if it cannot be written, is in use, or holds what this run does not resume.
        RunError: if it goes while the run works.
    """
    began = time.monotonic()
    with claimed(folder, card, resume, settings=settings) as (ours, origin):
        this = Run(origin, silent if quiet else say_on_stderr)
        for line in dict.fromkeys(card.warnings):
            warn(line)
        yield this
        ours.complete()
        write_json(
            folder / MANIFEST,
            manifest(card, origin)
            | this.facts
            | {"wall_time_s": round(time.monotonic() - began, 1), "resumed": resume},
        )
        ours.complete()


@contextmanager
def claimed(
    folder: Path,
    card: FolderCard,
    resume: bool,
    say: Callable[[str], object] = warn,
    settings: Mapping[str, Any] | None = None,
) -> Iterator[tuple[Owned, Origin]]:
    """Make the folder that of a card for the time of the block; `say` tells of other versions.

    Raises:
        InputError: if it cannot be written, is in use, or holds what this run does not resume.
        RunError: if it goes meanwhile.
    """
    with locked(folder) as ours:
        origin = _claim(ours, Origin.of(card, settings or {}), resume)
        if others := changes(origin.versions, versions()):
            listed = ", ".join(f"{name} {change}" for name, change in others.items())
            say(f"{folder}: other versions than at the start ({listed}): numbers may differ")
        yield ours, origin


@contextmanager
def locked(folder: Path) -> Iterator[Owned]:
    """The only run that writes to the folder, which is made if absent.

    Raises:
        InputError: if another one does, or it cannot be written.
        RunError: if it goes meanwhile.
    """
    try:
        _make(folder)
        with (
            _open(folder, os.O_RDONLY) as handle,
            _open(folder / LOCK, os.O_WRONLY | os.O_CREAT) as lock,
        ):
            _lock(folder, lock)
            with owned(Owned(folder, handle, lock)) as ours:
                ours.check()  # a lock file that was replaced meanwhile locks nothing
                yield ours
    except _CannotOpenError as error:
        raise cannot_write(folder, error.args[0]) from None


@contextmanager
def joined(folder: Path) -> Iterator[Run]:
    """The folder that another process has claimed for this one too.

    Raises:
        InputError: if it is not there.
        RunError: if it goes meanwhile.
    """
    try:
        card = (folder / CARD).read_text(encoding="utf-8")
        origin = Origin.read(folder / ORIGIN, card)
        with (
            _open(folder, os.O_RDONLY) as handle,
            _open(folder / LOCK, os.O_RDONLY) as lock,
            owned(Owned(folder, handle, lock, origin.identity, card)),
        ):
            yield Run(origin, silent)
    except (_CannotOpenError, FileNotFoundError) as error:
        raise InputError(f"cannot be read ({error})", where=str(folder)) from None


class _CannotOpenError(Exception):
    """Before the folder is ours."""


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _CannotOpenError(error) from None


@contextmanager
def _open(path: Path, flags: int) -> Iterator[int]:
    try:
        handle = os.open(path, flags | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise _CannotOpenError(error) from None
    try:
        yield handle
    finally:
        os.close(handle)


def _lock(folder: Path, handle: int) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(
            "another run is writing there",
            where=str(folder),
            allowed="wait for it, or choose another --out",
        ) from None
    except OSError as error:
        raise _CannotOpenError(OSError(error.errno, f"no locks: {error.strerror}")) from None


def _claim(ours: Owned, now: Origin, resume: bool) -> Origin:
    """Say whose the folder is, or find that it is this run's; what the run began with."""
    folder = ours.folder
    path, beside = folder / CARD, folder / ORIGIN
    new = not os.path.lexists(path)
    origin = (_begun if new else _taken_up)(folder, now, resume)
    ours.identity = origin.identity
    try:
        _sweep(folder)
        (folder / MANIFEST).unlink(missing_ok=True)  # the run is not finished any more
        if new or origin.resumed:
            origin.write(beside)
        if new:
            with whole(path) as partial:
                partial.write_text(now.card, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=str(folder)) from None
    ours.card = now.card
    return origin


def _begun(folder: Path, now: Origin, resume: bool) -> Origin:
    """What a run begins with where no card.yaml is: only origin.json can say that results are its.

    Raises:
        InputError: for results of nobody.
    """
    left = [name for name in _RESULTS if _holds(folder / name)]
    if not left:
        return now
    if resume:
        with suppress(InputError):
            then = Origin.read(folder / ORIGIN, now.card)
            if then.identity == now.identity:
                return then
    raise InputError(
        f"the folder holds results without the card.yaml that says whose ({', '.join(left)})",
        where=str(folder),
        allowed=f"move them away, or {_ELSEWHERE}",
    )


def _sweep(folder: Path) -> None:
    """Remove the halves of files that a kill has left; nobody else writes here."""
    rooms = [folder / name for name in _RESULTS if "." not in name]
    found = [*folder.glob("*.partial*"), *(p for room in rooms for p in room.rglob("*.partial*"))]
    for path in found:
        if path.is_file():
            path.unlink()


def _holds(path: Path) -> bool:
    """Whether something is there: a file, or a folder with anything in it."""
    if path.is_dir() and not path.is_symlink():
        return any(path.iterdir())
    return os.path.lexists(path)


def _taken_up(folder: Path, now: Origin, resume: bool) -> Origin:
    """What the run in the folder began with, if it is this one."""
    try:
        stated = (folder / CARD).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise InputError("is damaged", where=str(folder / CARD), allowed=_ELSEWHERE) from None
    other = InputError(
        "the folder holds the run of another card, seed or setting",
        where=str(folder),
        allowed=_ELSEWHERE,
    )
    if stated != now.card:
        raise other
    then = Origin.read(folder / ORIGIN, stated)
    if dict(then.settings) != dict(now.settings):
        raise other
    if not resume:
        raise InputError(
            "the folder holds a run of this card already",
            where=str(folder),
            allowed="add --resume to go on with it, or choose another --out",
        )
    if changed := changes(then.data_sha256, now.data_sha256):
        raise InputError(
            f"data have changed since the run began ({', '.join(changed)})",
            where=str(folder),
            allowed=_ELSEWHERE,
        )
    return then.resumed_under(now.versions)
