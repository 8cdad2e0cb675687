"""Forecasts of values, counts, limits and what nobody has measured: Fisher, closed forms."""

import json
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from counting_model import STRENGTH
from scipy.integrate import quad
from scipy.special import gammaln
from scipy.stats import norm

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.cli import main
from bsnunu_jax.experiments import Predictions, load_measurements
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.hypotheses.limits import interval
from bsnunu_jax.inference.hypotheses.projection import (
    Projection,
    discovery,
    discovery_reach,
    expected_limits,
)
from bsnunu_jax.inference.hypotheses.truths import expecting, expecting_sm
from bsnunu_jax.inference.problem.parameters import Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inputs import Nuisances
from bsnunu_jax.states import Neutrinos

ONE_SIGMA = 2 * norm.cdf(1) - 1
BOTH = {
    "CL_ee": {"prior": {"uniform": [-4, 3]}, "also": ["CL_mumu", "CL_tautau"]},
    "CR_ee": {"prior": {"uniform": [-4, 4]}, "also": ["CR_mumu", "CR_tautau"]},
}


def card_of(folder: Path, data, parameters=None, **changes) -> Path:
    content = {
        "title": "a forecast",
        "model": "neutrinos",
        "inputs": {"nuisances": []},
        "parameters": parameters or BOTH,
        "data": data,
        "best_fit": {"starts": 4},
        "sampler": {"chains": 2, "warmup": 100, "draws": 100, "target_accept": 0.9},
        "seed": 1,
    } | changes
    path = folder / "card.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def run(capsys, *arguments) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


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


@pytest.mark.parametrize(("data", "nuisances"), [(["fcc_ee_2023"], []), (["fcc_ee_2023"], ["ckm"])])
def test_errors_of_fcc_ee_are_those_of_fisher(data, nuisances, tmp_path):
    card = Card(card_of(tmp_path, data, inputs={"nuisances": nuisances}))
    (forecast,) = card.stated.measurements
    stated = [0.0053, 0.0120, 0.0337, 0.0986]
    means = observables_of(card.stated, forecast.observables)
    at = np.zeros(card.stated.size)
    sm = means(at)
    expected = fisher_errors([(means, np.diag((stated * sm) ** 2))], at, priors=len(nuisances))
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


def strength(inputs, measurement, high=50.0) -> Problem:
    mu = Parameter("mu", Uniform(0.0, high), "mu")
    return Problem(STRENGTH, (mu,), Nuisances(inputs, ()), (measurement,))


def test_counts_grow_in_closed_form(inputs):
    """A background known exactly: Eq. (97) of arXiv:1007.1727 with f times all events."""
    (m,) = load_measurements(["belle_2017_Kstar0"])
    exact = replace(m, background_std=0.0)
    s = exact.events_per_br * float(
        Predictions((Neutrinos(),), inputs).branching_fraction("B0->K*0")
    )
    projection = Projection(strength(inputs, exact), starts=4)
    factors = np.array([1.0, 10.0, 70.0])
    found = discovery(projection, np.full(3, 2.0), factors)
    signal, b = 2 * s * factors, exact.background * factors
    expected = np.sqrt(2 * ((signal + b) * np.log1p(signal / b) - signal))
    np.testing.assert_allclose(found, expected, rtol=1e-8)


@pytest.mark.parametrize("spread", [1.0, 0.3])
def test_grown_counts_have_the_likelihood_of_their_definition(inputs, spread):
    (m,) = load_measurements(["belle_2017_Kstar0"])
    factor = 20.0
    grown = m.with_systematics(spread).at_luminosity(factor).with_data(jnp.array([330.0]))
    predictions = Predictions((Neutrinos(),), inputs)
    br = float(predictions.branching_fraction("B0->K*0"))
    mean = factor * (m.events_per_br * br + m.background)
    sigma = factor * spread * m.background_std

    def density(mu):
        return np.exp(330 * np.log(mu) - mu - gammaln(331)) * norm.pdf(mu, mean, sigma)

    near = [mean - 9 * sigma, mean, mean + 9 * sigma, 330.0]
    value, _ = quad(density, 1.0, 1500.0, points=sorted(near), epsabs=0, epsrel=1e-11, limit=300)
    found = float(grown.log_likelihood(predictions, jnp.zeros(0)))
    assert found == pytest.approx(np.log(value), rel=1e-9)
    np.testing.assert_allclose(grown.expected_data(predictions, jnp.zeros(0)), [mean], rtol=1e-14)


def test_values_grow_by_their_statistical_part():
    (m,) = load_measurements(["belle2_2023_br"])
    assert m.systematic == pytest.approx((5e-6, 4e-6), rel=1e-12, abs=0)
    later = m.with_systematics(0.5).at_luminosity(16.0)
    assert float(later.upper) == pytest.approx(np.hypot(5e-6 / 4, 2.5e-6), rel=1e-12, abs=0)
    assert float(later.lower) == pytest.approx(np.hypot(5e-6 / 4, 2e-6), rel=1e-12, abs=0)
    same = m.with_systematics(1.0).at_luminosity(1.0)
    assert (float(same.upper), float(same.lower)) == pytest.approx(
        (m.upper, m.lower), rel=1e-12, abs=0
    )


def test_limits_alone_fall_with_the_root(inputs):
    """A Gaussian around 0: the expected limit of CLs is 1.96 standard deviations."""
    (m,) = load_measurements(["paper_R_Kstar_nunu"])
    projection = Projection(strength(inputs, replace(m, value=0.0)), starts=4)
    factors = np.array([1.0, 25.0])
    found = expected_limits(projection, factors)[:, 2]
    np.testing.assert_allclose(found, m.upper / np.sqrt(factors) * norm.isf(0.025), rtol=1e-6)
    reach = discovery_reach(projection, factors)
    np.testing.assert_allclose(reach.above[:, 0], 3 * m.upper / np.sqrt(factors), rtol=1e-6)


def gaussian_curve(folder: Path, centre: float, sigma: float) -> str:
    x = np.linspace(centre - 5 * sigma, centre + 5 * sigma, 201)
    curve = {
        "values": x.tolist(),
        "likelihood": np.exp(-0.5 * ((x - centre) / sigma) ** 2).tolist(),
    }
    entry = {"id": "curve", "title": "curve", "observable": "R_K_nunu", "curve": curve}
    (folder / "curve.yaml").write_text(yaml.safe_dump({"measurements": [entry]}))
    return "curve.yaml"


def test_a_curve_grows_as_the_gaussian_that_it_is(inputs, tmp_path):
    name = gaussian_curve(tmp_path, 1.4, 0.5)
    (m,) = load_measurements([name], folder=tmp_path)
    assert float(m.data[0]) == pytest.approx(1.4, rel=1e-6)
    predictions = Predictions((Neutrinos(),), inputs)
    later = m.at_luminosity(16.0).with_data(jnp.array([1.2]))
    found = float(later.log_likelihood(predictions, jnp.zeros(0)))
    assert found == pytest.approx(-0.5 * (0.2 / 0.125) ** 2, rel=1e-4)
    # The curve as published has one slope, whatever the likelihood of exchanged data.
    same = float(m.with_data(m.data).log_likelihood(predictions, jnp.zeros(0)))
    assert same == pytest.approx(float(m.log_likelihood(predictions, jnp.zeros(0))), rel=1e-9)
    keys = jax.random.split(jax.random.PRNGKey(2), 20000)
    draws = jax.vmap(lambda key: later.sample_data(predictions, jnp.zeros(0), key))(keys)
    assert float(draws.mean()) == pytest.approx(1.0, abs=0.004)
    assert float(draws.std()) == pytest.approx(0.125, rel=0.03)


def test_toys_of_a_skewed_curve_have_its_density(inputs):
    """Of flavio's curve for Bs -> tau tau: half of the draws on either side of the median."""
    (m,) = load_measurements(["lhcb_2017_Bstautau"])
    predictions = Predictions((Neutrinos(),), inputs)
    keys = jax.random.split(jax.random.PRNGKey(3), 4000)
    draws = jax.vmap(lambda key: m.sample_data(predictions, jnp.zeros(0), key))(keys)[:, 0]
    expected = float(m.expected_data(predictions, jnp.zeros(0))[0])
    x, y = np.array(m.grid), np.array(m.likelihood)
    for cut in (-0.004, 0.0, 0.004):
        share = np.trapezoid(y[x <= cut], x[x <= cut]) / np.trapezoid(y, x)
        off = np.asarray(m.most_likely - (draws - expected))
        assert (off <= cut).mean() == pytest.approx(share, abs=0.04)


FORECAST = {
    "observables": ["R_K_nunu", "R_Kstar_nunu"],
    "errors": [0.3, 0.2],
    "systematic": [0.1, 0.0],
    "correlation": [[1, 0.6], [0.6, 1]],
}


def forecast_file(folder: Path, projected=FORECAST, **more) -> str:
    entry = {"id": "mine", "title": "my forecast", "projected": projected} | more
    content = {"sm_spectrum": False, "tree_tau": "none", "measurements": [entry]}
    (folder / "mine.yaml").write_text(yaml.safe_dump(content))
    return "mine.yaml"


def test_a_forecast_has_the_covariance_that_is_stated(inputs, tmp_path):
    forecast_file(tmp_path, luminosity=10)
    (m,) = load_measurements(["mine.yaml"], folder=tmp_path)
    predictions = Predictions((Neutrinos(),), inputs)
    keys = jax.random.split(jax.random.PRNGKey(1), 40000)
    draws = jax.vmap(lambda key: m.sample_data(predictions, jnp.zeros(0), key))(keys)
    covariance = np.outer([0.3, 0.2], [0.3, 0.2]) * np.array(FORECAST["correlation"])
    np.testing.assert_allclose(np.cov(draws[:, :2].T), covariance, rtol=0.05)
    np.testing.assert_allclose(draws[:, 2:], np.tile([0.3, 0.2], (40000, 1)))
    seen = m.with_data(jnp.array([1.4, 0.7, 0.3, 0.2]))
    off = np.array([1.0, 1.0]) - np.array([1.4, 0.7])
    expected = -0.5 * off @ np.linalg.solve(covariance, off)
    assert float(seen.log_likelihood(predictions, jnp.zeros(0))) == pytest.approx(expected)
    later = m.with_systematics(2.0).at_luminosity(4.0)
    errors = later.expected_data(predictions, jnp.zeros(0))[2:]
    np.testing.assert_allclose(errors, [np.sqrt(0.08 / 4 + 0.04), 0.1])
    # Nothing is measured: no say, no slope.
    value, slope = jax.value_and_grad(
        lambda c: m.log_likelihood(Predictions((Neutrinos(jnp.eye(3) * c),), inputs), jnp.zeros(0))
    )(2.0)
    assert (float(value), float(slope)) == (0.0, 0.0)


@pytest.mark.parametrize("of", ["SM", "truth"])
def test_relative_errors_are_of_the_sm_or_of_the_truth(of, inputs, tmp_path):
    forecast_file(tmp_path, {"observables": ["BR(B+->K+inv)"], "relative_errors": [0.1], "of": of})
    (m,) = load_measurements(["mine.yaml"], folder=tmp_path)
    states = (Neutrinos(jnp.eye(3) * 5.0),)
    predictions = Predictions(states, inputs)
    value, error = (float(x) for x in m.expected_data(predictions, jnp.zeros(0)))
    ratio = float(predictions.observable("R_K_nunu"))
    assert value == pytest.approx(
        ratio * float(predictions.sm.branching_fraction("B+->K+")), rel=1e-12, abs=0
    )
    assert error == pytest.approx(0.1 * value / (ratio if of == "SM" else 1.0), rel=1e-12, abs=0)


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


@pytest.mark.parametrize(
    ("projected", "message"),
    [
        ({"observables": ["R_K_nunu"]}, "give relative_errors or errors, one of them"),
        (FORECAST | {"relative_errors": [0.1, 0.1]}, "give relative_errors or errors"),
        (FORECAST | {"errors": [0.1]}, "2 observables need 2 errors, got 1"),
        (FORECAST | {"errors": [0.1, 0.0]}, "0"),
        (FORECAST | {"systematic": [0.4, 0.0]}, "a systematic part of 0.4 is larger"),
        (FORECAST | {"correlation": [[1, 2], [2, 1]]}, "no positive symmetric 2 x 2 matrix"),
        (FORECAST | {"of": "SM"}, "errors are absolute"),
        (FORECAST | {"observables": ["R_K_nunu", "R_K_nunu"]}, "are one observable"),
        (FORECAST | {"observables": ["R_K_nunu", "R_X"]}, "R_X"),
        (FORECAST | {"value": 3}, "unknown key 'value'"),
    ],
)
def test_flaws_of_a_forecast_are_named(projected, message, tmp_path):
    forecast_file(tmp_path, projected)
    with pytest.raises(InputError, match=r"mine\.yaml") as caught:
        load_measurements(["mine.yaml"], folder=tmp_path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kinds": ["statistical"]}, "2 pairs of errors, 1 kinds"),
        ({"kinds": ["statistical", "theory"]}, "kinds"),
        ({"luminosity": 0}, "luminosity"),
    ],
)
def test_flaws_of_what_scales_are_named(change, message, tmp_path):
    entry = {
        "id": "mine",
        "title": "mine",
        "observable": "R_K_nunu",
        "value": 2.0,
        "errors": [[0.3, -0.3], [0.2, -0.2]],
    } | change
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"measurements": [entry]}))
    with pytest.raises(InputError, match=message):
        load_measurements(["mine.yaml"], folder=tmp_path)
