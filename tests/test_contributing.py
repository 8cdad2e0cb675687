"""The worked examples of CONTRIBUTING.md work on a copy of the tree and cost what they say."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from test_architecture import circle, imports, modules, upward

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### (.*?)\n(.*?)(?=^#|\Z)", TEXT, re.DOTALL | re.MULTILINE))
STEP = re.compile(
    r"<!-- (?P<what>new file:|in) (?P<path>\S+) -->\n```\w+\n(?P<text>.*?)```", re.DOTALL
)
SHELL = re.compile(r"```sh\n(.*?)```(?:\n\n<!-- (prints|writes)(.*?) -->)?", re.DOTALL)

# New files of Python in the package, files of Python that are changed there, lines added to these
# beside the first, as in the table of docs/architecture.md.
COST = {
    "A measurement": (0, 0, 0),
    "A model": (1, 1, 0),
    "An operator": (0, 1, 0),
    "A mode": (0, 0, 0),
    "A record": (0, 0, 0),
    "A figure of a fit": (1, 0, 0),
    "A command": (1, 0, 0),
}

# Runs the lines of stdin, each a command, and prints exit code and output of all as JSON.
RUNNER = """
import contextlib, io, json, shlex, sys
from bsnunu_jax.cli import main

found = []
for line in json.load(sys.stdin):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(shlex.split(line)[1:])
        except SystemExit as error:
            code = error.code
    found.append([line, code or 0, out.getvalue(), err.getvalue()])
json.dump(found, sys.stdout)
"""


def changed(old: str, text: str) -> str:
    """The file after the hunks of a block: lines that stay or go, then lines that come."""
    if all(x.startswith("+") for x in text.splitlines()):
        return old + "".join(x[1:] + "\n" for x in text.splitlines())
    for hunk in re.findall(r"(?:^[ -].*\n)+(?:^\+.*\n)*", text, re.MULTILINE):
        before = "".join(x[1:] + "\n" for x in hunk.splitlines() if x[0] in " -")
        after = "".join(x[1:] + "\n" for x in hunk.splitlines() if x[0] in " +")
        assert old.count(before) == 1, f"stands {old.count(before)} times:\n{before}"
        old = old.replace(before, after)
    return old


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy with every example done."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("bsnunu_jax", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for step in STEP.finditer(TEXT):
        path = folder / step["path"]
        if step["what"] == "in":
            path.write_text(changed(path.read_text(encoding="utf-8"), step["text"]))
            continue
        assert not path.exists()
        path.parent.mkdir(exist_ok=True)
        path.write_text(step["text"], encoding="utf-8")
    return folder


def run(folder: Path, *arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


@pytest.fixture(scope="module")
def results(tree):
    """What the commands of all sections print, by section."""
    lines = [line for block, *_ in SHELL.findall(TEXT) for line in block.splitlines()]
    done = run(tree, "-c", RUNNER, input=json.dumps(lines))
    assert done.returncode == 0, done.stderr
    return {line: rest for line, *rest in json.loads(done.stdout)}


@pytest.mark.parametrize("section", SECTIONS)
def test_commands(section, tree, results):
    blocks = SHELL.findall(SECTIONS[section])
    assert blocks
    for block, what, rest in blocks:
        lines = block.splitlines()
        for line in lines:
            code, out, err = results[line]
            assert code == 0, err
            assert out
        if what == "writes":
            assert (tree / rest.strip()).stat().st_size > 1000
        elif rest.strip() == "the same":
            first, second = (results[line][1].split() for line in lines)
            assert float(first[-1]) == pytest.approx(float(second[-1]), rel=1e-4)
            assert float(first[-1]) > 0
        elif what == "prints":
            assert results[lines[-1]][1].strip() == rest.removeprefix(":").strip()


def test_the_operator_is_proven(tree):
    done = run(tree, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_operator_D.py")
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout


def test_what_is_new_follows_the_rules_of_the_tree(tree):
    edges = imports(modules(tree / "bsnunu_jax"))
    assert upward(edges) == circle(edges) == []
    paths = [s["path"] for s in STEP.finditer(TEXT) if s["path"].endswith(".py")]
    for command in (["check"], ["format", "--check"]):
        done = run(tree, "-m", "ruff", *command, *paths)
        assert done.returncode == 0, done.stdout


def test_every_addition_has_its_example():
    assert set(SECTIONS) == set(COST)


@pytest.mark.parametrize("section", SECTIONS)
def test_cost(section):
    new, edited = set(), defaultdict(int)
    for step in STEP.finditer(SECTIONS[section]):
        path = step["path"]
        if path.startswith("bsnunu_jax") and path.endswith(".py"):
            if step["what"] == "in":
                lines = step["text"].splitlines()
                edited[path] += sum(x[0] == "+" for x in lines) - sum(x[0] == "-" for x in lines)
            else:
                new.add(path)
    _, *others = edited.values() or [0]
    assert (len(new), len(edited), sum(others)) == COST[section]
    assert f"Cost: {len(new)} file" in SECTIONS[section] or not new
