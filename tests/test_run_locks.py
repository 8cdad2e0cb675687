"""A folder is locked before it is claimed: one card, whatever starts at the same time."""

import fcntl
import json
import subprocess
import sys
from pathlib import Path

import pytest
from folder_cases import COMMANDS, refused, write_cards

STARTS = 300
CLAIMS = """
import os, sys, time
from pathlib import Path
from types import SimpleNamespace
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.runs.fit import claimed

class Card:
    path = Path("card.yaml")
    content = SimpleNamespace(
        likelihood=False, data=(), inputs=SimpleNamespace(form_factors={})
    )

    def __init__(self, number):
        self.number, self.cards = number, [self]

    @property
    def resolved(self):
        time.sleep(0.02)  # between a look at the folder and its card there is time for others
        return f"card {self.number}"

folder, starts = Path("out"), int(sys.argv[1])
ready, go = os.pipe()
for i in range(starts):
    if not os.fork():
        os.close(go)
        os.read(ready, 1)  # until all are there
        card, code = Card(i % 7), 3
        try:
            with claimed(folder, card, i % 2 == 0, print):
                stated = (folder / "card.yaml").read_text()
                for name in ("best_fit.json", "summary.csv"):
                    (folder / name).write_text(card.resolved)
                code = 0 if (folder / "card.yaml").read_text() == stated == card.resolved else 4
        except InputError as error:
            code = 2 if str(error).startswith("out: ") else 5
        except BaseException:
            code = 6
        os._exit(code)
os.close(ready)
os.close(go)
codes = [os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(starts)]
print(*(codes.count(k) for k in (0, 2)), len(codes))
"""


def test_300_starts_at_once_leave_the_results_of_one_card(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CLAIMS, str(STARTS)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    took, refused, of = map(int, done.stdout.split())
    assert took >= 1
    assert took + refused == of == STARTS
    texts = {
        (tmp_path / "out" / name).read_text()
        for name in ("card.yaml", "best_fit.json", "summary.csv")
    }
    assert len(texts) == 1
    assert json.loads((tmp_path / "out" / "origin.json").read_text())["data_sha256"]


@pytest.mark.parametrize("command", [c for c in COMMANDS if c != "reproduce"])
def test_a_locked_folder_is_not_claimed(tmp_path, capsys, monkeypatch, command):
    """The lock of a run that has not written its card yet."""
    monkeypatch.chdir(write_cards(tmp_path))
    Path("out").mkdir()
    with Path("out/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused(capsys, 2, "out: another run is writing there", *COMMANDS[command], "--out", "out")
    assert [p.name for p in Path("out").iterdir()] == ["lock"]


def test_one_folder_under_two_names_has_one_run(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(write_cards(tmp_path))
    Path("out").mkdir()
    Path("other").symlink_to("out")
    with Path("out/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused(capsys, 2, "other: another run is writing", *COMMANDS["scan"], "--out", "other")


def test_a_lock_that_is_no_file_is_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(write_cards(tmp_path))
    Path("out/lock").mkdir(parents=True)
    refused(capsys, 2, "out: cannot be written (Is a directory)", *COMMANDS["scan"], "--out", "out")


def _scan(seed: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bsnunu_jax", *COMMANDS["scan"], "--out", "out", "--quiet"]
    return subprocess.Popen(
        [*command, "--seed", str(seed)], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_two_scans_at_once_leave_one(tmp_path, monkeypatch):
    """The command itself: the one that is refused says so, the folder is that of the other."""
    from bsnunu_jax.scan import open_scan

    monkeypatch.chdir(write_cards(tmp_path))
    started = {seed: _scan(seed) for seed in (1, 2)}
    errors = {seed: process.communicate(timeout=300)[1] for seed, process in started.items()}
    (won,) = [seed for seed, process in started.items() if process.returncode == 0]
    assert sorted(p.returncode for p in started.values()) == [0, 2], errors
    assert errors[3 - won].count("\n") == 1
    with open_scan("out") as scan:
        assert scan.attrs["seed"] == won
        assert f"seed: {won}" in Path("out/card.yaml").read_text()
