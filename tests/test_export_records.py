"""Exported records and workspaces: pyhf's density of them is ours, and so is a second reading."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toy_record import EDGES, MODE, POLARISATIONS, null_bins, toy_record
from workspaces import magnitude, random_points, staterror, theirs

from bsnunu_jax.cli import main
from bsnunu_jax.exchange.pyhf import record_of, signal_workspace
from bsnunu_jax.exchange.record import SignalTable, write_record
from bsnunu_jax.exchange.workspace import workspace_of
from bsnunu_jax.experiments import Predictions, load_measurements
from bsnunu_jax.experiments.histfactory.specification import specification
from bsnunu_jax.experiments.histfactory.workspace import build
from bsnunu_jax.experiments.records.added import add
from bsnunu_jax.experiments.records.folder import Record
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.models import get_model

POINT = {"CR_tautau": -12.0}


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as exit_:
        main([*map(str, arguments)])
    return exit_.value.code


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> Path:
    """The toy, whose backgrounds and signal share MC statistics: widths of pyhf see all samples."""
    folder = tmp_path_factory.mktemp("export") / "toy"
    toy_record(folder)
    return folder


@pytest.fixture(scope="module")
def exported(toy, inputs):
    return signal_workspace(record_of(str(toy)), get_model("neutrinos"), POINT, inputs)


@pytest.fixture(scope="module")
def signal(toy, inputs) -> dict[str, np.ndarray]:
    """Events of the signal at the point: sums over the densities, written out."""
    states = get_model("neutrinos").build(POINT, inputs)

    @jax.jit
    def bins():
        predictions = Predictions(states, inputs)
        return [predictions.bins(MODE, EDGES, p) for p in POLARISATIONS]

    br, null = dict(zip(POLARISATIONS, bins(), strict=True)), null_bins()
    found = {"SR": 0.0, "CR": 0.0}
    for region in found:
        for kind in POLARISATIONS:
            table = np.loadtxt(toy / f"density_{region}_{kind}.csv", delimiter=",")
            found[region] = found[region] + table[:, 0]
            for q2 in range(len(EDGES) - 1):
                found[region] = found[region] + table[:, 1 + q2] * br[kind][q2] / null[kind][q2]
    return {"SR_low": found["SR"][:5], "SR_high": found["SR"][5:], "CR": found["CR"]}


def test_events_are_those_of_the_densities(exported, signal, toy):
    published = json.loads((toy / "workspace.json").read_text())
    for before, after in zip(published["channels"], exported.content["channels"], strict=True):
        for old, new in zip(before["samples"], after["samples"], strict=True):
            if new["name"] == "signal":
                np.testing.assert_allclose(new["data"], signal[after["name"]], rtol=1e-12)
                kept = {m["name"] for m in old["modifiers"]} - {"ff_1"}
                assert {m["name"] for m in new["modifiers"]} == kept
            else:
                assert new == old


def test_pyhf_has_our_density_at_nominal_and_elsewhere(exported, toy, rng):
    model, data = theirs(exported.content)
    init = np.array(model.config.suggested_init())
    content = build(specification(exported.content, "exported", None))
    size = magnitude(content, content.parameters.inits)
    assert abs(float(model.logpdf(init, data)[0]) - exported.log_density) < 1e-12 * size
    assert model.config.poi_name == "mu"
    density, measurement = record_of(str(toy)).workspace(), record_of(str(toy)).measurement()
    weights = np.ones(len(density.model.entries))
    nominal = density.model.nominal
    for c in exported.content["channels"]:
        for s in (s for s in c["samples"] if s["name"] == "signal"):
            rows = [e == (c["name"], "signal") for e in density.model.entries]
            weights[rows] = np.array(s["data"]) / nominal[rows]
    assert (weights[measurement.signal] != 1).all()
    for vector in random_points(density, rng, 5):
        values = density.parameters.by_name(vector)
        pars = [v for n in model.config.par_order for v in np.atleast_1d(values.get(n, 1.0))]
        expected = float(model.logpdf(np.array(pars), data)[0])
        found = float(density.log_density(vector, weights, xp=np))
        assert abs(found - expected) < 1e-11 * magnitude(density, vector)


def test_command_for_pyhf(toy, exported, tmp_path, capsys):
    out = tmp_path / "point.json"
    arguments = ("export", "pyhf", toy, "--set", "CR_tautau=-12", "--out", out)
    assert run(*arguments, "--json") == 0
    about = json.loads(capsys.readouterr().out)
    assert about["modifiers that went"] == ["ff_1"]
    assert about["signals"] == ["signal in SR_low", "signal in SR_high", "signal in CR"]
    assert about["poi"].startswith("mu: strength")
    assert about["log_density"] == pytest.approx(exported.log_density, rel=1e-13)
    assert run("data", "density", out, "--json") == 0
    found = json.loads(capsys.readouterr().out)["log_density"]
    assert found == pytest.approx(exported.log_density, rel=1e-13)


def test_an_added_record_is_known_by_its_id(toy, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    add(toy, ())
    assert record_of(Record.read(toy).content.id).content == Record.read(toy).content


def test_a_card_has_model_inputs_and_fixed_parameters(toy, exported, tmp_path, capsys):
    card = tmp_path / "card.yaml"
    card.write_text(
        "title: t\nmodel: neutrinos\ninputs: {nuisances: []}\nfixed: {CR_tautau: -12}\n"
        f"parameters:\n  CL_tautau: {{prior: {{uniform: [-1, 1]}}}}\ndata: ['{toy}/']\n"
    )
    out = tmp_path / "of_card.json"
    assert run("export", "pyhf", toy, "--card", card, "--out", out, "--json") == 0
    about = json.loads(capsys.readouterr().out)
    assert about["log_density"] == pytest.approx(exported.log_density, rel=1e-13)
    assert run("export", "record", card, "--out", tmp_path / "again") == 0
    assert Record.read(tmp_path / "again").content.id == "toy_kstar"


def likelihoods(measurement, inputs, zs) -> np.ndarray:
    states = get_model("neutrinos").build(POINT, inputs)
    at = jax.jit(lambda z: measurement.log_likelihood(Predictions(states, inputs), z))
    return np.array([float(at(jnp.asarray(z))) for z in zs])


def test_a_record_written_again_is_the_same(toy, tmp_path, inputs, rng, capsys):
    out = tmp_path / "again"
    assert run("export", "record", toy, "--id", "other", "--out", out) == 0
    assert run("data", "check", out) == 0
    assert "densities of 12 signal bins in 48 bins of q2 match" in capsys.readouterr().out
    first, second = (load_measurements([f"{f}/"])[0] for f in (toy, out))
    assert (second.name, second.title, second.luminosity) == ("other", first.title, 1.0)
    assert second.nuisance_names == tuple(
        n.replace("toy_kstar", "other") for n in first.nuisance_names
    )
    zs = rng.normal(0, 0.7, (4, len(first.nuisance_names)))
    a, b = (likelihoods(m, inputs, zs) for m in (first, second))
    np.testing.assert_allclose(a, b, rtol=1e-12)


def test_belle2_compact_is_a_record(tmp_path, inputs, rng, capsys):
    """Its systematics stand in another order: the same model by name."""
    out = tmp_path / "belle2"
    assert run("export", "record", "belle2_knunu_2023", "--out", out) == 0
    assert run("data", "check", out) == 0
    lines = capsys.readouterr().out
    assert "30 bins; densities of 18 signal bins in 50 bins of q2 match" in lines
    (compact,), (record,) = (load_measurements([n]) for n in ("belle2_knunu_2023", f"{out}/"))
    assert record.labels == compact.labels
    assert sorted(record.model.alphas) == sorted(compact.model.alphas)
    order = [compact.model.alphas.index(n) for n in record.model.alphas]
    weights = rng.uniform(0.5, 3.0, len(compact.spectra[0].edges) - 1)
    for z in rng.normal(size=(3, len(order))):
        found = []
        for m, alpha in ((compact, z), (record, z[order])):
            rates = m.model.entry_rates(jnp.asarray(alpha), jnp.zeros(0))
            rates = rates * m.weights(weights * m.null_br)
            found.append(float(m.marginal(*m.model.collapsed_moments(rates))))
        assert found[1] == pytest.approx(found[0], rel=1e-12)
    assert record.constant == pytest.approx(compact.constant, rel=1e-12)


def test_models_that_are_no_workspace_are_refused(toy):
    model = Record.read(toy).measurement().model
    with pytest.raises(InputError, match="is not pyhf's own"):
        workspace_of(model.__class__(**{**vars_of(model), "norm_code": "code1"}))
    content, entries = workspace_of(model)
    again = build(specification(content, "again", None), whole=False).model
    assert entries == [*model.entries]
    np.testing.assert_allclose(again.nominal, model.nominal, rtol=0)
    np.testing.assert_allclose(sorted(again.gamma_sigma), sorted(model.gamma_sigma), rtol=1e-13)


def vars_of(model) -> dict:
    return {name: getattr(model, name) for name in model.__dataclass_fields__}


def two_bins() -> tuple[dict, SignalTable]:
    """A signal of B+ -> K+ in two bins of one channel and two of q2."""
    samples = [
        {"name": "signal", "data": [3.0, 5.0], "modifiers": [staterror("mc", [0.1, 0.2])]},
        {"name": "rest", "data": [30.0, 20.0], "modifiers": [staterror("mc", [1.0, 0.9])]},
    ]
    content = {
        "channels": [{"name": "SR[1]", "samples": samples}],
        "observations": [{"name": "SR[1]", "data": [40.0, 22.0]}],
        "measurements": [{"name": "fit", "config": {"poi": "", "parameters": []}}],
        "version": "1.0.0",
    }
    table = SignalTable(
        *("SR[1]", "signal", "B+->K+", np.array([0.0, 10.0, 22.0])),
        events=np.array([[1.0, 1.5], [2.0, 3.0]]),
        null=np.array([3e-6, 2e-6]),
        underflow=np.array([0.5, 0.0]),
    )
    return content, table


def test_a_record_from_arrays(tmp_path):
    content, table = two_bins()
    about = {"id": "mine", "title": "Mine", "samples": ["data 1"]}
    files = write_record(tmp_path / "mine", content, [table], **about, luminosity=0.5)
    assert {f.name for f in files} == {
        *("record.yaml", "workspace.json", "density_0.csv", "null_0.csv")
    }
    (m,) = load_measurements([f"{tmp_path}/mine/"])
    assert (m.luminosity, m.modes, m.samples) == (0.5, ("B+->K+",), ("data 1",))
    weights = np.asarray(m.weights(jnp.array([6e-6, 1e-6])))
    expected = [(0.5 + 2 * 1 + 0.5 * 1.5) / 3, (2 * 2 + 0.5 * 3) / 5, 1, 1]
    np.testing.assert_allclose(weights, expected, rtol=1e-14)
    with pytest.raises(InputError, match="mine: has files; name a new folder"):
        write_record(tmp_path / "mine", content, [table], **about)


def test_what_does_not_fit_leaves_nothing(tmp_path):
    content, table = two_bins()
    about = {"id": "mine", "title": "Mine", "samples": ["data 1"]}
    wrong = SignalTable(**{**vars(table), "events": table.events[:1], "underflow": None})
    for tables, line in (
        ([], "no signal"),
        ([wrong], r"mine/density_0.csv: shape \(1, 2\), the workspace has 2 signal bins"),
        ([table, table], "has a density already"),
    ):
        with pytest.raises(InputError, match=line):
            write_record(tmp_path / "mine", content, tables, **about)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("pyhf", "TOY", "--out", "a.yaml"), "the suffix '.yaml' is not that of a workspace"),
        (("pyhf", "nothing", "--out", "a.json"), "no record 'nothing'"),
        (("pyhf", "belle2_knunu_2023", "--out", "a.json"), "its workspace does not come with"),
        (("pyhf", "TOY", "--set", "cXX=1", "--out", "a.json"), "unknown parameter 'cXX'"),
        (("record", "nothing", "--out", "a"), "no record 'nothing'"),
        (("record", "TOY", "--out", "TOY"), "has files; name a new folder"),
    ],
)
def test_refused(arguments, line, toy, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("export", *(str(toy) if a == "TOY" else a for a in arguments)) == 2
    error = capsys.readouterr().err
    assert line in error
    assert error.count("\n") == 1
    assert not [*tmp_path.iterdir()]


def test_published_belle2_for_pyhf(likelihood_dir, inputs):
    record = record_of("belle2_knunu_2023", likelihood_dir)
    made = signal_workspace(record, get_model("neutrinos"), {}, inputs)
    model, data = theirs(made.content)
    density = build(specification(made.content, "belle2", None))
    found = float(model.logpdf(np.array(model.config.suggested_init()), data)[0])
    assert abs(found - made.log_density) < 1e-12 * magnitude(density, density.parameters.inits)
    assert not {"corr_ff_c1", "corr_ff_c2", "corr_ff_c3"} & set(model.config.par_order)
