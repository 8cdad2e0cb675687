"""Projections: closed forms, today's limits, pyhf with a scaled workspace, the command."""

import json
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pyhf
import pytest
import yaml
from commands import run
from counting_model import STRENGTH, Bins, counting_problem
from scipy.optimize import brentq
from scipy.stats import norm

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.experiments.histfactory.reweighted import Reweighted
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.hypotheses.hypotest import scan, significance
from bsnunu_jax.inference.hypotheses.limits import interval, upper_limits
from bsnunu_jax.inference.hypotheses.profile_likelihood import ProfileLikelihood
from bsnunu_jax.inference.hypotheses.projection import (
    Projection,
    discovery,
    discovery_reach,
    expected_limits,
)
from bsnunu_jax.inference.hypotheses.projection_toys import projected_toys
from bsnunu_jax.inference.problem.parameters import Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inputs import Nuisances

FITS = Path(__file__).parents[1] / "fits"
FACTORS = np.array([1.0, 4.0, 25.0])


@dataclass(frozen=True, eq=False)
class Growing(Bins):
    """Bins that scale with the luminosity, absolute systematics too."""

    exposure: float = 1.0
    luminosity: float = 0.5

    def rates(self, predictions, z):
        return self.exposure * super().rates(predictions, z)

    def at_luminosity(self, factor):
        return replace(self, exposure=self.exposure * factor)


def growing(observed, signal, background, shift=None) -> Growing:
    arrays = [np.array(a, dtype=float) for a in (observed, signal, background)]
    return Growing(*arrays, None if shift is None else np.array(shift, dtype=float))


def projection_of(inputs, measurement, *, systematics=1.0, **options) -> Projection:
    problem = counting_problem(inputs, measurement, **options)
    return Projection(problem, starts=4, systematics=systematics)


@pytest.fixture(scope="module")
def simple(inputs):
    """One bin with a known background."""
    return projection_of(inputs, growing([33.0], [10.0], [30.0]))


def z_of_counts(s, b):
    """Eq. (97) of arXiv:1007.1727."""
    return np.sqrt(2 * ((s + b) * np.log1p(s / b) - s))


def test_significances_of_counts_in_closed_form(simple):
    values = np.array([0.3, 1.0, 2.5])
    found = discovery(simple, np.tile(values, 3), np.repeat(FACTORS, 3)).reshape(3, 3)
    expected = np.sqrt(FACTORS)[:, None] * z_of_counts(10 * values, 30.0)
    np.testing.assert_allclose(found, expected, rtol=1e-8)


def test_reach_of_counts_in_closed_form(simple):
    found = discovery_reach(simple, FACTORS)
    assert np.isnan(found.below).all()
    for i, f in enumerate(FACTORS):
        for k, sigma in enumerate((3.0, 5.0)):
            root = brentq(lambda m, f=f, s=sigma: z_of_counts(f * 10 * m, f * 30) - s, 1e-3, 10)
            assert found.above[i, k] == pytest.approx(root, rel=1e-8)


def test_limits_of_counts_in_closed_form(simple):
    def q(m, f):
        return 2 * f * (10 * m - 30 * np.log1p(10 * m / 30))

    found = expected_limits(simple, FACTORS, cl=0.9)
    for i, f in enumerate(FACTORS):
        for n, limit in zip((-2, -1, 0, 1, 2), found[i], strict=True):
            assert np.sqrt(q(limit, f)) == pytest.approx(n - norm.ppf(0.1 * norm.cdf(n)), rel=1e-8)


def test_a_reach_beyond_the_range_is_none(inputs):
    short = projection_of(inputs, growing([33.0], [10.0], [30.0]), high=1.0)
    found = discovery_reach(short, np.array([1.0, 25.0]))
    assert np.isnan(found.above[0]).all()
    assert (found.above[1] < 1).all()
    assert np.isnan(expected_limits(short, np.array([1.0]))[0, 2:]).all()


MEASURED = [62.0, 37.0], [12.0, 6.0], [50.0, 30.0], [7.0, 3.0]


def test_todays_luminosity_gives_todays_expectation(inputs):
    problem = counting_problem(inputs, growing(*MEASURED))
    today, projection = ProfileLikelihood(problem, starts=4), Projection(problem, starts=4)
    expected = upper_limits(today).expected
    found = expected_limits(projection, np.array([1.0]))[0]
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    # Asimov data of today's best fit have the significance of the fit to the data nearly.
    best = projection.best.value
    assert discovery(projection, best, np.array([1.0]))[0] == pytest.approx(
        significance(today).Z, rel=0.02
    )


def test_methods_of_a_likelihood_work_on_expected_data(inputs):
    projection = projection_of(inputs, growing(*MEASURED))
    null = projection.profile(np.array([0.0]))
    seen = projection.observing(null, 4.0)
    limits = expected_limits(projection, np.array([4.0]))[0]
    found = upper_limits(seen)
    np.testing.assert_allclose(found.expected, limits, rtol=1e-8)
    assert found.observed == pytest.approx(limits[2], rel=1e-6)  # the data are the median
    np.testing.assert_allclose(scan(seen, limits).expected.diagonal(), 0.05, rtol=1e-7)
    assert (projection.observed.growth == 1).all()  # the original is as it was


def test_systematics_flatten_and_without_them_limits_fall_like_the_root(inputs):
    observed, signal, background = [5030.0, 3010.0], [300.0, 150.0], [5000.0, 3000.0]
    shift, factors = [60.0, 20.0], np.array([1.0, 4.0, 100.0])
    with_it, without = (
        projection_of(inputs, growing(observed, signal, background, shift), systematics=s)
        for s in (1.0, 0.0)
    )
    # The background stays what today's data make of it.
    z = with_it.profile(np.array([0.0])).point[0, 1]
    fitted = np.array(background) + np.array(shift) * z
    none = projection_of(inputs, growing(observed, signal, fitted))
    with_it, without, none = (expected_limits(p, factors)[:, 2] for p in (with_it, without, none))
    np.testing.assert_allclose(without, none, rtol=1e-6)
    np.testing.assert_allclose(none[0] / none, np.sqrt(factors), rtol=0.02)
    assert (with_it > without).all()
    assert with_it[0] / with_it[2] < 0.8 * 10


def test_intervals_of_parameters_on_both_sides(inputs):
    projection = projection_of(inputs, growing([33.0], [10.0], [30.0]), low=-2.5)
    null = projection.profile(np.array([0.0]))
    ((low, high),) = interval(projection.observing(null, 25.0)).pieces

    def t(m):
        return 50 * (10 * m - 30 * np.log1p(10 * m / 30)) - 3.841458820694124

    assert low == pytest.approx(brentq(t, -2, -1e-3), rel=1e-7)
    assert high == pytest.approx(brentq(t, 1e-3, 5), rel=1e-7)
    reach = discovery_reach(projection, np.array([25.0]))
    below = brentq(lambda m: np.abs(z_of_counts(250 * m, 750.0)) - 3, -2.9, -1e-3)
    assert reach.below[0, 0] == pytest.approx(below, rel=1e-7)


def test_toys_agree_with_the_formulas(inputs, tmp_path):
    projection = projection_of(inputs, growing([500.0], [60.0], [500.0], [10.0]))
    limits = expected_limits(projection, np.array([4.0]))[0]
    true = np.array([1.0])
    options = {"level": 0.05, "seed": 3, "path": tmp_path}
    found = projected_toys(projection, 4.0, limits, true, 120, **options)
    assert found.failed == 0
    np.testing.assert_allclose(found.limits[1:4], limits[1:4], rtol=0.25)
    Z = discovery(projection, true, np.array([4.0]))[0]
    np.testing.assert_allclose(found.sigmas[0], Z + np.array([-1, 0, 1]), atol=0.4)
    again = projected_toys(projection, 4.0, limits, true, 120, **options)
    np.testing.assert_array_equal(again.limits, found.limits)


def test_data_that_do_not_scale_are_refused(inputs):
    data = load_measurements(["aleph_Bs_inv"])
    problem = Problem(
        STRENGTH, (Parameter("mu", Uniform(0, 9), "mu"),), Nuisances(inputs, ()), data
    )
    with pytest.raises(InputError, match="no data set of the card scales with the luminosity"):
        Projection(problem)


class OfNull(Reweighted):
    """mu times the signal of the null model, the first parameter of pyhf's model."""

    def moments(self, predictions, z):
        weights = jnp.where(self.signal, predictions.states[0].factor, 1.0)  # the underflow too
        mean, spread = self.model.collapsed_moments(self.entries(weights, z))
        return self.exposure * mean, jnp.sqrt(self.exposure) * spread


def scaled_workspace(content, factor):
    """The same workspace with `factor` times the data and the simulation."""
    for channel in content["channels"]:
        for sample in channel["samples"]:
            sample["data"] = [factor * x for x in sample["data"]]
            for modifier in sample["modifiers"]:
                if modifier["type"] == "histosys":
                    for key in ("hi_data", "lo_data"):
                        modifier["data"][key] = [factor * x for x in modifier["data"][key]]
                elif modifier["type"] == "staterror":
                    modifier["data"] = [factor**0.5 * x for x in modifier["data"]]
                else:
                    assert modifier["type"] in ("normsys", "normfactor")
    return content


def test_the_published_model_has_the_expected_limit_of_pyhf(likelihood_dir, inputs):
    """At our median limit pyhf's sqrt(q~) of background-only Asimov data is Phi^-1(0.975)."""
    (published,) = load_measurements(["belle2_knunu_2023"], likelihood=likelihood_dir)
    measurement = object.__new__(OfNull)
    measurement.__dict__.update(published.__dict__)
    problem = Problem(
        STRENGTH, (Parameter("mu", Uniform(0, 20), "mu"),), Nuisances(inputs, ()), (measurement,)
    )
    # Today's data as expected, so that no nuisance is pulled: pyhf's would move MC statistics too.
    expected = problem.expected_data(jnp.zeros(1), jnp.zeros(problem.size - 1))
    projection = Projection(problem.with_data(expected), starts=4)
    factor = 50 / projection.luminosity
    limit = expected_limits(projection, np.array([factor]))[0, 2]

    content = json.loads((likelihood_dir / "combined_likelihood.json").read_text())
    before = pyhf.get_backend()
    pyhf.set_backend("jax", precision="64b")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of the validator of the schema
            model = pyhf.Workspace(scaled_workspace(content, factor)).model()
        start = jnp.asarray(model.config.suggested_init()).at[model.config.poi_index].set(0.0)
        logpdf = jax.jit(model.logpdf)
        data = jax.jit(model.expected_data)(start)
        held = np.array(model.config.suggested_fixed())
        for name in ("mu", "corr_ff_c1", "corr_ff_c2", "corr_ff_c3"):
            held[model.config.par_slice(name)] = True
        free = np.flatnonzero(~held)
        tested = start.at[model.config.poi_index].set(limit)

        def height(moved):
            return -2 * model.logpdf(tested.at[free].add(moved), data)[0]

        slope, bend = jax.jit(jax.grad(height)), jax.jit(jax.hessian(height))
        moved = np.zeros(len(free))
        while np.abs(slope(moved)).max() > 1e-6:
            moved -= np.linalg.solve(bend(moved), slope(moved))
        q = float(jax.jit(height)(moved) + 2 * logpdf(start, data)[0])
    finally:
        pyhf.set_backend(*before)
    assert np.sqrt(q) == pytest.approx(norm.isf(0.025), rel=1e-4)


def test_belle2_scales_as_stated(inputs):
    (today,) = load_measurements(["belle2_knunu_2023"])
    card = Card(FITS / "belle2_mu.yaml")
    predictions = card.problem.predictions(jnp.zeros(card.problem.size))
    z = jnp.linspace(-1, 1, len(today.nuisance_names))
    mean, spread = today.moments(predictions, z)
    more, wider = today.at_luminosity(9.0).moments(predictions, z)
    np.testing.assert_allclose(more, 9 * mean)
    np.testing.assert_allclose(wider, 3 * spread)
    signal, background = today.at_luminosity(9.0).counts(predictions, z)
    np.testing.assert_allclose(signal + background, more)
    np.testing.assert_array_equal(today.at_luminosity(9.0).data, today.data)


# The command


def card_at(folder: Path, name: str, **changes) -> Path:
    """A shipped card with Belle II alone and exact inputs."""
    content = yaml.safe_load((FITS / name).read_text())
    content["inputs"]["nuisances"] = []
    content |= {"data": ["belle2_knunu_2023"], "best_fit": {"starts": 4}} | changes
    content.get("sampler", {}).pop("jumps", None)
    path = folder / name
    path.write_text(yaml.safe_dump(content))
    return path


def test_limits_on_a_scale_are_those_of_the_coefficient(capsys, tmp_path):
    path, out = card_at(tmp_path, "dm_scalar_V.yaml"), tmp_path / "out"
    arguments = path, "--set", "m=0.5", "--luminosity", "0.362,5", "--true", "6", "--quiet"
    code, text, err = run(capsys, "project", *arguments, "--json", "--out", out)
    assert (code, err) == (0, "")
    result = json.loads(text)
    assert result == json.loads((out / "project.json").read_text())
    assert (result["parameter"], result["limit"], result["null"]) == ("Lambda", "lower", None)
    today, later = result["points"][0]["luminosities"]

    problem = Card(path).stated
    fixed = {"m": 0.5}
    coefficient = Parameter("V", Uniform(-1e-6, 1e-6), "C", mirror=True)
    problem = replace(problem, parameters=(coefficient,), fixed=tuple(fixed.items()))
    limits = upper_limits(ProfileLikelihood(problem, starts=4)).expected
    np.testing.assert_allclose(today["expected_limit"], limits**-0.5 / 1000, rtol=1e-6)
    assert later["expected_limit"][2] > today["expected_limit"][2]
    for row in (today, later):
        (stated, best), (three, five) = row["discovery"], row["reach"]
        assert stated["true"] == pytest.approx(6)
        assert best["true"] == pytest.approx(result["points"][0]["best_fit_today"])
        assert 1 < five["above"] < three["above"]
        assert three["below"] is None
        # A scale that is seen at 3 sigma is above one that is seen at 5.
        assert (stated["Z"] > 3) == (three["above"] > 6)
    for name in ("card.yaml", "manifest.json", "figures/project.pdf", "figures/project.csv"):
        assert (out / name).stat().st_size > 100


def test_a_strength_with_toys_and_a_table(capsys, tmp_path):
    path, out = card_at(tmp_path, "belle2_mu.yaml"), tmp_path / "out"
    options = "--luminosity", "5", "--true", 1, "--out", out, "--toys", 6, "--quiet"
    code, text, err = run(capsys, "project", path, *options)
    assert (code, err) == (0, "")
    assert "expected 95 % CLs limit  mu < " in text
    assert "median 5 sigma for" in text
    result = json.loads((out / "project.json").read_text())
    rows = result["points"][0]["luminosities"]
    assert [row["luminosity"] for row in rows] == [5]
    for row in rows:
        assert row["toys"]["failed"] == 0
        assert row["toys"]["discovery"][1]["Z"] == pytest.approx(row["discovery"][1]["Z"], abs=1.5)
    code, _, err = run(capsys, "project", path, *options)
    assert code == 2
    assert "add --resume" in err
    code, text, _ = run(capsys, "project", path, *options, "--resume", "--json")
    assert code == 0
    assert json.loads(text) == result


@pytest.mark.parametrize(
    ("card", "arguments", "message"),
    [
        ("belle2_mu.yaml", ["--luminosity", "5,0"], "--luminosity: 0 is no luminosity; above 0"),
        ("belle2_mu.yaml", ["--luminosity=-5"], "--luminosity: -5 is no luminosity"),
        ("belle2_mu.yaml", ["--luminosity", "much"], "--luminosity: 'much' is no list of numbers"),
        ("belle2_mu.yaml", ["--luminosity", "nan"], "--luminosity: 'nan' is not finite"),
        ("belle2_mu.yaml", [], "--luminosity"),
        ("belle2_mu.yaml", ["--luminosity", "5", "--systematics=-1"], "--systematics"),
        ("belle2_mu.yaml", ["--luminosity", "5", "--parameter", "nu"], "unknown parameter 'nu'"),
        ("belle2_mu.yaml", ["--luminosity", "5", "--null", "30"], "--null: mu = 30 is outside"),
        ("belle2_mu.yaml", ["--luminosity", "5", "--true", "30"], "--true: mu = 30 is outside"),
        ("belle2_mu.yaml", ["--luminosity", "5", "--set", "mu=1"], "--set: nothing is left to fit"),
        ("belle2_cr.yaml", ["--luminosity", "5"], "2 parameters are fitted, which one is of"),
        ("belle2_cr.yaml", ["--luminosity", "5", "--set", "CR_taumu=0"], "is set by 'CR_mutau'"),
        ("belle2_cr.yaml", ["--luminosity", "5", "--set", "CR_xx=0"], "--set: unknown parameter"),
        ("belle2_cr.yaml", ["--luminosity", "5", "--set", "CR_ee"], "--set: 'CR_ee'; NAME=VALUE"),
        ("dm_scalar_V.yaml", ["--luminosity", "5", "--parameter", "Lambda"], "m is fitted"),
        ("dm_scalar_V.yaml", ["--luminosity", "5", "--set", "m=-1"], "m = -1 is outside its prior"),
        (
            "dm_scalar_V.yaml",
            ["--luminosity", "5", "--set", "m=1", "--null", "3"],
            "--null: Lambda is infinite without a signal",
        ),
        (
            "dm_scalar_V.yaml",
            ["--luminosity", "5", "--set", "m=1", "--true", "0.5"],
            "--true: Lambda = 0.5 is outside its range",
        ),
    ],
)
def test_bad_input_is_one_line(capsys, tmp_path, monkeypatch, card, arguments, message):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "project", card_at(tmp_path, card), *arguments, "--quiet")
    assert code == 2
    assert out == ""
    assert err.startswith("bsnunu: error: ")
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "results").exists()
