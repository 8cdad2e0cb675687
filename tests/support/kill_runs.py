"""Kill runs at random moments, or delete their folders, and look at what is left.

    python tests/support/kill_runs.py --rounds 100 --deletions 20 [--commands fit,scan] [--seed 1]

A round starts a command in a fork of this process, kills it (SIGKILL), sometimes kills the run that
resumes it too, resumes it until it is finished and compares the folder with that of an
uninterrupted run, byte for byte. A deletion takes the folder away in the middle: the run has to end
with one line and exit code 1, and nothing may come back. The last line counts; the exit code is 1
if anything differed.
"""

import argparse
import contextlib
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from folder_cases import COMMANDS, write_cards

from bsnunu_jax.cli import main

# Not the same again: the lock is empty, and the wall time and whether it was resumed are no result.
_OTHER = {"manifest.json": ("wall_time_s", "resumed")}
_MOST = 600.0
# What the commands import, so that a fork has it; nothing of this starts XLA.
_OF_THE_COMMANDS = (
    "bsnunu_jax.report",
    "bsnunu_jax.report.compare_table",
    "bsnunu_jax.report.diagnostics",
    "bsnunu_jax.report.figures.limit",
    "bsnunu_jax.report.figures.profile",
    "bsnunu_jax.report.figures.project",
    "bsnunu_jax.reproduce.run",
    "bsnunu_jax.runs.compare",
    "bsnunu_jax.runs.fit",
    "bsnunu_jax.runs.limit",
    "bsnunu_jax.runs.profile",
    "bsnunu_jax.runs.project",
    "bsnunu_jax.scan.run",
    "h5netcdf",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "tqdm",
    "xarray",
)


@dataclass
class Child:
    """A command in a fork of this process, where nothing has to be imported again."""

    command: list[str]
    errors: Path

    def __post_init__(self) -> None:
        self.pid = os.fork()
        if not self.pid:
            self._run()
        self._code: int | None = None

    def _run(self) -> None:
        code = 99
        try:
            with self.errors.open("w") as file, Path(os.devnull).open("w") as nothing:
                os.dup2(file.fileno(), 2)
                os.dup2(nothing.fileno(), 1)
                try:
                    main([*self.command, "--quiet"])
                except SystemExit as end:
                    code = int(end.code or 0)
                except BaseException:
                    import traceback

                    traceback.print_exc()
        finally:
            os._exit(code)

    def wait(self, seconds: float = _MOST) -> int | None:
        """The exit code, None if it has not ended by then."""
        until = time.monotonic() + seconds
        while self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > until:
                return None
            else:
                time.sleep(0.002)
        return self._code

    def kill(self) -> None:
        """As `kill -9`."""
        if self._code is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()

    @property
    def said(self) -> str:
        """Its stderr."""
        return self.errors.read_text()


def content(folder: Path) -> dict[str, object]:
    """All files with their bytes, but for what may differ."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = str(path.relative_to(folder))
            found[name] = path.read_bytes()
            if name in _OTHER:
                named = json.loads(path.read_text())
                found[name] = {k: v for k, v in named.items() if k not in _OTHER[name]}
    return found


class Trial:
    """One command: what it leaves when nothing happens, and how long it takes."""

    def __init__(self, name: str, work: Path) -> None:
        self.name, self.work = name, work
        self.command = COMMANDS[name]
        for out in ("first", "whole"):  # the first one compiles
            began = time.monotonic()
            child = self.start(out, resume=False)
            if child.wait() != 0:
                raise RuntimeError(f"{name}: {child.said}")
            self.seconds = time.monotonic() - began
        self.whole = content(self.folder("whole"))
        if content(self.folder("first")) != self.whole:
            raise RuntimeError(f"{name}: two uninterrupted runs differ")

    def folder(self, out: str) -> Path:
        return self.work / f"{self.name}_{out}"

    def start(self, out: str, *, resume: bool) -> Child:
        options = ["--resume"] if resume and self.name != "reproduce" else []
        command = [*self.command, "--out", str(self.folder(out)), *options]
        return Child(command, self.work / f"{self.name}_{out}.err")

    def killed(self, rng: random.Random) -> tuple[str, str]:
        """What a round found ("" if nothing is wrong), and how far the run had come."""
        child = self.start("killed", resume=False)
        child.wait(rng.uniform(0, self.seconds))
        child.kill()
        stage = self.stage("killed")
        while rng.random() < 0.2:
            child = self.start("killed", resume=True)
            child.wait(rng.uniform(0, self.seconds))
            child.kill()
        child = self.start("killed", resume=True)
        code = child.wait()
        wrong = ""
        if code != 0 or "Traceback" in child.said:
            wrong = f"resume ended with {code}: {child.said.strip()[-300:]}"
        else:
            found = content(self.folder("killed"))
            names = [n for n in {**found, **self.whole} if found.get(n) != self.whole.get(n)]
            wrong = f"differs: {', '.join(names)}" if names else ""
        shutil.rmtree(self.folder("killed"), ignore_errors=True)
        return wrong, stage

    def deleted(self, rng: random.Random) -> tuple[str, str]:
        """Likewise for a folder that is deleted."""
        child, folder = self.start("deleted", resume=False), self.folder("deleted")
        while not (folder / "lock").exists() and child.wait(0) is None:
            time.sleep(0.001)
        child.wait(rng.uniform(0, 0.9 * self.seconds))
        stage = self.stage("deleted")
        if child.wait(0) is not None or stage == "finished":
            child.kill()
            shutil.rmtree(folder, ignore_errors=True)
            return "", "too late"
        for _ in range(1000):  # a file may come while the folder is emptied
            with contextlib.suppress(OSError):
                shutil.rmtree(folder)
            if not folder.exists():
                break
        code, said = child.wait(), child.said
        wrong = ""
        if folder.exists():
            wrong = f"came back with {[p.name for p in folder.iterdir()]}"
        elif code != 1 or said.count("\n") != 1 or not said.startswith("bsnunu: error: "):
            wrong = f"ended with {code}: {said.strip()[-300:]}"
        shutil.rmtree(folder, ignore_errors=True)
        return wrong, stage

    def stage(self, out: str) -> str:
        """How far a run has come."""
        folder = self.folder(out)
        if not (folder / "card.yaml").exists() and self.name != "reproduce":
            return "before its card"
        if (folder / "manifest.json").exists() or list(folder.glob("*/inputs.json")):
            return "finished"
        results = {"lock", "card.yaml", "origin.json"}
        some = [p for p in folder.rglob("*") if p.is_file() and p.name not in results]
        return "with results" if some else "without results"


def rounds(arguments: argparse.Namespace, work: Path) -> int:
    """All rounds; the number of those that found something."""
    rng = random.Random(arguments.seed)
    os.chdir(write_cards(work))
    names = arguments.commands.split(",") if arguments.commands else list(COMMANDS)
    trials = []
    for name in names:
        trials.append(Trial(name, work))
        print(f"{name}: {len(trials[-1].whole)} files, {trials[-1].seconds:.1f} s", flush=True)
    plan = ["killed"] * arguments.rounds + ["deleted"] * arguments.deletions
    rng.shuffle(plan)
    stages: dict[str, Counter[str]] = {kind: Counter() for kind in ("killed", "deleted")}
    failures = 0
    while plan:
        kind, trial = plan[-1], trials[len(plan) % len(trials)]
        wrong, stage = getattr(trial, kind)(rng)
        if stage == "too late":
            continue
        plan.pop()
        stages[kind][stage] += 1
        failures += bool(wrong)
        if wrong or arguments.verbose:
            print(f"{kind} {trial.name}, {stage}: {wrong or 'fine'}", flush=True)
    for kind, counts in stages.items():
        told = ", ".join(f"{count} {stage}" for stage, count in counts.most_common())
        print(f"{kind}: {counts.total()} ({told})", flush=True)
    print(f"{failures} wrong", flush=True)
    return failures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10, help="kills")
    parser.add_argument("--deletions", type=int, default=2, help="of the folder of a run")
    parser.add_argument("--commands", default="", help=f"of {','.join(COMMANDS)}; all if left out")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--verbose", action="store_true", help="a line a round")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ.setdefault("BSNUNU_CACHE", str(Path(scratch) / "cache"))
        for module in _OF_THE_COMMANDS:
            importlib.import_module(module)
        sys.exit(1 if rounds(given, Path(scratch)) else 0)
