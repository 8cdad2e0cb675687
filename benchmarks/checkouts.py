"""Two versions of the package side by side: commands run in checkouts, through the shell alone."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Done:
    """One process: wall and CPU seconds of it and its children, exit code, what it printed."""

    wall: float
    cpu: float
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Checkout:
    """A working tree with the package.

    Attributes:
        name: in tables.
        root: with `bsnunu_jax/` in it.
        environment: variables beside those of this process.
    """

    name: str
    root: Path
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, arguments: Sequence[str], folder: Path) -> Done:
        """`bsnunu ARGUMENTS` in a folder."""
        return self.python(["-m", "bsnunu_jax", *arguments], folder)

    def python(self, arguments: Sequence[str], folder: Path) -> Done:
        """`python ARGUMENTS` in a folder, with the package of this checkout."""
        start, before = time.monotonic(), os.times()
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(self.root)} | dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        after = os.times()
        cpu = after.children_user + after.children_system
        cpu -= before.children_user + before.children_system
        return Done(time.monotonic() - start, cpu, done.returncode, done.stdout, done.stderr)

    def check(self, folder: Path) -> None:
        """Make sure that it is this tree that runs.

        Raises:
            SystemExit: if it is another.
        """
        found = self.python(["-c", "import bsnunu_jax; print(bsnunu_jax.__file__)"], folder)
        if not Path(found.out.strip() or ".").is_relative_to(self.root):
            sys.exit(f"{self.root}: runs {found.out or found.err}")
