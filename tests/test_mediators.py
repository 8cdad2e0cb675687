"""Which mediators the constraints of arXiv:2309.12741 leave, and the data behind it."""

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from bsnunu_jax.cards.comparison import load_comparison
from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.inputs import Nuisances, load_inputs
from bsnunu_jax.observables.catalogue import get_observable
from bsnunu_jax.runs.compare_fit import compare_by_fit
from bsnunu_jax.states import Neutrinos

FITS = Path(__file__).parents[1] / "fits"


@pytest.fixture(scope="module")
def gains():
    """Delta chi2 of best fits with the inputs at their central values."""
    comparison = load_comparison([FITS / "mediators_paper.yaml"])
    found = {}
    for v in comparison.variants:
        if v.card.content.model in ("S0", "S2tilde"):
            stated = v.card.stated
            stated = replace(stated, nuisances=Nuisances(stated.nuisances.inputs, ()))
            found[v.card.content.model] = compare_by_fit(v.card, v.card.on(stated))
    return found


def test_c_r_is_left_and_c_l_is_not(gains):
    """chi2 by hand: C_L alone has R_K = R_K* = R, C_R is free in R_K with a small R_K*."""
    sigma = 1.9 / 1.6449
    r = np.linspace(1, 7, 60_001)
    c_l = ((r - 5.3) / 1.7) ** 2 + (r / sigma) ** 2
    c_l -= ((1 - 5.3) / 1.7) ** 2 + (1 / sigma) ** 2
    # b -> s tau tau adds a few hundredths
    assert gains["S0"]["best"]["delta_chi2"] == pytest.approx(c_l.min(), abs=0.05)
    assert gains["S2tilde"]["best"]["delta_chi2"] < c_l.min() - 3
    by_data = gains["S0"]["data_sets"]
    assert by_data["paper_R_K_nunu"]["delta"] < -1 < 1 < by_data["paper_R_Kstar_nunu"]["delta"]


def test_the_ratio_of_delta_ms_is_what_the_inputs_give():
    """hflav_2015_r_DeltaMs: measured over predicted, with the spread of the prediction."""
    quoted, ratio = load_measurements(["hflav_2015_DeltaMs"]) + load_measurements(
        ["hflav_2015_r_DeltaMs"]
    )
    groups = ("ckm", "electroweak", "lifetimes", "Bs", "mixing")
    nuisances = Nuisances(load_inputs(), groups)
    delta = get_observable("DeltaMs").function
    centre = float(delta([Neutrinos()], nuisances.inputs))
    draws = jax.jit(jax.vmap(lambda z: delta([Neutrinos()], nuisances.shift(z))))(
        nuisances.draw(jax.random.key(1), 20_000)
    )
    assert ratio.value == pytest.approx(quoted.value / centre, abs=5e-4)
    assert ratio.upper == pytest.approx(float(draws.std()) / centre, abs=1e-3)
