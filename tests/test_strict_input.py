"""Cards, coefficients, options: a wrong type or size is refused at its key, numbers are plain."""

import pytest
import yaml
from refusals import says

from bsnunu_jax.cards.comparison import load_comparison
from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.exchange.read import read_wcxf
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.models import get_model
from bsnunu_jax.runs.growth import read_numbers
from bsnunu_jax.runs.predict import predict
from bsnunu_jax.runs.profile import axis_of
from bsnunu_jax.scan.card import ScanCard

CARD = """\
title: a small fit
model: neutrinos
parameters:
  CR_tautau:
    prior: {uniform: [-30, 30]}
    mirror: false
fixed: {CR_ee: 1}
data: [belle2_2023_br]
sampler: {chains: 2, target_accept: 0.9}
seed: 1
"""

CARD_FLAWS = [  # old, new, line, message
    ("[-30, 30]", "[no, yes]", 5, "prior.uniform.0): expected a number, got 'no'"),
    ("[-30, 30]", "[off, on]", 5, "expected a number, got 'off'"),
    ("[-30, 30]", "[false, true]", 5, "expected a number, got False"),
    ("[-30, 30]", "['-30', '30']", 5, "expected a number, got '-30'; drop the quotes"),
    ("[-30, 30]", "[-30, 1:30]", 5, "got '1:30'; write digits, a point and an exponent"),
    ("[-30, 30]", "[-30, 0x1F]", 5, "got '0x1F'; write digits"),
    ("[-30, 30]", "[-30, 010]", 5, "got '010'; write digits"),
    ("[-30, 30]", "[-30, 0o17]", 5, "got '0o17'"),
    ("[-30, 30]", "[-30, 0b11]", 5, "got '0b11'"),
    ("[-30, 30]", "[-30, 1_000]", 5, "got '1_000'"),
    ("[-30, 30]", "[-30, 1:30.5]", 5, "got '1:30.5'"),
    ("[-30, 30]", "[-30, \u0661\u0662]", 5, "expected a number"),
    ("[-30, 30]", "[-30, 1e400]", 5, "1e400 is too large for a number"),
    ("[-30, 30]", f"[-30, {'9' * 400}]", 5, "is too large for a number"),
    ("[-30, 30]", "[1e-400, 30]", 5, "1e-400 is too small for a number"),
    ("[-30, 30]", "[-1e200, 30]", 5, "must be between -1e+100 and 1e+100"),
    ("[-30, 30]", "[1, 1.0000000000000002]", 5, "too close"),
    ("[-30, 30]", "[5, 5]", 5, "not below high 5"),
    ("uniform: [-30, 30]", "normal: [1, '2']", 5, "expected a number, got '2'"),
    ("uniform: [-30, 30]", "normal: [1, 0]", 5, "std > 0, got 0"),
    ("uniform: [-30, 30]", "normal: [1, 1e-300]", 5, "too close"),
    ("uniform: [-30, 30]", "normal: [true, 1]", 5, "got True"),
    ("uniform: [-30, 30]", "", 5, "log_uniform: [low, high], normal: [mean, std]; found none"),
    ("uniform: [-30, 30]", "uniform: [0, 1], normal: [0, 1]", 5, "found uniform and normal"),
    ("mirror: false", "mirror: no", 6, "expected true or false, got 'no'"),
    ("mirror: false", "mirror: 0", 6, "expected true or false, got 0"),
    ("mirror: false", "mirror: 'true'", 6, "expected true or false, got 'true'"),
    ("CR_ee: 1", "CR_ee: 1_000", 7, "'1_000' is not a number"),
    ("CR_ee: 1", "CR_ee: 0x10", 7, "'0x10' is not a number"),
    ("CR_ee: 1", "CR_ee: 1:30", 7, "'1:30' is not a number"),
    ("CR_ee: 1", "CR_ee: 1 2", 7, "'1 2' is not a number"),
    ("CR_ee: 1", "CR_ee: 1e400", 7, "too large"),
    ("CR_ee: 1", "CR_ee: true", 7, "True is not a number"),
    ("chains: 2", "chains: 2.0", 9, "expected a whole number, got 2.0"),
    ("chains: 2", "chains: '2'", 9, "expected a whole number, got '2'; drop the quotes"),
    ("0.9}", "'0.9'}", 9, "expected a number, got '0.9'"),
    ("0.9}", "true}", 9, "expected a number, got True"),
    ("seed: 1", "seed: 1.0", 10, "expected a whole number"),
    ("seed: 1", "seed: -1", 10, "greater than or equal to 0"),
    ("seed: 1", "seed: 2147483648", 10, "less than 2147483648"),
    ("a small fit", "42", 1, "expected text, got 42; put it in quotes"),
    ("a small fit", "true", 1, "expected text, got True; put it in quotes"),
    ("seed: 1", "likelihood: ''", 10, "likelihood): "),
    ("belle2_2023_br", "my_ws.json", 8, "YAML and ends with .yaml or .yml"),
    ("belle2_2023_br", "folder/data", 8, "YAML and ends with .yaml or .yml"),
    ("belle2_2023_br", "belle2_2023_br, belle2_2023_br", 8, "'belle2_2023_br' stands twice"),
]


@pytest.mark.parametrize(("old", "new", "line", "message"), CARD_FLAWS)
def test_cards(tmp_path, old, new, line, message):
    assert old in CARD
    path = tmp_path / "card.yaml"
    path.write_text(CARD.replace(old, new, 1))
    text = says(lambda p: Card(p).stated, path)
    assert text.startswith(f"{path}:{line}")
    assert message in text


def test_numbers_are_those_of_json(tmp_path):
    """YAML 1.1 takes 1e-4 for text, and text such as `no` for false."""
    path = tmp_path / "card.yaml"
    text = CARD.replace("[-30, 30]", "[-1e-4, 3E+2]").replace("a small fit", "no")
    path.write_text(text.replace("CR_ee: 1", "CR_ee: 1e-4"))
    card = Card(path)
    assert card.content.parameters["CR_tautau"].prior.uniform == (-1e-4, 300.0)
    assert (card.content.title, card.fixed) == ("no", {"CR_ee": 1e-4})


def test_a_resolved_card_is_read_as_it_was(tmp_path):
    """Text that looks like a number of either YAML is quoted."""
    path = tmp_path / "card.yaml"
    for title in ("1e5", "010", "1:30", "no", "0x1F", "~", "2024-01-01", "1_000"):
        path.write_text(CARD.replace("a small fit", f"'{title}'"))
        resolved = Card(path).resolved
        path.write_text(resolved)
        assert Card(path).content.title == title
        assert Card(path).resolved == resolved


SCAN = """\
title: t
model: neutrinos
design:
  points: 4
  parameters:
    CR_ee: {uniform: [0, 1]}
    CR_mumu: {linspace: [0, 1, 3]}
observables: [R_K_nunu]
select: {a: {R_K_nunu: {min: 1}}}
"""
SCAN_FLAWS = [
    ("{uniform: [0, 1]}", "{uniform: [no, yes]}", 6, "expected a number, got 'no'"),
    ("{uniform: [0, 1]}", "{uniform: ['0', '1']}", 6, "expected a number, got '0'"),
    ("{uniform: [0, 1]}", "{uniform: [1, 1]}", 6, "not below"),
    ("{uniform: [0, 1]}", "{uniform: [1, 1.0000000000000002]}", 6, "too close"),
    ("{uniform: [0, 1]}", "{uniform: [-1e308, 1e308]}", 6, "between -1e+100"),
    ("{uniform: [0, 1]}", "{uniform: [0, 1], log_uniform: [1, 2]}", 6, "give exactly one"),
    ("[0, 1, 3]", "[0, true, 3]", 7, "expected a number, got True"),
    ("[0, 1, 3]", "[0, 1, '3']", 7, "whole number of points, got '3'"),
    ("[0, 1, 3]", "[1, 1, 3]", 7, "are the same"),
    ("[0, 1, 3]", "[0, 1, 1]", 7, "a grid of 1 point has low = high"),
    ("min: 1", "min: '1'", 9, "expected a number, got '1'"),
    ("min: 1", "min: true", 9, "expected a number, got True"),
    ("points: 4", "points: 4.0", 4, "expected a whole number, got 4.0"),
]


@pytest.mark.parametrize(("old", "new", "line", "message"), SCAN_FLAWS)
def test_scan_cards(tmp_path, old, new, line, message):
    path = tmp_path / "card.yaml"
    path.write_text(SCAN)
    ScanCard(path)
    path.write_text(SCAN.replace(old, new, 1))
    text = says(ScanCard, path)
    assert text.startswith(f"{path}:{line}")
    assert message in text


def test_comparison_cards(tmp_path):
    content = yaml.safe_load(CARD)
    own = {key: content.pop(key) for key in ("model", "parameters", "fixed")}
    content.pop("sampler")
    path = tmp_path / "card.yaml"
    for change, key, message in (
        ({"name": 3}, "variants.0.name", "expected text, got 3"),
        ({"panel": True}, "variants.0.panel", "expected text, got True"),
        ({"fixed": {"CR_ee": "1_000"}}, "variants.0.fixed.CR_ee", "is not a number"),
        (
            {"parameters": {"CR_ee": {"prior": {"uniform": [False, True]}}}},
            "variants.0.parameters.CR_ee.prior.uniform.0",
            "expected a number, got False",
        ),
    ):
        path.write_text(yaml.safe_dump(content | {"variants": [own | change]}))
        text = says(lambda p: load_comparison([p]), path)
        assert f"({key}): " in text
        assert message in text
    path.write_text(yaml.safe_dump(content | {"variants": []}))
    assert "(variants): expected at least one entry" in says(lambda p: load_comparison([p]), path)


WCXF = "eft: WET\nbasis: flavio\nscale: 4.8\nvalues:\n  CL_bsnuenue: {value}\n"
NO_NUMBERS = [
    "1e400",
    "9" * 400,
    "9" * 5000,
    "1e-400",
    "0x10",
    "010",
    "1:30",
    "1_000",
    "yes",
    "'1.5'",
    "true",
    "{Re: 1_0}",
    "{Re: true}",
    "{Re: 1, Im: '2'}",
    "[1]",
]


@pytest.mark.parametrize("value", NO_NUMBERS)
@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_coefficients_are_plain_numbers(tmp_path, value, suffix):
    path = tmp_path / f"wc.{suffix}"
    text = WCXF.replace("{value}", value)
    if suffix == "json":
        quoted = value.replace("'", '"').replace("Re", '"Re"').replace("Im", '"Im"')
        text = (
            '{"eft": "WET", "basis": "flavio", "scale": 4.8, '
            f'"values": {{"CL_bsnuenue": {quoted}}}}}'
        )
    path.write_text(text)
    text = says(read_wcxf, path)
    assert text.startswith(str(path))
    assert len(text) < 300


def test_a_coefficient_without_a_point_is_a_number(tmp_path):
    path = tmp_path / "wc.yaml"
    path.write_text(WCXF.replace("{value}", "{Re: 1e-4, Im: -2E-4}"))
    c = read_wcxf(path).parameters["CL_ee"]
    assert c.imag / c.real == pytest.approx(-2)


NO_OPTIONS = [
    "1e400",
    "9" * 400,
    "1e-400",
    "1_000",
    "\u0661",
    "0x10",
    "010",
    "1:30",
    "1 2",
    "1+1_0j",
    "1+2jj",
    "(1",
    "nan",
    "1+infj",
    "",
]


@pytest.mark.parametrize("text", NO_OPTIONS)
def test_numbers_of_options(text):
    model = get_model("neutrinos")
    with pytest.raises(InputError) as caught:
        model.read("CR_ee", text, "--set CR_ee")
    assert str(caught.value).startswith("--set CR_ee: ")
    assert len(str(caught.value)) < 150
    if text:
        with pytest.raises(InputError, match="--set"):
            predict(["R_K_nunu"], settings=[f"CR_ee={text}"])
    with pytest.raises(InputError, match="--luminosity"):
        read_numbers(f"5,{text}", "--luminosity")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-11", -11),
        ("1e5", 1e5),
        ("1+2j", 1 + 2j),
        ("(1+2j)", 1 + 2j),
        ("1 - 2i", 1 - 2j),
        ("j", 1j),
        ("-.5e-3i", -0.5e-3j),
        ("1.", 1),
        ("0", 0),
        ("+3", 3),
        (2, 2),
        (10**30, 1e30),
    ],
)
def test_numbers_that_are_read(text, value):
    assert get_model("neutrinos").read("CR_ee", text) == value


@pytest.mark.parametrize(
    "over",
    [
        "CR_tautau=0:1_0",
        "CR_tautau=0:1e400",
        "CR_tautau=0:1:1_0",
        "CR_tautau=0:1:1e9",
        "CR_tautau=0:1:1000000000",
    ],
)
def test_ranges_of_profiles(tmp_path, over):
    path = tmp_path / "card.yaml"
    path.write_text(CARD)
    with pytest.raises(InputError, match=r"--over.*is no range"):
        axis_of(Card(path).stated, over)
