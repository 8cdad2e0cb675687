"""Mutated input files: every one is an InputError of one line, or is read as what it says.

    python tests/support/fuzz_inputs.py cards 1000 --seed 3
    python tests/support/fuzz_inputs.py all 5000

A case is a function of kind, seed and number, and `--only NUMBER` runs one again. Kinds of other
files are further entries of `KINDS`.
"""

import argparse
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
from mutations import Tree, of_yaml

from bsnunu_jax.cards.comparison import load_comparison
from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.exchange.read import read_wcxf
from bsnunu_jax.experiments.catalogue import read_measurements
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.scan.card import ScanCard

ROOT = Path(__file__).parents[2]
SECONDS, MEGABYTES, HANG = 2.0, 1024.0, 60


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
