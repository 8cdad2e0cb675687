"""Records: a toy experiment in a folder against pyhf, in commands, and refused by line."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from record_peers import pyhf_log_density, reweighted, values_of
from scipy.integrate import quad
from scipy.optimize import minimize
from toy_record import BINS, CARD, EDGES, MODE, POLARISATIONS, STRENGTH, null_bins, toy_record

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.cli import main
from bsnunu_jax.experiments import Predictions, load_measurements
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.observables.branching import dbr_dq2, longitudinal_fraction_at
from bsnunu_jax.states import Universal

STATE = Universal(cVL=5.0, cVR=-3.0, cSL=2.0, cTL=1.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("records")
    toy_record(made / "toy")
    toy_record(made / "sampled", mc_statistics="sampled")
    (made / "card.yaml").write_text(CARD)
    return made


def loaded(folder: Path, name: str = "toy/"):
    (measurement,) = load_measurements([name], folder=folder)
    return measurement


@pytest.fixture(scope="module")
def bins(inputs):
    """BR of `STATE` by polarisation."""

    @jax.jit
    def of_state():
        predictions = Predictions((STATE,), inputs)
        return [predictions.bins(MODE, EDGES, p) for p in POLARISATIONS]

    return [np.asarray(b) for b in of_state()]


def test_rates_of_polarisations(inputs, bins):
    """Against adaptive quadrature of dBR/dq2 times F_L(q2)."""

    @jax.jit
    def at(q2):
        f = longitudinal_fraction_at(MODE, (STATE,), inputs, q2)
        return dbr_dq2(MODE, (STATE,), inputs, q2) * jnp.stack([f, 1 - f])

    for b in (0, 9, 22):
        for i, found in enumerate(bins):
            expected = quad(lambda q, i=i: float(at(q)[i]), *EDGES[b : b + 2], epsabs=0)[0]
            assert found[b] == pytest.approx(expected, rel=1e-6, abs=0)


def test_density_is_that_of_pyhf_on_the_reweighted_workspace(folder, inputs, bins, rng):
    measurement = loaded(folder, "sampled/")
    assert measurement.modes == (MODE,)
    log_density = pyhf_log_density(reweighted(folder, "sampled", bins))
    log_likelihood = jax.jit(lambda z: measurement.log_likelihood(Predictions((STATE,), inputs), z))
    n = len(measurement.nuisance_names)
    assert n == 24 + 5 + 1 + 12
    for z in (np.zeros(n), *rng.normal(0, 0.7, (5, n))):
        expected = log_density(values_of(measurement, z))
        ours = float(log_likelihood(z)) - z @ z / 2 + measurement.constant
        assert ours == pytest.approx(expected, rel=1e-10)


def test_profile_is_that_of_pyhf_over_its_mc_statistics(folder, inputs, bins, rng):
    """Samples of a bin share one parameter: the collapse is exact."""
    measurement = loaded(folder)
    log_density = pyhf_log_density(reweighted(folder, "toy", bins))
    n = len(measurement.nuisance_names)
    assert n == 24 + 5 + 1
    profile = jax.jit(
        lambda z: measurement.profile_log_likelihood(Predictions((STATE,), inputs), z)
    )
    z = rng.normal(0, 0.7, n)
    values = values_of(measurement, z)
    names = [f"mc_{region}" for region in ("SR_low", "SR_high", "CR")]
    split = np.cumsum([len(values[n]) for n in names])[:-1]

    def cost(gamma):
        parts = dict(zip(names, np.split(gamma, split), strict=True))
        return -log_density(values | parts)

    found = minimize(cost, np.ones(12), method="BFGS", options={"gtol": 1e-6})
    ours = float(profile(z)) - z @ z / 2 + measurement.constant
    assert ours == pytest.approx(-found.fun, abs=1e-7)


def test_the_null_gives_the_nominal_signal(folder, inputs):
    measurement = loaded(folder)
    weights = np.asarray(measurement.weights(jnp.asarray(measurement.null_br)))
    np.testing.assert_allclose(weights, 1, rtol=1e-13)


def test_quadratic_forms_give_the_same(folder, tmp_path):
    card = Card(folder / "card.yaml")
    made, stated = card.problem, card.stated
    assert {r[0] for r in made.grams} == {MODE, f"{MODE} longitudinal"}
    theta = 0.3 * np.ones(made.size)
    fast, slow = (float(jax.jit(p.objective)(jnp.asarray(theta))) for p in (made, stated))
    assert fast == pytest.approx(slow, rel=1e-9)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main([*arguments])
    return exit_.value.code


def test_fit(folder, tmp_path):
    out = tmp_path / "out"
    assert run("fit", str(folder / "card.yaml"), "--out", str(out), "--quiet") == 0
    manifest = json.loads((out / "manifest.json").read_text())
    names = ("record.yaml", "workspace.json", "density_CR_transverse.csv")
    assert {f"toy/{n}" for n in names} <= {*manifest["data_sha256"]}
    assert manifest["cite"]["arXiv:2402.08417"] == "Toy experiment, B0 -> K*0 nu nubar"
    drawn = (out / "figures" / "spectrum_counts.csv").read_text()
    assert all(f"\n{region},{n - 1}," in drawn for region, n in BINS.items())


@pytest.fixture(scope="module")
def strength_card(folder) -> str:
    path = folder / "strength.yaml"
    path.write_text(STRENGTH)
    return str(path)


def test_limit_falls_with_the_luminosity(strength_card, tmp_path, capsys):
    """Statistics and simulation scale; systematics stay: between 1/sqrt(L) and 1."""
    assert run("limit", strength_card, "--out", str(tmp_path / "a"), "--json", "--quiet") == 0
    today = json.loads(capsys.readouterr().out)["upper_limit"]["expected"][2]
    arguments = ("--luminosity", "1,4", "--out", str(tmp_path / "b"), "--json", "--quiet")
    assert run("project", strength_card, *arguments) == 0
    found = json.loads(capsys.readouterr().out)
    one, four = (row["expected_limit"][2] for row in found["points"][0]["luminosities"])
    assert one == pytest.approx(today, rel=1e-6)
    assert one / 2 < four < 0.9 * one


def test_profile_has_its_minimum_at_the_best_fit(strength_card, tmp_path, capsys):
    arguments = ("--over", "mu=0:8:17", "--out", str(tmp_path), "--json", "--quiet")
    assert run("profile", strength_card, *arguments) == 0
    found = json.loads(capsys.readouterr().out)
    limited = Card(Path(strength_card)).problem
    at_best = jax.jit(lambda mu: limited.objective(limited.theta([mu])))
    assert 0 < found["lowest_on_the_grid"] - found["minus_2_log_likelihood"] < 0.1
    assert found["minus_2_log_likelihood"] < float(at_best(found["best_fit"]["mu"]))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"record": 2}, r"record.yaml:1 \(record\): version 2 of the layout"),
        ({"workspace": "../x.json"}, r"\(workspace\): '../x.json' is no file of the folder"),
        ({"workspace": "none.json"}, "none.json: no such file"),
        ({"drop": ["mu", "nothing"]}, "no modifier 'nothing' to drop"),
        ({"drop": ["ff_1"]}, r"\(drop\): the poi 'mu' multiplies the signal; drop: \[mu, \.\.\.\]"),
        ({"null": None}, r"\(signals.0\): says not with which null model it was made"),
        ({"null": {}}, r"\(null\): give exactly one of spectrum, model, constants; found none"),
        ({"null": {"model": {"name": "nothing"}}}, r"\(null.model.name\): unknown model"),
        ({"null": {"constants": {"GF": 1.0}}}, "the closed form is no rate of B0->K"),
        ({"labels": ["one"]}, r"\(labels\): 1 labels, 12 bins"),
        ({"checksums": {"workspace.json": "0" * 64}}, "workspace.json: checksum .* expected 000"),
        ({"checksums": {"other": "0" * 64}}, r"\(checksums.other\): is no file of the record"),
        ({"measurement": "other"}, "no measurement 'other'"),
        ({"surprise": 1}, r"\(surprise\): unknown key 'surprise'"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, changes, line):
    toy_record(tmp_path / "toy", **changes)
    with pytest.raises(InputError, match=line):
        loaded(tmp_path)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"mode": "B0->X"}, r"\(signals.0.mode\): unknown mode 'B0->X'"),
        ({"mode": "B+->K+"}, r"\(signals.0.mode\): B\+->K\+ has no polarisation"),
        ({"channel": "SX"}, r"\(signals.0.channel\): no sample 'signal' in a channel 'SX'"),
        ({"sample": "sig"}, r"\(signals.0.sample\): no sample 'sig'"),
        ({"underflow": False}, r"csv: shape \(9, 25\), .* 9 signal bins and 24 bins of q2"),
        ({"polarisation": "transverse"}, r"of 'signal' in 'SR_low' has a density already"),
        ({"polarisation": None}, r"\(signals\): .* is there as all polarisations and transverse"),
        (
            {"q2": {"linspace": [0, 19.2, 25], "edges": [0, 1]}},
            r"\(signals.0.q2\): give exactly one",
        ),
        ({"q2": {"edges": [0, 2, 1]}}, r"\(signals.0.q2.edges\): .*increasing edges"),
        ({"null": {"spectrum": "null.csv"}}, "null.csv: no such file"),
    ],
)
def test_what_does_not_fit_in_a_signal_is_refused(tmp_path, changes, line):
    content = toy_record(tmp_path / "toy")
    first = {k: v for k, v in (content["signals"][0] | changes).items() if v is not None}
    toy_record(tmp_path / "toy", signals=[first, *content["signals"][1:]])
    with pytest.raises(InputError, match=line):
        loaded(tmp_path)


def test_tables_that_are_none_are_refused(tmp_path):
    toy_record(tmp_path / "toy")
    path = tmp_path / "toy" / "density_SR_transverse.csv"
    good = path.read_text()
    for text, line in (
        (good.replace(",", ";"), "is no table of numbers"),
        (good.replace(good.split(",")[0], "nan", 1), "a number that is not finite"),
        (good.replace(good.split(",")[1], "-1", 1), "has an entry below 0"),
        ("", "has no numbers"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=line):
            loaded(tmp_path)


def test_nulls_are_the_same_however_stated(tmp_path, inputs):
    content = toy_record(tmp_path / "toy")
    of_model = loaded(tmp_path)
    signals = []
    for s in content["signals"]:
        name = f"null_{s['polarisation']}.csv"
        np.savetxt(tmp_path / "toy" / name, null_bins()[s["polarisation"]], fmt="%.17g")
        signals.append(s | {"null": {"spectrum": name}, "q2": {"edges": EDGES.tolist()}})
    toy_record(tmp_path / "toy", signals=signals, null=None)
    of_file = loaded(tmp_path)
    np.testing.assert_allclose(of_file.null_br, of_model.null_br, rtol=1e-12)
    np.testing.assert_array_equal(of_file.density, of_model.density)
    assert set(of_file.labels[:2]) == {"SR_low 0", "SR_low 1"}


def test_the_key_null_needs_no_quotes(tmp_path):
    toy_record(tmp_path / "toy")
    path = tmp_path / "toy" / "record.yaml"
    text = path.read_text()
    assert "'null':" in text
    path.write_text(text.replace("'null':", "null:"))
    assert loaded(tmp_path).name == "toy_kstar"
    path.write_text(text.replace("'null':", "null:").replace("name: neutrinos", "name: nothing"))
    with pytest.raises(InputError, match=r"record.yaml:\d+ \(null.model.name\): unknown model"):
        loaded(tmp_path)


def test_records_that_share_data_exclude_each_other(folder, tmp_path):
    toy_record(tmp_path / "other", id="other")
    with pytest.raises(InputError, match="contain the same data"):
        load_measurements([f"{folder}/toy/", f"{tmp_path}/other/"])


def test_a_folder_without_a_record_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"record.yaml: no such file"):
        load_measurements(["nothing/"], folder=tmp_path)


def test_several_modes(tmp_path, inputs):
    """A sample that holds two modes: their events add."""
    content = toy_record(tmp_path / "toy")
    signals = []
    for s in content["signals"]:
        kept = {k: v for k, v in s.items() if k != "polarisation"}
        signals.append(kept | {"mode": "B0->K*0" if "long" in s["density"] else "B+->K*+"})
    toy_record(tmp_path / "toy", signals=signals)
    measurement = loaded(tmp_path)
    assert measurement.modes == ("B0->K*0", "B+->K*+")
    predictions = Predictions((STATE,), inputs)
    half = 24
    br = np.concatenate([np.asarray(predictions.bins(m, EDGES)) for m in measurement.modes])
    ratio = br / measurement.null_br
    events = sum(
        measurement.density[:, p] @ ratio[p] for p in (slice(0, half), slice(half, 2 * half))
    )
    nominal = measurement.density.sum(axis=1) + measurement.underflow
    weights = np.asarray(measurement.predicted(predictions))[measurement.signal]
    np.testing.assert_allclose(weights, (events + measurement.underflow) / nominal, rtol=1e-12)


def test_check(folder, tmp_path, capsys):
    assert run("data", "check", str(folder / "toy")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("record.yaml: sha256 ")
    assert lines[-3] == "12 bins; densities of 12 signal bins in 48 bins of q2 match"
    deviation = float(lines[-2].split("deviation ")[1].split()[0])
    assert deviation < 1e-12
    assert lines[-1] == "data in common with: none"
    toy_record(tmp_path / "toy", samples=["belle2 hadronic 362/fb"])
    table = tmp_path / "toy" / "density_CR_transverse.csv"
    np.savetxt(table, 1.5 * np.loadtxt(table, delimiter=","), delimiter=",")
    assert run("data", "check", str(tmp_path / "toy")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "signal in CR" in lines[-2]
    assert 0.05 < float(lines[-2].split("deviation ")[1].split()[0]) < 0.5
    assert "belle2_knunu_2023 (belle2 hadronic 362/fb)" in lines[-1]
