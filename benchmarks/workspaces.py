"""Workspaces of HistFactory beside pyhf's JAX backend: value and gradient of the log-density.

`python -m benchmarks.workspaces [--likelihood DIR] [--bins 20,80,300] [--alone 80] [--out FILE]`:
toys with all types of modifiers and with each alone, and Belle II's published one. Both sides are
jitted, values and gradients are compared at every point. CPU time of the process, on one core: what
else the machine does is not in it.
"""
# ruff: noqa: E402

from __future__ import annotations

import os

from benchmarks import peers

peers.pin_to_core(max(os.sched_getaffinity(0)))  # before jax counts the cores

import argparse
import json
import logging
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.published import BATCH, LOOP
from benchmarks.published import points as belle2_points
from benchmarks.timing import Section, report
from bsnunu_jax.experiments.histfactory.density import Density
from bsnunu_jax.experiments.histfactory.specification import specification
from bsnunu_jax.experiments.histfactory.workspace import build
from bsnunu_jax.experiments.records.record import WORKSPACE

TYPES = ("normfactor", "normsys", "histosys", "staterror", "shapesys", "shapefactor", "lumi")
BINS = (20, 80, 300)
TURNS = 2
# Of a toy: channels of half of the bins each, systematics of a type, CPU seconds of a timing.
CHANNELS, SAMPLES, SYSTEMATICS, SECONDS = 2, ("signal", "charged", "continuum"), 6, 0.4
LUMI = {"name": "lumi", "auxdata": [1.0], "sigmas": [0.02], "inits": [1.0], "bounds": [[0.5, 1.5]]}
Content = dict[str, Any]


def toy(bins: int, types: Sequence[str]) -> Content:
    """A signal of a strength mu and two backgrounds, with modifiers of these types."""
    rng = np.random.default_rng(1)
    channels, observations = [], []
    for c in range(CHANNELS):
        samples, total = [], np.zeros(bins // CHANNELS)
        for s, name in enumerate(SAMPLES):
            data = rng.uniform(20, 100, total.size)
            total += data
            modifiers = [_modifier("normfactor", "mu")] if s == 0 else []
            for kind in types:
                modifiers += _modifiers(kind, s, c, data, rng)
            samples.append({"name": name, "data": data.tolist(), "modifiers": modifiers})
        channels.append({"name": f"c{c}", "samples": samples})
        observations.append({"name": f"c{c}", "data": rng.poisson(total).astype(float).tolist()})
    config = {"poi": "mu", "parameters": [LUMI] if "lumi" in types else []}
    return {
        "channels": channels,
        "observations": observations,
        "measurements": [{"name": "fit", "config": config}],
        "version": "1.0.0",
    }


def _modifier(kind: str, name: str, data: Any = None) -> Content:
    return {"name": name, "type": kind, "data": data}


def _modifiers(
    kind: str, s: int, c: int, data: np.ndarray, rng: np.random.Generator
) -> list[Content]:
    """Those of one type of sample s in channel c."""
    if kind == "normsys":  # of a sample alike in all channels
        size = 0.02 * (s + 1) + 0.01 * np.arange(SYSTEMATICS)
        return [_modifier(kind, f"n{i}", {"hi": 1 + x, "lo": 1 - x}) for i, x in enumerate(size)]
    if kind == "histosys":
        moved = data * (1 + rng.normal(0, 0.03, (SYSTEMATICS, 2, data.size)))
        return [
            _modifier(kind, f"h{i}", {"hi_data": up, "lo_data": down})
            for i, (up, down) in enumerate(moved.tolist())
        ]
    if kind == "staterror":
        return [_modifier(kind, f"mc{c}", (0.05 * data).tolist())]
    if kind == "lumi":
        return [_modifier(kind, "lumi")]
    own = {"normfactor": "k", "shapesys": f"u{c}", "shapefactor": f"f{c}"}
    on = {"normfactor": 1, "shapesys": 1, "shapefactor": 2}
    given = (0.1 * data).tolist() if kind == "shapesys" else None
    return [_modifier(kind, own[kind], given)] if on[kind] == s else []


def points(density: Density) -> np.ndarray:
    """Vectors with every parameter displaced and positive rates, shape (256, parameters)."""
    rng, found, parameters = np.random.default_rng(3), [], density.parameters
    at, centre, scale = parameters.constraints["normal"]
    while len(found) < BATCH:
        vector = rng.uniform(0.5, 1.5, len(parameters))
        vector[at] = centre + 0.7 * scale * rng.normal(size=len(at))
        if density.impossible_bin(vector) is None:
            found.append(vector)
    return np.array(found)


@dataclass
class Side:
    """Programs of one log-density, their results, and the fewest CPU seconds a point so far."""

    programs: dict[str, tuple[Any, jax.Array, int]]
    best: dict[str, float] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)
    compilation: float = 0.0

    @classmethod
    def of(cls, density: Callable[[jax.Array], jax.Array], many: np.ndarray) -> Side:
        """Value and gradient: calls from Python, in a compiled loop, a batch."""
        gradient = jax.value_and_grad(density)

        def loop(start: jax.Array) -> jax.Array:
            """One after the other, as a sampler takes them."""
            return jax.lax.fori_loop(0, LOOP, lambda _, p: p + 1e-12 * gradient(p)[1], start)

        one, batch = jnp.asarray(many[0]), jnp.asarray(many)
        return cls(
            {
                "call": (jax.jit(gradient), one, 1),
                "loop": (jax.jit(loop), one, LOOP),
                "vmap": (jax.jit(jax.vmap(gradient)), batch, BATCH),
            }
        )

    def time(self) -> None:
        """One turn: calls for some CPU seconds, in runs that the clock resolves."""
        for name, (program, at, n) in self.programs.items():
            start = time.process_time()
            self.results[name] = jax.block_until_ready(program(at))
            first = time.process_time() - start
            repeats, spent = (100 if n == 1 else 1), 0.0
            while spent < SECONDS:
                start = time.process_time()
                for _ in range(repeats):
                    jax.block_until_ready(program(at))
                took = time.process_time() - start
                spent += took
                known = self.best.get(name, np.inf)
                self.best[name] = min(known, took / repeats / n)
                if known == np.inf:
                    self.compilation += first - took / repeats


def _peer(content: Content) -> Callable[[jax.Array], jax.Array]:
    """pyhf's log-density on its JAX backend."""
    import pyhf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pyhf.set_backend("jax", precision="64b")
        workspace = pyhf.Workspace(content)
        model = workspace.model()
        data = jnp.asarray(workspace.data(model))
    return lambda p: model.logpdf(p, data)[0]


def compare(label: str, theirs: Side, mine: Side, density: Density) -> None:
    """Stop where pyhf and this package differ."""
    (value, slope), (expected, expected_slope) = (
        [np.asarray(a) for a in side.results["vmap"]] for side in (mine, theirs)
    )
    assert np.isfinite(value).all()
    terms = np.abs(expected) + density.model.observed.sum() + slope.shape[1]
    assert (np.abs(value - expected) <= 1e-12 * terms).all(), label
    scale = np.abs(expected_slope).max(axis=1, keepdims=True)
    np.testing.assert_allclose(slope / scale, expected_slope / scale, rtol=0, atol=1e-11)


def row(label: str, theirs: Side, mine: Side) -> tuple[str, ...]:
    """One workspace."""
    found = [label, str(mine.programs["call"][1].size)]
    for name, ours in mine.best.items():
        other = theirs.best[name]
        found += [f"{1e6 * t:.2f}" for t in (other, ours)]
        found.append(f"{other / ours:.1f}")
    return (*found, *(f"{side.compilation:.1f}" for side in (theirs, mine)))


def cases(bins: Sequence[int], alone: int, folder: Path | None) -> Iterator[tuple[str, Content]]:
    """Label and content of every workspace."""
    for n in bins:
        yield f"{n} bins, all types", toy(n, TYPES)
    for kind in TYPES:
        yield f"{alone} bins, {kind}", toy(alone, (kind,))
    if folder is not None:
        yield "Belle II, 30 bins", json.loads((folder / WORKSPACE).read_text())


def section(bins: Sequence[int], alone: int, folder: Path | None) -> Section:
    """The table."""
    sides: dict[str, tuple[Side, Side, Density]] = {}
    for label, content in cases(bins, alone, folder):
        density = build(specification(content, label, None))
        many = belle2_points(density, BATCH) if label.startswith("Belle") else points(density)
        sides[label] = Side.of(_peer(content), many), Side.of(density.log_density, many), density
    for _ in range(TURNS):
        for label, (theirs, mine, density) in sides.items():
            with jax.numpy_rank_promotion("allow"):
                theirs.time()
            mine.time()
            compare(label, theirs, mine, density)
            print(row(label, theirs, mine), flush=True)
    rows = [row(label, *both) for label, (*both, _) in sides.items()]
    empty = Side({"call": (jax.jit(lambda p: (p.sum(), 2 * p)), jnp.ones(75), 1)})
    empty.time()
    floor = 1e6 * empty.best["call"]
    apart = [
        f"{side} {what} [us]" for what in ("call", "loop", "vmap") for side in ("pyhf", "ours")
    ]
    header = [h for i in (0, 2, 4) for h in (*apart[i : i + 2], "ratio")]
    return Section(
        "Value and gradient of the log-density",
        f"{len(SAMPLES)} samples in {CHANNELS} channels, {SYSTEMATICS} normsys and histosys each, a"
        f" signal strength. Microseconds of CPU a point, the best of {TURNS} turns: a call from"
        f" Python, one after the other in a compiled loop, vmap({BATCH}). A call of a program that"
        f" adds 75 numbers takes {floor:.1f} us. Equal values (1e-12) and gradients (1e-11 of the"
        " largest) are asserted. Seconds of compilation of all three.",
        ("workspace", "parameters", *header, "compilation: pyhf [s]", "ours [s]"),
        rows,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    parser.add_argument("--bins", default=",".join(map(str, BINS)), help="of the toys")
    parser.add_argument("--alone", type=int, default=80, help="of the toys with one type")
    parser.add_argument(
        "--likelihood",
        type=Path,
        default=os.environ.get("BSNUNU_BELLE2_KNUNU"),
        help="folder with Belle II's published files",
    )
    options = parser.parse_args(arguments)
    logging.disable(logging.INFO)
    bins = [int(n) for n in options.bins.split(",")]
    report(
        "Workspaces beside pyhf's JAX backend",
        ("jax", "jaxlib", "numpy", "pyhf"),
        options.out,
        (lambda: section(bins, options.alone, options.likelihood),),
    )


if __name__ == "__main__":
    main()
