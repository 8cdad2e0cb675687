"""What the command does before anything else, JAX included: streams, signals, foreign messages.

Standard library only.
"""

import logging
import os
import sys
from importlib import metadata
from pathlib import Path

from bsnunu_jax.foundation import interrupts, streams


def begin_if_command() -> None:
    """Begin if this process is `bsnunu` or `python -m bsnunu_jax`, and no other program."""
    name = sys.argv[0] if getattr(sys, "argv", None) else ""
    # Python imports a package before it looks for the `__main__` to run.
    if Path(name).stem == "bsnunu" or (name == "-m" and "bsnunu_jax" in sys.orig_argv):
        begin()


def begin() -> None:
    """Repair the standard streams, listen to signals, leave out what others say without need."""
    streams.repair()
    interrupts.listen()
    # A folder for its fonts that cannot be written; fonts are read anew.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    # Before 0.10.2 XLA complains of every program of its cache that processors have no feature
    # called prefer-no-gather, which is none.
    if tuple(metadata.version("jaxlib").split(".")[:3]) in (("0", "10", "0"), ("0", "10", "1")):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
