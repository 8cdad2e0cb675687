"""Straight lines that the data do not see: found, named, one minimum, and walked along."""

import numpy as np
import pytest

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.inference.fits.best_fit import best_fit
from bsnunu_jax.inference.problem.landscape import Landscape
from bsnunu_jax.runs.fit import run_fit

CARD = """\
title: A sum
model: {model}
inputs: {{nuisances: []}}
{fixed}
parameters:
{parameters}
data: [{data}]
best_fit: {{starts: 6}}
sampler: {{chains: 2, warmup: 200, draws: 400, block: 200}}
"""
WIDE = "uniform: [-10, 10]"


def card(tmp_path, model, data, fixed="", **priors):
    path = tmp_path / "card.yaml"
    lines = "\n".join(f"  {name}: {{prior: {{{prior}}}}}" for name, prior in priors.items())
    path.write_text(CARD.format(model=model, data=data, parameters=lines, fixed=fixed))
    return Card(path)


def names(fit):
    return [line.name for line in getattr(fit, "flat", ())]


CASES = {
    "sum": (
        "neutrinos",
        "belle2_2023_br",
        {"CL_tautau": WIDE, "CR_tautau": "uniform: [-8, 12]"},
        ["CL_tautau - CR_tautau"],
    ),
    "universal": ("universal", "belle2_2023_br", {"cVL": WIDE, "cVR": WIDE}, ["cVL - cVR"]),
    "smeft": (
        "smeft",
        "belle2_2023_br, paper_R_Kstar_nunu",
        {
            "Clq1_tautau": "uniform: [-0.1, 0.1]",
            "Clq3_tautau": "uniform: [-0.3, 0.2]",
            "Cld_tautau": "uniform: [-0.1, 0.1]",
        },
        ["Clq1_tautau + Clq3_tautau"],
    ),
    "seen": (
        "neutrinos",
        "belle2_2023_br, paper_R_Kstar_nunu",
        {"CL_tautau": WIDE, "CR_tautau": WIDE},
        [],
    ),
    "curved": ("neutrinos", "belle2_2023_br", {"CL_tautau": WIDE, "CR_mumu": WIDE}, []),
}


@pytest.mark.parametrize("case", CASES)
def test_every_seed_finds_the_same_lines_and_minima(tmp_path, case):
    model, data, priors, expected = CASES[case]
    problem = card(tmp_path, model, data, **priors).problem
    local = Landscape(problem, 6)
    fits = [best_fit(problem, starts=6, seed=s, landscape=local) for s in (1, 2, 3)]
    assert [names(fit) for fit in fits] == [expected] * 3
    heights = [fit.best.objective for fit in fits]
    assert np.ptp(heights) < 1e-6
    if expected:
        assert all(fit.converged == 6 for fit in fits)
        # the lines are straight: one point of each, the same for all seeds
        best = [list(fit.best.values.values()) for fit in fits]
        assert np.ptp(best, axis=0) == pytest.approx(np.zeros(len(priors)), abs=1e-4)
        for fit in fits:
            apart = [m for m in fit.minima if m.objective - fit.best.objective < 1e-6]
            assert len(apart) <= 2  # signs


def test_a_line_that_a_prior_cuts(tmp_path):
    """CL and CR end at 0 and 1, where the sum would have to go below: both at an edge."""
    problem = card(
        tmp_path,
        "neutrinos",
        "belle2_2023_br",
        CL_tautau="uniform: [0, 4]",
        CR_tautau="uniform: [1, 2]",
    ).problem
    fit = best_fit(problem, starts=6, seed=1)
    assert names(fit) == ["CL_tautau - CR_tautau"]
    assert fit.converged == 6
    assert len(fit.minima) <= 2


def test_the_sampler_walks_along_the_line_and_says_so(tmp_path):
    """The difference of CL and CR is flat: every chain is all over it at once."""
    stated = card(
        tmp_path,
        "neutrinos",
        "belle2_2023_br",
        CL_tautau="uniform: [-10, 0]",
        CR_tautau="uniform: [-10, 0]",
    )
    text = run_fit(stated, tmp_path / "out", quiet=True)
    assert "Flat direction: the data do not see CL_tautau - CR_tautau" in text
    assert "difference" in text
    assert "for 1 parameter that the data can tell" in text
    import xarray

    posterior = xarray.open_dataset(
        tmp_path / "out" / "posterior.nc", group="posterior", engine="h5netcdf"
    )
    difference = (posterior["CL_tautau"] - posterior["CR_tautau"]).to_numpy()
    for chain in difference:
        assert abs(np.corrcoef(chain[1:], chain[:-1])[0, 1]) < 0.4
