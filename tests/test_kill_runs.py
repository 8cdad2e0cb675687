"""A short form of kill_runs.py: kills and deletions at random moments lose nothing."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent / "support" / "kill_runs.py"


def test_kills_and_deletions_at_random_moments():
    root = SCRIPT.parents[2]
    path = f"{root}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    done = subprocess.run(
        [
            sys.executable,
            str(SCRIPT),
            "--rounds",
            "4",
            "--deletions",
            "2",
            "--commands",
            "scan,fit",
        ],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "killed: 4 (" in done.stdout
    assert "deleted: 2 (" in done.stdout
    assert "0 wrong" in done.stdout
