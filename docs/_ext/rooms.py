"""The rooms of the package: their order as `docs/architecture.md` lists it, imports as they are.

python docs/_ext/rooms.py draws `docs/images/rooms.svg`: one column a room, which begins at the room
itself and has an arrow into every room that it imports.
"""

import ast
import re
from graphlib import CycleError, TopologicalSorter
from html import escape
from pathlib import Path

DOCS = Path(__file__).parents[1]
PACKAGE = DOCS.parent / "bsnunu_jax"
PAGE, PICTURE = DOCS / "architecture.md", DOCS / "images" / "rooms.svg"
_ROW, _TOP, _LEFT, _COLUMN = 24, 14, 450, 22


def listed() -> dict[str, str]:
    """What lives in each room, from the top down: the first table of the page."""
    table = PAGE.read_text(encoding="utf-8").partition("| room |")[2].partition("\n\n")[0]
    return dict(re.findall(r"^\| `([\w./]+)` \| (.*?) \|", table.replace("/", "."), re.MULTILINE))


def modules(root: Path) -> dict[str, ast.Module]:
    """Syntax of every module below a folder, by its dotted name in the package, "" for the root."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
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
    """The room of a module, its first name if it is in none."""
    parts = module.split(".")
    return next((r for n in (2, 1) if (r := ".".join(parts[:n])) in ROOMS), parts[0])


def upward(edges: dict[str, set[str]]) -> list[str]:
    """Imports that point up, or into or out of no room."""
    floor = {name: i for i, name in enumerate(ROOMS)}
    wrong = []
    for module, wanted in edges.items():
        for target in wanted if module else ():  # the root is the face of everything
            here, there = room(module), room(target)
            unknown = here not in floor or there not in floor
            if unknown or floor[here] > floor[there]:
                wrong.append(f"{module} -> {target}")
    return sorted(wrong)


def circle(edges: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle, if there is one."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def arrows(edges: dict[str, set[str]]) -> set[tuple[str, str]]:
    """Pairs of rooms, of which the first imports the second."""
    pairs = {(room(a), room(b)) for a, wanted in edges.items() if a for b in wanted}
    return {(a, b) for a, b in pairs if a != b and b in ROOMS}


def drawn(edges: dict[str, set[str]]) -> str:
    """The picture as SVG."""
    rows = [name for name in ROOMS if name != "__main__"]
    found = arrows(edges)
    y = {name: _TOP + _ROW * i + _ROW / 2 for i, name in enumerate(rows)}
    x = {name: _LEFT + _COLUMN * i + _COLUMN / 2 for i, name in enumerate(rows)}
    width, height = _LEFT + _COLUMN * len(rows) + 8, 2 * _TOP + _ROW * len(rows)
    text = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for i, name in enumerate(rows):
        fill = "#eef3fe" if i % 2 else "#ffffff"
        inner = name.partition(".")[2]
        text += [
            f'<rect x="4" y="{y[name] - _ROW / 2:g}" width="{width - 8}" height="{_ROW}" '
            f'fill="{fill}"/>',
            f'<text x="{28 if inner else 10}" y="{y[name] + 4:g}" font-weight="bold">'
            f"{inner or name}</text>",
            f'<text x="110" y="{y[name] + 4:g}" font-size="10" fill="#404040">'
            f"{escape(ROOMS[name].partition(';')[0].replace('`', ''))}</text>",
        ]
    for name in rows:
        into = [y[b] for a, b in found if a == name]
        if into:
            text.append(
                f'<path d="M{x[name]:g} {y[name]:g}V{max(into):g}" stroke="#9c9ca1" fill="none"/>'
            )
        for end in sorted(into):
            text.append(
                f'<path d="M{x[name] - 4:g} {end - 6:g}L{x[name]:g} {end:g}'
                f'L{x[name] + 4:g} {end - 6:g}Z" fill="#5790fc"/>'
            )
        text.append(f'<circle cx="{x[name]:g}" cy="{y[name]:g}" r="4" fill="#e42536"/>')
    return "\n".join([*text, "</svg>", ""])


ROOMS = listed()

if __name__ == "__main__":
    PICTURE.write_text(drawn(imports(modules(PACKAGE))), encoding="utf-8")
