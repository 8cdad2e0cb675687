"""`bsnunu limit`: table or JSON on stdout, a folder that survives, one line for bad input."""

import json

import numpy as np
import pytest
import yaml
from commands import run
from scipy.stats import norm

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.inputs import load_inputs
from bsnunu_jax.runs.fit import run_fit

CARD = """\
title: one coupling, one ratio
model: neutrinos
inputs: {{nuisances: [ckm]}}
parameters:
{parameters}
data: [mine.yaml]
sampler: {{chains: 1, warmup: 50, draws: 60, block: 50}}
"""
ONE = "  CR_mutau: {prior: {uniform: [0, 40]}, mirror: true, also: [CR_taumu]}"
TWO = "  CR_tautau: {prior: {uniform: [-12, 12]}}\n  CR_ee: {prior: {normal: [0, 0.5]}}"
DATA = """\
measurements:
- {id: mine, title: mine, observable: R_K_nunu, value: 1.8, errors: [[0.5, -0.5]]}
"""


@pytest.fixture
def cards(tmp_path):
    (tmp_path / "mine.yaml").write_text(DATA)
    for name, parameters in {"one": ONE, "two": TWO}.items():
        (tmp_path / f"{name}.yaml").write_text(CARD.format(parameters=parameters))
    return tmp_path


def test_an_upper_limit_with_toys_and_a_posterior(capsys, cards):
    run_fit(Card(cards / "one.yaml"), cards / "fit", quiet=True)
    capsys.readouterr()
    out = cards / "out"
    options = ("--out", out, "--quiet", "--toys", 60, "--test", 6, "--posterior", cards / "fit")
    code, text, err = run(capsys, "limit", cards / "one.yaml", *options, "--json")
    assert (code, err) == (0, "")
    result = json.loads(text)
    assert result == json.loads((out / "limits.json").read_text())
    assert result["test_statistic"] == "qtilde"
    # R = 1 + 2 C^2/(3 C_SM^2) = 1.8 +- 0.5, its SM value exact: Z = 0.8/0.5
    assert result["discovery"]["Z"] == pytest.approx(1.6, abs=1e-6)
    c = float(load_inputs().C_L_SM)
    mu = 2 * result["upper_limit"]["observed"] ** 2 / (3 * c**2)
    root, asimov = (mu - 0.8) / 0.5, mu / 0.5
    assert norm.sf(root) / norm.sf(root - asimov) == pytest.approx(0.05, rel=1e-6)
    median = 2 * result["upper_limit"]["expected"][2] ** 2 / (3 * c**2)
    assert median == pytest.approx(0.5 * norm.isf(0.025), rel=1e-6)
    assert 0 < result["posterior_predictive"]["p"] <= 1
    toys = result["toys"]
    assert toys["discovery"]["n"] == 60 - toys["failed"]
    assert toys["discovery"]["p"] == pytest.approx(0.055, abs=0.12)
    assert toys["upper_limit"]["observed"] == pytest.approx(
        result["upper_limit"]["observed"], rel=0.15
    )
    figure = np.genfromtxt(out / "figures" / "limit.csv", delimiter=",", names=True)
    np.testing.assert_allclose(figure["CLs"], result["scan"]["observed"], rtol=1e-5)
    for name in ("card.yaml", "manifest.json", "figures/limit.pdf", "figures/limit.png"):
        assert (out / name).stat().st_size > 100

    code, _, err = run(capsys, "limit", cards / "one.yaml", *options)
    assert code == 2
    assert "holds a run of this card already; add --resume" in err
    code, _, err = run(capsys, "limit", cards / "one.yaml", *options, "--resume", "--cl", 0.9)
    assert code == 2
    assert "another card, seed or setting" in err
    code, text, _ = run(capsys, "limit", cards / "one.yaml", *options, "--resume")
    assert code == 0
    assert "95 % CLs upper limit" in text
    assert json.loads((out / "limits.json").read_text()) == result


def test_an_interval_of_one_of_two_parameters(capsys, cards):
    code, text, _ = run(
        capsys,
        "limit",
        cards / "two.yaml",
        "--parameter",
        "CR_tautau",
        "--out",
        cards / "out",
        "--json",
    )
    assert code == 0
    result = json.loads(text)
    assert result["test_statistic"] == "t"
    assert "upper_limit" not in result
    (low, high), (_, last) = result["interval"]["pieces"]  # the second branch is cut by the prior
    assert low < result["best_fit"]["value"] < high
    assert last == 12
    assert result["interval"]["ends_of_the_range"] == [[False, False], [False, True]]
    assert result["goodness_of_fit"] == {
        "statistic": pytest.approx(0, abs=1e-9),
        "dof": 0,
        "p_value": None,
    }
    assert (cards / "out" / "figures" / "limit.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["two.yaml"], "--parameter: 2 parameters are fitted, which one is of interest; one of"),
        (["two.yaml", "--parameter", "CR_mumu"], "unknown parameter 'CR_mumu'; one of CR_tautau"),
        (["one.yaml", "--null", "50"], "--null: CR_mutau = 50 is outside its range [0, 40)"),
        (["one.yaml", "--posterior", "."], "holds no finished fit"),
        (["one.yaml", "--cl", "95"], "'--cl'"),
        (["one.yaml", "--cl", "nan"], "'--cl': 'nan' is not finite"),
        (["one.yaml", "--null", "nan"], "'--null': 'nan' is not finite"),
        (["one.yaml", "--test", "inf"], "'--test': 'inf' is not finite"),
        (["one.yaml", "--test", "-3"], "--test: CR_mutau = -3 is outside its range [0, 40]"),
        (["one.yaml", "--test", "41"], "--test: CR_mutau = 41 is outside its range [0, 40]"),
        (["none.yaml"], "none.yaml"),
    ],
)
def test_bad_input_is_one_line(capsys, cards, monkeypatch, arguments, message):
    monkeypatch.chdir(cards)
    code, out, err = run(capsys, "limit", *arguments, "--quiet")
    assert code == 2
    assert out == ""
    assert err.startswith("bsnunu: error: ")
    assert message in err
    assert err.count("\n") == 1
    assert not (cards / "results").exists()


def test_a_posterior_of_another_card_is_refused(capsys, cards):
    folder = cards / "fit"
    folder.mkdir()
    (folder / "posterior.nc").write_bytes(b"")
    other = yaml.safe_load(Card(cards / "one.yaml").resolved) | {"data": ["belle_2017_Kstar0"]}
    (folder / "card.yaml").write_text(yaml.safe_dump(other))
    code, _, err = run(
        capsys, "limit", cards / "one.yaml", "--posterior", folder, "--out", cards / "out"
    )
    assert code == 2
    assert "the fit there has other data" in err
