"""Scans: points per second with a selection and with all columns on disk, memory, compilation.

`python -m benchmarks.scan [--out FILE] [--points N ...]`: the six-parameter C_R scan of
fits/scan_cr.yaml, its contraction against the limits of the machine, and (m, Lambda) maps.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import yaml

from benchmarks.device import BLOCK, arithmetic_limit, contraction
from benchmarks.timing import Section, report, timed
from bsnunu_jax.scan.card import ScanCard
from bsnunu_jax.scan.plan import make_plan
from bsnunu_jax.scan.run import columns, evaluate, program
from bsnunu_jax.scan.store import Store

CARD = Path(__file__).parents[1] / "fits" / "scan_cr.yaml"
PAPER = {
    "scalar-pair": ("S", "V"),
    "fermion-pair": ("S1", "S2", "V1", "V2", "T1", "T2"),
    "vector-pair": ("S", "T1", "T2", "V2", "V3", "V4", "V5", "V6"),
}
MODES = ("B+->K+", "B0->K0", "B+->K*+", "B0->K*0")
SIDE = 500
BATCH, BATCHES = 1 << 21, 2
POINTS = [1_000_000, 10_000_000]
# Not getrusage, whose peak starts with that of the process that forked.
PEAK = """
import sys
from pathlib import Path
from bsnunu_jax.scan.card import ScanCard
from bsnunu_jax.scan.run import run_scan
run_scan(ScanCard(Path(sys.argv[1])), Path(sys.argv[2]), quiet=True)
print([l.split()[1] for l in open("/proc/self/status") if l.startswith("VmHWM")][0])
"""


def write(path: Path, content: dict[str, Any]) -> Path:
    """The card in a file."""
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def symmetric(points: int, **changes: Any) -> dict[str, Any]:
    """The card of the symmetric C_R with another number of points."""
    content = yaml.safe_load(CARD.read_text()) | changes
    return content | {"design": content["design"] | {"points": points}}


def seconds_of(path: Path, folder: Path, times: int = 5) -> tuple[float, float, int]:
    """Seconds to choose and compile, the least of some runs after that, and the points."""
    card = ScanCard(path)
    start = time.perf_counter()
    plan = make_plan(card.study, card.design)
    call = program(card, plan)
    compilation = time.perf_counter() - start
    chunks = range(-(-card.design.number // card.content.chunk))
    found = []
    for _ in range(times):
        shutil.rmtree(folder, ignore_errors=True)
        store = Store(folder, columns(card))
        start = time.perf_counter()
        evaluate(card, plan, call, store, list(chunks), quiet=True)
        found.append(time.perf_counter() - start)
    return compilation, min(found), card.design.number


def section_points() -> Section:
    """Points per second, store included."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for label, store, sampling in (
            ("selected points on disk", "selected", "random"),
            ("selected points on disk, Sobol", "selected", "sobol"),
            ("all 14 columns on disk", "all", "random"),
        ):
            content = symmetric(1_000_000, store=store)
            content["design"]["sampling"] = sampling
            path = write(folder / "card.yaml", content)
            compilation, seconds, points = seconds_of(path, folder / "out")
            rate = points / seconds / 1e6
            rows.append((label, f"{seconds:.3f}", f"{rate:.1f}", f"{compilation:.1f}"))
    return Section(
        "Six symmetric C_R",
        "One million points drawn, R_K_nunu, R_Kstar_nunu, four BRs and the blue and red regions;"
        " from the first point to the last file on disk, after compilation.",
        ("what is kept", "time [s]", "million points/s", "choose and compile [s]"),
        rows,
    )


def section_memory(numbers: list[int]) -> Section:
    """Peak memory of a process of its own."""
    rows, first = [], 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for points in numbers:
            path = write(folder / f"{points}.yaml", symmetric(points))
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", PEAK, str(path), str(folder / str(points))],
                capture_output=True,
                text=True,
                check=True,
            )
            peak = int(done.stdout) / 1024
            first = first or peak
            seconds = time.perf_counter() - start
            rows.append((f"{points:.0e}", f"{peak:.0f}", f"{peak / first:.3f}", f"{seconds:.1f}"))
    return Section(
        "Peak memory with selected points stored",
        "One process a row, start and compilation included.",
        ("points", "peak [MiB]", "over the first", "time [s]"),
        rows,
    )


def copy_bandwidth() -> float:
    """Bytes per second that all cores read and write in a copy."""
    source, target = np.ones(40_000_000), np.empty(40_000_000)
    cores = os.cpu_count() or 1
    parts = np.linspace(0, len(source), cores + 1).astype(int)

    def copy(k: int) -> None:
        np.copyto(target[parts[k] : parts[k + 1]], source[parts[k] : parts[k + 1]])

    with ThreadPoolExecutor(cores) as pool:
        timing = timed(lambda: list(pool.map(copy, range(cores))), points=2 * source.nbytes)
    return timing.rate


def section_contraction() -> Section:
    """The polynomials alone, coordinates from memory and numbers into it."""
    card = ScanCard(CARD)
    plan = make_plan(card.study, card.design)
    forms = plan.forms
    assert forms is not None
    numbers, axes = len(forms.names), len(plan.design.axes)
    rng = np.random.default_rng(1)
    x = [
        [jnp.asarray(row) for row in rng.uniform(-20, 20, size=(axes, BATCH))]
        for _ in range(BATCHES)
    ]
    # Numbers go where the last ones were: new pages would cost more than the polynomials.
    made = [[jnp.zeros(BATCH) for _ in range(numbers)] for _ in range(BATCHES)]

    compiled = jax.jit(contraction, donate_argnums=0).lower(made[0], forms, x[0]).compile()

    def batch(k: int) -> None:
        made[k] = jax.block_until_ready(compiled(made[k], forms, x[k]))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        timing = timed(lambda: list(pool.map(batch, range(BATCHES))), points=BATCH * BATCHES)
    one = [v[:BLOCK] for v in x[0]]
    counted = jax.jit(lambda f, x: f(x)).lower(forms, one).compile().cost_analysis() or {}
    size, operations = 8 * (axes + numbers), counted["flops"] / BLOCK
    bandwidth, arithmetic = copy_bandwidth(), arithmetic_limit(jnp.float64)
    rows = [
        (
            f"{timing.rate / 1e6:.0f}",
            f"{size * timing.rate / 1e9:.1f}",
            f"{bandwidth / 1e9:.1f}",
            f"{size * timing.rate / bandwidth:.2f}",
            f"{operations * timing.rate / 1e9:.1f}",
            f"{arithmetic / 1e9:.1f}",
            f"{operations * timing.rate / arithmetic:.2f}",
        )
    ]
    return Section(
        "The contraction against the memory and the arithmetic",
        f"{BATCH * BATCHES:,} points in memory, {BATCH:,} a call, in blocks of {BLOCK:,}: {axes}"
        f" coordinates read and {numbers} numbers written, {size} bytes a point; a copy reads and"
        f" writes as much. The blocks are the benchmark's; scans make and use batches in the cache."
        f" {operations:.0f} operations a point as XLA does them, sums that the numbers share once"
        " for each number; the limit is that of fused multiply-adds on all cores.",
        ("million points/s", "GB/s moved", "GB/s of a copy", "ratio", "GFLOP/s", "limit", "ratio"),
        rows,
    )


def section_exclusion_maps() -> Section:
    """All sixteen operators, what limits exclude, in a new process without a cache."""
    rows = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.exclusion_maps", str(SIDE)],
            capture_output=True,
            text=True,
            check=True,
        )
        times = [float(x) for x in done.stdout.split()]
        rows.append((*(f"{t:.2f}" for t in times), f"{sum(times[:3]):.2f}"))
    return Section(
        "Exclusion maps of all sixteen operators",
        f"{SIDE} x {SIDE} masses and scales, four modes, excluded or in Belle II's window: rates at"
        " every mass, the powers of the scale are exact. Seconds in three new processes.",
        ("imports", "compilation", "maps", "maps again", "imports to maps"),
        rows,
    )


def section_maps() -> Section:
    """All sixteen operators over mass and scale."""
    compiled = total = 0.0
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for model, operators in PAPER.items():
            for operator in operators:
                axes = {
                    "m": {"linspace": [0.0, 2.35, SIDE]},
                    "Lambda": {"logspace": [0.1, 1e4, SIDE]},
                }
                path = write(
                    folder / "card.yaml",
                    {
                        "title": "map",
                        "model": model,
                        "fixed": {"operator": operator},
                        "design": {"parameters": axes},
                        "observables": [f"BR({mode}inv)" for mode in MODES],
                    },
                )
                compilation, seconds, _ = seconds_of(path, folder / "out", times=3)
                compiled, total = compiled + compilation, total + seconds
            rows.append((f"up to {model}", f"{total:.2f}", f"{compiled:.1f}"))
    return Section(
        "Maps of mass and scale by scan cards",
        f"{SIDE} x {SIDE} points, four BRs, all columns on disk, one operator after the other.",
        ("operators", "time [s]", "choose and compile [s]"),
        rows,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--points", type=int, nargs="+", default=POINTS, help="for the memory")
    arguments = parser.parse_args()
    report(
        "Scans",
        ("jax", "jaxlib", "numpy", "h5py"),
        arguments.out,
        [
            section_points,
            lambda: section_memory(arguments.points),
            section_contraction,
            section_exclusion_maps,
            section_maps,
        ],
        cores=f"{os.cpu_count()} cores",
    )
