"""What a run says while it works, and what it says in any case."""

import sys
from typing import Any


def say_on_stderr(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)


def bar(what: str, unit: str, *, quiet: bool | None, **options: Any) -> Any:
    """A bar of tqdm, on stderr; `quiet` of None: only if that is a terminal."""
    from tqdm import tqdm

    return tqdm(
        desc=what, unit=unit, disable=quiet, file=sys.stderr, **{"mininterval": 0.5} | options
    )


def silent(text: str) -> None:
    """No progress."""
    return


def warn(text: str) -> None:
    """A warning, which is no progress: `--quiet` keeps it."""
    print(f"bsnunu: WARNING: {text}", file=sys.stderr, flush=True)
