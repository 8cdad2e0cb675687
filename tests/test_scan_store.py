"""`bsnunu scan`: selections, stores that survive a kill, bounded memory, errors of one line."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from full_disk import largest_file
from scan_cards import SYMMETRIC, UNIFORM, card, design

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.cli import main
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.scan import open_scan
from bsnunu_jax.scan.card import ScanCard
from bsnunu_jax.scan.run import run_scan

ROOT = Path(__file__).parents[1]

# The package of this checkout, whatever the working directory.
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}


def test_selection_is_that_of_numpy_on_all_columns(tmp_path):
    small = SYMMETRIC["design"] | {"points": 50_000}
    for store in ("all", "selected"):
        c = card(tmp_path / f"{store}.yaml", design=small, store=store, chunk=17_000)
        text = run_scan(c, tmp_path / store, quiet=True)
    with open_scan(tmp_path / "all") as every, open_scan(tmp_path / "selected") as some:
        R_K, R_Kstar = every["R_K_nunu"].values, every["R_Kstar_nunu"].values
        in_K = (R_K >= 3.6) & (R_K <= 7.0)
        blue, red = in_K & (R_Kstar <= 2.7), in_K & (R_Kstar <= 1.9)
        assert 0 < red.sum() < blue.sum() < 1000
        np.testing.assert_array_equal(every["blue"], blue)
        np.testing.assert_array_equal(every["red"], red)
        np.testing.assert_array_equal(some["index"], np.flatnonzero(blue))
        for name in every:
            np.testing.assert_array_equal(some[name], every[name].values[blue], err_msg=name)
        assert some.attrs["count_red"] == red.sum()
        assert some.attrs["seed"] == 1
        assert "CR_etau" in some.attrs["card"]
        assert "jax" in json.loads(some.attrs["versions"])
        assert every["R_K_nunu"].attrs["units"] == "1"
    assert f"blue: {blue.sum():,}" in text


def files(folder: Path) -> dict[str, bytes]:
    kept = [*folder.glob("points/*"), folder / "scan.nc", folder / "card.yaml"]
    return {str(p.relative_to(folder)): p.read_bytes() for p in kept}


def test_a_killed_scan_goes_on_to_the_same_bytes(tmp_path):
    many = SYMMETRIC["design"] | {"points": 300_000}
    c = card(tmp_path / "card.yaml", design=many, store="all", chunk=5_000)
    run_scan(c, tmp_path / "whole", quiet=True)
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "bsnunu_jax", "scan", str(c.path), "--out", str(out)]
    process = subprocess.Popen([*command, "--quiet"], env=ENVIRONMENT)
    while len(list(out.glob("points/*.nc"))) < 3:
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 3 <= len(list(out.glob("points/*.nc"))) < 60
    with pytest.raises(InputError, match="holds no finished scan"):
        open_scan(out)
    with pytest.raises(InputError, match="add --resume"):
        run_scan(c, out, quiet=True)
    # What a kill while a file is written leaves: it is written again.
    (out / "points" / "000000059.nc.partial").write_bytes(b"half")
    run_scan(c, out, resume=True, quiet=True)
    assert files(out) == files(tmp_path / "whole")
    before = files(out)
    run_scan(c, out, resume=True, quiet=True)  # nothing left to do
    assert files(out) == before


def test_chunks_may_be_missing_anywhere(tmp_path):
    small = SYMMETRIC["design"] | {"points": 20_000}
    c = card(tmp_path / "card.yaml", design=small, chunk=3_000)
    run_scan(c, tmp_path / "out", quiet=True)
    before = files(tmp_path / "out")
    for name in ("points/000000001.nc", "points/000000006.nc", "scan.nc"):
        (tmp_path / "out" / name).unlink()
    run_scan(c, tmp_path / "out", resume=True, quiet=True)
    assert files(tmp_path / "out") == before


def test_a_damaged_chunk_is_named(tmp_path):
    small = SYMMETRIC["design"] | {"points": 2_000}
    c = card(tmp_path / "card.yaml", design=small, chunk=1_000)
    run_scan(c, tmp_path / "out", quiet=True)
    before = files(tmp_path / "out")
    damaged = tmp_path / "out" / "points" / "000000001.nc"
    damaged.write_bytes(before["points/000000001.nc"][:100])
    with pytest.raises(InputError, match=r"000000001\.nc: is damaged; delete it"):
        run_scan(c, tmp_path / "out", resume=True, quiet=True)
    damaged.unlink()
    run_scan(c, tmp_path / "out", resume=True, quiet=True)
    assert files(tmp_path / "out") == before


def test_other_cards_and_runs_are_refused(tmp_path):
    small = SYMMETRIC["design"] | {"points": 1000}
    c = card(tmp_path / "a.yaml", design=small)
    run_scan(c, tmp_path / "out", quiet=True)
    before = files(tmp_path / "out")
    other = card(tmp_path / "b.yaml", design=SYMMETRIC["design"] | {"points": 1001})
    for one in (other, ScanCard(c.path, seed=5)):
        with pytest.raises(InputError, match="another card, seed or setting"):
            run_scan(one, tmp_path / "out", resume=True, quiet=True)
    assert files(tmp_path / "out") == before


PARAMETERS = SYMMETRIC["design"]["parameters"]

BAD = {
    "unknown observable 'R_X'": {"observables": ["R_X"]},
    "'dBR/dq2(B+->K+inv)' is a spectrum": {"observables": ["dBR/dq2(B+->K+inv)"]},
    "'R_K_nunu' stands twice": {"observables": ["R_K_nunu", "R_K_nunu"]},
    "no number is asked for": {"observables": [], "select": None, "store": None},
    "got 0": {"design": {"points": 0, "parameters": PARAMETERS}},
    "key 'points' is missing": {"design": {"parameters": PARAMETERS}},
    "a grid of 0 points": {"design": design(CR_ee={"linspace": [0, 1, 0]})},
    "whole number of points": {"design": design(CR_ee={"linspace": [0, 1, 2.5]})},
    "logspace needs 0 < low": {"design": design(CR_ee={"logspace": [0, 1, 2]})},
    "give exactly one of": {"design": design(CR_ee={"linspace": [0, 1, 2], **UNIFORM})},
    "drop it": {"design": design(5, CR_ee={"linspace": [0, 1, 2]})},
    "sobol is for 1 to": {"design": design(None, "sobol", CR_ee={"linspace": [0, 1, 2]})},
    "at most 1e+15": {"design": design(10**15, CR_ee=UNIFORM, CR_emu={"linspace": [0, 1, 2]})},
    "unknown parameter 'CR_xy'": {"design": design(5, CR_xy=UNIFORM)},
    "is set by 'CR_ee' and by 'CR_mumu'": {
        "design": design(5, CR_ee=UNIFORM, CR_mumu={**UNIFORM, "also": ["CR_ee"]})
    },
    "both scanned and fixed": {"design": design(5, CR_ee=UNIFORM), "fixed": {"CR_ee": 1}},
    "nothing is called 'R_Y'": {"select": {"a": {"R_Y": {"max": 1}}}},
    "min 2 is above max 1": {"select": {"a": {"R_K_nunu": {"min": 2, "max": 1}}}},
    "a column is called 'CR_ee'": {"select": {"CR_ee": {"R_K_nunu": {"min": 2}}}},
    "nothing is selected": {"select": None},
    "log_likelihood: true and data go together": {"log_likelihood": True},
    "unknown key 'priors'": {"priors": {}},
    "unknown measurement": {"log_likelihood": True, "data": ["belle3"]},
    "'m' is complex": {"model": "scalar-pair", "design": design(5, m={"im": UNIFORM}, S=UNIFORM)},
    "unknown preset": {"inputs": {"preset": "best"}},
    "expected a whole number": {"chunk": 1.5},
    "raise chunk": {"chunk": 1, "design": {"points": 10**7, "parameters": PARAMETERS}},
}


@pytest.mark.parametrize("message", BAD)
def test_bad_cards_are_one_line_and_nothing_is_written(message, tmp_path, capsys):
    path, out = tmp_path / "card.yaml", tmp_path / "out"
    changed = {k: v for k, v in (SYMMETRIC | BAD[message]).items() if v is not None}
    path.write_text(yaml.safe_dump(changed, sort_keys=False))
    with pytest.raises(SystemExit) as caught:
        main(["scan", str(path), "--out", str(out)])
    printed, error = capsys.readouterr()
    assert (caught.value.code, printed) == (2, "")
    assert error.startswith(f"bsnunu: error: {path}:")
    assert error.count("\n") == 1
    assert message in error
    assert not out.exists()


def test_cards_of_other_commands_are_named(tmp_path):
    with pytest.raises(InputError, match=r"a scan card has a `design`.*bsnunu fit"):
        ScanCard(ROOT / "fits" / "belle2_cr.yaml")
    with pytest.raises(InputError, match=r"scan_cr\.yaml:\d+ \(design\).*bsnunu scan"):
        Card(ROOT / "fits" / "scan_cr.yaml")


def test_a_full_disk_is_one_line(tmp_path, capsys):
    small = SYMMETRIC["design"] | {"points": 40_000}
    c = card(tmp_path / "card.yaml", design=small, store="all", chunk=20_000)
    with largest_file(900), pytest.raises(SystemExit) as caught:
        main(["scan", str(c.path), "--quiet", "--out", str(tmp_path / "out")])
    assert caught.value.code == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "000000000.nc: cannot be written (File too large)" in error
    assert not list((tmp_path / "out" / "points").iterdir())


def test_a_scan_that_the_disk_cannot_hold_does_not_begin(tmp_path):
    huge = SYMMETRIC["design"] | {"points": 10**12}
    c = card(tmp_path / "card.yaml", design=huge, store="all")
    with pytest.raises(InputError, match=r"9\.8e\+04 GB are needed and .* GB free"):
        run_scan(c, tmp_path / "out", quiet=True)
    assert not (tmp_path / "out" / "points").exists()


# Not getrusage, whose peak starts with that of the process that forked.
MEMORY = """
from pathlib import Path
from bsnunu_jax.scan.card import ScanCard
from bsnunu_jax.scan.run import run_scan
for name in ("warm", "small", "large"):
    run_scan(ScanCard(Path(name + ".yaml")), Path(name), quiet=True)
    print([l.split()[1] for l in open("/proc/self/status") if l.startswith("VmHWM")][0])
"""


def test_memory_does_not_grow_with_the_number_of_points(tmp_path):
    # Three chunks: from the second on one is written while the next one is computed.
    for name, points in {"warm": 600_000, "small": 600_000, "large": 4_000_000}.items():
        card(tmp_path / f"{name}.yaml", design=SYMMETRIC["design"] | {"points": points})
    done = subprocess.run(
        [sys.executable, "-c", MEMORY],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    _, small, large = map(int, done.stdout.split())
    assert large < 1.05 * small


def test_progress_is_on_stderr(tmp_path, capsys):
    path = tmp_path / "card.yaml"
    card(path, design=SYMMETRIC["design"] | {"points": 1000})
    with pytest.raises(SystemExit) as caught:
        main(["scan", str(path), "--out", str(tmp_path / "out"), "--seed", "3"])
    printed, error = capsys.readouterr()
    assert not caught.value.code
    assert printed.startswith("1,000 points\nblue: ")
    assert "points/s" in error
    assert "kernels integrated once" in error
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["seed"], manifest["points"]) == (3, 1000)
    assert any("arXiv" in source for source in manifest["cite"])
