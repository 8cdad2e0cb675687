"""Interrupt commands at random moments: `python tests/support/interrupts.py --number 60 --resume`.

Every interrupt must end the command soon with exit code 130 (143 for SIGTERM) and one line, leave
no partial file, and `--resume` must give what an undisturbed run gives. Prints a table.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from small_runs import OUT, RUNS, command, environment, files, one_line, partial_files, write_cards

BESIDES = {
    "predict": ["predict", "R_K_nunu", "--errors", "20000"],
    "export": ["export", "popxf", "R_K_nunu", "--errors", "500", "--out", "out.json"],
}
# A shell that starts jobs in the background has them ignore SIGINT.
WITH_SIGINT = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)
_SOON = 3.0  # s, on a busy machine


@dataclass
class Interrupted:
    """What an interrupt did: how long the end took [s], the exit code, and what is wrong."""

    name: str
    signals: tuple[int, ...]
    after: float
    took: float
    code: int
    fault: str = ""


def arguments(name: str) -> list[str]:
    """Of a command by its name in the table."""
    return BESIDES[name] if name in BESIDES else [*RUNS[name][0], "--out", OUT]


def started(name: str, folder: Path, cache: str) -> subprocess.Popen[str]:
    """The command, once it listens to signals."""
    process = subprocess.Popen(
        [sys.executable, "-c", WITH_SIGINT, *command(*arguments(name))],
        cwd=folder,
        text=True,
        env=environment(BSNUNU_CACHE=cache),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    until = time.monotonic() + 5
    while time.monotonic() < until and process.poll() is None and not _listens(process.pid):
        time.sleep(0.005)
    return process


def _listens(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return False
    caught = next((x.split()[1] for x in status.splitlines() if x.startswith("SigCgt")), "0")
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


def interrupt(
    name: str, folder: Path, cache: str, after: float, signals: Sequence[int], gap: float = 0.02
) -> Interrupted:
    """Start a command, send it signals, and look at what it leaves."""
    write_cards(folder)
    process = started(name, folder, cache)
    time.sleep(after)
    began = time.monotonic()
    for signum in signals:
        if process.poll() is None:
            process.send_signal(signum)
            time.sleep(gap if len(signals) > 1 else 0)
    try:
        _, errors = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        _, errors = process.communicate()
        return Interrupted(name, tuple(signals), after, 60.0, process.returncode, "goes on")
    took = time.monotonic() - began
    found = Interrupted(name, tuple(signals), after, took, process.returncode)
    try:
        _check(found, errors, folder)
    except AssertionError as error:
        found.fault = str(error) or "assertion"
    return found


def _check(found: Interrupted, errors: str, folder: Path) -> None:
    left = partial_files(folder)
    assert not left, f"partial files: {left}"
    if found.code == 0:  # it was done before
        if found.name in RUNS:
            assert (folder / OUT / RUNS[found.name][1]).is_file(), "exit code 0, incomplete"
        return
    word = "interrupted" if found.signals[0] == signal.SIGINT else "ended by SIGTERM"
    assert found.code == 128 + found.signals[0], f"exit code {found.code}: {errors[-300:]}"
    assert word in one_line(errors), errors
    assert found.took < _SOON, f"took {found.took:.1f} s"


def resumed(name: str, folder: Path, cache: str) -> dict[str, bytes]:
    """The results after `--resume`."""
    more = ["--resume"] if (folder / OUT / "card.yaml").is_file() and name != "reproduce" else []
    done = subprocess.run(
        [*command(*arguments(name), *more), "--quiet"],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment(BSNUNU_CACHE=cache),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return files(folder / OUT)


def main() -> int:
    """Print the table; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--within", type=float, default=8.0, help="latest moment [s]")
    parser.add_argument("--resume", action="store_true", help="finish what was interrupted, too")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    root = Path(tempfile.mkdtemp())
    cache = os.environ.get("BSNUNU_CACHE", str(root / "cache"))
    names, whole = [*RUNS, *BESIDES], {}
    for name in RUNS if options.resume else ():
        write_cards(root / name)
        whole[name] = resumed(name, root / name, cache)
    faults = 0
    print("command    signals           after [s]  ended in [s]  code  fault")
    for i in range(options.number):
        name = names[i % len(names)]
        first = rng.choice((signal.SIGINT, signal.SIGINT, signal.SIGTERM))
        signals = [first] * rng.choice((1, 1, 2, 3))
        # Every other one without compiled programs: most of the time is compilation.
        used, after = cache if i % 2 else "off", rng.uniform(0, options.within)
        folder = root / f"{i}"
        found = interrupt(name, folder, used, after, signals, rng.uniform(0, 0.1))
        if options.resume and name in RUNS and not found.fault:
            try:
                if resumed(name, folder, cache) != whole[name]:
                    found.fault = "another result after --resume"
            except AssertionError as error:
                found.fault = f"--resume: {error}"
        faults += bool(found.fault)
        shown = "+".join(signal.Signals(s).name for s in found.signals)
        print(
            f"{name:<10} {shown:<22} {found.after:6.2f}  {found.took:8.2f}  {found.code:8d}  "
            f"{found.fault[:300]}",
            flush=True,
        )
    print(f"{options.number} interrupts, {faults} faults")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
