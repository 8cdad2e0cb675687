"""Forecasts of fits to what nobody has measured: errors of Fisher, truths, the command."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from commands import run
from forecast_cards import BOTH, card_of, forecast_file
from scipy.stats import norm

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.inference.hypotheses.limits import interval
from bsnunu_jax.inference.hypotheses.projection import Projection
from bsnunu_jax.inference.hypotheses.truths import expecting, expecting_sm
from bsnunu_jax.inference.problem.problem import Problem

ONE_SIGMA = 2 * norm.cdf(1) - 1


def half_width(seen: Projection) -> float:
    """Half of the 68 % interval around the SM."""
    around = interval(seen, cl=ONE_SIGMA)
    ((low, high),) = [piece for piece in around.pieces if piece[0] <= 0.0 <= piece[1]]
    return (high - low) / 2


def slopes(function, at, step=1e-3):
    """Derivatives of a vector by central differences, shape (parameters, n)."""
    steps = step * np.eye(len(at))
    return np.array([(function(at + h) - function(at - h)) / (2 * step) for h in steps])


def fisher_errors(terms, at, priors=0):
    """Errors from means(x) and their variances, the last `priors` of x standard normal."""
    information = np.diag([0.0] * (len(at) - priors) + [1.0] * priors)
    for means, variances in terms:
        J = slopes(means, at)
        information += J @ np.linalg.solve(np.asarray(variances), J.T)
    return np.sqrt(np.diag(np.linalg.inv(information)))


def observables_of(problem: Problem, names):
    """Observables of values of parameters and nuisances."""

    @jax.jit
    def found(x):
        predictions = problem.predictions_at(x[: len(problem.parameters)], x[len(BOTH) :])
        return jnp.stack([predictions.observable(n) for n in names])

    return lambda x: np.asarray(found(jnp.asarray(x)))


def test_errors_of_fcc_ee_are_those_of_fisher(tmp_path):
    nuisances = ["ckm"]  # which no ratio sees
    card = Card(card_of(tmp_path, ["fcc_ee_2023"], inputs={"nuisances": nuisances}))
    (forecast,) = card.stated.measurements
    stated = [0.0053, 0.0120, 0.0337, 0.0986]
    means = observables_of(card.stated, forecast.observables)
    at = np.zeros(card.stated.size)
    sm = means(at)
    problem = card.ready(expecting_sm(card.stated))
    for i, name in enumerate(BOTH):
        projection = Projection(problem, name, together=True, starts=4)
        for factor in (1.0, 9.0):
            scaled = [(means, np.diag((stated * sm) ** 2 / factor))]
            expected = fisher_errors(scaled, at, priors=len(nuisances))
            seen = projection.observing(projection.best, factor)
            assert half_width(seen) == pytest.approx(expected[i], rel=0.05)


def test_errors_of_belle2_and_forecasts_are_those_of_fisher(tmp_path):
    """The binned likelihood of K+, counts of K*0 and a forecast of F_L, all at 50/ab."""
    data = ["belle2_knunu_2023", "belle_2017_Kstar0", "belle2_2018_50ab_FL"]
    card = Card(card_of(tmp_path, data))
    belle2, kstar, fl = card.stated.measurements
    free = len(BOTH)
    z = np.zeros(len(belle2.nuisance_names))

    @jax.jit
    def rates(x):
        predictions = card.stated.predictions_at(x, jnp.asarray(z))
        mean, spread = belle2.moments(predictions, jnp.asarray(z))
        signal = kstar.events_per_br * predictions.branching_fraction("B0->K*0")
        return mean, spread, signal, predictions.observable("F_L(B0->K*0inv)")

    at = np.zeros(free)
    more, most = 50 / 0.362, 50 / 0.711
    mean, spread, signal, _ = (np.asarray(a) for a in rates(at))
    events = most * (signal + kstar.background)
    terms = [
        (lambda x: more * np.asarray(rates(x)[0]), np.diag(more * mean + more * spread**2)),
        (lambda x: most * np.asarray(rates(x)[2])[None], np.array([[events]])),
        (lambda x: np.asarray(rates(x)[3])[None], np.array([[0.08**2]])),
    ]
    expected = fisher_errors(terms, at)
    problem = card.ready(expecting_sm(card.stated))
    for i, name in enumerate(BOTH):
        projection = Projection(problem, name, systematics=0.0, starts=4)
        assert projection.fixed_data == ()
        factor = 50 / projection.luminosity
        grown = card.stated.at_luminosity(jnp.asarray(projection.growth(np.array([factor]))[0]))
        seen = projection.observing_data(expecting_sm(grown).data, factor)
        assert half_width(seen) == pytest.approx(expected[i], rel=0.05)
    assert fl.luminosity == 50


def test_a_truth_of_given_parameters(tmp_path):
    """Best fit and expected data are those of the point; data of today do not matter."""
    parameters = {"CR_tautau": {"prior": {"uniform": [-30, 30]}}}
    card = Card(card_of(tmp_path, ["belle2_2023_br", "belle2_2018_50ab_FL"], parameters))
    problem = card.ready(expecting(card.stated, {"CR_tautau": -9.0}))
    projection = Projection(problem, starts=4)
    assert projection.best.value[0] == pytest.approx(-9.0, rel=1e-5)
    predictions = card.stated.predictions_at(jnp.array([-9.0]), jnp.zeros(0))
    expected = [predictions.observable(n) for n in ("BR(B+->K+inv)", "F_L(B0->K*0inv)")]
    np.testing.assert_allclose(problem.data[0][0], expected[0], rtol=1e-12)
    np.testing.assert_allclose(problem.data[1], [expected[1], 0.08], rtol=1e-12)


def test_kstar_alone_and_f_l_alone(capsys, tmp_path):
    """Cards that had been refused: both data sets, a luminosity each, what was assumed."""
    parameters = {"CR_tautau": {"prior": {"uniform": [-60, 60]}}}
    path = card_of(tmp_path, ["belle_2017_Kstar0"], parameters)
    options = "--quiet", "--json", "--out"
    code, text, err = run(capsys, "project", path, "--luminosity", 50, *options, tmp_path / "a")
    assert (code, err) == (0, "")
    (row,) = json.loads(text)["points"][0]["luminosities"]
    assert row["luminosity"] == 50
    assert row["reach"][0]["above"] < 20
    result = json.loads(text)
    assert (result["truth"], result["luminosity_today"]) == ("best-fit", 0.711)

    path = card_of(tmp_path, ["belle2_2018_50ab_FL"], parameters)
    code, text, err = run(
        capsys, "project", path, "--factor", "1,4", "--truth", "SM", *options, tmp_path / "b"
    )
    assert (code, err) == (0, "")
    result = json.loads(text)
    assert (result["truth"], result["scaled_by"]) == ("SM", "factor")
    assert result["assumed"] == {"belle2_2018_50ab_FL": "its error is taken as statistical"}
    widths = [
        np.diff(row["expected_68"]["pieces"][0])[0] for row in result["points"][0]["luminosities"]
    ]
    assert widths[1] < widths[0]
    code, text, err = run(
        capsys, "project", path, "--factor", "1,4", "--truth", "SM", "--resume", "--quiet", "--out",
        tmp_path / "b",
    )  # fmt: skip
    assert code == 0
    assert "4 times the data" in text
    assert "truth: SM" in text
    assert "F_L of B->K* nu nubar [unverified]" in text


def test_an_expected_posterior_has_the_expected_error(capsys, tmp_path):
    """Of mu from a forecast of 10 %, flat prior: the posterior is the Gaussian of the truth."""
    forecast_file(tmp_path, {"observables": ["R_K_nunu"], "errors": [0.1]}, luminosity=10)
    mu = {"mu": {"prior": {"uniform": [0, 20]}}}
    sampler = {"chains": 2, "warmup": 250, "draws": 1000, "target_accept": 0.8}
    about = {"model": "signal-strength", "sampler": sampler}
    path, out = card_of(tmp_path, ["mine.yaml"], mu, **about), tmp_path / "out"
    arguments = "--luminosity", 40, "--truth", "mu=2", "--posterior", "--quiet", "--out", out
    code, text, _ = run(capsys, "project", path, *arguments)
    assert code == 0
    assert "expected posterior" in text
    result = json.loads((out / "project.json").read_text())
    (row,) = result["points"][0]["luminosities"]
    assert result["truth"] == {"mu": 2.0}
    assert row["expected_68"]["pieces"][0] == pytest.approx([1.95, 2.05], rel=1e-4)
    header, *rows = (out / row["posterior"] / "summary.csv").read_text().splitlines()
    found = dict(zip(header.split(","), rows[0].split(","), strict=True))
    assert float(found["mean"]) == pytest.approx(2.0, abs=0.01)
    assert float(found["sd"]) == pytest.approx(0.05, rel=0.15)


def test_an_expected_posterior_has_the_nuisances_of_today(capsys, tmp_path):
    mu = {"mu": {"prior": {"uniform": [0, 20]}}}
    path = card_of(tmp_path, ["belle2_knunu_2023"], mu, model="signal-strength")
    options = "--luminosity", 5, "--systematics", 0.5, "--posterior", "--quiet"
    code, _, err = run(capsys, "project", path, *options, "--out", tmp_path / "out")
    assert code == 2
    assert "has the nuisances of belle2_knunu_2023 as they are today" in err


@pytest.mark.parametrize(
    ("data", "arguments", "message"),
    [
        (
            "fcc_ee_2023",
            ["--luminosity", "5"],
            "no data set of the card scales with the luminosity",
        ),
        ("fcc_ee_2023", ["--factor", "0"], "--factor: 0 is no factor; above 0"),
        ("fcc_ee_2023", ["--factor", "2", "--luminosity", "5"], "--factor: data grow in one way"),
        ("fcc_ee_2023", ["--truth", "best-fit"], "--truth: none of the data is measured yet"),
        ("fcc_ee_2023", ["--truth", "today"], "--truth: 'today' is no truth; best-fit, SM, or"),
        ("fcc_ee_2023", ["--truth", "CL_ee=1"], "--truth: no value of 'CR_ee'"),
        ("fcc_ee_2023", ["--truth", "CL_ee=1,CR_ee=9"], "--truth: CR_ee = 9 is outside its range"),
        ("fcc_ee_2023", ["--truth", "CL_ee=1,CR_ee=x"], "--truth: CR_ee: 'x' is not a number"),
        ("fcc_ee_2023", ["--truth", "CL_ee=1,CL_tautau=0"], "'CL_tautau' is not fitted"),
        ("fcc_ee_2023", ["--truth", "CL_ee=1,CL_ee=2"], "'CL_ee' stands twice"),
        ("belle_2017_Kstar0", [], "--luminosity: no luminosity is given"),
    ],
)
def test_bad_input_is_one_line(data, arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = card_of(tmp_path, [data])
    code, out, err = run(capsys, "project", path, "--parameter", "CR_ee", *arguments, "--quiet")
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", ["fit", "limit", "profile", "compare"])
def test_what_nobody_has_measured_is_no_data(command, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parameters = {"CR_tautau": {"prior": {"uniform": [-60, 60]}}}
    path = card_of(tmp_path, ["fcc_ee_2023"], parameters)
    more = ("--over", "CR_tautau") if command == "profile" else ()
    code, _, err = run(capsys, command, path, *more, "--quiet")
    assert code == 2
    assert "nobody has measured 'fcc_ee_2023'" in err
    assert err.count("\n") == 1
