"""The folder of compiled programs: where it is, and that a second process finds them there."""

import os
import subprocess
import sys

import jax
import pytest
from small_runs import write_cards

from bsnunu_jax.cli import main
from bsnunu_jax.foundation.compilation_cache import VARIABLE, CheckedFiles, cache_folder

PROGRAM = """
import bsnunu_jax
from bsnunu_jax.foundation.compilation_cache import use_compilation_cache
use_compilation_cache()
import jax, jax.numpy as jnp
for f in (jnp.exp, jnp.cos, jnp.tanh, jnp.log1p):
    print(jax.jit(lambda x: f(jnp.sin(x)).sum())(jnp.arange(8.0)))
"""


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({VARIABLE: "off"}, None),
        ({VARIABLE: "/a/b"}, "/a/b"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/bsnunu_jax"),
        ({"HOME": "/h"}, "/h/.cache/bsnunu_jax"),
    ],
)
def test_folder(monkeypatch, variables, expected):
    for name in (VARIABLE, "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    folder = cache_folder()
    assert (folder and str(folder)) == expected


def started(folder):
    environment = {**os.environ, VARIABLE: str(folder)}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )


def run(folder):
    return started(folder).stdout


def entries(folder):
    return {p.name: p for p in folder.iterdir() if p.name.endswith("-cache")}


def times(folder):
    return {name: path.stat().st_mtime_ns for name, path in entries(folder).items()}


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A folder with the programs of one process, and what that process printed."""
    folder = tmp_path_factory.mktemp("filled") / "cache"
    return folder, run(folder)


def test_second_process_compiles_nothing(filled):
    folder, first = filled
    before = times(folder)
    assert len(before) >= 4
    assert run(folder) == first
    assert times(folder) == before


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path):
    (tmp_path / "file").write_text("")
    assert run(tmp_path / "file" / "cache")


DAMAGE = {
    "cut": lambda x: x[: len(x) // 2],
    "overwritten": lambda _: b"garbage",
    "flipped": lambda x: x[: len(x) // 2] + bytes([x[len(x) // 2] ^ 4]) + x[len(x) // 2 + 1 :],
    "empty": lambda _: b"",
}


def test_damaged_programs_are_made_again_without_a_word(filled):
    """Of at least four programs each is damaged in one of four ways."""
    folder, first = filled
    ways, whole = list(DAMAGE.values()), list(entries(folder))
    assert len(whole) >= len(ways)
    for i, path in enumerate(entries(folder).values()):
        path.write_bytes(ways[i % len(ways)](path.read_bytes()))
    done = started(folder)
    assert (done.stdout, done.stderr) == (first, "")
    assert {name: len(path.read_bytes()) > 100 for name, path in entries(folder).items()} == (
        dict.fromkeys(whole, True)
    )
    before = times(folder)
    assert started(folder).stderr == ""
    assert times(folder) == before


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_the_folder_is_closed_to_others_whatever_the_umask(umask, tmp_path):
    folder = tmp_path / "cache"
    before = os.umask(umask)
    try:
        CheckedFiles(folder).put("program", b"code")
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert entries(folder)


def test_a_full_folder_is_done_without(tmp_path):
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 0; exec '{sys.executable}' -c '{PROGRAM}'"],
        env={**os.environ, VARIABLE: str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert list((tmp_path / "cache").iterdir()) == []


def test_processes_share_a_folder(tmp_path):
    environment = {**os.environ, VARIABLE: str(tmp_path / "cache")}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    found = [p.communicate() for p in processes]
    assert {errors for _, errors in found} == {""}
    assert len({output for output, _ in found}) == 1
    assert all(name.endswith("-cache") for name in os.listdir(tmp_path / "cache"))


@pytest.mark.parametrize("command", ["limit", "predict"])
@pytest.mark.usefixtures("no_cache")
def test_every_command_that_compiles_uses_it(command, tmp_path, monkeypatch):
    write_cards(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    jax.clear_caches()  # whatever was compiled before
    line = {"limit": "limit card.yaml --out out --quiet", "predict": "predict R_K_nunu"}[command]
    with pytest.raises(SystemExit) as caught:
        main(line.split())
    assert not caught.value.code
    assert entries(tmp_path / "cache")
