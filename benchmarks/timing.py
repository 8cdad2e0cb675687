"""How the benchmarks time things and what they print."""

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np


@dataclass(frozen=True)
class Section:
    """One table of the report."""

    title: str
    text: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        table = [self.header, ["---"] * len(self.header), *self.rows]
        lines = "\n".join(f"| {' | '.join(row)} |" for row in table)
        return f"## {self.title}\n\n{self.text}\n\n{lines}\n"


@dataclass(frozen=True)
class Timing:
    """Seconds of the first call (with compilation) and of later ones, and the result."""

    points: int
    first: float
    best: float
    median: float
    result: Any

    @property
    def rate(self) -> float:
        return self.points / self.best

    @property
    def compilation(self) -> float:
        return self.first - self.best


def timed(
    function: Callable[..., Any], *arguments: Any, points: int, seconds: float = 1.5
) -> Timing:
    """Time calls for some seconds, at least five; a call ends when its numbers are there."""
    durations: list[float] = []
    result = None
    while len(durations) < 6 or sum(durations[1:]) < seconds:
        start = time.perf_counter()
        result = jax.block_until_ready(function(*arguments))
        durations.append(time.perf_counter() - start)
    later = durations[1:]
    return Timing(points, durations[0], min(later), float(np.median(later)), result)


def machine_noise() -> float:
    """How much slower the median of a fixed piece of work is than its best run."""
    x = np.linspace(0.0, 1.0, 20_000)
    timing = timed(lambda: np.exp(np.sin(x)).sum(), points=1, seconds=1.0)
    return timing.median / timing.best - 1


def cpu() -> str:
    """The processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((x.split(":")[1].strip() for x in lines if "model name" in x), platform.machine())


def report(
    title: str,
    packages: Sequence[str],
    out: Path | None,
    sections: Sequence[Callable[[], Section]],
    cores: str = "one core",
) -> None:
    """Run the sections, print them as they come, and write Markdown where asked."""
    start = time.perf_counter()
    before = machine_noise()
    installed = ", ".join(f"{name} {version(name)}" for name in packages)
    where = f"{cores} of {cpu()}, Python {platform.python_version()}, {installed}"
    print(f"{where}\n", flush=True)
    body = []
    for section in sections:
        body.append(section().markdown())
        print(body[-1], flush=True)
    noise = (
        f"A fixed piece of work varied by {before:.0%} before and {machine_noise():.0%} after"
        f" (median against best); ran {time.perf_counter() - start:.0f} s."
    )
    print(noise)
    if out:
        date = f"{datetime.now(UTC):%Y-%m-%d}"
        head = f"# {title}\n\n{date}, {where}. {noise}\n"
        out.write_text("\n".join([head, *body]))
