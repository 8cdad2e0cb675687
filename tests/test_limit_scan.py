"""`bsnunu limit --scan`: single limits at every point, one compilation, global p-values."""

import json
from pathlib import Path

import numpy as np
import pytest
from jax import monitoring
from scipy.stats import chi2, norm

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.cli import main
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.runs.limit import run_limit
from bsnunu_jax.runs.limit_scan import (
    gross_vitells,
    read_held,
    read_scans,
    run_limit_scan,
    up_crossings,
)

CARD = """\
title: an invisible resonance
model: resonance
parameters:
  m: {prior: {uniform: [0.1, 4.5]}}
  BR: {prior: {uniform: [0, 1.0e-4]}}
fixed: {width: 0.1}
data: [belle2_knunu_2023]
best_fit: {starts: 8}
"""
PAIR = """\
title: the scale of a pair
model: fermion-pair
parameters:
  m: {prior: {uniform: [0, 2.3]}}
  Lambda: {prior: {log_uniform: [1.0, 30.0]}}
fixed: {operator: V1}
data: [belle2_2023_br, belle_2017_Kstar0]
best_fit: {starts: 8}
"""
MASSES = {"m": ("1.0", "2.1", "2.6")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    found = tmp_path_factory.mktemp("limits")
    (found / "card.yaml").write_text(CARD)
    (found / "pair.yaml").write_text(PAIR)
    return found


@pytest.fixture(scope="module")
def scanned(folder: Path) -> dict:
    card = Card(folder / "card.yaml")
    return run_limit_scan(card, folder / "scan", MASSES, parameter="BR", toys=6, quiet=True)


def run(capsys, *arguments) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in ("limit", *arguments)])
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def test_every_point_is_a_limit_of_its_own(scanned, folder: Path) -> None:
    card = Card(folder / "card.yaml")
    for i in (0, 2):
        m = MASSES["m"][i]
        single = run_limit(card, folder / f"single_{i}", settings={"m": m}, quiet=True)
        point, limit = scanned["points"][i], single["upper_limit"]
        assert point["at"] == {"m": float(m)}
        assert point["observed"] == pytest.approx(limit["observed"], rel=1e-6, abs=0)
        np.testing.assert_allclose(point["expected"], limit["expected"], rtol=1e-6)
        assert point["Z"] == pytest.approx(single["discovery"]["Z"], abs=1e-6)
        assert point["p_local"] == pytest.approx(norm.sf(point["Z"]), rel=1e-9)


def test_further_points_compile_nothing(scanned, folder: Path, no_cache) -> None:
    card, seen = Card(folder / "card.yaml"), []

    def note(event: str, _: float, **__: object) -> None:
        if event.endswith("backend_compile_duration"):
            seen.append(event)

    monitoring.register_event_duration_secs_listener(note)
    try:
        run_limit_scan(card, folder / "a", {"m": ("1.3", "1.9")}, parameter="BR", quiet=True)
    finally:
        monitoring.unregister_event_duration_listener(note)
    assert not seen


def test_the_global_p_value_is_that_of_the_largest_excess(scanned) -> None:
    found = scanned["global"]
    largest = max(scanned["points"], key=lambda p: p["Z"])
    assert found["at"] == largest["at"]
    toys = np.array(found["toys"]["largest_q0"])
    assert len(toys) == 6
    assert found["toys"]["p"] == np.mean(toys >= largest["Z"] ** 2)
    gv = found["gross_vitells"]
    u, N = largest["Z"] ** 2, gv["crossings"]
    assert gv["p"] == pytest.approx(chi2.sf(u, 1) / 2 + N * np.exp(-(u - 0.5) / 2), rel=1e-12)


def test_lost_points_are_made_anew_and_the_others_kept(scanned, folder: Path) -> None:
    kept = folder / "scan" / "points" / "point_00000.json"
    before = kept.stat().st_mtime_ns
    (folder / "scan" / "points" / "point_00001.json").unlink()
    (folder / "scan" / "toys" / "point_00002_00000.npz").unlink()
    card = Card(folder / "card.yaml")
    again = run_limit_scan(
        card, folder / "scan", MASSES, parameter="BR", toys=6, quiet=True, resume=True
    )
    assert again == scanned
    assert kept.stat().st_mtime_ns == before


def test_lambda_has_a_lower_limit(capsys, folder: Path) -> None:
    """The rate falls with Lambda: its limit is that of the strength Lambda^-4, upside down."""
    out = folder / "lambda"
    arguments = ("--parameter", "Lambda", "--scan", "m=0.3,1.0", "--out", out, "--quiet")
    code, text, err = run(capsys, folder / "pair.yaml", *arguments)
    assert (code, err) == (0, "")
    assert "lower limits on Lambda" in text
    result = json.loads((out / "limits.json").read_text())
    for point in result["points"]:
        assert 1 < point["observed"] < 30
        assert np.all(np.diff(point["expected"]) < 0)
    assert (out / "figures" / "limit_scan.png").is_file()
    rows = (out / "figures" / "limit_scan.csv").read_text().splitlines()
    assert len(rows) == 3


def test_a_plane_of_two_numbers(capsys, folder: Path) -> None:
    out = folder / "plane"
    scans = ("--scan", "m=1:2:2", "--scan", "width=0.05:0.2:2:log")
    code, text, _ = run(capsys, folder / "card.yaml", *scans, "--out", out, "--quiet")
    assert code == 0
    points = json.loads((out / "limits.json").read_text())["points"]
    assert [p["at"] for p in points] == [
        {"m": m, "width": w} for m in (1.0, 2.0) for w in (0.05, 0.2)
    ]
    assert "largest excess" in text


def test_where_nothing_is_seen_any_value_is_allowed(folder: Path) -> None:
    """Behind a lifetime of 0 no X leaves the detector: no limit there, the others stay."""
    card = Card(folder / "card.yaml")
    found = run_limit_scan(
        card,
        folder / "unseen",
        {"ctau": ("0.0", "10.0")},
        parameter="BR",
        settings={"m": "2.1"},
        quiet=True,
    )
    lost, seen = found["points"]
    assert (lost["observed"], lost["expected"], lost["seen"]) == (None, [None] * 5, False)
    assert 0 < seen["observed"] < 1e-4


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--scan", "m=1:2"), "NAME=LOW:HIGH:N"),
        (("--scan", "m=2:1:5"), "not below the second"),
        (("--scan", "m=0:1:5:log"), "equal ratios begin above 0"),
        (("--scan", "m=1,2", "--scan", "m=3,4"), "twice"),
        (("--scan", "m=1:2:100000000"), "2 to 100000"),
        (("--scan", "x=1,2"), "unknown parameter"),
        (("--scan", "m=1,9"), "--scan, at m=9.0"),
        (("--scan", "m=1,2", "--set", "m=1"), "held and scanned"),
        (("--scan", "m=1,2", "--test", "1e-5"), "one limit"),
        (("--set", "m"), "NAME=VALUE"),
        (("--set", "m=1", "--parameter", "m"), "m"),
    ],
)
def test_bad_input_is_one_line(capsys, folder: Path, arguments, named: str) -> None:
    code, out, err = run(capsys, folder / "card.yaml", *arguments, "--out", folder / "bad")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert named in err
    assert not (folder / "bad").exists()


def test_what_is_typed() -> None:
    assert read_scans(["m=0.1:0.3:3"]) == {"m": ("0.1", "0.2", "0.3")}
    assert read_held(["m=0.5", "pair=scalar"]) == {"m": "0.5", "pair": "scalar"}
    with pytest.raises(InputError, match="NAME=VALUE"):
        read_held(["m=1", "m=2"])


def test_gross_and_vitells_against_many_scans() -> None:
    """q0 of a smooth Gaussian field: the tail of its maximum, from crossings of a low level."""
    rng = np.random.default_rng(7)
    points, width, scans = 400, 12.0, 20_000
    kernel = np.exp(-0.5 * (np.arange(-60, 61) / width) ** 2)
    kernel /= np.sqrt(np.sum(kernel**2))
    noise = rng.normal(size=(scans, points + 120))
    spectrum = np.fft.rfft(noise, axis=1) * np.fft.rfft(kernel, points + 120)
    z = np.fft.irfft(spectrum, points + 120, axis=1)[:, 120:]
    q0 = np.where(z > 0, z**2, 0.0)
    N = float(up_crossings(q0[:2000], 0.5).mean())
    for u in (6.0, 9.0, 12.0):
        p = float(np.mean(q0.max(axis=1) > u))
        error = np.sqrt(p / scans) + 0.03 * p
        assert abs(gross_vitells(u, N, 0.5) - p) < 3 * error
