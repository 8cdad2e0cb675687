"""What a run says while it works, and what it says in any case."""

import sys


def say_on_stderr(text: str) -> None:
    """Progress."""
    print(text, file=sys.stderr, flush=True)


def silent(text: str) -> None:
    """No progress."""
    return


def warn(text: str) -> None:
    """A warning, which is no progress: `--quiet` keeps it."""
    print(f"bsnunu: WARNING: {text}", file=sys.stderr, flush=True)
