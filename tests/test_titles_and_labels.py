"""Titles, names and labels that a file or a figure could not hold are refused at the start."""

import pytest
import yaml
from small_runs import CARD, COMPARISON, SCAN

from bsnunu_jax.cards.comparison import Variant, load_comparison
from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.scan.card import ScanCard

PRIOR = {"uniform": [-30, 5]}
TEXTS = ["a\0b", "a\x1b[31mb", "two\nlines", "a" * 300]


def written(path, text, **changes):
    path.write_text(yaml.safe_dump(yaml.safe_load(text) | changes), encoding="utf-8")
    return path


def refused(load, where):
    with pytest.raises(InputError) as caught:
        load()
    message = str(caught.value)
    assert where in message
    assert "\n" not in message
    assert message.isprintable()
    assert len(message) < 400


@pytest.mark.parametrize("text", TEXTS)
def test_titles(text, tmp_path):
    path = tmp_path / "card.yaml"
    refused(lambda: Card(written(path, CARD, title=text)), "(title)")
    refused(lambda: ScanCard(written(path, SCAN, title=text)), "(title)")
    refused(lambda: load_comparison([written(path, COMPARISON, title=text)]), "(title)")
    parameters = {"CR_tautau": {"prior": PRIOR, "latex": text}}
    refused(lambda: Card(written(path, CARD, parameters=parameters)), "latex")


@pytest.mark.parametrize("text", TEXTS)
def test_titles_of_measurements(text, tmp_path):
    entry = {
        "id": "mine",
        "title": text,
        "observable": "R_K_nunu",
        "value": 4.0,
        "errors": [[1.0, -1.0]],
    }
    written(tmp_path / "mine.yaml", "{}", measurements=[entry])
    path = written(tmp_path / "card.yaml", CARD, data=["mine.yaml"])
    refused(lambda: Card(path).stated, "title")


@pytest.mark.parametrize("text", [*TEXTS, "$x_$"])
@pytest.mark.parametrize("key", ["name", "panel"])
def test_names_of_variants(text, key, tmp_path):
    variant = {"model": "neutrinos", "parameters": {"CR_tautau": {"prior": PRIOR}}, key: text}
    path = written(tmp_path / "card.yaml", COMPARISON, variants=[variant])
    refused(lambda: load_comparison([path]), key)


@pytest.mark.parametrize("latex", [r"C_R}^{\tau", r"\frac{1", "x_1_2", "$x$", "\\"])
def test_labels_that_cannot_be_set(latex, tmp_path):
    parameters = {"CR_tautau": {"prior": PRIOR, "latex": latex}}
    refused(lambda: Card(written(tmp_path / "c.yaml", CARD, parameters=parameters)), "latex")


def test_a_folded_title_and_letters_of_all_languages_are_fine(tmp_path):
    path = tmp_path / "card.yaml"
    path.write_text(CARD.replace("title: one", "title: >\n  größer 東京\n  one"), encoding="utf-8")
    title = Card(path).content.title
    assert title == "größer 東京 one coupling from one branching fraction"


def test_files_of_variants_have_ascii_names_that_differ():
    names = ["V_LR", "größer", "größ.er", "groß", "東京", "a" * 300]
    files = [Variant(name, "", None).file_name for name in names]
    assert files[0] == "V_LR"
    assert len(set(files)) == len(names)
    for file in files:
        assert file.isascii()
        assert len(file) < 120
