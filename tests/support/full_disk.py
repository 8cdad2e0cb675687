"""Fill the disk at many sizes: `python tests/support/full_disk.py --sizes 20`.

Each command writes to a file system in memory that is too small (as root; elsewhere to files that
may not grow beyond a limit). It must end with exit code 1 (2 for a scan that is refused at its
start) and one line that names the file, leave nothing partial or damaged, and `--resume` with space
must give what an undisturbed run gives.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from small_runs import OUT, RUNS, command, environment, files, one_line, partial_files, write_cards

_NEEDED = "are needed and"
_REASONS = ("No space left on device", "File too large", _NEEDED)


def arguments(name: str) -> list[str]:
    """Of a command by its name in `RUNS`."""
    return [*RUNS[name][0], "--out", OUT, "--quiet"]


def run(
    folder: Path, name: str, cache: str, *more: str, limit: int | None = None
) -> subprocess.CompletedProcess[str]:
    """A command, on request with a limit [KiB] on the size of its files."""
    line = " ".join(f"'{x}'" for x in command(*arguments(name), *more))
    limited = line if limit is None else f"ulimit -f {limit}; exec {line}"
    return subprocess.run(
        ["bash", "-c", limited],
        cwd=folder,
        env=environment(BSNUNU_CACHE=cache),
        text=True,
        capture_output=True,
        check=False,
        timeout=600,
    )


@contextmanager
def largest_file(kilobytes: int) -> Iterator[None]:
    """No file that this process writes may grow beyond this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * kilobytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def fault(code: int, errors: str, folder: Path, whole: dict[str, bytes]) -> str:
    """What is wrong with a run on a disk that may be full; nothing if nothing is."""
    found = files(folder / OUT)
    if left := partial_files(folder):
        return f"partial files: {left}"
    if damaged := [name for name, content in found.items() if content != whole.get(name)]:
        return f"other bytes: {damaged}"
    if code == 0:
        return "" if found.keys() == whole.keys() else "exit code 0, incomplete"
    # A scan looks for its space first and refuses what cannot be.
    refused = code == 2 and _NEEDED in errors
    if code != 1 and not refused:
        return f"exit code {code}: {errors[-300:]}"
    try:
        line = one_line(errors)
    except AssertionError as error:
        return str(error)
    good = any(reason in line for reason in _REASONS) and OUT in line
    return "" if good else line


def mount(folder: Path, kilobytes: int, *options: str) -> bool:
    """A file system of this size at a folder; False if this user cannot have one."""
    size = ",".join((*options, f"size={kilobytes}k"))
    kind = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)]
    try:
        return subprocess.run(kind, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def attempt(name: str, kilobytes: int, root: Path, cache: str, whole: dict[str, bytes]) -> str:
    """Run a command with this much space and go on with more; what is wrong."""
    folder = Path(tempfile.mkdtemp(dir=root))
    small = mount(folder, kilobytes)
    try:
        write_cards(folder)
        done = run(folder, name, cache, limit=None if small else kilobytes)
        found = fault(done.returncode, done.stderr, folder, whole)
        if found or done.returncode == 0:
            return found
        if small and not mount(folder, 1_000_000, "remount"):
            return "cannot be made larger"
        more = ["--resume"] if (folder / OUT / "card.yaml").is_file() else []
        again = run(folder, name, cache, *(more if name != "reproduce" else []))
        if again.returncode:
            return f"--resume: {again.stderr}"
        return "" if files(folder / OUT) == whole else "another result after --resume"
    finally:
        if small:
            subprocess.run(["umount", str(folder)], check=False)


def main() -> int:
    """Print a table; 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, default=20)
    parser.add_argument("--commands", default=",".join(RUNS))
    options = parser.parse_args()
    root = Path(tempfile.mkdtemp())
    cache, faults = str(root / "cache"), 0
    for name in options.commands.split(","):
        write_cards(root / name)
        assert run(root / name, name, cache).returncode == 0
        whole = files(root / name / OUT)
        total = sum(map(len, whole.values())) / 1024
        for i in range(options.sizes):
            # Cards take five pages of 4 KiB.
            kilobytes = 20 + int(total * 1.05 * (i / max(options.sizes - 1, 1)))
            found = attempt(name, kilobytes, root, cache, whole)
            faults += bool(found)
            print(f"{name:<10} {kilobytes:6d} KiB  {found or 'right'}", flush=True)
    print(f"{faults} faults")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
