"""Seconds of two versions of the package, alternating, in processes of their own.

    python -m benchmarks.before_after BEFORE AFTER [--likelihood DIR] [--repeats 3] [--only NAME]

prints a table with the best of several runs of each, wall and CPU, and the ratio after/before.
Every process starts with an empty compilation cache; `--warm` runs each once before, in a cache of
its own. Exit code 1 if an entry is slower by more than `--allowed`, 5 %.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.checkouts import Checkout, Done

_LUMINOSITY = ("--luminosity", "0.362,5,50")


def entries(cards: Path, published: tuple[str, ...]) -> dict[str, Callable[[Checkout, Path], Done]]:
    """What is timed, by name; cards are those of the first checkout."""

    def command(*words: str) -> Callable[[Checkout, Path], Done]:
        return lambda version, folder: version.command(words, folder)

    def card(name: str) -> str:
        return str(cards / f"{name}.yaml")

    quiet = ("--out", "result", "--quiet")
    mass = ",".join(("0.2", "0.6", "1.0", "1.4"))
    return {
        "main fit": command("fit", card("belle2_cr"), *quiet),
        "WET fit": command("fit", card("belle2_wet"), *published, *quiet),
        "dm_fermion_V2": command("fit", card("dm_fermion_V2"), *quiet),
        "compare dark_sector": command("compare", card("dark_sector"), *quiet),
        "16 exclusion maps": lambda version, folder: version.python(
            [str(version.root / "benchmarks" / "exclusion_maps.py"), "120"], folder
        ),
        "scan of 10^6": command("scan", card("scan_cr"), *quiet),
        "profile map": command(
            "profile",
            card("belle2_cr"),
            *("--over", "CR_mutau=0:15", "--over", "CR_tautau=-25:15"),
            *quiet,
        ),
        "project, four masses": command(
            "project", card("dm_fermion_V2"), *_LUMINOSITY, "--set", f"m={mass}", *quiet
        ),
        "predict": command("predict", "BR(B+->K+inv)", "R_K_nunu", "--set", "CR_tautau=-11"),
        "limit": command("limit", card("belle2_mu"), *quiet),
    }


def main() -> None:
    """Time and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--likelihood", type=Path, help="Belle II's published likelihood, WET fit")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="*", metavar="NAME", help="these alone")
    parser.add_argument("--warm", action="store_true", help="with a filled compilation cache")
    parser.add_argument("--allowed", type=float, default=0.05, help="as a fraction, of CPU time")
    parser.add_argument("--list", action="store_true", help="print the names")
    parser.add_argument("--json", type=Path, help="write all times there too")
    given = parser.parse_args()
    published = ("--likelihood", str(given.likelihood.resolve())) if given.likelihood else ()
    timed = entries(given.before.resolve() / "fits", published)
    unknown = sorted(set(given.only or ()) - timed.keys())
    if given.list or unknown:
        print("\n".join(timed))
        sys.exit(2 if unknown else 0)
    slower, every = False, {}
    print("| | before, wall (CPU) [s] | after | after/before, wall | CPU |")
    print("|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        versions = [
            Checkout(
                label,
                path.resolve(),
                {
                    "BSNUNU_CACHE": str(root / f"cache_{label}") if given.warm else "off",
                    "PYTHONPYCACHEPREFIX": str(root / f"bytecode_{label}"),
                },
            )
            for label, path in (("before", given.before), ("after", given.after))
        ]
        for version in versions:
            version.check(root)
        for entry in given.only or timed:
            found: dict[str, list[Done]] = {v.name: [] for v in versions}
            for repeat in range(-1 if given.warm else 0, given.repeats):
                for version in versions if repeat % 2 else versions[::-1]:
                    with tempfile.TemporaryDirectory(dir=root) as folder:
                        done = timed[entry](version, Path(folder))
                    if done.code:
                        sys.exit(f"{entry}, {version.name}: {done.err.strip()[-500:]}")
                    if repeat >= 0:
                        found[version.name].append(done)
            best = {
                v: (min(d.wall for d in runs), min(d.cpu for d in runs))
                for v, runs in found.items()
            }
            every[entry] = {v: [(d.wall, d.cpu) for d in runs] for v, runs in found.items()}
            ratio = [a / b for a, b in zip(best["after"], best["before"], strict=True)]
            slower |= ratio[1] > 1 + given.allowed
            times = [f"{best[v][0]:.2f} ({best[v][1]:.2f})" for v in ("before", "after")]
            print(
                f"| {entry} | {' | '.join(times)} | {ratio[0]:.2f} | {ratio[1]:.2f} |", flush=True
            )
    if given.json:
        given.json.write_text(json.dumps(every, indent=1) + "\n")
    sys.exit(1 if slower else 0)


if __name__ == "__main__":
    main()
