"""The report: its numbers, its files, and the data behind its figures."""

import csv
import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from bsnunu_jax import report
from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.hadrons.transitions import REPORTED
from bsnunu_jax.inference.fits.best_fit import BestFit, Minimum
from bsnunu_jax.inference.fits.sm import objective_without_priors, sm_objective
from bsnunu_jax.inference.problem.parameters import Normal, Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.sampling.nuts import Chains
from bsnunu_jax.inference.sampling.predictive import predictive
from bsnunu_jax.inputs import Nuisances, load_inputs
from bsnunu_jax.models import get_model
from bsnunu_jax.observables.catalogue import get_observable
from bsnunu_jax.observables.public import branching_fraction, dbr_dq2
from bsnunu_jax.report.diagnostics import diagnostics, import_arviz
from bsnunu_jax.report.draws import OBSERVABLES, label, reported
from bsnunu_jax.report.figures.corner import corner_data, corner_figure
from bsnunu_jax.report.figures.style import save, styled
from bsnunu_jax.report.intervals import Marginal
from bsnunu_jax.report.netcdf import write_posterior
from bsnunu_jax.report.summary import summarise
from bsnunu_jax.report.table import Facts, _columns, _data, significant
from bsnunu_jax.states import Neutrinos

BELLE2 = "belle2_knunu_2023"
CHAINS, DRAWS, SEED = 4, 100, 5


def neutrinos(parameters, names, groups=("ckm",)):
    nuisances = Nuisances(load_inputs(), groups)
    return Problem(get_model("neutrinos"), parameters, nuisances, load_measurements(names))


def synthetic_fit(problem, chains, draws, centre):
    """Chains that scatter around `centre`, and a best fit there."""
    rng = np.random.default_rng(0)
    theta = np.asarray(problem.theta(centre)) + 0.2 * rng.normal(size=(chains, draws, problem.size))
    best = np.asarray(problem.theta(centre))
    values = {k: float(v) for k, v in problem.reported(jnp.asarray(best)).items()}
    minimum = Minimum(
        values=values,
        errors=dict.fromkeys(values, 3.0),
        correlation=np.eye(len(values)).tolist(),
        objective=float(jax.jit(problem.objective)(best)),
        theta=best.tolist(),
        inside=best.tolist(),
        theta_std=np.ones(problem.size).tolist(),
        starts=16,
        weight=1.0,
    )
    shape = theta.shape[:2]
    sampled = Chains(
        theta,
        rng.normal(size=shape),
        np.zeros(shape, bool),
        rng.uniform(size=shape),
        np.full(shape, 7),
    )
    mirrored = tuple(p.name for p in problem.parameters if p.mirror)
    return sampled, BestFit((minimum,), mirrored, 16, 16)


@pytest.fixture(scope="module")
def problem():
    parameters = (
        Parameter("CR_tautau", Uniform(-30, 30), r"C_R^{\tau\tau}"),
        Parameter("CR_mutau", Uniform(-30, 30), r"C_R^{\mu\tau}", ("CR_taumu",), mirror=True),
    )
    return neutrinos(parameters, [BELLE2, "belle_2017_K0", "belle_2017_Kstar0"])


@pytest.fixture(scope="module")
def fit(problem):
    return synthetic_fit(problem, CHAINS, DRAWS, [-11.0, 1.0])


@pytest.fixture(scope="module")
def written(problem, fit, tmp_path_factory):
    """The folder and the text of one report."""
    folder = tmp_path_factory.mktemp("report")
    text = report.write_report(folder, problem, *fit, seed=SEED, attrs={"card": "title: x"})
    return folder, text


@pytest.fixture(scope="module")
def predicted(problem, fit):
    """Predictions of all draws, of the best fit and of the SM, in this order."""
    theta = fit[0].theta.reshape(-1, problem.size)
    more = [fit[1].best.theta, problem.theta([0.0, 0.0])]
    return predictive(problem, np.concatenate([theta, more]), report.q2_grids(problem))


@pytest.fixture(scope="module")
def gaussian():
    """One branching fraction, |VtbVts| uncertain, a Gaussian prior."""
    parameters = (Parameter("CL_tautau", Normal(0.0, 2.0), "CL_tautau"),)
    return neutrinos(parameters, ["belle2_2023_br"])


def facts():
    return Facts(0.0, 0.0, dict.fromkeys(REPORTED, 0.0), {}, 0, 1)


def columns(path):
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {key: [row[key] for row in rows] for key in rows[0]}


def numbers(path, key):
    return np.array(columns(path)[key], dtype=float)


class TestPredictive:
    def test_equals_the_observables(self, problem, fit, predicted):
        @jax.jit
        def expected(theta):
            point = problem.predictions(theta)
            found = {
                name: get_observable(name).function(point.states, point.inputs)
                for name in OBSERVABLES
            }
            return found, dbr_dq2("B0->K*0", point.states, point.inputs, predicted.q2["B0->K*0"][7])

        observables, spectrum = expected(fit[0].theta[3, -1])  # beyond the first chunk
        row = CHAINS * DRAWS - 1
        for name, value in observables.items():
            np.testing.assert_allclose(predicted.observables[name][row], value, rtol=1e-12)
        np.testing.assert_allclose(predicted.spectra["B0->K*0"][row, 7], spectrum, rtol=1e-12)

    def test_counts_are_those_of_the_likelihood(self, problem, fit, predicted):
        theta = jnp.asarray(fit[0].theta[0, 0])
        m = problem.measurements[0]
        start = 2 + problem.nuisances.size
        bins = jax.jit(lambda t: problem.predictions(t).bins(m.mode, m.q2_edges))
        z = theta[start : start + len(m.nuisance_names)]
        entries = np.asarray(m.entries(m.weights(bins(theta)), z))
        counts = predicted.counts[BELLE2]
        for found, part in ((counts.signal, m.signal), (counts.background, ~m.signal)):
            expected = np.bincount(m.model.bins[part], entries[part], minlength=30)
            np.testing.assert_allclose(found[0], expected, rtol=1e-11)

    def test_no_couplings_is_the_sm(self, predicted):
        assert predicted.observables["R_K_nunu"][-1] == pytest.approx(1, rel=1e-12)
        for mode in REPORTED:
            np.testing.assert_allclose(predicted.spectra[mode][-1], predicted.sm_spectra[mode][-1])
        counts = predicted.counts[BELLE2]
        np.testing.assert_allclose(counts.signal[-1], counts.sm_signal[-1])

    def test_rows_keep_the_grid(self, predicted):
        part = predicted.rows(2, 5)
        np.testing.assert_array_equal(part.q2["B+->K+"], predicted.q2["B+->K+"])
        np.testing.assert_array_equal(part.spectra["B+->K+"], predicted.spectra["B+->K+"][2:5])


class TestSummary:
    def test_equals_numpy(self, written, problem, fit):
        table = columns(written[0] / "summary.csv")
        assert table["name"] == ["CR_tautau", "CR_mutau", *OBSERVABLES]
        folded = np.abs(60 / (1 + np.exp(-fit[0].theta[..., 1])) - 30)
        expected = {
            "mean": folded.mean(),
            "sd": folded.std(ddof=1),
            "median": np.median(folded),
            "ci68_low": np.quantile(folded, 0.16),
            "ci95_high": np.quantile(folded, 0.975),
            "best_fit": 1.0,
            "hessian_error": 3.0,
        }
        for key, value in expected.items():
            assert float(table[key][1]) == pytest.approx(value, rel=1e-9), key

    def test_observables(self, written, predicted):
        table = columns(written[0] / "summary.csv")
        row = table["name"].index("R_Kstar_nunu")
        draws = predicted.observables["R_Kstar_nunu"][:-2]
        assert float(table["mean"][row]) == pytest.approx(draws.mean(), rel=1e-12)
        assert table["hessian_error"][row] == ""
        assert table["kind"][row] == "observable"

    def test_shortest_interval(self):
        x = np.random.default_rng(1).exponential(size=20_000)
        ((low, high),) = Marginal(x).pieces(0.95)
        assert low < 1e-3
        assert high == pytest.approx(-np.log(0.05), rel=0.03)
        assert np.mean((x >= low) & (x <= high)) == pytest.approx(0.95, abs=1e-4)

    def test_diagnostics(self):
        x = np.random.default_rng(2).normal(size=(4, 500))
        apart = x + np.arange(4)[:, None]
        found = diagnostics({"good": x, "apart": apart, "constant": np.ones((4, 500))})
        assert found["good"].r_hat == pytest.approx(1, abs=0.01)
        assert 1500 < found["good"].ess_bulk < 2600
        assert 1500 < found["good"].ess_tail < 2600
        assert found["apart"].r_hat > 1.3
        assert found["apart"].ess_bulk < 50
        assert np.isnan(found["constant"].r_hat)
        assert np.isnan(diagnostics({"one": x[:1]})["one"].r_hat)

    def test_table_says_what_was_done(self, written, problem, fit):
        text = written[1]
        assert "CR_taumu = CR_mutau" in text
        for m in problem.measurements:
            assert m.title in text
        assert "belle_2017_Kstar0 *" in text
        assert "the shape is the SM's for B0->K0" in text
        assert "it differs by B0->K*0" in text
        assert "even in CR_mutau" in text
        assert "16 of 16 starts" in text
        assert "Laplace weight 100 %" in text
        assert "400 draws, 0 divergences" in text
        assert "largest R-hat" in text
        assert f"best fit {fit[1].best.objective:.2f}" in text

    def test_table_is_narrow(self, written):
        notes = written[1].split("\n\n")[0].splitlines()
        assert max(map(len, notes)) <= 100

    def test_quoted_values_have_no_efficiency(self, gaussian):
        text = "\n".join(_data(gaussian, facts()))
        assert "belle2_2023_br #" in text
        assert "# quoted value assumes the SM q2 spectrum" in text
        assert "efficiency" not in text

    def test_no_error_at_the_mirror_point(self, problem, fit):
        rows = summarise(
            reported(problem, fit[0]),
            {},
            replace(fit[1].best, values={"CR_tautau": -11.0, "CR_mutau": 1e-9}),
            {},
        )
        lines = _columns(problem, rows)
        assert "-11.0 +- 3.0" in lines[1]
        assert "+-" not in lines[2]
        assert "(0)" in lines[2]
        assert lines[3] == "(0) flat at the mirror point: see the interval"

    def test_labels(self):
        def of(name, **options):
            return label(Parameter(name, Uniform(-1, 1), name, **options))

        assert of("CR_ee") == "$C_R^{ee}$"
        assert of("CLp_taumu", mirror=True) == r"$|C_L'{}^{\tau\mu}|$"
        assert of("cTL") == "$c_{TL}$"
        assert of("m_dark") == r"$\mathrm{m\_dark}$"

    def test_digits(self):
        assert significant(1234.5, 120.0) == "1234"
        assert significant(-0.001, 1.0) == "0.0"
        assert significant(float("nan"), 1.0) == "nan"
        assert significant(0.123456, 0.0) == "0.1235"


class TestSMPoint:
    def test_is_the_minimum_over_the_nuisances(self, gaussian):
        (m,) = gaussian.measurements
        sm = float(branching_fraction("B+->K+", [Neutrinos()], load_inputs()))
        sigma = float(gaussian.nuisances.sigma["VtbVts_abs"])
        sigma /= float(load_inputs().values["VtbVts_abs"])
        z = np.linspace(0, 3, 3001)
        scanned = ((sm * (1 + sigma * z) ** 2 - m.value) / m.lower) ** 2 + z**2
        assert sm_objective(gaussian) == pytest.approx(scanned.min(), abs=1e-5)

    def test_without_nuisances(self, gaussian):
        bare = replace(gaussian, nuisances=Nuisances(load_inputs(), ()))
        (m,) = bare.measurements
        sm = float(branching_fraction("B+->K+", [Neutrinos()], load_inputs()))
        assert sm_objective(bare) == pytest.approx(((sm - m.value) / m.lower) ** 2, rel=1e-12)

    def test_priors_are_taken_out(self, gaussian):
        _, fit = synthetic_fit(gaussian, 1, 4, [1.0])
        assert objective_without_priors(gaussian, fit.best) == pytest.approx(
            fit.best.objective - 0.25, rel=1e-12
        )

    def test_one_chain_and_nothing_uncertain(self, gaussian, tmp_path):
        text = report.write_report(
            tmp_path, gaussian, *synthetic_fit(gaussian, 1, 50, [1.0]), seed=0, attrs={}
        )
        assert "R-hat needs two chains" in text
        assert not (tmp_path / "figures" / "coupling_plane.csv").exists()
        for absent in ("spectrum_counts.csv", "counts.csv", "counts.pdf"):
            assert not (tmp_path / "figures" / absent).exists()


class TestNetCDF:
    def test_read_by_arviz(self, written, problem, fit, predicted):
        data = import_arviz().from_netcdf(written[0] / "posterior.nc")
        posterior = data["posterior"]
        assert posterior["CR_tautau"].dims == ("chain", "draw")
        assert posterior["CR_tautau"].shape == (CHAINS, DRAWS)
        assert posterior["CR_mutau"].min() >= 0
        assert posterior["CR_mutau"].attrs["latex"] == r"C_R^{\mu\tau}"
        assert list(posterior["nuisance"].values) == list(problem.names[2:])
        np.testing.assert_array_equal(posterior["nuisances"].values, fit[0].theta[..., 2:])
        stats = data["sample_stats"]
        np.testing.assert_array_equal(stats["lp"].values, -fit[0].potential)
        assert stats["diverging"].dtype == bool
        assert int(stats["n_steps"][0, 0]) == 7
        drawn = data["posterior_predictive"]
        expected = predicted.observables["R_K_nunu"][:-2].reshape(CHAINS, DRAWS)
        np.testing.assert_allclose(drawn["R_K_nunu"].values, expected, rtol=1e-12)
        assert drawn[f"signal({BELLE2})"].shape == (CHAINS, DRAWS, 30)
        observed = data["observed_data"]
        np.testing.assert_array_equal(observed[BELLE2].values, problem.measurements[0].observed)
        assert float(observed["belle_2017_K0"]) == 18

    def test_attributes(self, written):
        import xarray

        with xarray.open_dataset(written[0] / "posterior.nc", engine="h5netcdf") as root:
            assert root.attrs["card"] == "title: x"
            assert root.attrs["seed"] == SEED
            assert {"bsnunu_jax_version", "jax_version"} <= set(root.attrs)

    def test_nothing_is_left_over(self, written):
        assert not list(written[0].rglob("*partial*"))


class TestFigures:
    def test_files(self, written):
        found = {p.name for p in (written[0] / "figures").iterdir()}
        for stem in ("corner", "spectrum", "counts", "coupling_plane"):
            assert {f"{stem}.pdf", f"{stem}.png"} <= found
        assert {
            "corner.json",
            "spectrum.csv",
            "spectrum_counts.csv",
            "counts.csv",
            "coupling_plane.csv",
            "coupling_plane.json",
        } <= found

    def test_same_numbers_same_bytes(self, problem, fit, predicted, tmp_path):
        chains, best = fit[0], fit[1].best
        draws = predicted.rows(0, CHAINS * DRAWS)
        for folder in (tmp_path / "a", tmp_path / "b"):
            with styled():
                data = corner_data(problem.parameters, reported(problem, chains), [best.values])
                save(corner_figure(data), folder / "corner")
            write_posterior(folder / "posterior.nc", problem, chains, draws, {"seed": 1})
        for name in ("corner.pdf", "corner.png", "posterior.nc"):
            assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()

    def test_spectrum_numbers(self, written, problem, predicted):
        for file, mode in {"spectrum_B0_Kstar0": "B0->K*0", "spectrum": "B+->K+"}.items():
            path = written[0] / "figures" / f"{file}.csv"
            np.testing.assert_allclose(numbers(path, "q2"), predicted.q2[mode], rtol=1e-6)
            draws = predicted.spectra[mode][:-2]
            for name, q in {"low95": 0.025, "median": 0.5, "high68": 0.84}.items():
                shown = numbers(path, f"posterior_{name}")
                expected = np.quantile(draws, q, axis=0)
                np.testing.assert_allclose(shown, expected, rtol=1e-6)
            shown = numbers(path, "best_fit")
            np.testing.assert_allclose(shown, predicted.spectra[mode][-2], rtol=1e-6)
        # The band of the SM is the uncertainty of |VtbVts| alone here: twice its 2 % in the rate.
        high, middle = numbers(path, "sm_high95"), numbers(path, "sm_median")
        sigma = float(problem.nuisances.sigma["VtbVts_abs"])
        centre = float(problem.nuisances.inputs.values["VtbVts_abs"])
        width = (1 + 1.96 * sigma / centre) ** 2
        assert high[3] / middle[3] == pytest.approx(width, abs=0.01)

    def test_count_numbers(self, written, problem):
        path = written[0] / "figures" / "spectrum_counts.csv"
        np.testing.assert_array_equal(
            numbers(path, "observed"), problem.measurements[0].observed[[6, 7, 8, *range(24, 30)]]
        )
        # mu = 1 of Belle II is the null model; the efficiencies are those of the central fit.
        assert numbers(path, "signal_sm")[0] == pytest.approx(24.6, rel=0.1)

    def test_counts_of_every_channel(self, written, problem, predicted):
        path = written[0] / "figures" / "counts.csv"
        np.testing.assert_array_equal(numbers(path, "observed"), problem.measurements[0].observed)
        expected = predicted.counts[BELLE2].signal[-2]
        np.testing.assert_allclose(numbers(path, "signal_best_fit"), expected, rtol=1e-6)
        with path.open() as file:
            rows = list(csv.DictReader(file))
        assert [r["bin"] for r in rows[-6:]] == list("012345")
        assert len({r["channel"] for r in rows}) == 9

    def test_corner_numbers(self, written):
        data = json.loads((written[0] / "figures" / "corner.json").read_text())
        pair = data["pairs"]["CR_tautau,CR_mutau"]
        density = np.array(pair["density"])
        with xr.open_dataset(
            written[0] / "posterior.nc", group="posterior", engine="h5netcdf"
        ) as posterior:
            cells = tuple(
                np.abs(np.array(pair[axis])[:, None] - draws.values.ravel()).argmin(axis=0)
                for axis, draws in (("x", posterior["CR_tautau"]), ("y", posterior["CR_mutau"]))
            )
        for mass in (68, 95):
            inside = (density[cells] >= pair[f"level{mass}"]).mean()
            assert inside == pytest.approx(mass / 100, abs=0.005)
        (interval,) = data["marginals"]["CR_mutau"]["hdr68"]
        assert 0 <= interval[0] < interval[1] < 15
        assert data["best_fit"]["CR_tautau"] == pytest.approx(-11)

    def test_region_files(self, written):
        path = written[0] / "figures" / "coupling_plane.csv"
        names = (f"R_K_3.6_to_7_and_R_Kstar_up_to_{limit}" for limit in ("1.9", "2.7"))
        x, y, red, blue = (numbers(path, key) for key in ("CR_mutau", "CR_tautau", *names))
        assert red[np.argmin(np.hypot(x, y + 12.6))] == 1
        assert red[np.argmin(np.hypot(x, y))] == 0
        assert np.all(blue[red == 1] == 1)
        assert blue.sum() > red.sum() > 0
        np.testing.assert_allclose(y[red == 1].max(), -10.25, atol=0.26)
