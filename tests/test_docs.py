"""The examples of the pages run, their tables are complete, and the site builds."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bsnunu_jax.cards.comparison import ComparisonSchema, VariantSection, load_comparison
from bsnunu_jax.cards.run_card import Card, CardSchema, SamplerSection
from bsnunu_jax.cli import main
from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.experiments.entries import (
    CorrelatedEntry,
    CountingEntry,
    GaussianEntry,
    LimitEntry,
    NumericalEntry,
)
from bsnunu_jax.experiments.forecasts import ProjectedSection
from bsnunu_jax.experiments.quoted.counting import CountingMeasurement
from bsnunu_jax.experiments.quoted.values import (
    CorrelatedMeasurement,
    GaussianMeasurement,
    NumericalMeasurement,
)
from bsnunu_jax.experiments.records.record import CHECKSUMS
from bsnunu_jax.scan import open_scan
from bsnunu_jax.scan.card import ScanCard
from bsnunu_jax.scan.run import run_scan
from bsnunu_jax.scan.schema import DesignSection, ScanSchema

DOCS = Path(__file__).parents[1] / "docs"
PACKAGE = DOCS.parent / "bsnunu_jax"
CARDS = (DOCS / "cards.md").read_text(encoding="utf-8")
SCANS = (DOCS / "scans.md").read_text(encoding="utf-8")

# A block of code with the file that it is, and what it prints.
BLOCK = re.compile(
    r"(?:<!-- (?P<what>[\w:. ]+) -->\n)?```(?P<kind>\w*)\n(?P<text>.*?)```"
    r"(?:\n\n<!-- prints: (?P<prints>.*?) -->)?",
    re.DOTALL,
)
# Those of README.md, dark_sector.md and models.md stand alone: test_readme.py.
PAGES = sorted(p.stem for p in DOCS.glob("*.md") if p.stem not in ("dark_sector", "models"))


@pytest.mark.parametrize("page", PAGES)
def test_examples_run_in_their_order(page, capsys, tmp_path, monkeypatch):
    """```python and ```sh of a page share one folder and one namespace, ``` alone is not run."""
    (tmp_path / "fits").symlink_to(DOCS.parent / "fits")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))  # records are added
    # Results of earlier blocks are read as a user would, who is at a prompt.
    namespace = {"__name__": "__main__"}
    for found in BLOCK.finditer((DOCS / f"{page}.md").read_text(encoding="utf-8")):
        what, text = found["what"] or "", found["text"]
        if what.startswith("file: "):
            Path(what.removeprefix("file: ")).write_text(text, encoding="utf-8")
        if found["kind"] == "python":
            code = compile(text, f"{page}.md", "exec")
            if what == "bridge":  # needs pyhf, redist and the published likelihood
                continue
            capsys.readouterr()
            exec(code, namespace)
            if found["prints"] is not None:
                assert capsys.readouterr().out.strip() == found["prints"]
        if found["kind"] == "sh":
            for line in text.splitlines():
                with pytest.raises(SystemExit) as caught:
                    main(shlex.split(line, comments=True)[1:])
                assert not caught.value.code
                assert capsys.readouterr().out


def test_the_site_builds(tmp_path):
    """Warnings are errors. `.ci/run` builds it after the tests."""
    pytest.importorskip("sphinx", reason="needs sphinx: pip install '.[docs]'")
    options = ["-q", "-W", "-b", "html", "-d", str(tmp_path / "doctrees")]
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(DOCS), str(tmp_path / "html")],
        capture_output=True,
        text=True,
        check=False,
        cwd=DOCS.parent,
        env=os.environ | {"PYTHONPATH": str(DOCS.parent), "JAX_PLATFORMS": "cpu"},
    )
    assert built.returncode == 0, built.stderr
    pages = {p.relative_to(tmp_path / "html").stem for p in (tmp_path / "html").rglob("*.html")}
    assert {p.stem for p in DOCS.glob("*.md")} <= pages
    reference = (tmp_path / "html" / "reference" / "commands.html").read_text(encoding="utf-8")
    assert "bsnunu data compact" in reference


def blocks(kind, text=CARDS):
    return re.findall(rf"<!-- {kind} -->\n```yaml\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def data_file(tmp_path):
    (text,) = blocks("data")
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("text", blocks("card"))
def test_cards_state_problems(text, tmp_path):
    path = tmp_path / "card.yaml"
    path.write_text(text, encoding="utf-8")
    card = Card(path)
    assert [p.name for p in card.problem.parameters] == list(card.content.parameters)


def test_the_complete_card_has_every_key():
    (text,) = blocks("card")
    card = yaml.safe_load(text)
    assert set(card) == set(CardSchema.model_fields) - {"likelihood"}
    assert set(card["sampler"]) == set(SamplerSection.model_fields)


def test_comparison_cards_are_read(tmp_path):
    (text,) = blocks("comparison")
    path = tmp_path / "card.yaml"
    path.write_text(text, encoding="utf-8")
    card = yaml.safe_load(text)
    assert [v.name for v in load_comparison([path]).variants] == ["scalars, V", "scalar-pair A"]
    assert set(card["variants"][0]) == set(VariantSection.model_fields)
    section = CARDS.partition("## Comparing models")[2]
    for key in set(ComparisonSchema.model_fields) - set(card):
        assert f"`{key}`" in section


def test_the_table_has_every_key_and_its_default():
    rows = dict(re.findall(r"^\| `([\w.*]+)` \| [^|]+ \| ([^|]+) \|", CARDS, re.MULTILINE))
    assert {k.partition(".")[0] for k in rows} == set(CardSchema.model_fields)
    for name, field in SamplerSection.model_fields.items():
        assert rows[f"sampler.{name}"] == str(field.default)


def test_own_data_are_read(data_file):
    counting, quoted, limit, curve, several = load_measurements(
        [data_file.name], folder=data_file.parent
    )
    assert isinstance(counting, CountingMeasurement)
    assert isinstance(quoted, GaussianMeasurement)
    assert quoted.sources == ("arXiv:2311.14647",)
    assert quoted.upper == pytest.approx(20**0.5 * 1e-6)
    assert (limit.value, limit.upper) == pytest.approx((0, 5.6e-4 / 1.645), rel=1e-4)
    assert limit.title.endswith("[unverified]")
    assert isinstance(curve, NumericalMeasurement)
    assert isinstance(several, CorrelatedMeasurement)


def test_the_data_example_shows_every_key(data_file):
    entries = yaml.safe_load(data_file.read_text(encoding="utf-8"))["measurements"]
    shown = {key for entry in entries for key in entry}
    kinds = (CountingEntry, GaussianEntry, LimitEntry, NumericalEntry, CorrelatedEntry)
    assert {key for kind in kinds for key in kind.model_fields} - shown == {"inspire"}


def test_the_example_of_a_forecast_shows_every_key(tmp_path):
    (text,) = blocks("projected", CARDS)
    (entry,) = yaml.safe_load(text)["measurements"]
    assert set(entry["projected"]) == set(ProjectedSection.model_fields) - {"errors"}
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    (found,) = load_measurements(["mine.yaml"], folder=tmp_path)
    assert found.hypothetical


MODULE = re.compile(r"`(?:bsnunu_jax/)?((?:\w+/)*\w+\.py)`")


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda p: p.stem)
def test_modules_that_are_named_are_there(page):
    named = set(MODULE.findall(page.read_text(encoding="utf-8")))
    roots = (PACKAGE, DOCS.parent, DOCS.parent / "tests")
    assert not [n for n in named if not any((root / n).is_file() for root in roots)]


def test_the_files_of_the_published_likelihood_are_named():
    for name in CHECKSUMS:
        assert name in CARDS.splitlines()


def test_the_scan_card_runs_and_is_read_back(tmp_path):
    (text,) = blocks("scan", SCANS)
    assert set(yaml.safe_load(text)) == set(ScanSchema.model_fields) - {"likelihood"}
    path = tmp_path / "card.yaml"
    path.write_text(text, encoding="utf-8")
    card = ScanCard(path)
    run_scan(card, tmp_path / "out", quiet=True)
    with open_scan(tmp_path / "out") as scan:
        assert scan.sizes["point"] == 5 * 64
        assert {"Re(CL_ee)", "Im(CL_ee)", "log_likelihood", "blue", "z[B->K[0]]"} <= set(scan)
        assert all(scan[name].notnull().all() for name in scan)
    path.write_text(card.resolved, encoding="utf-8")
    assert ScanCard(path).resolved == card.resolved


def test_the_table_of_scan_cards_has_every_key():
    shown = set(re.findall(r"`([\w.]+)`", SCANS.partition("| key |")[2].partition("## ")[0]))
    design = {f"design.{key}" for key in DesignSection.model_fields}
    assert set(ScanSchema.model_fields) - {"design"} | design <= shown
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", SCANS, re.MULTILINE))
    assert rows["chunk"] == str(ScanSchema.model_fields["chunk"].default)


def test_every_file_of_tests_is_in_their_table():
    folder = Path(__file__).parent
    table = (folder / "README.md").read_text(encoding="utf-8")
    stated = dict(re.findall(r"^\| `(test_\w+\.py)` \| (.*) \|$", table, re.MULTILINE))
    first = {
        p.name: p.read_text(encoding="utf-8").splitlines()[0].strip('"')
        for p in folder.glob("test_*.py")
    }
    assert stated == first
