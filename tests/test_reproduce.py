"""`bsnunu reproduce`: what it writes, that it is the same again, and the table of claims."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from interrupts import WITH_SIGINT

from bsnunu_jax.cli import main
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.reproduce import ITEMS
from bsnunu_jax.reproduce.items import get_items
from bsnunu_jax.reproduce.row import Row, spread, statements, with_uncertainty
from bsnunu_jax.reproduce.run import run_reproduce
from bsnunu_jax.reproduce.settings import Settings, constraints
from bsnunu_jax.reproduce.uv_models import uv_models

POINTS = 20_000
QUICK = ("fig2", "slides-q2")


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != "lock"
    }


@pytest.fixture(scope="module", autouse=True)
def without_layout() -> Iterator[None]:
    """Figures are drawn and saved, but not laid out, a third of all time: see test_report.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("matplotlib.figure.Figure.draw_without_rendering", lambda _: None)
        yield


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`all` without the published likelihood."""
    folder = tmp_path_factory.mktemp("all")
    text = run_reproduce(get_items(("all",)), Settings(points=POINTS), folder)
    (folder / "printed.txt").write_text(text)
    return folder


def test_every_item_leaves_figures_numbers_and_inputs(everything: Path) -> None:
    for name in set(ITEMS) - {"belle2"}:
        folder = everything / name
        inputs = json.loads((folder / "inputs.json").read_text())
        assert inputs["seed"] == 1
        assert inputs["preset"] == "paper"
        assert inputs["constraints"]["R_K"]["new"] == [3.6, 7.0]
        assert inputs["inputs"]["GF"] == pytest.approx(1.166e-5, rel=1e-3)
        if name == "claims":
            continue
        stems = {p.stem for p in folder.glob("*.png")}
        assert stems
        assert stems == {p.stem for p in folder.glob("*.pdf")}
        assert list(folder.glob("*.csv")) + list(folder.glob("*.nc"))
        for path in folder.glob("*.nc"):
            with xr.open_dataset(path, engine="h5netcdf") as data:
                assert all("units" in data[v].attrs for v in data.variables)
        assert json.loads((folder / "rows.json").read_text())["rows"]
    assert not (everything / "belle2").exists()
    printed = (everything / "printed.txt").read_text()
    assert "skipped, needs Belle II's published likelihood" in printed
    assert not list(everything.rglob("*.partial*"))


def test_every_claim_has_a_computed_number_and_every_difference_a_reason(everything: Path) -> None:
    rows = json.loads((everything / "claims" / "rows.json").read_text())["rows"]
    assert {row["claim"] for row in rows} == set(statements()) - {25, 26, 27}
    text = (everything / "claims" / "claims.md").read_text()
    for number, (_, statement) in statements().items():
        assert f"## {number}. " in text
        assert statement in text
        if number > 24:
            continue
        mine = [row for row in rows if row["claim"] == number]
        assert any(np.isfinite(row["value"]) for row in mine)
        # Exact statements (7) have rounding in place of an uncertainty.
        assert number == 7 or any(row["uncertainty"] for row in mine)
    for row in rows:
        if row["agrees"] is False:
            assert len(row["verdict"]) > len("differs: ") + 20, row
        assert row["agrees"] is None or row["stated"], row
    assert len(rows) > 200
    assert (everything / "claims" / "claims.csv").read_text().count("\n") == len(rows) + 1


def test_the_same_seed_gives_the_same_bytes(everything: Path, tmp_path: Path) -> None:
    run_reproduce(get_items(QUICK), Settings(points=POINTS), tmp_path)
    found = files(tmp_path)
    assert found == {k: v for k, v in files(everything).items() if k.split("/")[0] in QUICK}
    other = tmp_path / "other"
    run_reproduce(get_items(("fig2",)), Settings(points=POINTS, seed=2), other)
    assert files(other)["fig2/rows.json"] != found["fig2/rows.json"]


def test_items_with_the_data_of_2026_have_folders_of_their_own(tmp_path: Path) -> None:
    run_reproduce(get_items(("slides-q2",)), Settings("2026"), tmp_path)
    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == ["slides-q2-2026"]
    inputs = json.loads((tmp_path / "slides-q2-2026" / "inputs.json").read_text())
    assert inputs["preset"] == "default"


def test_constraints_of_2026_follow_from_branching_fractions() -> None:
    c = constraints("2026")
    sm = 4.967e-6  # B+ -> K+, preset default
    assert c.R_K["new"] == pytest.approx((1.66e-5 / sm, 3.01e-5 / sm), rel=1e-3)
    assert c.window["average"] == pytest.approx((0.9e-5 - sm, 1.7e-5 - sm), rel=1e-3)
    assert c.R_Kstar["tight"] < c.R_Kstar["loose"]
    for entry in [*c.raw["limits"].values(), *constraints("paper").raw["limits"].values()]:
        assert entry["source"]
    with pytest.raises(InputError, match="one of paper, 2026"):
        constraints("2025")


def test_leptoquarks_and_z_primes() -> None:
    """Claims 10, 11 and 13 against the independent evaluation with the paper's inputs."""
    rows = {row.quantity: row for row in uv_models(Settings())}
    for start, value, digits in (
        ("S0, R_K = R_K* = 2.7", 2.2, 1),
        ("S0, r_D* = 1.12", 26, 0),
        ("with V_tb V_ts^* = +V_cb, for C_L > 0", 5.56, 2),
        ("with V_tb V_ts^* = +V_cb: R_K = R_K*", 14.23, 2),
        ("S1, one leptoquark a", 1.109, 3),
        ("S1, one leptoquark for", 1.113, 3),
        ("V1, one leptoquark a", 1.486, 3),
        ("V1, one leptoquark for", 1.552, 3),
        ("S1, tau", 1.164, 3),
        ("V1, tau", 1.729, 3),
        ("N coupling gN/M", 6.9, 1),
    ):
        (row,) = [r for q, r in rows.items() if q.startswith(start)]
        assert row.value is not None
        assert round(row.value, digits) == value
        assert 0 < row.uncertainty < 0.05 * row.value
    ten, twenty = (r.value for q, r in rows.items() if q.startswith("N and a right-handed"))
    assert ten == pytest.approx(1 + 0.89, abs=0.006)
    assert twenty == pytest.approx(1 + 1.78, abs=0.006)
    (tuned,) = [r.value for q, r in rows.items() if q.startswith("both chiralities")]
    assert tuned == pytest.approx(2.84, abs=0.011)


@pytest.mark.parametrize(
    ("value", "uncertainty", "text"),
    [
        (0.63218, 0.0301, "0.632 +- 0.030"),
        (2.2961e-5, 6.6e-6, "(2.30 +- 0.66)e-05"),
        (2.18, (2.36, 1.97), "2.2 +2.4 -2.0"),
        (3.0, None, "3"),
        (26.36, 0.52, "26.36 +- 0.52"),
        (19634.0, 425.0, "19634 +- 425"),
        (0.0, 17.0, "0 +- 17"),
        (np.nan, 1.0, "nan"),
    ],
)
def test_numbers_have_two_digits_of_their_uncertainty(
    value: float, uncertainty: float | tuple[float, float] | None, text: str
) -> None:
    assert with_uncertainty(value, uncertainty) == text


def test_verdicts() -> None:
    assert Row(1, "", "q", "1", 1.0, agrees=True).verdict == "agrees"
    assert Row(1, "", "q", "1", 2.0, agrees=False, why="so").verdict == "differs: so"
    assert Row(1, "", "q", "", 2.0).verdict == "no number stated"
    assert Row(1, "", "q", "", None).computed == "-"
    assert spread(np.random.default_rng(1).normal(size=100_000)) == pytest.approx(1, abs=0.01)


def command(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["reproduce", *arguments])
    return int(caught.value.code or 0)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--list") == 0
    listed = capsys.readouterr().out
    assert [line.split()[0] for line in listed.splitlines()] == list(ITEMS)
    assert command("belle2", "--out", str(tmp_path)) == 0
    captured = capsys.readouterr()
    assert "bsnunu data get belle2-knunu" in captured.err
    assert "skipped" in captured.out
    assert command("slides-q2", "--out", str(tmp_path), "--seed", "3") == 0
    assert str(tmp_path / "slides-q2") in capsys.readouterr().out
    assert json.loads((tmp_path / "slides-q2" / "inputs.json").read_text())["seed"] == 3


# The command with items that take no time, and then as long as one likes.
_ITEMS = """
import sys, time
from bsnunu_jax.cli import main
from bsnunu_jax.reproduce.items import Item
from bsnunu_jax.reproduce.row import Product, Row

def make(item, settings):
    time.sleep(0 if item.name == "fig1" else 60)
    return Product(rows=[Row(1, "", "q", "1", 1.0, agrees=True)])

Item.make = make
sys.argv[0] = "bsnunu"
main()
"""


def test_an_interrupt_ends_it_at_once(tmp_path: Path) -> None:
    """The first item is on disk, whole; the rest is not. While XLA compiles: test_interrupts.py."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", WITH_SIGINT, sys.executable, "-c", _ITEMS),
            *("reproduce", "fig1", "fig3", "slides-q2", "--out", str(tmp_path)),
        ],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    for _ in range(1200):
        if list(tmp_path.glob("*/inputs.json")):
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    output, errors = process.communicate(timeout=60)
    assert time.monotonic() - start < 20
    assert process.returncode == 130, (output, errors)
    assert errors.strip().splitlines()[-1].endswith("interrupted; items that are done are kept")
    assert [p.name for p in tmp_path.iterdir() if p.is_dir()] == ["fig1"]
    files = json.loads((tmp_path / "fig1" / "inputs.json").read_text())["files"]
    assert {p.name for p in (tmp_path / "fig1").iterdir()} == {"inputs.json", *files}
    assert "rows.json" in files
    assert not list(tmp_path.rglob("*.partial*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fig9"], "nothing is called 'fig9'"),
        ([], "name items"),
        (["fig7", "--data", "2025"], "2025"),
        (["belle2", "--likelihood", "absent"], "no such file"),
        (["fig7", "--out", "/dev/null/x"], "cannot be written"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(*arguments) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line
    assert not list(tmp_path.iterdir())
