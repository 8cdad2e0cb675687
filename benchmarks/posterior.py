"""Complete posteriors on Belle II's published likelihood: wall time and convergence by seed.

`python -m benchmarks.posterior DIR [CARD...] [--seeds 10] [--out FILE]` runs `bsnunu fit CARD
--likelihood DIR` as a user does (fits/belle2_wet.yaml if no card is named), one process a seed:
with an empty compilation cache, then again with what the run before has left there.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import yaml

from benchmarks.timing import Section, report

CARD = Path(__file__).parents[1] / "fits" / "belle2_wet.yaml"
PACKAGES = ("jax", "jaxlib", "numpy", "numpyro", "arviz")


def fit(
    card: Path, likelihood: Path, seed: int, folder: Path, cache: Path
) -> tuple[float, float, str]:
    """Seconds from the start of the process to the last draw and to its end, and what it prints."""
    command = [
        sys.executable,
        "-m",
        "bsnunu_jax",
        "fit",
        str(card),
        "--likelihood",
        str(likelihood),
        "--seed",
        str(seed),
        "--out",
        str(folder),
        "--quiet",
    ]
    environment = {**os.environ, "BSNUNU_CACHE": str(cache)}
    start = time.time()
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    end = time.time()
    last = max(p.stat().st_mtime for p in (folder / "blocks").iterdir())
    return last - start, end - start, done.stdout


def convergence(card: Path, folder: Path, printed: str) -> tuple[float, float, int]:
    """Largest R-hat and smallest bulk ESS of the parameters, and the number of divergences."""
    names = list(yaml.safe_load(card.read_text())["parameters"])
    with (folder / "summary.csv").open() as file:
        rows: list[Mapping[str, str]] = [r for r in csv.DictReader(file) if r["name"] in names]
    assert len(rows) == len(names)
    words = printed.split()
    divergences = int(words[words.index("divergences;") - 1])
    r_hat = max(float(r["r_hat"]) for r in rows)
    return r_hat, min(float(r["ess_bulk"]) for r in rows), divergences


def section(card: Path, likelihood: Path, seeds: int) -> Section:
    """One row a seed, and the worst of every column."""
    found = []
    for seed in range(1, seeds + 1):
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            cold, all_cold, printed = fit(card, likelihood, seed, root / "cold", root / "cache")
            warm, all_warm, again = fit(card, likelihood, seed, root / "warm", root / "cache")
            assert printed.splitlines()[:-1] == again.splitlines()[:-1]
            numbers = convergence(card, root / "cold", printed)
        found.append((seed, cold, all_cold, warm, all_warm, *numbers))
        print(*(f"{x:.4g}" for x in found[-1]), file=sys.stderr, flush=True)
    columns = list(zip(*found, strict=True))
    worst = ["worst", *(max(c) for c in columns[1:6]), min(columns[6]), max(columns[7])]
    rows = [
        (
            str(row[0]),
            *(f"{x:.1f}" for x in row[1:5]),
            f"{row[5]:.4f}",
            f"{row[6]:.0f}",
            str(row[7]),
        )
        for row in [*found, worst]
    ]
    return Section(
        f"{card.stem} on the published likelihood",
        "Parameters, uncertain inputs and 48 systematics of Belle II sampled, MC statistics"
        " integrated out. Wall time from the start of the process to the last draw, and to the end"
        " with table, NetCDF file and figures.",
        (
            "seed",
            "cold: posterior [s]",
            "all [s]",
            "warm cache: posterior [s]",
            "all [s]",
            "largest R-hat",
            "smallest bulk ESS",
            "divergences",
        ),
        rows,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, print and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("likelihood", type=Path, help="folder with the published files")
    parser.add_argument("cards", type=Path, nargs="*", default=[CARD])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    options = parser.parse_args(arguments)
    report(
        "Posteriors",
        PACKAGES,
        options.out,
        [partial(section, card, options.likelihood, options.seeds) for card in options.cards],
        f"{os.cpu_count()} cores",
    )


if __name__ == "__main__":
    main()
