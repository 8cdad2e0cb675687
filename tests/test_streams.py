"""Closed streams, readers that left, an ASCII locale, no home: no run is lost to them."""

import json
import os
import subprocess
import sys

import yaml
from small_runs import environment, in_shell, one_line, write_cards

from bsnunu_jax.experiments.records.record import user_folder

ASCII = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
# The command, for each argument.
IN_TURN = """
import shlex, sys
from bsnunu_jax.cli import main
for line in sys.argv[1:]:
    sys.argv = ["bsnunu", *shlex.split(line)]
    try:
        main()
    except SystemExit as end:
        print("exit code", end.code or 0)
"""
TITLE = "B → K νν̄, größer"


def test_progress_of_a_closed_stderr_is_not_among_the_results(tmp_path):
    write_cards(tmp_path)
    line = "$BSNUNU profile card.yaml --over CR_tautau --out out --json 2>&- <&-"
    done = in_shell(line, tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout)["over"] == ["CR_tautau"]


def test_a_reader_of_progress_that_left_ends_no_run(tmp_path):
    write_cards(tmp_path)
    done = in_shell("{ $BSNUNU scan scan.yaml --out out; echo $? >code; } 2>&1 | true", tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "code").read_text() == "0\n"
    assert (tmp_path / "out" / "scan.nc").is_file()


def test_files_are_utf8_and_output_is_readable_in_an_ascii_locale(tmp_path):
    write_cards(tmp_path)
    for name in ("card", "comparison"):
        path = tmp_path / f"{name}.yaml"
        content = yaml.safe_load(path.read_text()) | {"title": TITLE}
        if name == "comparison":
            content["variants"] = [content["variants"][0] | {"name": "größer", "panel": "ν"}]
        path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    lines = (
        "profile card.yaml --over CR_tautau --out profile",
        "compare comparison.yaml --out compare",
    )
    done = subprocess.run(
        [sys.executable, "-c", IN_TURN, *lines],
        cwd=tmp_path,
        env=environment(**ASCII),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.count("exit code 0\n") == 2
    for file in ("profile/card.yaml", "compare/compare.json"):
        assert TITLE in (tmp_path / file).read_text(encoding="utf-8")


# What a container does to a user without a name; imports of others are part of it. The commands in
# the argument end with their exit codes on stdout.
NO_HOME = """
import pwd
def nobody(*_):
    raise KeyError("getpwuid(): uid not found")
pwd.getpwuid = nobody
import shlex, sys
from bsnunu_jax.cli import main
from bsnunu_jax.report.diagnostics import import_arviz
for line in sys.argv[1:]:
    try:
        main(shlex.split(line))
    except SystemExit as end:
        print(end.code or 0)
print(import_arviz().__name__)
"""
KEPT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "XLA_FLAGS", "JAX_DISABLE_MOST_OPTIMIZATIONS")


def test_a_user_without_a_home(tmp_path):
    """Downloads say where to; all else is as usual, ArviZ too."""
    lines = ("predict R_K_nunu", "data check belle2-knunu", "data get belle2-knunu")
    done = subprocess.run(
        [sys.executable, "-c", NO_HOME, *lines],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k in KEPT},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-4:] == ["0", "2", "2", "arviz"]
    errors = [line for line in done.stderr.splitlines() if line.startswith("bsnunu")]
    assert len(errors) == 2  # Matplotlib has something to say, too
    for line in errors:
        assert "there is no home folder" in one_line(line)


def test_the_folder_of_data_is_below_an_absolute_path(monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", "/x")
    assert str(user_folder("belle2-knunu")) == "/x/bsnunu_jax/belle2-knunu"
