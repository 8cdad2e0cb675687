"""Every number of two versions of the package, through the command line alone.

    python -m benchmarks.compare_versions BEFORE AFTER [--likelihood DIR] [--quick] [--only NAME]

runs the same commands in two checkouts on the cards of the first, compares every number of their
JSON, CSV and NetCDF files and of what they print, prints a table, differences and notes on stderr,
and ends with exit code 1 if a number differs. What one version lacks is a note. Names are those of
`--list`; one without its last part names all that begin with it.

Tolerances are relative: 1e-9 for best fits and predictions, 1e-6 for limits, ends of profile
intervals and what is made of them. A number that is written with few digits may differ by one in
the last; next to large numbers of the same column or point what is 1e-12 of these counts as 0, and
of what is fitted 1e-9 of its error.
Draws of a posterior are compared in distribution: means and variances within 5 standard errors.
"""

import argparse
import csv
import io
import json
import math
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.checkouts import Checkout

_BEST, _LIMIT = 1e-9, 1e-6
# Claims of `reproduce` whose numbers are those of draws.
_SAMPLED = {26}
# Files and keys that say when, where and by what, not what was found.
_ABOUT = {"manifest.json", "done.json", "timing.json"}
_ASIDE = re.compile(
    r"seconds|time|version|sha256|checksum|platform|created|date|host|command|out|folder|jax|^run$"
)
_TINY = 1e-12
# Ends of intervals and errors made of them: crossings, which are found as limits are.
_CROSSING = re.compile(r"\.(intervals|errors)\.")
# In units of a standard error: what is 1e-9 of these counts as 0.
_WHITENED = re.compile(r"theta|inside|nuisances|correlation")
_OBSERVABLES = ("BR(B+->K+inv)", "BR(B0->K*0inv)", "R_K_nunu")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class Job:
    """A command; {cards} and {out} in its words are the folders of cards and of the result.

    Draws are compared in distribution, or left aside where there are only a few.
    """

    name: str
    words: tuple[str, ...]
    tolerance: float
    draws: Literal["", "compared", "aside"] = ""


@dataclass
class Found:
    """What a comparison has seen."""

    numbers: int = 0
    worst: float = 0.0
    where: str = ""
    wrong: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Something that one version lacks or says in other words."""
        self.notes.append(text)


def jobs(cards: Path, likelihood: Path | None) -> Iterator[Job]:
    """All commands."""
    published = ("--likelihood", str(likelihood)) if likelihood else ()
    yield Job("reproduce", ("reproduce", "all", *published, "--out", "{out}"), _LIMIT, "compared")
    for path in sorted(cards.glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        card, name = f"{{cards}}/{path.name}", path.stem
        if "\ndesign:" in text:
            yield Job(f"scan:{name}", ("scan", card, "--out", "{out}"), _BEST)
        elif "\nvariants:" in text or "\nmodels:" in text:
            yield Job(f"compare:{name}", ("compare", card, "--out", "{out}", "--json"), _LIMIT)
        else:
            few = ("--chains", "1", "--draws", "10")
            yield Job(f"best_fit:{name}", ("fit", card, "--out", "{out}", *few), _BEST, "aside")
            yield Job(f"posterior:{name}", ("fit", card, "--out", "{out}"), _BEST, "compared")
    out = ("--out", "{out}", "--json")
    of = {name: f"{{cards}}/{name}.yaml" for name in ("belle2_mu", "belle2_wet", "belle2_cr")}
    yield Job("limit:mu", ("limit", of["belle2_mu"], *out), _LIMIT)
    yield Job("limit:cVL", ("limit", of["belle2_wet"], "--parameter", "cVL", *out), _LIMIT)
    yield Job(
        "project:mu",
        ("project", of["belle2_mu"], "--luminosity", "0.362,5,50", "--true", "1", *out),
        _LIMIT,
    )
    over = ("--over", "CR_mutau=0:15:21", "--over", "CR_tautau=-25:15:21")
    yield Job("profile:plane", ("profile", of["belle2_cr"], *over, *out), _LIMIT)
    yield Job("profile:mu", ("profile", of["belle2_mu"], "--over", "mu=0:10:41", *out), _LIMIT)
    yield from _quick()


def _quick() -> Iterator[Job]:
    """Short ones, on the cards of .ci/cards of the second checkout."""
    out, fit = ("--out", "{out}"), "{short}/fit.yaml"
    yield Job(
        "quick:predict",
        ("predict", *_OBSERVABLES, "--set", "CR_tautau=-11", "--errors", "500", "--json"),
        _BEST,
    )
    yield Job("quick:inputs", ("inputs", "--json"), _BEST)
    yield Job("quick:best_fit", ("fit", fit, *out), _BEST, "compared")
    yield Job("quick:limit", ("limit", "{short}/limit.yaml", *out, "--json"), _LIMIT)
    luminosity = ("--luminosity", "5")
    yield Job(
        "quick:project", ("project", "{short}/limit.yaml", *luminosity, *out, "--json"), _LIMIT
    )
    yield Job("quick:scan", ("scan", "{short}/scan.yaml", *out), _BEST)
    yield Job("quick:reproduce", ("reproduce", "fig2", "claims", *out), _LIMIT)


def compared(a: Path, b: Path, job: Job) -> Found:
    """Two result folders, with what was printed in `stdout`."""
    found = Found()
    names = [{str(p.relative_to(f)) for p in f.rglob("*") if p.is_file()} for f in (a, b)]
    kept = {n for n in names[0] & names[1] if Path(n).name not in _ABOUT}
    for name in sorted(names[0] ^ names[1]):
        if Path(name).suffix in (".json", ".csv", ".nc"):
            found.note(f"{name}: {'first' if name in names[0] else 'second'} alone")
    for name in sorted(kept):
        suffix, one, other = Path(name).suffix, a / name, b / name
        if job.draws and _of_draws(name):
            if name == "posterior.nc" and job.draws == "compared":
                _posteriors(one, other, found, name)
            continue
        if suffix == ".json":
            _trees(json.loads(one.read_text()), json.loads(other.read_text()), found, job, name)
        elif suffix == ".csv":
            _columns(_read_csv(one), _read_csv(other), found, job, name)
        elif suffix == ".nc" and "points" in Path(name).parts:
            _columns(_read_scan(one), _read_scan(other), found, job, name)
        elif name == "stdout":
            _texts(one.read_text(), other.read_text(), found, job, name)
    return found


def _of_draws(name: str) -> bool:
    """Files of a fit or of `belle2` that hold draws or what is made of them."""
    path = Path(name)
    # claims.csv has what rows.json has.
    of_fit = path.name in ("posterior.nc", "summary.csv", "minima.json", "stdout", "claims.csv")
    return of_fit or path.parts[0] in ("figures", "blocks") or "belle2" in path.parts[0]


def _close(x: float, y: float, digits: tuple[str, str], scale: float, tolerance: float) -> float:
    """The difference in units of the tolerance."""
    if x == y or (math.isnan(x) and math.isnan(y)):
        return 0.0
    if not (math.isfinite(x) and math.isfinite(y)):
        return math.inf
    last = max(_last(text) for text in digits)
    allowed = tolerance * max(abs(x), abs(y)) + last + _TINY * scale
    return abs(x - y) / allowed if allowed else math.inf


def _last(text: str) -> float:
    """One in the last digit of a number that was rounded for people, else 0."""
    mantissa, _, power = text.lower().partition("e")
    figures = mantissa.lstrip("+-0.").replace(".", "")
    if len(figures) > 8 or not re.fullmatch(r"[-+]?[\d.]+", mantissa):
        return 0.0
    decimals = len(mantissa.partition(".")[2])
    return 1.01 * 10.0 ** (int(power or 0) - decimals) if "." in mantissa or power else 0.0


def _number(found: Found, job: Job, where: str, x: Any, y: Any, scale: float) -> None:
    found.numbers += 1
    texts = (x if isinstance(x, str) else repr(x), y if isinstance(y, str) else repr(y))
    tolerance = max(job.tolerance, _LIMIT) if _CROSSING.search(where) else job.tolerance
    off = _close(float(x), float(y), texts, scale, tolerance)
    if off > found.worst:
        found.worst, found.where = off, where
    if off > 1:
        found.wrong.append(f"{where}: {texts[0]} != {texts[1]}")


def _trees(x: Any, y: Any, found: Found, job: Job, where: str, scale: float = 0.0) -> None:
    """Two JSON trees."""
    if isinstance(x, dict) and isinstance(y, dict):
        if job.draws and x.get("claim") in _SAMPLED and "uncertainty" in y:
            _sampled(x, y, found, where)
            return
        for key in sorted(x.keys() ^ y.keys()):
            found.note(f"{where}.{key}: {'first' if key in x else 'second'} alone")
        for key in x.keys() & y.keys():
            if key in ("values", "best") and isinstance(x.get("errors"), dict):
                _fitted(x[key], y[key], x["errors"], found, job, f"{where}.{key}")
            elif not _ASIDE.search(key):
                _trees(x[key], y[key], found, job, f"{where}.{key}", _of_point(x))
    elif isinstance(x, list) and isinstance(y, list):
        if len(x) != len(y):
            found.wrong.append(f"{where}: {len(x)} entries != {len(y)}")
        numbers = [abs(v) for v in x if isinstance(v, int | float) and math.isfinite(v)]
        for i, (a, b) in enumerate(zip(x, y, strict=False)):
            _trees(a, b, found, job, f"{where}[{i}]", max(numbers, default=0.0))
    elif _is_number(x) and _is_number(y):
        least = job.tolerance / _TINY if _WHITENED.search(where) else 0.0
        _number(found, job, where, x, y, max(scale, least))
    elif isinstance(x, str) and isinstance(y, str):
        _texts(x, y, found, job, where)
    elif x != y:
        found.wrong.append(f"{where}: {x!r} != {y!r}")


def _of_point(x: dict[str, Any]) -> float:
    """The largest coordinate of a point, which has nothing but numbers."""
    alone = all(_is_number(v) and math.isfinite(v) for v in x.values())
    return max((abs(v) for v in x.values()), default=0.0) if alone else 0.0


def _sampled(x: Any, y: Any, found: Found, where: str) -> None:
    """A number from draws, with its error."""
    found.numbers += 1
    if not abs(x["value"] - y["value"]) <= 3 * math.hypot(x["uncertainty"], y["uncertainty"]):
        found.wrong.append(f"{where}: {x['value']:.4g} != {y['value']:.4g}")


def _fitted(x: Any, y: Any, errors: Any, found: Found, job: Job, where: str) -> None:
    """Fitted values, which are known to their errors: 1e-9 of these counts as 0."""
    for name in x.keys() & y.keys():
        error = errors.get(name) or 0.0
        scale = job.tolerance / _TINY * error if _is_number(error) and error < math.inf else 0.0
        _trees(x[name], y[name], found, job, f"{where}.{name}", scale)


def _is_number(x: Any) -> bool:
    return isinstance(x, int | float) and not isinstance(x, bool)


def _texts(x: str, y: str, found: Found, job: Job, where: str) -> None:
    """Numbers within words; other words are a note."""
    if x == y:
        return
    numbers = [_NUMBER.findall(t) for t in (x, y)]
    if _NUMBER.sub("#", x) != _NUMBER.sub("#", y) or len(numbers[0]) != len(numbers[1]):
        found.note(f"{where}: other words")
        return
    for a, b in zip(*numbers, strict=True):
        _number(found, job, where, a, b, 0.0)


def _read_csv(path: Path) -> dict[str, list[str]]:
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
    names = rows[0] if rows else []
    return {name: [r[i] if i < len(r) else "" for r in rows[1:]] for i, name in enumerate(names)}


def _read_scan(path: Path) -> dict[str, Any]:
    import h5py

    with h5py.File(path) as file:
        return {k: v[...] for k, v in file.items() if v.dtype.kind in "fiub" and v.ndim}


def _columns(x: dict[str, Any], y: dict[str, Any], found: Found, job: Job, where: str) -> None:
    for key in sorted(x.keys() ^ y.keys()):
        found.note(f"{where}.{key}: {'first' if key in x else 'second'} alone")
    for key in [k for k in x if k in y]:
        a, b, here = x[key], y[key], f"{where}.{key}"
        if len(a) != len(b):
            found.wrong.append(f"{here}: {len(a)} rows != {len(b)}")
        elif isinstance(a, np.ndarray):
            _arrays(a, b, found, job, here)
        else:
            sizes = [abs(float(t)) for t in a if _NUMBER.fullmatch(t)]
            for i, (s, t) in enumerate(zip(a, b, strict=True)):
                if _NUMBER.fullmatch(s) and _NUMBER.fullmatch(t):
                    _number(found, job, f"{here}[{i}]", s, t, max(sizes))
                else:
                    _texts(s, t, found, job, f"{here}[{i}]")


def _arrays(x: np.ndarray, y: np.ndarray, found: Found, job: Job, where: str) -> None:
    found.numbers += x.size
    if x.dtype.kind in "iub":
        if not np.array_equal(x, y):
            found.wrong.append(f"{where}: {int((x != y).sum())} of {x.size} differ")
        return
    a, b = x.astype(float), y.astype(float)
    scale = np.nanmax(np.abs(a), initial=0.0, where=np.isfinite(a))
    with np.errstate(invalid="ignore"):
        allowed = job.tolerance * np.maximum(np.abs(a), np.abs(b)) + _TINY * scale
        off = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b) / allowed)
    worst = float(np.nan_to_num(off, nan=np.inf).max(initial=0.0))
    if worst > found.worst:
        found.worst, found.where = worst, where
    if worst > 1:
        found.wrong.append(f"{where}: {int((~(off <= 1)).sum())} of {x.size} differ")


def _posteriors(one: Path, other: Path, found: Found, where: str) -> None:
    """Draws of every quantity in distribution."""
    import arviz

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        draws = [arviz.from_netcdf(p).posterior for p in (one, other)]
        for name in draws[0]:
            if name not in draws[1]:
                found.note(f"{where}.{name}: first alone")
                continue
            chains = [np.asarray(d[name].values, dtype=float) for d in draws]
            chains = [c.reshape(*c.shape[:2], -1) for c in chains]
            for k in range(chains[0].shape[2]):
                values = [c[:, :, k] for c in chains]
                middle = (values[0].mean() + values[1].mean()) / 2
                for what, draw in (
                    ("mean", values),
                    ("variance", [(v - middle) ** 2 for v in values]),
                ):
                    found.numbers += 1
                    mean = [float(v.mean()) for v in draw]
                    if mean[0] == mean[1]:
                        continue
                    error = math.hypot(*(v.std() / float(arviz.ess(v)) ** 0.5 for v in draw))
                    if not abs(mean[0] - mean[1]) <= 5 * error:
                        text = f"{mean[0]:.4g} != {mean[1]:.4g} +- {error:.2g}"
                        found.wrong.append(f"{where}.{name}[{k}], {what}: {text}")


def run(job: Job, version: Checkout, cards: Path, short: Path, folder: Path) -> str:
    """Run a command, once for a folder; what went wrong, or nothing."""
    if (folder / "done").exists():
        return ""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    words = [w.format(cards=cards, short=short, out="result") for w in job.words]
    done = version.command(
        [*words, *([] if "--json" in words else ["--quiet"] * _quiet(words))], folder
    )
    (folder / "result").mkdir(exist_ok=True)
    text = done.out
    if "--json" in words and text.startswith("{"):
        (folder / "result" / "stdout.json").write_text(text)
    else:
        (folder / "result" / "stdout").write_text(text)
    if done.code:
        return f"exit code {done.code}: {done.err.strip().splitlines()[-1:]}"
    (folder / "done").touch()
    return ""


def _quiet(words: list[str]) -> bool:
    return words[0] in ("fit", "scan", "reproduce", "compare", "limit", "project", "profile")


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--likelihood", type=Path, help="Belle II's published likelihood")
    parser.add_argument("--only", nargs="*", default=(), metavar="NAME", help="these alone")
    parser.add_argument("--quick", action="store_true", help="the short ones alone")
    parser.add_argument("--list", action="store_true", help="print the names")
    parser.add_argument("--out", type=Path, help="keep the results here, and go on with them")
    parser.add_argument("--notes", type=int, default=10, help="lines of notes and differences")
    given = parser.parse_args()
    temporary = tempfile.TemporaryDirectory()
    root = given.out.resolve() if given.out else Path(temporary.name)
    before, after = (
        Checkout(name, p.resolve())
        for name, p in (("before", given.before), ("after", given.after))
    )
    cards, short = before.root / "fits", after.root / ".ci" / "cards"
    likelihood = given.likelihood.resolve() if given.likelihood else None
    chosen = [
        job
        for job in jobs(cards, likelihood)
        if (not given.quick or job.name.startswith("quick:"))
        and (not given.only or any(f"{job.name}:".startswith(f"{n}:") for n in given.only))
    ]
    if given.list or not chosen:
        print("\n".join(job.name for job in chosen))
        sys.exit(0 if chosen else 2)
    root.mkdir(parents=True, exist_ok=True)
    for version in (before, after):
        version.check(root)
    failed = False
    print("| command | numbers | largest difference / tolerance | differ | notes |")
    print("|---|---|---|---|---|", flush=True)
    for job in chosen:
        folders, wrong = [], []
        for version in (before, after):
            folder = root / version.name / job.name.replace(":", "_")
            problem = run(job, version, cards, short, folder)
            wrong += [f"{version.name}: {problem}"] if problem else []
            folders.append(folder / "result")
        found = Found(wrong=wrong) if wrong else compared(*folders, job)
        failed |= bool(found.wrong) or not (found.numbers or wrong)
        row = (job.name, found.numbers, f"{found.worst:.2g}", len(found.wrong), len(found.notes))
        print("|", " | ".join(map(str, row)), "|", flush=True)
        for kind, lines in (("differs", found.wrong), ("note", found.notes)):
            for line in lines[: given.notes]:
                print(f"{job.name}: {kind}: {line}", file=sys.stderr, flush=True)
    temporary.cleanup()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
