"""Parameters of all models: labels that can be set, units, meanings, and the lists of them."""

import json
import re
from pathlib import Path

import pytest
from commands import run

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.models import MODELS
from bsnunu_jax.report.draws import axis_label

UNITS = {"", "m", "GeV", "TeV", "rad", "GeV^-1", "GeV^-2", "TeV^-2"}
DATA = "inputs: {preset: default, nuisances: []}\ndata: [belle2_2023_br]\n"
# Model with what it needs fixed, a parameter with its prior, and its label.
LABELS = {
    "CR_tautau": ("neutrinos", "", "uniform: [-30, 30]", r"$C_R^{\tau\tau}$"),
    "CLp_mue": ("neutrinos", "", "uniform: [-30, 30]", r"$C_L'{}^{\mu e}$"),
    "Clq1_tautau": ("smeft", "", "uniform: [-1, 1]", r"$C_{lq}^{(1),\,\tau\tau}$ [TeV$^{-2}$]"),
    "Cld_mue": ("smeft", "", "uniform: [-1, 1]", r"$C_{ld}^{\mu e}$ [TeV$^{-2}$]"),
    "lam_3tau": ("S2tilde", "M: 2, lam_2tau: 0.1", "uniform: [-1, 1]", r"$\lambda^{3\tau}$"),
    "M": ("V2", "lam_3tau: 1, lam_2tau: 0.1", "uniform: [2, 5]", "$M$ [TeV]"),
    "MZp": ("zprime", "gL: 0.001, gN: 1", "uniform: [1, 5]", "$M_{Z'}$ [TeV]"),
    "gnu_mutau": ("zprime", "MZp: 2, gL: 0.01", "uniform: [0, 1]", r"$g_\nu^{\mu\tau}$"),
    "lamp_332": ("rpv", "m_sdR2: 2, lamp_322: 1", "uniform: [0, 1]", r"$\lambda'_{332}$"),
    "V": ("scalar-pair", "m: 0.5", "uniform: [0, 1e-7]", "$C_{V}$ [GeV$^{-2}$]"),
    "Lambda": ("fermion-pair", "m: 0.5, operator: V2", "log_uniform: [1, 30]", r"$\Lambda$ [TeV]"),
    "mN": ("sterile-neutrino", "V_LR: 1e-8", "uniform: [0, 2]", "$m_N$ [GeV]"),
    "mu": ("signal-strength", "", "uniform: [-10, 10]", r"$\mu$"),
    "width": ("resonance", "m: 2, BR: 1e-5", "uniform: [0.05, 1]", r"$\Gamma_X$ [GeV]"),
    "cSL": ("universal", "", "uniform: [-20, 20]", "$c_{SL}$"),
    "r_q": ("vlq-dm", "m: 0.6, C_ss: 1e-4", "uniform: [0, 1]", "$r_q$"),
}


def card(tmp_path, name):
    model, fixed, prior, _ = LABELS[name]
    path = tmp_path / "card.yaml"
    path.write_text(
        f"title: labels\nmodel: {model}\n{DATA}fixed: {{{fixed}}}\ndomain: ignore\n"
        f"parameters: {{{name}: {{prior: {{{prior}}}}}}}\n"
    )
    return Card(path)


@pytest.mark.parametrize("name", LABELS)
def test_labels_are_latex_with_units(tmp_path, name):
    (parameter,) = card(tmp_path, name).stated.parameters
    assert axis_label(parameter) == LABELS[name][-1]


def test_a_label_of_the_card_goes_first(tmp_path):
    loaded = card(tmp_path, "M")
    text = loaded.path.read_text().replace("[2, 5]}", "[2, 5]}, latex: m_V, mirror: false")
    loaded.path.write_text(text)
    (parameter,) = Card(loaded.path).stated.parameters
    assert axis_label(parameter) == "$m_V$ [TeV]"


def test_the_axes_of_limits_have_it(tmp_path, monkeypatch):
    """No raw name in math mode, where t and au are letters."""
    from bsnunu_jax.report.figures import style
    from bsnunu_jax.runs.limit import run_limit

    shown = []
    monkeypatch.setattr(style, "save", lambda figure, _: shown.append(figure.axes[0]))
    run_limit(card(tmp_path, "CR_tautau"), tmp_path / "out", quiet=True)
    assert shown[0].get_xlabel() == LABELS["CR_tautau"][-1]


def test_the_axes_of_projections_have_it(tmp_path, monkeypatch):
    import bsnunu_jax.report.figures.project as figures
    import bsnunu_jax.runs.project as room
    from bsnunu_jax.report.figures import style

    path = tmp_path / "card.yaml"
    path.write_text(
        "title: t\nmodel: scalar-pair\ninputs: {nuisances: []}\ndata: [belle2_knunu_2023]\n"
        "fixed: {operator: V}\nparameters: {Lambda: {prior: {log_uniform: [1, 30]}},"
        " m: {prior: {uniform: [0, 2]}}}\n"
    )
    given, shown = [], []
    monkeypatch.setattr(figures, "write_project_figure", lambda *a: given.append(a))
    rows = {
        "luminosity": 5.0,
        "expected_limit": [1.0, 2.0, 3.0, 4.0, 5.0],
        "discovery": [],
        "reach": [{"sigma": s, "above": None, "below": 1.0} for s in (3.0, 5.0)],
    }

    class Known:
        null, one_sided, luminosity, fixed_data, scaling = 0.0, True, 0.362, (), ()

    def subject(card, point, *_):
        held = {k: float(v) for k, v in point.items()}
        return room.Subject(held, "Lambda", Known(), float, float, card.problem)

    monkeypatch.setattr(room, "subject_of", subject)
    monkeypatch.setattr(
        room, "_point", lambda s, *_, **__: {"set": dict(s.held), "luminosities": [rows]}
    )
    room.run_project(
        Card(path),
        tmp_path / "out",
        luminosities=[5.0],
        parameter="Lambda",
        settings={"m": ["0.1", "0.5"]},
        quiet=True,
    )
    monkeypatch.undo()
    monkeypatch.setattr(style, "save", lambda figure, _: shown.append(figure.axes[0]))
    figures.write_project_figure(*given[0])
    assert shown[0].get_ylabel() == r"$\Lambda$ [TeV]"
    assert shown[0].get_xlabel() == "$m$ [GeV]"


def test_every_parameter_is_described():
    """Meaning and unit of each beside its model, and a label that matplotlib sets."""
    from matplotlib.mathtext import MathTextParser

    parser = MathTextParser("path")
    for model in MODELS.values():
        assert tuple(model.quantities) == model.parameters
        for name, quantity in model.quantities.items():
            assert len(quantity.meaning) > 5, (model.name, name)
            assert "\n" not in quantity.meaning
            assert quantity.unit in UNITS, (model.name, name)
            parser.parse(f"$|{quantity.latex}|$")
            # letters side by side are no name: _ and long words are commands or upright
            bare = re.sub(r"\\[a-z]+", "", quantity.latex, flags=re.IGNORECASE)
            assert not re.search(r"(tau|mu|Lambda|theta|rho)", bare), quantity.latex


@pytest.mark.parametrize("model", MODELS)
def test_list_parameters(capsys, model):
    code, out, err = run(capsys, "list", "parameters", model, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert list(found["parameters"]) == list(MODELS[model].parameters)
    assert list(found["settings"]) == list(MODELS[model].settings)
    code, text, _ = run(capsys, "list", "parameters", model)
    assert code == 0
    for name in (*MODELS[model].parameters, *MODELS[model].settings):
        assert re.search(rf"^{name} ", text, re.MULTILINE), name


def test_units_in_lists(capsys):
    _, out, _ = run(capsys, "list", "parameters", "scalar-pair", "--json")
    units = {name: p["unit"] for name, p in json.loads(out)["parameters"].items()}
    assert units == {
        "m": "GeV",
        "Lambda": "TeV",
        "S": "GeV^-1",
        "P": "GeV^-1",
        "V": "GeV^-2",
        "A": "GeV^-2",
        "scale": "GeV",
        "ctau": "m",
    }
    _, text, _ = run(capsys, "list", "models")
    assert "Clq1_ij" in text
    assert "[TeV^-2]" in text
    assert "V, A [GeV^-2]" in text
    _, out, _ = run(capsys, "list", "models", "--json")
    assert json.loads(out)["smeft"]["units"]["Cld_tautau"] == "TeV^-2"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("parameters", "smef"), "perhaps smeft"),
        (("parameters", "SCALAR-PAIR"), "perhaps scalar-pair"),
        (("parameters",), "list parameters neutrinos"),
        (("models", "smeft"), "`parameters` alone"),
    ],
)
def test_a_wrong_list_is_one_line(capsys, arguments, message):
    code, out, err = run(capsys, "list", *arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert message in err


def test_help_points_there(capsys):
    _, out, _ = run(capsys, "predict", "--help")
    assert "bsnunu list parameters MODEL" in " ".join(out.split())


def test_the_card_of_the_wet_names_its_sums():
    """B -> K alone sees C_VL + C_VR and C_SL + C_SR."""
    path = Path(__file__).parents[1] / "fits" / "belle2_wet.yaml"
    labels = [p.latex for p in Card(path).stated.parameters]
    assert labels == ["C_{VL}+C_{VR}", "C_{SL}+C_{SR}", "C_{TL}"]


@pytest.mark.parametrize(
    ("model", "settings", "untouched"),
    [
        ("S2tilde", ["M=2", "lam_3tau=1", "lam_2tau=0.1"], ["R_D"]),
        ("vlq-dm", ["m=0.6", "C_ss=1e-4", "r_q=1e-3"], ["R_D", "BR(B+->K+tau+tau-)", "DeltaMs"]),
        ("neutrinos", ["CR_tautau=-11"], ["R_D", "BR(B+->K+tau+tau-)", "DeltaMs"]),
    ],
)
def test_predictions_that_the_model_does_not_move_are_sm_values(capsys, model, settings, untouched):
    """By value: a model with several sectors may leave some of them alone."""
    names = ["R_D", "BR(B+->K+tau+tau-)", "DeltaMs"]
    options = [x for s in settings for x in ("--set", s)]
    code, out, _ = run(
        capsys, "predict", *names, "--model", model, *options, "--domain", "ignore", "--json"
    )
    assert code == 0
    (remark,) = (r for r in json.loads(out)["remarks"] if "SM value" in r)
    assert {name for name in names if name in remark} == set(untouched)
