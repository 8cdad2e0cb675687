"""Mutated input files: every one is an InputError of one line, or is read as what it says.

    python tests/support/fuzz_inputs.py cards 1000 --seed 3
    python tests/support/fuzz_inputs.py all 5000

A case is a function of kind, seed and number, and `--only NUMBER` runs one again. Kinds of other
files are further entries of `KINDS`.
"""

import argparse
import copy
import json
import math
import random
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bsnunu_jax.cards.comparison import load_comparison
from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.exchange.read import read_wcxf
from bsnunu_jax.experiments.catalogue import read_measurements
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.scan.card import ScanCard

ROOT = Path(__file__).parents[2]
SECONDS, MEGABYTES, HANG = 2.0, 1024.0, 60
Tree = Any


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        samples: valid files.
        read: reads one; the tree is what the file says, if it was written from one.
        mutate: a changed file and its tree.
        suffix: of its name.
    """

    samples: Callable[[], Sequence[bytes]]
    read: Callable[[Path, Tree], object]
    mutate: Callable[[bytes, random.Random], tuple[bytes, Tree]]
    suffix: str = ".yaml"


@dataclass
class Outcome:
    """What became of a case; `fault` is empty if all is well."""

    number: int
    read: bool
    seconds: float
    megabytes: float
    message: str = ""
    fault: str = ""


@dataclass
class Tally:
    """What became of all cases of a kind."""

    kind: str
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def faults(self) -> list[Outcome]:
        """Cases that are not as they should be."""
        return [o for o in self.outcomes if o.fault]

    def row(self) -> str:
        """One line of the table."""
        n, read = len(self.outcomes), sum(o.read for o in self.outcomes)
        slowest = max(self.outcomes, key=lambda o: o.seconds)
        largest = max(self.outcomes, key=lambda o: o.megabytes)
        return (
            f"{self.kind:13} {n:6} {n - read:8} {read:6} {len(self.faults):6} "
            f"{slowest.seconds:8.2f} s (#{slowest.number}) {largest.megabytes:7.0f} MB "
            f"(#{largest.number})"
        )


HEAD = f"{'kind':13} {'cases':>6} {'refused':>8} {'read':>6} {'faults':>6}  slowest, largest"


# Mutations ---------------------------------------------------------------------------------------

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


# Kinds -------------------------------------------------------------------------------------------


def agrees(read: Any, said: Tree) -> bool:
    """Whether all that a tree says was read as it is."""
    if said is None:
        return True
    if isinstance(said, dict):
        keys = {k: v for k, v in said.items() if v is not None}
        return isinstance(read, dict) and all(
            k in read and agrees(read[k], v) for k, v in keys.items()
        )
    if isinstance(said, list):
        same = isinstance(read, list | tuple) and len(read) == len(said)
        return same and all(map(agrees, read, said))
    if isinstance(said, bool) or isinstance(read, bool) or isinstance(said, str):
        return type(read) is type(said) and bool(read == said)
    return isinstance(read, int | float) and read == said


def _expect(ok: object, what: str) -> None:
    if not ok:
        raise AssertionError(what)


def _yaml_of(*patterns: str) -> Callable[[], list[bytes]]:
    return lambda: [p.read_bytes() for pattern in patterns for p in sorted(ROOT.glob(pattern))]


def _again(path: Path, card: Card | ScanCard, reader: Callable[[Path], Any]) -> None:
    """The resolved card states the same."""
    path.write_text(card.resolved, encoding="utf-8")
    _expect(reader(path).resolved == card.resolved, "the resolved card is another one")


def _card(path: Path, tree: Tree) -> None:
    card = Card(path)
    measurements = card.stated.measurements
    _expect(measurements, "no data")
    _expect(tree is None or agrees(card.content.model_dump(), tree), "read as something else")
    _again(path, card, Card)


def _comparison(path: Path, tree: Tree) -> None:
    for card in (v.card for v in load_comparison([path]).variants):
        _expect(card.stated.measurements, "no data")


def _scan(path: Path, tree: Tree) -> None:
    card = ScanCard(path)
    _expect(card.study.names, "nothing is computed")
    _expect(tree is None or agrees(card.content.model_dump(), tree), "read as something else")
    _again(path, card, ScanCard)


def _measurements(path: Path, tree: Tree) -> None:
    found = read_measurements(path)
    _expect(found, "no measurement")
    for m, said in zip(found, tree["measurements"] if tree else found, strict=True):
        numbers = {
            k: getattr(m, k) for k in ("value", "observed", "background", "limit") if hasattr(m, k)
        }
        _expect(all(map(math.isfinite, numbers.values())), "not finite")
        if tree:
            own = {k: v for k, v in said.items() if k in numbers}
            _expect(agrees(numbers, own), f"read as something else: {numbers}")


def _wcxf(path: Path, tree: Tree) -> None:
    point = read_wcxf(path)
    numbers = [v for v in point.parameters.values() if not isinstance(v, str)]
    _expect(all(math.isfinite(abs(v)) for v in numbers), "not finite")


def _wcxf_samples() -> list[bytes]:
    flavio: dict[str, Any] = {
        "eft": "WET",
        "basis": "flavio",
        "scale": 4.8,
        "values": {"CL_bsnumunumu": 0.1, "CR_bsnutaunutau": {"Re": -1.0e-3, "Im": 2.0}},
    }
    own = {
        "eft": "WET-dark",
        "basis": "bsnunu",
        "scale": 4.18,
        "values": {"S_bsXX": 1.0e-9},
        "metadata": {"particle": {"m": 0.5, "real": False}},
    }
    scalars = own | {"values": {"V_bsphiphi": {"Re": 1.0e-9}}, "metadata": {"particle": {"m": 1}}}
    return [yaml.safe_dump(t).encode() for t in (flavio, own, scalars)]


_CARDS = [p for p in ("belle2_*", "dm_*", "sterile*", "leptoquark*", "vlq*", "zprime*")]
KINDS: dict[str, Kind] = {
    "cards": Kind(_yaml_of(*(f"fits/{p}.yaml" for p in _CARDS)), _card, of_yaml),
    "comparisons": Kind(
        _yaml_of("fits/mediators*.yaml", "fits/dark_sector.yaml"), _comparison, of_yaml
    ),
    "scans": Kind(_yaml_of("fits/scan_*.yaml"), _scan, of_yaml),
    "measurements": Kind(
        _yaml_of(
            *(
                f"bsnunu_jax/experiments/data/{n}.yaml"
                for n in ("counting", "gaussian", "limits", "correlated_modes", "dark_matter")
            )
        ),
        _measurements,
        of_yaml,
    ),
    "wcxf": Kind(_wcxf_samples, _wcxf, of_yaml),
    "wcxf-json": Kind(
        lambda: [json.dumps(yaml.safe_load(t)).encode() for t in _wcxf_samples()],
        _wcxf,
        lambda content, rng: of_yaml(content, rng, ".json"),
        ".json",
    ),
}


# Running -----------------------------------------------------------------------------------------


class _Hangs(BaseException):
    pass


def _hangs(*_: object) -> None:
    raise _Hangs


def _memory(name: str) -> float:
    """MB of this process: VmSize, VmRSS, or VmHWM, the peak."""
    found = re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else math.nan


@contextmanager
def bounded() -> Iterator[None]:
    """An alarm, and an address space that ends a little above the bound."""
    before, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = int((_memory("VmSize") + 1.5 * MEGABYTES) * 2**20)
    resource.setrlimit(resource.RLIMIT_AS, (most if hard < 0 else min(most, hard), hard))
    handler = signal.signal(signal.SIGALRM, _hangs)
    signal.alarm(HANG)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, (before, hard))


def run_case(
    name: str, kind: Kind, samples: Sequence[bytes], number: int, seed: int, folder: Path
) -> Outcome:
    """Mutate and read one file."""
    rng = random.Random(f"{name} {seed} {number}")
    content, tree = kind.mutate(rng.choice(samples), rng)
    path = folder / f"case{kind.suffix}"
    path.write_bytes(content)
    Path("/proc/self/clear_refs").write_text("5")  # the peak of memory begins anew
    memory, began = _memory("VmRSS"), time.process_time()
    message = fault = ""
    try:
        with bounded():
            kind.read(path, tree)
    except InputError as error:
        message = str(error)
        if "\n" in message or len(message) > 2000:
            fault = "not one line of modest length"
    except _Hangs:
        fault = f"more than {HANG} s"
    except BaseException as error:
        fault = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
    seconds, megabytes = time.process_time() - began, max(0.0, _memory("VmHWM") - memory)
    if not fault and (seconds > SECONDS or megabytes > MEGABYTES):
        fault = f"{seconds:.1f} s, {megabytes:.0f} MB"
    return Outcome(number, not message and not fault, seconds, megabytes, message, fault)


def run(name: str, kind: Kind, cases: Sequence[int], seed: int) -> Tally:
    """Cases of a kind, one after the other in this process."""
    tally, samples = Tally(name), kind.samples()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"valid{kind.suffix}"
        for sample in samples:  # valid they are; this also loads and caches what all cases need
            path.write_bytes(sample)
            kind.read(path, None)
        for number in cases:
            tally.outcomes.append(run_case(name, kind, samples, number, seed, Path(folder)))
    return tally


def main(arguments: Sequence[str] | None = None) -> int:
    """The table; 1 if there is a fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=["all", *KINDS])
    parser.add_argument("number", type=int, help="of cases, over all kinds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="this case alone, with its message")
    given = parser.parse_args(arguments)
    names = list(KINDS) if given.kind == "all" else [given.kind]
    print(HEAD)
    faults = 0
    for i, name in enumerate(names):
        share = range(i, given.number, len(names))
        cases = [given.only] if given.only is not None else list(range(len(share)))
        tally = run(name, KINDS[name], cases, given.seed)
        print(tally.row(), flush=True)
        for outcome in tally.faults:
            print(f"  #{outcome.number}: {outcome.fault}")
        if given.only is not None:
            print(tally.outcomes[0])
        faults += len(tally.faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
