"""Figures of spectra: every decay that a card names over its own q2; all minima are marked."""

import re
from pathlib import Path

import numpy as np
import pytest

from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.inference.fits.best_fit import BestFit, Minimum
from bsnunu_jax.inference.problem.parameters import Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.sampling.predictive import predictive, spectrum_modes
from bsnunu_jax.inputs import Nuisances, load_inputs
from bsnunu_jax.models import get_model
from bsnunu_jax.report import q2_grids
from bsnunu_jax.report.figures import spectra, spectrum
from bsnunu_jax.report.figures.bands import named, pair
from bsnunu_jax.report.figures.corner import corner_data
from bsnunu_jax.report.figures.of_fit import Fit
from bsnunu_jax.report.figures.style import styled
from bsnunu_jax.report.minima import deepest
from bsnunu_jax.report.remarks import FREE, REMARKS

ASKED = ("BR(KL->pi0inv)", "BR(B0->pi0inv)", "BR(B->Xsinv)[0,0.6]", "BR(Bs->inv)", "DeltaMs")
PARAMETERS = (Parameter("CL_ee", Uniform(-12.0, 25.0), "CL_ee", also=("CL_mumu", "CL_tautau")),)


@pytest.fixture(scope="module")
def fit() -> Fit:
    problem = Problem(
        get_model("neutrinos"),
        PARAMETERS,
        Nuisances(load_inputs(), ("ckm", "s->d")),
        tuple(load_measurements(["belle2_2023_br", "na62_2026_Kpinunu"])),
        (("relation", "mfv"),),
    )
    theta = np.zeros((4, problem.size))
    theta[1:3, 0] = 0.5, 1.0
    rows = predictive(problem, theta, q2_grids(problem, ASKED), ASKED[:2])
    remarks = {"BR(KL->pi0inv)": REMARKS[FREE]}
    parts = rows.rows(0, 3), rows.rows(3, 4), rows.rows(0, 3)
    return Fit(problem, None, None, *parts, Path(), remarks, ASKED)  # type: ignore[arg-type]


def test_decays_of_the_data_come_first(fit: Fit) -> None:
    assert spectrum_modes(fit.problem) == ("B+->K+", "K+->pi+")
    assert named(fit) == ["B+->K+", "K+->pi+", "B0->Xs", "B0->pi0", "KL->pi0"]
    assert pair(fit) == ("B+->K+", "K+->pi+")


def test_every_spectrum_has_its_own_range_and_area(fit: Fit) -> None:
    ends = {
        "B+->K+": (5.27934, 0.493677),
        "K+->pi+": (0.493677, 0.13957),
        "KL->pi0": (0.4976, 0.135),
    }
    for mode, (heavy, light) in ends.items():
        q2 = fit.posterior.q2[mode]
        assert q2[0] == 0
        assert q2[-1] == pytest.approx((heavy - light) ** 2, rel=1e-3)
    found = fit.posterior
    for mode in ("B+->K+", "KL->pi0", "B0->pi0"):
        area = np.trapezoid(found.spectra[mode], found.q2[mode], axis=1)
        np.testing.assert_allclose(area, found.observables[f"BR({mode}inv)"], rtol=2e-3)


def test_figures_of_both(fit: Fit) -> None:
    with styled():
        first = spectrum.of_fit(fit)
        others = spectra.of_fit(fit)
    assert set(first.columns) == {"spectrum", "spectrum_Kplus_piplus"}
    assert others is not None
    assert set(others.columns) == {"spectrum_B0_Xs", "spectrum_B0_pi0", "spectrum_KL_pi0"}
    kaons = first.figure.axes[1]
    assert kaons.get_xlim() == pytest.approx((0, fit.posterior.q2["K+->pi+"][-1]))
    power = re.search(r"10\^\{(-\d+)\}", kaons.get_ylabel())
    assert power is not None
    (best,) = (line for line in kaons.lines if line.get_color() == "black")
    shown = np.asarray(best.get_ydata()) * 10.0 ** int(power[1])
    np.testing.assert_allclose(shown, fit.best.spectra["K+->pi+"][0], rtol=1e-12)
    assert 1 <= kaons.get_ylim()[1] <= 11
    titles = [ax.get_title() for ax in others.figure.axes]
    assert [FREE in title for title in titles] == [False, False, True]


def test_all_minima_that_are_as_deep_are_marked() -> None:
    def minimum(value: float, objective: float) -> Minimum:
        values = {"CL_ee": value}
        return Minimum(
            values, values, [[1.0]], objective, [0.0], [0.0], [1.0], 1, 0.3, 0.0, {}, [1.0]
        )

    found = BestFit((minimum(1.0, 5.0), minimum(7.0, 5.0 - 1e-6), minimum(9.0, 5.5)), (), 3, 3)
    at = [m.values for m in deepest(found)]
    assert [v["CL_ee"] for v in at] == [1.0, 7.0]
    draws = {"CL_ee": np.random.default_rng(1).normal(4.0, 2.0, (2, 500))}
    assert corner_data(PARAMETERS, draws, at).best_fits == ({"CL_ee": 1.0}, {"CL_ee": 7.0})
