"""Changes of input files, of their bytes and of their entries, for fuzz_inputs.py."""

import copy
import json
import math
import random
import re
from collections.abc import Iterator
from typing import Any

import yaml

Tree = Any

TOKENS = [
    "1e400",
    "-1e400",
    "1e-400",
    "9" * 400,
    "9" * 5000,
    "0x1F",
    "0o17",
    "010",
    "1:30",
    "1_000",
    ".inf",
    "-.inf",
    ".nan",
    "nan",
    "1e300",
    "1e-300",
    "-1",
    "0",
    "1",
    "2.0",
    "true",
    "no",
    "~",
    "''",
    "'1'",
    '"\\0"',
    '"a\\nb"',
    "\u0661",
    "\u00e9",
    "[]",
    "{}",
    "*a",
    "&a",
    "&a [*a]",
    "!!int x",
    "!!python/name:os.system",
    "<<: *a",
    "<<",
    "? ",
    "- ",
    ": ",
    "|",
    ">",
    "%YAML 1.1",
    "---",
    "...",
    "\t",
    "\r",
    "\x00",
    "\ufeff",
    "2024-13-45",
    "x" * 30_000,
    "[" * 300,
    "{a: " * 300,
    "null",
]
VALUES = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2,
    0.5,
    1e-300,
    1e300,
    -1e300,
    math.nan,
    math.inf,
    10**30,
    10**400,
    "",
    "x",
    "1",
    "-30",
    "0x10",
    "1_000",
    "yes",
    "\0",
    "a\nb",
    "\u00e9",
    "x" * 3000,
    [],
    {},
    [1],
    [1, 2],
    [2, 1],
    [1, 1],
    ["a", "a"],
    {"a": 1},
    {"Re": 1, "Im": 2},
    {1: 2},
    [[1, 0], [0, 1]],
    {"uniform": [0, 1]},
    {"normal": [0, 1]},
    {"linspace": [0, 1, 3]},
    "R_K_nunu",
    "BR(B+->Knunu)",
    "smeft",
    "neutrinos",
    "Omega_h2",
    "belle2_2023_br",
    "/dev/zero",
    "n" * 300 + ".yaml",
    "a/b.json",
]
NUMBER = re.compile(rb"(?<![\w.])[-+]?\d[\d.e+-]*")


def of_text(content: bytes, rng: random.Random) -> bytes:
    """One change of the bytes."""
    at, lines = rng.randrange(len(content) + 1), content.splitlines(keepends=True)
    token = rng.choice(TOKENS).encode()
    how = rng.randrange(11)
    if how == 0:
        return content[:at] + token + content[at:]
    if how == 1:
        return content[:at] + content[at + rng.randint(1, 20) :]
    if how == 2:
        return content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :]
    if how == 3 and lines:
        i = rng.randrange(len(lines))
        return b"".join(lines[:i] + lines[i + 1 :])
    if how == 4 and lines:
        line = rng.choice(lines)
        return content[:at] + line * rng.choice([1, 2, 50, 3000]) + content[at:]
    if how == 5 and len(lines) > 1:
        rng.shuffle(lines)
        return b"".join(lines)
    if how == 6:
        return content[:at]
    if how == 7:
        return content.decode("utf-8", "replace").encode(rng.choice(["utf-16", "utf-8-sig"]))
    if how == 8 and lines:
        i = rng.randrange(len(lines))
        lines[i] = b" " * rng.randint(1, 4) + lines[i]
        return b"".join(lines)
    if how == 9:
        aliases = b"".join(b"a%d: &a%d [*a%d, *a%d]\n" % (i, i, i - 1, i - 1) for i in range(1, 30))
        return content + b"a0: &a0 [x, x]\n" + aliases
    numbers = list(NUMBER.finditer(content))
    if not numbers:
        return content + token
    found = rng.choice(numbers)
    return content[: found.start()] + token + content[found.end() :]


def places(tree: Tree, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of all entries."""
    entries = enumerate(tree) if isinstance(tree, list) else ()
    for key, value in tree.items() if isinstance(tree, dict) else entries:
        yield (*path, key)
        yield from places(value, (*path, key))


def of_tree(tree: Tree, rng: random.Random) -> None:
    """One change of an entry, in place."""
    every = list(places(tree))
    if not every:
        return
    *path, key = rng.choice(every)
    parent = tree
    for step in path:
        parent = parent[step]
    how = rng.randrange(8)
    if how == 0:
        del parent[key]
    elif how == 1 and isinstance(parent, dict):
        value = parent.pop(key)
        parent[rng.choice([f"{key}x", str(key)[1:], rng.choice(every)[-1], "<<"])] = value
    elif how == 2 and isinstance(parent, list):
        parent.append(parent[key])
    elif how == 3:
        parent[key] = [parent[key]]
    elif how == 4 and isinstance(parent[key], int | float) and abs(parent[key]) < 1e50:
        factors = [1.5, 0.5, 1e-3, 1e6, 1e250]
        others = [str(parent[key]), -parent[key], 0, bool(parent[key]), float(parent[key])]
        parent[key] = rng.choice([*others, *(parent[key] * f for f in factors)])
    elif how == 5:
        other = tree
        for step in rng.choice(every):
            other = other[step] if not isinstance(other, list) or step < len(other) else None
            if not isinstance(other, dict | list):
                break
        parent[key] = json.loads(json.dumps(other, default=str, skipkeys=True))
    else:
        parent[key] = copy.deepcopy(rng.choice(VALUES))


def of_yaml(content: bytes, rng: random.Random, suffix: str = ".yaml") -> tuple[bytes, Tree]:
    """Changes of the bytes or of the entries."""
    if rng.random() < 0.5:
        for _ in range(rng.choice([1, 1, 2, 3])):
            content = of_text(content, rng)
        return content, None
    tree = yaml.safe_load(content)
    for _ in range(rng.choice([1, 1, 2])):
        of_tree(tree, rng)
    if suffix == ".json":
        return json.dumps(tree).encode("utf-8", "replace"), tree
    return yaml.safe_dump(tree, allow_unicode=rng.random() < 0.5).encode("utf-8", "replace"), tree
