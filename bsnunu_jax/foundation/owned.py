"""The folders that this process writes to: still the same ones, and of which run.

A path inside tells its folder, so that every writer can ask without being told of the run.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bsnunu_jax.foundation.errors import InputError, RunError

CARD, LOCK = "card.yaml", "lock"
_OWNED: dict[Path, "Owned"] = {}


@dataclass(eq=False)
class Owned:
    """A folder while a run writes to it.

    Attributes:
        folder: its path.
        handle: of the folder itself: while it is open, no other folder gets its number.
        lock: of the lock file in it.
        identity: of the run, 64 hexadecimal digits; "" if the folder is not that of one run.
        card: the text of card.yaml, None if there is none.
        written: the files that the run has left there.
    """

    folder: Path
    handle: int
    lock: int
    identity: str = ""
    card: str | None = None
    written: set[Path] = field(default_factory=set)

    def check(self) -> None:
        """Nothing if the folder is where it was and belongs to this run.

        Raises:
            RunError: if it was deleted, moved, replaced or given to another run.
        """
        kept = "what is finished is kept: start again with `--resume`"
        if not _same(self.folder, self.handle):
            raise RunError(
                "was deleted, moved or replaced while the run wrote to it",
                where=str(self.folder),
                allowed="nothing more is written; start again",
            )
        if not _same(self.folder / LOCK, self.lock):
            raise RunError(
                "was deleted or replaced while the run wrote to the folder",
                where=str(self.folder / LOCK),
                allowed=kept,
            )
        if self.card is not None and _text(self.folder / CARD) != self.card:
            raise RunError(
                "was changed while the run wrote to the folder",
                where=str(self.folder / CARD),
                allowed=kept,
            )

    def complete(self) -> None:
        """Nothing if all that the run has written is still there.

        Raises:
            RunError: if not.
        """
        self.check()
        for path in sorted(self.written):
            if not path.is_file():
                raise RunError(
                    "was deleted while the run wrote to the folder",
                    where=str(path),
                    allowed="`--resume` makes it again",
                )

    def make(self, folder: Path) -> None:
        """Make a folder inside, but never the folder itself.

        Raises:
            RunError: as `check`.
        """
        self.check()
        inside = Path(os.path.abspath(folder)).relative_to(os.path.abspath(self.folder))
        for part in [*reversed(inside.parents), inside][1:]:
            (self.folder / part).mkdir(exist_ok=True)


@contextmanager
def owned(ours: Owned) -> Iterator[Owned]:
    """The folder is known as ours inside the block; an error there is told by what caused it."""
    key = Path(os.path.abspath(ours.folder))
    _OWNED[key] = ours
    try:
        yield ours
    except (OSError, InputError):
        ours.check()
        raise
    finally:
        _OWNED.pop(key, None)


def owner(path: Path) -> Owned | None:
    """The innermost folder of ours that the path is in, None if there is none."""
    whole = Path(os.path.abspath(path))
    return next((_OWNED[p] for p in (whole, *whole.parents) if p in _OWNED), None)


def identity_of(path: Path) -> str:
    """The identity of the run that writes there, "" if there is none."""
    ours = owner(path)
    return ours.identity if ours else ""


def _same(path: Path, handle: int) -> bool:
    with suppress(OSError):
        return os.path.samestat(path.stat(), os.fstat(handle))
    return False


def _text(path: Path) -> str | None:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8")
    return None
