"""The folder of compiled programs: where it is, and that a second process finds them there."""

import os
import subprocess
import sys

import pytest

from bsnunu_jax.compilation_cache import VARIABLE, cache_folder

PROGRAM = """
import bsnunu_jax
from bsnunu_jax.compilation_cache import use_compilation_cache
use_compilation_cache()
import jax, jax.numpy as jnp
print(jax.jit(lambda x: jnp.exp(jnp.sin(x)).sum())(jnp.arange(8.0)))
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


def run(folder):
    environment = {**os.environ, VARIABLE: str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_second_process_compiles_nothing(tmp_path):
    folder = tmp_path / "cache"
    first = run(folder)
    written = {p.name: p.stat().st_mtime_ns for p in folder.iterdir() if "atime" not in p.name}
    assert written
    assert run(folder) == first
    again = {p.name: p.stat().st_mtime_ns for p in folder.iterdir() if "atime" not in p.name}
    assert again == written


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path):
    (tmp_path / "file").write_text("")
    assert run(tmp_path / "file" / "cache")
