"""Cards whose runs take seconds, and the commands that the tests of result folders start."""

from pathlib import Path

import pytest

from bsnunu_jax.cli import main

DATA = """\
measurements:
- {id: mine, title: mine, observable: R_K_nunu, value: 1.8, errors: [[0.5, -0.5]]}
"""
FIT = """\
title: one coupling, one ratio
model: neutrinos
inputs: {nuisances: []}
parameters: {CR_tautau: {prior: {uniform: [-12, 5]}}}
data: [mine.yaml]
best_fit: {starts: 2}
sampler: {chains: 1, warmup: 50, draws: 60, block: 20}
"""
SCAN = """\
title: six chunks
model: neutrinos
design: {points: 600, parameters: {CR_tautau: {uniform: [-20, 20]}}}
observables: [R_K_nunu]
chunk: 100
"""
COMPARE = """\
title: two models
inputs: {nuisances: []}
data: [mine.yaml]
variants:
- model: signal-strength
  parameters: {mu: {prior: {uniform: [-10, 10]}}}
- model: neutrinos
  parameters: {CR_tautau: {prior: {uniform: [-12, 5]}}}
best_fit: {starts: 2}
"""
# What follows each card; the result folder is added.
COMMANDS = {
    "fit": ["fit", "fit.yaml"],
    "limit": ["limit", "fit.yaml", "--toys", "60"],
    "profile": ["profile", "fit.yaml", "--over", "CR_tautau=-10:4:5"],
    "project": ["project", "counts.yaml", "--luminosity", "5", "--toys", "20"],
    "compare": ["compare", "compare.yaml"],
    "scan": ["scan", "scan.yaml"],
    "reproduce": ["reproduce", "slides-q2"],
}
COUNTS = """\
title: signal strength
model: signal-strength
inputs: {nuisances: []}
parameters: {mu: {prior: {uniform: [0, 20]}}}
data: [belle2_knunu_2023]
best_fit: {starts: 2}
"""
CARDS = {
    "mine.yaml": DATA,
    "fit.yaml": FIT,
    "scan.yaml": SCAN,
    "compare.yaml": COMPARE,
    "counts.yaml": COUNTS,
}


def write_cards(folder: Path) -> Path:
    """Leave all cards in a folder; returns it."""
    for name, text in CARDS.items():
        (folder / name).write_text(text)
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """Exit code and stderr of a command, without progress."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main([*map(str, arguments), "--quiet"])
    return int(caught.value.code or 0), capsys.readouterr().err


def refused(
    capsys: pytest.CaptureFixture[str], code: int, message: str, *arguments: object
) -> None:
    """The command ends with this exit code and one line that says so."""
    found, error = run(capsys, *arguments)
    assert (found, error.count("\n")) == (code, 1), error
    assert error.startswith("bsnunu: error: "), error
    assert message in error
