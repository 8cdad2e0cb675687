"""A run folder is complete, repeatable, and what a kill leaves goes on bit for bit."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from small_runs import command, write_cards

from bsnunu_jax.cli import main


def refused(capsys: pytest.CaptureFixture[str], message: str, *arguments: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def posterior(folder: Path) -> np.ndarray:
    with xr.open_dataset(folder / "posterior.nc", group="posterior", engine="h5netcdf") as data:
        return data["CR_tautau"].values


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fit")
    write_cards(folder)
    line = command("fit", "card.yaml", "--out", "whole")
    result = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return folder, result


def test_the_folder_is_complete(whole):
    folder, result = whole
    out = folder / "whole"
    for name in ("card.yaml", "best_fit.json", "posterior.nc", "summary.csv", "manifest.json"):
        assert (out / name).stat().st_size > 0, name
    assert list((out / "figures").glob("*.pdf"))
    assert list((out / "figures").glob("*.png"))
    assert "CR_tautau" in result.stdout
    assert "NUTS" in result.stderr  # progress is on stderr alone
    assert "NUTS warm" not in result.stdout
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["seed"] == 11
    assert "arXiv:2311.14647" in manifest["cite"]
    assert manifest["data_sha256"]["experiments/counting.yaml"]
    assert posterior(out).shape == (2, 400)


def test_what_a_kill_leaves_becomes_the_uninterrupted_posterior(whole, capsys, monkeypatch):
    """After the third block. Kills at random moments: test_kill_runs.py."""
    folder, _ = whole
    monkeypatch.chdir(folder)
    (folder / "killed" / "blocks").mkdir(parents=True)
    blocks = [f"blocks/block_{i:04d}.npz" for i in range(3)]
    for name in ("lock", "card.yaml", "origin.json", "best_fit.json", *blocks):
        shutil.copy(folder / "whole" / name, folder / "killed" / name)
    refused(capsys, "--resume", "fit", "card.yaml", "--out", "killed")
    # In a process of its own, as the other one: with as many devices its program is the same.
    line = command("fit", "card.yaml", "--out", "killed", "--resume")
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert np.array_equal(posterior(folder / "killed"), posterior(folder / "whole"))
    first, second = ((folder / run / "summary.csv").read_text() for run in ("whole", "killed"))
    assert first == second


def test_another_seed_is_refused_in_the_same_folder(whole, capsys, monkeypatch):
    monkeypatch.chdir(whole[0])
    again = ("fit", "card.yaml", "--out", "whole", "--seed", "3", "--resume")
    refused(capsys, "another card, seed or setting", *again)
