"""The house: imports point down its rooms, modules import each other in no circle."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import bsnunu_jax

ROOT = Path(bsnunu_jax.__file__).parent
# From the top down, as in docs/architecture.md.
ROOMS = (
    "__main__",
    "cli",
    "commands",
    "reproduce",
    "scan",
    "exchange",
    "runs",
    "report",
    "cards",
    "inference.evidence",
    "inference.hypotheses",
    "inference.sampling",
    "inference.fits",
    "inference.problem",
    "inference",
    "experiments",
    "models",
    "observables",
    "rates",
    "states",
    "inputs",
    "hadrons",
    "numerics",
    "foundation",
)
FACE = {"__init__.py", "__main__.py", "cli.py", "py.typed"}


def modules(root: Path) -> dict[str, ast.Module]:
    """Syntax of every module below a folder, by its dotted name in the package, "" for the root."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(), str(path))
    return found


def imports(found: dict[str, ast.Module]) -> dict[str, set[str]]:
    """What each module imports of the package, inside functions too."""
    edges: dict[str, set[str]] = {name: set() for name in found}
    for name, tree in found.items():
        for node in ast.walk(tree):
            wanted = []
            if isinstance(node, ast.Import):
                wanted = [a.name for a in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, f"{name} imports relatively"
                inner = [f"{node.module}.{a.name}" for a in node.names]
                wanted = [i if _inside(i) in found else node.module for i in inner]
            edges[name] |= {_inside(w) for w in wanted if w.split(".")[0] == "bsnunu_jax"}
        edges[name].discard(name)
    return edges


def _inside(dotted: str) -> str:
    return dotted.removeprefix("bsnunu_jax").removeprefix(".")


def room(module: str) -> str:
    parts = module.split(".")
    return next((r for n in (2, 1) if (r := ".".join(parts[:n])) in ROOMS), parts[0])


def upward(edges: dict[str, set[str]]) -> list[str]:
    floor = {name: ROOMS.index(name) for name in ROOMS}
    wrong = []
    for module, wanted in edges.items():
        for target in wanted if module else ():  # the root is the face of everything
            here, there = room(module), room(target)
            unknown = here not in floor or there not in floor
            if unknown or floor[here] > floor[there]:
                wrong.append(f"{module} -> {target}")
    return sorted(wrong)


def circle(edges: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


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
