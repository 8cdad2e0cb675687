"""Belle II 2023 alone, and with the toy K*0 record and its luminosity in common: fits in turn.

python -m benchmarks.joint_fit DIR [--rounds 2]

DIR has Belle II's published files. Prints wall and CPU seconds of each run, and its convergence.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bsnunu_jax.experiments.records.layout import FILE
from bsnunu_jax.experiments.records.toys import write_toy

CARD = """\
title: {name}
model: neutrinos
inputs: {{preset: default, nuisances: [{nuisances}]}}
parameters:
  CR_tautau: {{prior: {{uniform: [-30, 30]}}}}
data: [{data}]
likelihood: {likelihood}
sampler: {{chains: 4, warmup: 500, draws: 1500}}
seed: 1
"""
CARDS = {
    "alone": {"data": "belle2_knunu_2023", "nuisances": "ckm, B->K"},
    "together": {"data": "belle2_knunu_2023, toy/", "nuisances": "ckm, B->K, B->K*"},
}
SHARE = "share:\n  lumi: {belle2_knunu_2023: corr_lumi_c1, correlation: 1}\n"


def fit(card: Path, out: Path) -> tuple[float, float, str]:
    """Wall and CPU seconds of a fit, and what its table says of convergence."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "bsnunu_jax", "fit", str(card), "--out", str(out), "--quiet"]
    table = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    (line,) = (x for x in table.splitlines() if "divergences" in x)
    return time.perf_counter() - start, after.ru_utime - before.ru_utime, line


def main() -> None:
    """Alternate the two."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("likelihood", type=Path, metavar="DIR")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        os.environ.setdefault("BSNUNU_CACHE", str(folder / "cache"))
        write_toy("kstar", folder / "toy")
        with (folder / "toy" / FILE).open("a") as file:
            file.write(SHARE)
        for name, given in CARDS.items():
            text = CARD.format(name=name, likelihood=options.likelihood.resolve(), **given)
            (folder / f"{name}.yaml").write_text(text)
        for i in range(options.rounds):
            for name in CARDS:
                wall, cpu, line = fit(folder / f"{name}.yaml", folder / f"{name}_{i}")
                print(f"{name:<10}{wall:7.1f} s wall {cpu:7.1f} s CPU  {line}", flush=True)


if __name__ == "__main__":
    main()
