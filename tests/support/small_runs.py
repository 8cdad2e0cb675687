"""Small runs of the commands that leave a folder, for tests that interrupt or starve them."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CARD = """\
title: one coupling from one branching fraction
model: neutrinos
inputs: {nuisances: [ckm]}
parameters: {CR_tautau: {prior: {uniform: [-30, 5]}, latex: "C_R^{\\\\tau\\\\tau}"}}
data: [belle2_2023_br, belle_2017_Kstar0]
best_fit: {starts: 4}
sampler: {chains: 2, warmup: 100, draws: 400, block: 50}
seed: 11
"""
BELLE2 = CARD.replace("belle2_2023_br, belle_2017_Kstar0", "belle2_knunu_2023")
COMPARISON = """\
title: two couplings
inputs: {nuisances: [ckm]}
data: [belle2_2023_br]
best_fit: {starts: 4}
variants:
- {name: tau, model: neutrinos, parameters: {CR_tautau: {prior: {uniform: [-30, 5]}}}}
- {name: mu, model: neutrinos, parameters: {CR_mumu: {prior: {uniform: [-30, 5]}}}}
"""
SCAN = """\
title: two couplings
model: neutrinos
design:
  sampling: random
  points: 400000
  parameters: {CR_ee: {uniform: [-20, 20]}, CR_mumu: {uniform: [-20, 20]}}
observables: [R_K_nunu, BR(B+->K+inv)]
chunk: 20000
"""
OUT = "out"
# By command: its arguments without `--out out`, and the file that is written last.
RUNS = {
    "fit": (["fit", "card.yaml"], "manifest.json"),
    "limit": (["limit", "card.yaml"], "manifest.json"),
    "toys": (["limit", "card.yaml", "--toys", "300"], "manifest.json"),
    "project": (["project", "belle2.yaml", "--luminosity", "0.362,5"], "manifest.json"),
    "profile": (["profile", "card.yaml", "--over", "CR_tautau"], "manifest.json"),
    "compare": (["compare", "comparison.yaml"], "manifest.json"),
    "scan": (["scan", "scan.yaml"], "manifest.json"),
    "reproduce": (["reproduce", "slides-q2"], "slides-q2/inputs.json"),
}
# What tells when and how a run was, not what it found.
_OF_THE_RUN = {"manifest.json", "lock", "origin.json", "inputs.json"}


def write_cards(folder: Path) -> None:
    """All cards of `RUNS`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {
        "card": CARD,
        "belle2": BELLE2,
        "comparison": COMPARISON,
        "scan": SCAN,
    }.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def command(*arguments: str) -> list[str]:
    """`bsnunu`, of this checkout."""
    return [sys.executable, "-m", "bsnunu_jax", *arguments]


def environment(**changes: str | None) -> dict[str, str]:
    """That of the tests with the package of this checkout and other variables; None removes one."""
    found = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    found |= {k: v for k, v in changes.items() if v is not None}
    return {k: v for k, v in found.items() if changes.get(k, "") is not None}


def in_shell(line: str, folder: Path, **changes: str | None) -> subprocess.CompletedProcess[str]:
    """A line of bash in which $BSNUNU is the command."""
    return subprocess.run(
        ["bash", "-c", line.replace("$BSNUNU", f"'{sys.executable}' -m bsnunu_jax")],
        cwd=folder,
        env=environment(**changes),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def files(folder: Path) -> dict[str, bytes]:
    """All results by name."""
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name not in _OF_THE_RUN
    }


def partial_files(folder: Path) -> list[str]:
    """What should never stay."""
    return [str(p) for p in folder.rglob("*") if "partial" in p.name]


def one_line(errors: str) -> str:
    """The line with the error in what a command wrote to stderr; the rest is progress.

    Raises:
        AssertionError: if it is not one line, and the last one.
    """
    lines = [x for x in re.split(r"[\r\n]", errors) if x.strip()]
    assert "Traceback" not in errors, errors
    assert "Exception ignored" not in errors, errors
    assert sum("bsnunu: error:" in x for x in lines) == 1, errors
    assert lines[-1].startswith("bsnunu: error: "), errors
    return lines[-1]
