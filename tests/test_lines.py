"""A line in q2, a resonance of width 0 at a fixed mass, from the card to the report."""

import csv

import numpy as np
import pytest

from bsnunu_jax.cli import main

CARD = """\
title: dark scalar at fixed mass
model: resonance
inputs: {nuisances: []}
fixed: {m: 1.0, width: 0.0}
parameters:
  BR: {prior: {uniform: [0, 1e-4]}}
data: [belle2_knunu_2023]
best_fit: {starts: 2}
sampler: {chains: 1, warmup: 60, draws: 60, block: 60}
"""


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("line")
    (folder / "card.yaml").write_text(CARD)
    with pytest.raises(SystemExit) as caught:
        main(["fit", str(folder / "card.yaml"), "--out", str(folder / "out"), "--quiet"])
    assert not caught.value.code
    return folder / "out"


def test_a_fit_ends_with_all_its_files(fitted):
    for name in ("posterior.nc", "summary.csv", "manifest.json", "figures/spectrum.pdf"):
        assert (fitted / name).is_file(), name


def test_the_line_has_its_area_in_the_spectrum(fitted):
    """In the steps of the grid next to m^2, and nowhere else."""
    with (fitted / "figures" / "spectrum.csv").open() as file:
        rows = list(csv.DictReader(file))
    q2, best, sm = (np.array([float(r[k]) for r in rows]) for k in ("q2", "best_fit", "sm_median"))
    with (fitted / "summary.csv").open() as file:
        br = {r["name"]: float(r["best_fit"]) for r in csv.DictReader(file)}["BR"]
    above = best - sm
    assert np.argmax(above) == np.argmin(np.abs(q2 - 1.0))
    far = np.abs(q2 - 1.0) > 1.0
    assert np.abs(above[far]).max() < 0.05 * sm.max()
    near = ~far & (q2 < 2.5)
    assert np.trapezoid(above[near], q2[near]) == pytest.approx(br, rel=0.05)
