"""Every flaw of a card or data file is one line with file, line, key and remedy."""

from pathlib import Path

import pytest
import yaml

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.foundation.errors import InputError

GOOD = """\
title: a small fit
model: neutrinos
inputs:
  nuisances: [ckm]
parameters:
  CR_tautau:
    prior: {uniform: [-30, 30]}
data:
  - belle2_2023_br
sampler: {chains: 2, warmup: 50, draws: 100, block: 50}
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "card.yaml"
    path.write_text(text)
    return path


def test_good_card(tmp_path):
    card = Card(write(tmp_path, GOOD))
    assert card.problem.names == ("CR_tautau", "VtbVts_abs")
    resolved = yaml.safe_load(card.resolved)
    assert resolved["inputs"]["form_factors"]["B->K"] == "hpqcd2022"
    assert resolved["sampler"]["target_accept"] == 0.9


def test_options_replace_the_card(tmp_path):
    card = Card(write(tmp_path, GOOD), seed=7, chains=3, draws=60)
    assert (card.content.seed, card.sampler.chains, card.sampler.draws) == (7, 3, 60)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("CR_tautau:", "CR_tautuu:", 6, "unknown parameter 'CR_tautuu'.*CR_ij"),
        ("[-30, 30]", "[30, -30]", 7, "low 30 is not below high -30"),
        ("[-30, 30]", "[.nan, 30]", 7, "finite"),
        ("[-30, 30]", "[-30, .inf]", 7, "finite"),
        ("[-30, 30]", "[-30]", 7, r"expected 2 numbers \[low, high\], got \[-30\]"),
        ("[-30, 30]", "[-30, many]", 7, "expected a number, got 'many'"),
        ("[-30, 30]", "[-30, 0, 30]", 7, r"expected 2 numbers \[low, high\]"),
        ("uniform: [-30, 30]", "normal: 1", 7, r"expected 2 numbers \[mean, std\], got 1"),
        ("{uniform: [-30, 30]}", "3", 7, "expected `key: value` lines, got 3"),
        ("{uniform: [-30, 30]}", "{uniform: [0, 1]}\n    latex: C_R^{", 8, "cannot set the label"),
        ("{uniform: [-30, 30]}", "{uniform: [-30, 30]}\n    latex: $C$", 8, "cannot set the label"),
        ("uniform: [-30, 30]", "normal: [1, -2]", 7, "std > 0"),
        ("uniform: [-30, 30]", "log_uniform: [0, 2]", 7, "0 < low"),
        ("{uniform: [-30, 30]}", "{uniform: [0, 1], normal: [0, 1]}", 7, "exactly one"),
        ("{uniform: [-30, 30]}", "{flat: [0, 1]}", 7, "unknown key 'flat'.*uniform"),
        ("model: neutrinos", "model: axions", 2, "unknown model 'axions'.*neutrinos"),
        ("nuisances: [ckm]", "preset: best", 4, "unknown preset 'best'.*default"),
        ("nuisances: [ckm]", "form_factors: {B->K: nope}", 4, "unknown form-factor set 'nope'"),
        ("nuisances: [ckm]", "nuisances: [ckn]", 4, "'ckm'"),
        ("nuisances: [ckm]", "nuisances:\n  - ckm\n  - ckn", 6, "must be 'ckm', .* got 'ckn'"),
        ("nuisances: [ckm]", "nuisances: [ckm, ckm]", 4, "'ckm' stands twice"),
        ("belle2_2023_br", "belle3", 9, "unknown measurement 'belle3'.*list measurements"),
        ("belle2_2023_br", "mine.yaml", 9, "no such data file.*mine.yaml"),
        ("- belle2_2023_br", "- belle2_2023_br\n  - average_2023_br", 8, "same data"),
        ("- belle2_2023_br", "- belle2_2023_br\n  - belle2_2023_br", 8, "stands twice"),
        ("chains: 2", "chains: 0", 10, "greater than or equal to 1"),
        ("chains: 2", "chains: true", 10, "expected a whole number, got True"),
        ("draws: 100", "draws: 1000000000000", 10, "less than or equal to 1000000"),
        ("warmup: 50", "warmup: 10000000", 10, "less than or equal to 1000000"),
        ("block: 50", "block: 10000000", 10, "less than or equal to 1000000"),
        ("data:", "seed: true\ndata:", 8, "whole number"),
        ("data:", "best_fit: {starts: true}\ndata:", 8, "whole number"),
        ("- belle2_2023_br", "[]", 8, "at least one entry"),
        ("a small fit", "2024-13-45", 0, "malformed YAML"),
        ("a small fit", "a\n[a]: b", 2, "malformed YAML"),
        ("chains: 2", "chain: 2", 10, "unknown key 'chain'.*chains"),
        ("title: a small fit\n", "", 1, "'title' is missing"),
        ("data:", "fixed: {CR_tautau: 1}\ndata:", 8, "both fitted and fixed"),
        ("data:", "fixed: {CR_mumu: x}\ndata:", 8, "not a number; real or complex"),
        ("data:", "fixed:\n  CR_mumu: .nan\ndata:", 9, "finite"),
        ("data:", "fixed:\n  CR_mumu: 1+infj\ndata:", 9, "finite"),
        ("data:", "title: again\ndata:", 8, "'title' stands twice"),
        ("data:", "data: [", 0, "malformed YAML"),
        ("{uniform: [-30, 30]}", "{uniform: [0, 30]}\n    mirror: true", 8, "not even"),
        ("{uniform: [-30, 30]}", "{uniform: [-30, 30]}\n    mirror: true", 6, "needs a prior"),
        ("{uniform: [-30, 30]}", "{uniform: [0, 30]}\n    also: [CR_tautau]", 6, "set by"),
    ],
)
def test_flaws_are_located(tmp_path, old, new, line, message):
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(InputError, match=f"(?s){message}") as caught:
        Card(path).problem
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(str(path))
    if line:
        assert text.startswith(f"{path}:{line}"), text


RESONANCE = GOOD.replace("model: neutrinos", "model: resonance").replace(
    """  CR_tautau:
    prior: {uniform: [-30, 30]}
""",
    """  m:
    prior: {uniform: [0.1, 4.5]}
  BR:
    prior: {uniform: [0, 1.0e-5]}
fixed:
  width: 0.1
""",
)


def test_a_resonance_with_a_width_is_a_problem(tmp_path):
    problem = Card(write(tmp_path, RESONANCE)).problem
    assert problem.names[:2] == ("m", "BR")


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("width: 0.1", "width: 0", 11, "a peak narrower than a q2 bin needs a width > 0 in fits"),
        ("fixed:\n  width: 0.1\n", "", 1, "needs a width > 0 in fits; fix e.g. width: 0.1"),
        ("width: 0.1", "width: 0.1+1j", 11, "'width' is complex"),
        ("width: 0.1", "width: 0.1\n  S: 1.0e-8", 8, "'BR' and 'S' both"),
        ("[0.1, 4.5]", "[0, 4.5]", 6, "'m' of X can be 0 or below"),
        ("uniform: [0.1, 4.5]", "normal: [2, 1]", 6, "'m' of X can be 0 or below"),
        ("[0, 1.0e-5]", "[-1.0e-6, 1.0e-5]", 8, "'BR' can be below 0"),
        ("  m:", "  S:", 1, "the mass 'm' of X is missing"),
        ("  BR:", "  mass:", 8, "unknown parameter 'mass'"),
    ],
)
def test_flaws_of_a_resonance_are_located(tmp_path, old, new, line, message):
    assert old in RESONANCE
    path = write(tmp_path, RESONANCE.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as caught:
        Card(path)
    assert str(caught.value).startswith(f"{path}:{line}"), str(caught.value)


@pytest.mark.parametrize("text", ["", "just words", "- a\n- b", "\t- x: [", "a: b: c"])
def test_files_that_are_no_cards(tmp_path, text):
    with pytest.raises(InputError, match=r"card\.yaml"):
        Card(write(tmp_path, text))


def test_binary_and_missing_files(tmp_path):
    path = tmp_path / "card.yaml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError, match=r"cannot be read.*save the file as UTF-8"):
        Card(path)
    with pytest.raises(InputError, match="no such file"):
        Card(tmp_path / "absent.yaml")
    with pytest.raises(InputError, match="is a directory"):
        Card(tmp_path)
    (tmp_path / "mine.yaml").mkdir()
    card = Card(write(tmp_path / "mine.yaml", GOOD.replace("belle2_2023_br", "../mine.yaml")))
    with pytest.raises(InputError, match=r"card\.yaml:9 .*is a directory"):
        card.problem


OWN = """\
measurements:
- id: mine
  title: my search
  mode: B0->K*0
  limit: 1.0e-5
  confidence_level: 0.9
  observed: 10
  background: 9.0
  background_std: 1.0
- id: my_value
  title: my value
  observable: R_K_nunu
  value: 4.0
  errors: [[1.0, -0.5], [0.5, -0.5]]
"""


def test_own_measurements(tmp_path):
    (tmp_path / "mine.yaml").write_text(OWN)
    card = Card(write(tmp_path, GOOD.replace("belle2_2023_br", "mine.yaml")))
    search, value = card.problem.measurements
    assert search.mode == "B0->K*0"
    assert (value.upper, value.lower) == pytest.approx((1.25**0.5, 0.5**0.5))


def test_one_error_of_several_may_be_zero(tmp_path):
    (tmp_path / "mine.yaml").write_text(OWN.replace("[0.5, -0.5]]", "[0, -0.5]]"))
    card = Card(write(tmp_path, GOOD.replace("belle2_2023_br", "mine.yaml")))
    assert card.problem.measurements[1].upper == 1.0


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("B0->K*0", "B0->rho", 2, "unknown mode"),
        ("R_K_nunu", "R_J", 10, "unknown observable"),
        ("R_K_nunu", "dBR/dq2(B+->K+inv)", 10, "spectrum"),
        ("limit: 1.0e-5", "limit: -1", 5, "greater than 0"),
        ("background_std: 1.0", "background_sd: 1.0", 9, "unknown key|missing"),
        ("[[1.0, -0.5], [0.5, -0.5]]", "[[0, 0]]", 14, "one side are 0"),
        ("[[1.0, -0.5], [0.5, -0.5]]", "[[1, 0]]", 14, "one side are 0"),
        ("[[1.0, -0.5], [0.5, -0.5]]", "[[-1.0e-6, 2.0e-6]]", 14, "up >= 0 >= down"),
        ("[[1.0, -0.5], [0.5, -0.5]]", "[1, -1]", 14, r"expected 2 numbers \[up, down\], got 1"),
        ("id: mine", "id: my search", 2, "letters, digits"),
        ("- id: mine\n", "- 3\n- id: mine\n", 2, "`key: value` lines, got 3"),
    ],
)
def test_flaws_of_own_measurements_are_located(tmp_path, old, new, line, message):
    (tmp_path / "mine.yaml").write_text(OWN.replace(old, new, 1))
    card = write(tmp_path, GOOD.replace("belle2_2023_br", "mine.yaml"))
    with pytest.raises(InputError, match=message) as caught:
        Card(card).problem
    assert f"mine.yaml:{line}" in str(caught.value)


def test_predictions_stand_once(tmp_path):
    """Also under flavio's name."""
    twice = GOOD + "predictions: [BR(B+->K+inv), BR(B+->Knunu)]\n"
    with pytest.raises(InputError, match=r"predictions\.1.*'BR\(B\+->K\+inv\)' stands twice"):
        Card(write(tmp_path, twice))
