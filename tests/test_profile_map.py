"""Profile likelihoods over one and two parameters, everything else at its best."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from profile_grid import profile_grid
from scipy.optimize import minimize

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.cli import main
from bsnunu_jax.inference.fits.best_fit import best_fit
from bsnunu_jax.inference.fits.profile_map import profile_map
from bsnunu_jax.inference.problem.landscape import Landscape
from bsnunu_jax.inference.problem.problem import Problem

FITS = Path(__file__).parents[1] / "fits"
CR = FITS / "belle2_cr.yaml"


@pytest.fixture(scope="module")
def problem() -> Problem:
    return Card(CR).problem


@pytest.fixture(scope="module")
def axes() -> list[np.ndarray]:
    return [np.linspace(-25.0, 15.0, 9), np.linspace(0.0, 15.0, 6)]


def test_two_parameters_are_those_of_newton(problem: Problem, axes: list[np.ndarray]) -> None:
    """Against second derivatives from zero nuisances, point by point."""
    found = profile_map(problem, ["CR_tautau", "CR_mutau"], axes)
    expected = profile_grid(problem, axes)
    assert np.abs(expected.gradient).max() < 1e-6
    np.testing.assert_allclose(found.objective, expected.profile, atol=1e-6)
    assert found.converged.all()
    assert found.lowest <= found.objective.min() + 1e-9
    assert (found.delta >= 0).all()
    # The order of the names is that of the axes.
    turned = profile_map(problem, ["CR_mutau", "CR_tautau"], [axes[1][:2], axes[0][::4]])
    np.testing.assert_allclose(turned.objective, found.objective.T[:2, ::4], atol=1e-6)


def test_one_parameter_profiles_the_other(problem: Problem) -> None:
    """Against scipy from several starts of the other parameter."""
    values = np.array([-20.0, -5.0, 0.0, 4.0])
    fit = best_fit(problem)
    found = profile_map(problem, ["CR_tautau"], [values], fit=fit)
    assert found.converged.all()
    local = Landscape(problem, 8)
    for value, height, mutau in zip(values, found.objective, found.values["CR_mutau"], strict=True):

        def free(x: np.ndarray, value: float = value) -> tuple[float, np.ndarray]:
            objective, gradient = local.objective(np.concatenate([[value], x])[None])
            return float(objective[0]), gradient[0, 1:]

        lowest = min(
            minimize(
                free,
                np.concatenate([[start], np.zeros(problem.size - 2)]),
                jac=True,
                method="BFGS",
                options={"gtol": 1e-6},
            ).fun
            for start in (0.0, 6.0, 12.0)
        )
        assert height == pytest.approx(lowest, abs=1e-5)
        assert 0 <= abs(mutau) < 30


def test_the_published_likelihood(likelihood_dir: Path, axes: list[np.ndarray]) -> None:
    """232 parameters; the profile is that of its collapsed form, point by point."""
    problem = Card(FITS / "belle2_cr_full.yaml", likelihood=likelihood_dir).problem
    coarse = [a[::3] for a in axes]
    found = profile_map(problem, ["CR_tautau", "CR_mutau"], coarse)
    assert found.converged.all()
    expected = profile_grid(problem, coarse)
    np.testing.assert_allclose(found.objective, expected.profile, atol=1e-6)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    arguments = ["profile", str(CR), "--over", "CR_mutau=0:15:5", "--over", "CR_tautau=-25:15:6"]
    with pytest.raises(SystemExit) as caught:
        main([*arguments, "--out", str(out), "--json"])
    assert not caught.value.code
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((out / "profile.json").read_text())
    assert printed["not_converged"] == 0
    assert (out / "figures" / "profile.pdf").stat().st_size > 1000
    with xr.open_dataset(out / "profile.nc", engine="h5netcdf") as found:
        assert found["delta_chi2"].dims == ("CR_mutau", "CR_tautau")
        np.testing.assert_allclose(found["CR_tautau"], np.linspace(-25, 15, 6))
        assert float(found["delta_chi2"].min()) >= 0
        lowest = float(found["minus_2_log_likelihood"].min())
        assert lowest == printed["lowest_on_the_grid"]


@pytest.mark.parametrize(
    ("over", "message"),
    [
        (["CR_ee"], "unknown parameter 'CR_ee'"),
        (["CR_mutau=1"], "is no range"),
        (["CR_mutau=5:1"], "is no range"),
        (["CR_mutau=0:5:1"], "is no range"),
        (["CR_mutau=0:50"], "leaves its range"),
        (["CR_mutau", "CR_mutau=0:5"], "stands twice"),
        (["CR_mutau=a:b"], "is no range"),
        (["CR_mutau=0:inf"], "is no range"),
        (["CR_mutau=0:15:2.5"], "is no range"),
    ],
)
def test_bad_ranges_are_one_line(
    over: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [x for name in over for x in ("--over", name)]
    with pytest.raises(SystemExit) as caught:
        main(["profile", str(CR), *options, "--out", str(tmp_path / "out"), "--quiet"])
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line
    assert not (tmp_path / "out").exists()
