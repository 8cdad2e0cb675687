"""What a report says of its numbers: which intervals, which predictions no data are behind."""

import csv
import json

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from bsnunu_jax import report
from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.inference.fits.best_fit import BestFit, Minimum
from bsnunu_jax.inference.problem.parameters import Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.sampling.nuts import Chains
from bsnunu_jax.inputs import Nuisances, load_inputs
from bsnunu_jax.models import get_model

# Two peaks, the right one at the end of the prior, as those of the card that Belle II bounds alone.
PEAKS, WIDTHS, END = (-15.0, 30.0), (4.0, 5.0), 30.0
MEASURED = "BR(B+->K+inv)"
OTHERS = ("BR(B+->K+tau+tau-)", "DeltaMs", "BR(B+->pi+inv)")


def shares(values):
    return (values < 0).mean()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Folder and text of a report of synthetic draws, and the draws."""
    problem = Problem(
        get_model("neutrinos"),
        (Parameter("CR_tautau", Uniform(-30, END), "CR_tautau"),),
        Nuisances(load_inputs(), ()),
        load_measurements(["belle2_2023_br"]),
    )
    rng = np.random.default_rng(1)
    left = rng.uniform(size=(4, 1000)) < 0.5
    right = END - np.abs(rng.normal(0, WIDTHS[1], size=left.shape))
    values = np.where(left, rng.normal(PEAKS[0], WIDTHS[0], size=left.shape), right)
    values = np.clip(values, -29.9, None)
    theta = np.asarray(problem.parameters[0].prior.coordinate(jnp.asarray(values)))[..., None]
    best = np.asarray(problem.theta([PEAKS[0]]))
    minimum = Minimum(
        values={"CR_tautau": PEAKS[0]},
        errors={"CR_tautau": 4.0},
        correlation=[[1.0]],
        objective=0.0,
        theta=best.tolist(),
        inside=best.tolist(),
        theta_std=[1.0],
        starts=1,
        weight=1.0,
    )
    shape = values.shape
    chains = Chains(
        theta, np.zeros(shape), np.zeros(shape, bool), np.ones(shape), np.full(shape, 7)
    )
    folder = tmp_path_factory.mktemp("report")
    text = report.write_report(
        folder, problem, chains, BestFit((minimum,), (), 1, 1), seed=1, attrs={}, observables=OTHERS
    )
    with (folder / "summary.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    return folder, text, rows, values


def in_csv(row, mass):
    return [[float(x) for x in piece.split(" .. ")] for piece in row[f"hdi{mass}"].split("; ")]


@pytest.mark.parametrize("mass", [68, 95])
def test_two_pieces_everywhere(written, mass):
    """Table, CSV and the figure's JSON have the same two pieces; the SM is in none."""
    folder, text, rows, values = written
    found = in_csv(rows["CR_tautau"], mass)
    (a, b), (c, d) = found
    assert -30 < a < PEAKS[0] < b < 0 < c < d == END
    inside = sum(((values >= x) & (values <= y)).mean() for x, y in found)
    assert inside == pytest.approx(mass / 100, abs=0.002)
    figure = json.loads((folder / "figures" / "corner.json").read_text())
    np.testing.assert_allclose(figure["marginals"]["CR_tautau"][f"hdr{mass}"], found, rtol=1e-6)
    (line,) = (x for x in text.splitlines() if x.startswith("CR_tautau "))
    assert f"{a:.0f} .. {b:.0f} and {c:.0f} .. {d:.0f}" in line


def test_intervals_are_named(written):
    folder, text, rows, _ = written
    head = next(line for line in text.splitlines() if "median" in line)
    assert "68 % HDI" in head
    assert "95 % HDI" in head
    assert "highest posterior density" in text
    assert "central intervals are in summary.csv" in " ".join(text.split())
    figure = json.loads((folder / "figures" / "corner.json").read_text())
    assert figure["intervals"].startswith("highest posterior density")
    row = rows["CR_tautau"]
    assert row["hdi95_low"] == row["hdi95_high"] == ""  # no hull of two pieces
    (single,) = in_csv(rows[MEASURED], 95)
    assert [float(rows[MEASURED][f"hdi95_{end}"]) for end in ("low", "high")] == single
    assert float(row["ci68_low"]) < -10 < 20 < float(row["ci68_high"])


def test_predictions_without_data_are_marked(written):
    folder, text, rows, _ = written
    remark = "prediction: none of the data is of this mode"
    for name in ("BR(B0->K0inv)", "BR(B+->K*+inv)", "BR(B0->K*0inv)", "R_Kstar_nunu"):
        assert rows[name]["remark"].startswith(remark), name
    for name in (MEASURED, "R_K_nunu", "CR_tautau"):
        assert rows[name]["remark"] == "", name
    (line,) = (x for x in text.splitlines() if x.startswith("BR(B0->K*0inv)"))
    assert "(p)" in line
    assert f"(p) {remark}" in text
    with xr.open_dataset(
        folder / "posterior.nc", group="posterior_predictive", engine="h5netcdf"
    ) as drawn:
        assert drawn["BR(B0->K*0inv)"].attrs["remark"].startswith(remark)
        assert "remark" not in drawn[MEASURED].attrs


def test_larger_tree_level_parts_are_named(written):
    """Of pi+; that of K+ is smaller than the SM rate."""
    lines = [line for line in written[1].splitlines() if "tau nu, tau" in line]
    assert lines == ["B+ -> tau nu, tau -> pi+ nu at tree level, BR 8.8e-06: not included"]


def test_sectors_without_the_model_are_sm_values(written):
    """b -> s tau tau and Bs mixing do not know C_R of neutrinos."""
    _, text, rows, _ = written
    for name in OTHERS:
        assert rows[name]["remark"].startswith("SM value"), name
    (line,) = (x for x in text.splitlines() if x.startswith("DeltaMs"))
    assert "(SM)" in line


@pytest.mark.parametrize(
    ("data", "observable", "expected"),
    [
        ("belle_2017_K0", "BR(B0->K0inv)", True),
        ("belle_2017_K0", "R_K_nunu", False),
        ("belle_2017_Kstar0", "R_Kstar_nunu", True),
        ("belle_2017_Kstar0", "F_L(B0->K*0inv)", True),
        ("belle_2017_Kstar0", "BR(B+->K*+inv)", False),
        ("hflav_2015_r_DeltaMs", "DeltaMs", True),
        ("hflav_2015_r_DeltaMs", "BR(Bs->inv)", False),
        ("lhcb_2017_Bstautau", "BR(Bs->tau+tau-)", True),
        ("lhcb_2017_Bstautau", "BR(Bs->inv)", False),
        ("babar_2012_Kmutau", "BR(B+->K+mu+-tau-+)", True),
    ],
)
def test_the_likelihood_is_watched(data, observable, expected):
    """Which decays count as measured is what the likelihood reads, whatever the kind of data."""
    from bsnunu_jax.report.remarks import is_measured, measured

    problem = Problem(
        get_model("neutrinos"), (), Nuisances(load_inputs(), ()), load_measurements([data])
    )
    assert is_measured(observable, measured(problem)) is expected
