"""From a scan card to a folder: chunk by chunk, each on disk before it counts."""

import json
import math
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bsnunu_jax.foundation.errors import InputError, RunError
from bsnunu_jax.foundation.progress import bar
from bsnunu_jax.foundation.version import __version__
from bsnunu_jax.numerics.batch import in_flight
from bsnunu_jax.observables.catalogue import get_observable
from bsnunu_jax.runs.folder import Run, joined, run
from bsnunu_jax.scan.card import ScanCard
from bsnunu_jax.scan.hosts import Hosts
from bsnunu_jax.scan.plan import Plan, make_plan
from bsnunu_jax.scan.store import Store
from bsnunu_jax.scan.study import LOG_LIKELIHOOD

# Points of one call: numbers of polynomials are made while they are in the cache, and of slow ones
# there should be some for every core.
_BATCH, _SLOW_BATCH = 1 << 15, 1 << 12
# Batches are whole numbers of these: loops over an odd one cost three times as much.
_ALIGNED = 64
# Of an accelerator's memory a batch may fill one part in so many; numbers in flight at a point that
# is integrated: nodes, and rows at each.
_SPARE, _NODES, _ROWS = 8, 64, 64
_ALONE = Hosts()
# Columns of some points, and how many of the points are in each region.
Part = tuple[dict[str, np.ndarray], dict[str, int]]
Program = Callable[[Any, np.uint64], dict[str, jax.Array]]


def run_scan(
    card: ScanCard,
    folder: Path,
    *,
    resume: bool = False,
    quiet: bool = False,
    hosts: Hosts = _ALONE,
) -> str:
    """Evaluate all points of a card; leaves points/, scan.nc, card.yaml and manifest.json.

    Args:
        card: what to scan.
        folder: result folder, the same for all processes; must not hold a result unless `resume`.
        resume: go on with the scan in `folder`, whatever number of processes began it.
        quiet: no progress on stderr.
        hosts: the processes that share the scan.

    Returns:
        a summary as text.

    Raises:
        InputError: if the folder holds another run, cannot be written, or the disk is full.
        RunError: if the folder goes while the run works.
    """
    quiet = quiet or not hosts.first
    design = card.design  # bad data and inputs are found before the folder is made
    chunks = math.ceil(design.number / card.content.chunk)
    with _ours(folder, card, resume, quiet, hosts) as ours:
        for line in card.warnings if hosts.first else ():
            print(f"bsnunu: WARNING: {line}", file=sys.stderr)
        store = Store(folder, columns(card))
        finished = store.finished(chunks)
        for chunk in finished.intersection(hosts.chunks(chunks)):
            store.verify(chunk)
        todo = [chunk for chunk in hosts.chunks(chunks) if chunk not in finished]
        _check_space(card, store, len(todo) * hosts.count)
        if todo:
            plan = make_plan(card.study, design)
            devices = len(jax.local_devices())
            where = f" on {devices} devices" if devices > 1 else ""
            where += f" in each of {hosts.count} processes" if hosts.count > 1 else ""
            ours.say(
                f"{card.content.title}: {design.number:,} points, {plan.path}{where}; compiling"
            )
            evaluate(card, plan, program(card, plan), store, todo, quiet=quiet)
        hosts.wait("all chunks")
        if not hosts.first:
            return ""
        counts = store.finish(chunks, _attributes(card))
        ours.facts |= {"points": design.number, "counts": counts, "processes": hosts.count}
    return summary(card, counts)


@contextmanager
def _ours(folder: Path, card: ScanCard, resume: bool, quiet: bool, hosts: Hosts) -> Iterator[Run]:
    """The folder claimed by the first process for all; if it cannot, all stop."""
    if not hosts.first:
        if not hosts.all_agree(False):
            raise InputError("the first process was refused, see its message", where=str(folder))
        with joined(folder) as theirs, _ending(hosts):
            yield theirs
        return
    with ExitStack() as stack:
        try:
            ours = stack.enter_context(run(folder, card, resume=resume, quiet=quiet))
        except (InputError, RunError):
            hosts.all_agree(False)
            raise
        hosts.all_agree(True)
        with _ending(hosts):
            yield ours


@contextmanager
def _ending(hosts: Hosts) -> Iterator[None]:
    """What one process finds in the middle it cannot tell the others, which wait for it."""
    try:
        yield
    except InputError as error:
        if hosts.count == 1:
            raise
        raise RunError(str(error)) from None


def columns(card: ScanCard) -> dict[str, tuple[str, dict[str, str]]]:
    """Type and attributes of every column that is stored."""
    found: dict[str, tuple[str, dict[str, str]]] = {}
    if card.content.store == "selected":
        found["index"] = ("u8", {"long_name": "number of the point in the design", "units": "1"})
    for p in card.study.scanned:
        for axis in p.axes:
            about = {
                "units": card.study.model.quantity(p.name).unit or "1",
                "also": json.dumps(p.also),
            }
            found[axis] = ("f8", about)
    for name in card.study.nuisance_names:
        found[f"z[{name}]"] = ("f8", {"units": "1", "long_name": "standard-normal nuisance"})
    for name in card.study.observables:
        o = get_observable(name)
        found[name] = ("f8", {"units": o.unit, "long_name": o.description, "latex": o.latex})
    if card.study.log_likelihood:
        at = "drawn" if card.study.drawn else "0"
        found[LOG_LIKELIHOOD] = (
            "f8",
            {"units": "1", "long_name": f"sum of ln L of the data, their nuisances {at}"},
        )
    for region in card.content.select:
        found[region] = ("i1", {"units": "1", "long_name": "1 in this region, else 0"})
    return found


def program(card: ScanCard, plan: Plan) -> Program:
    """All columns of `batch_size` points from a first one on, compiled."""
    size = batch_size(card, plan)
    devices = jax.local_devices()
    mesh = jax.sharding.Mesh(np.array(devices), ("points",))
    everywhere, apart = (jax.sharding.PartitionSpec(*axes) for axes in ((), ("points",)))

    def batch(known: Any, start: jax.Array) -> dict[str, jax.Array]:
        own = size // len(devices)
        first = start + jax.lax.axis_index("points").astype(jnp.uint64) * np.uint64(own)
        index = first + jnp.arange(own, dtype=jnp.uint64)
        found = plan.columns(known, index)
        for region, cuts in card.content.select.items():
            inside = jnp.ones(own, dtype=bool)
            for name, cut in cuts.items():
                value = found[card.column(name)]
                inside &= value >= cut.min if cut.min is not None else True
                inside &= value <= cut.max if cut.max is not None else True
            found[region] = inside
        return found

    shared = jax.shard_map(
        batch, mesh=mesh, in_specs=(everywhere, everywhere), out_specs=apart, check_vma=False
    )
    start = jax.ShapeDtypeStruct((), jnp.uint64)
    return jax.jit(shared).lower(plan.known, start).compile()


def batch_size(card: ScanCard, plan: Plan) -> int:
    """Points a call, as many on every device: chunks are cut into equal parts."""
    fast = plan.forms is not None and set(plan.forms.names) == set(plan.study.names)
    devices = jax.local_devices()
    most = (_BATCH if fast else _SLOW_BATCH) * len(devices)
    stats = devices[0].memory_stats() if devices[0].platform != "cpu" else None
    if stats is not None:
        # In the caches of a CPU; on an accelerator as many as its memory holds with room to spare.
        numbers = len(columns(card)) if fast else _NODES * _ROWS
        most = max(most, int(stats["bytes_limit"] / (_SPARE * 8 * numbers)) * len(devices))
    chunk = min(card.content.chunk, card.design.number)
    size = math.ceil(chunk / math.ceil(chunk / most))
    unit = len(devices) * _ALIGNED
    return unit * math.ceil(size / unit)


def evaluate(
    card: ScanCard, plan: Plan, call: Program, store: Store, todo: list[int], *, quiet: bool
) -> None:
    """Compute chunks and write them, the next one while the last one is written.

    Raises:
        InputError: as `Store.write`.
    """
    chunk, number = card.content.chunk, card.design.number
    size = batch_size(card, plan)
    selected, regions = card.content.store == "selected", list(card.content.select)
    left = sum(min(chunk, number - c * chunk) for c in todo)
    with (
        bar("scan", " points", quiet=quiet, total=left, unit_scale=True) as shown,
        ThreadPoolExecutor(in_flight()) as pool,
        ThreadPoolExecutor(1) as writer,
    ):

        def compute(start: int, n: int) -> Part:
            made = call(plan.known, np.uint64(start))
            found = {name: np.asarray(v)[:n] for name, v in made.items()}
            counts = {region: int(np.count_nonzero(found[region])) for region in regions}
            if selected:
                kept = np.flatnonzero(np.any([found[r] for r in regions], axis=0))
                found = {name: v[kept] for name, v in found.items()}
                found["index"] = (kept + start).astype(np.uint64)
            return found, counts

        pending: Future[None] | None = None
        try:
            for c in todo:
                first, last = c * chunk, min((c + 1) * chunk, number)
                made, counts = _chunk(pool, compute, range(first, last, size), last, store, shown)
                if pending is not None:
                    pending.result()  # at most two chunks in memory
                pending = writer.submit(store.write, c, made, counts)
            if pending is not None:
                pending.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)  # an interrupt waits for no queue
            raise


def _chunk(
    pool: ThreadPoolExecutor,
    compute: Callable[[int, int], Part],
    starts: range,
    last: int,
    store: Store,
    shown: Any,
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """The columns of a chunk from its parts, and the number of points in every region."""
    whole: dict[str, np.ndarray] = {}
    if "index" not in store.columns:
        size = last - starts[0]
        whole = {name: np.empty(size, kind) for name, (kind, _) in store.columns.items()}

    def part(start: int) -> tuple[int, Part]:
        found, counts = compute(start, min(starts.step, last - start))
        for name, column in whole.items():
            column[start - starts[0] :][: len(found[name])] = found[name]
        return start, ({} if whole else found, counts)

    parts: dict[int, dict[str, np.ndarray]] = {}
    total: Counter[str] = Counter()
    for done in as_completed([pool.submit(part, start) for start in starts]):
        start, (parts[start], counts) = done.result()
        total.update(counts)
        shown.update(min(starts.step, last - start))
    return whole or {
        name: np.concatenate([parts[s][name] for s in starts]) for name in store.columns
    }, dict(total)


def _check_space(card: ScanCard, store: Store, chunks: int) -> None:
    """Refuse a scan that the disk cannot hold before it begins."""
    if card.content.store == "selected":
        return
    points = min(chunks * card.content.chunk, card.design.number)
    needed = points * sum(np.dtype(kind).itemsize for kind, _ in store.columns.values())
    free = shutil.disk_usage(store.folder).free
    if needed > free:
        raise InputError(
            f"{needed / 1e9:.3g} GB are needed and {free / 1e9:.3g} GB free",
            where=str(store.folder),
            allowed="store: selected, fewer points, or another --out",
        )


def _attributes(card: ScanCard) -> dict[str, Any]:
    """Of the dataset."""
    versions = {"bsnunu_jax": __version__, "jax": jax.__version__}
    shape = [a.size for a in card.axes if a.size]
    on_grid = {"grid_shape": shape} if len(shape) == len(card.axes) else {}
    return {
        "title": card.content.title,
        "card": card.resolved,
        "seed": card.content.seed,
        "points": card.design.number,
        "versions": json.dumps(versions),
        **on_grid,
    }


def summary(card: ScanCard, counts: dict[str, int]) -> str:
    """Points, and how many are in each region."""
    lines = [f"{card.design.number:,} points"]
    for region, count in counts.items():
        lines.append(f"{region}: {count:,} ({100 * count / card.design.number:.3g} %)")
    return "\n".join(lines)
