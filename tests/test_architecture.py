"""The house: imports point down its rooms, as docs/architecture.md lists them, in no circle."""

import ast
import sys
from pathlib import Path

import pytest

import bsnunu_jax

DOCS = Path(__file__).parents[1] / "docs"
sys.path.insert(0, str(DOCS / "_ext"))

from rooms import PICTURE, ROOMS, circle, drawn, imports, modules, upward  # noqa: E402

ROOT = Path(bsnunu_jax.__file__).parent
FACE = {"__init__.py", "__main__.py", "cli.py", "py.typed"}
EDGES = imports(modules(ROOT))


def test_imports_point_down():
    assert upward(EDGES) == []


def test_no_circle():
    assert circle(EDGES) == []


def test_the_root_holds_the_face_and_folders():
    files = {p.name for p in ROOT.iterdir() if p.is_file()}
    folders = {p.name for p in ROOT.iterdir() if p.is_dir()} - {"__pycache__"}
    assert files == FACE
    assert folders == {r.split(".")[0] for r in ROOMS} - {"__main__", "cli"}


def test_the_page_names_every_room():
    inner = {"inference"}
    folders = {p.name for p in ROOT.iterdir() if p.is_dir()} - {"__pycache__"}
    below = {
        f"{name}.{p.name}"
        for name in inner
        for p in (ROOT / name).iterdir()
        if p.is_dir() and p.name != "__pycache__"
    }
    assert set(ROOMS) == folders | below | {"__main__", "cli"}
    assert all(ROOMS.values())


def test_the_picture_shows_the_imports_of_today():
    """`python docs/_ext/rooms.py` draws it anew."""
    assert PICTURE.read_text(encoding="utf-8") == drawn(EDGES)


@pytest.mark.parametrize(
    ("name", "line", "found"),
    [
        ("rates.new", "from bsnunu_jax.inference.fits import lanes", "inference.fits.lanes"),
        ("rates.new", "def f():\n    from bsnunu_jax.cli import main", "cli"),
        ("inference.fits.new", "import bsnunu_jax.inference.sampling.nuts", "sampling.nuts"),
        ("states.new", "from bsnunu_jax import load_inputs", "states.new -> "),
        ("attic.new", "from bsnunu_jax.numerics import newton", "attic.new"),
    ],
)
def test_what_points_up_is_found(name, line, found):
    edges = imports(modules(ROOT) | {name: ast.parse(line)})
    (wrong,) = upward(edges)
    assert found in wrong


def test_a_circle_is_found():
    both = {"a": ast.parse("import bsnunu_jax.b"), "b": ast.parse("from bsnunu_jax import a")}
    assert set(circle(imports(both))) == {"a", "b"}
