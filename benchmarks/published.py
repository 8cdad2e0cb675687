"""Belle II's published likelihood: this package beside pyhf and redist; README.md says what counts.

Run `python -m benchmarks.published` from the root of the repository, with BSNUNU_BELLE2_KNUNU or
`--likelihood` naming the folder with the files; `--out FILE` writes Markdown.
"""
# ruff: noqa: E402

from __future__ import annotations

import os

from benchmarks import peers

peers.pin_to_core(max(os.sched_getaffinity(0)))  # before jax counts the cores

import argparse
import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.timing import Section, Timing, report, timed
from bsnunu_jax.experiments.histfactory.density import Density
from bsnunu_jax.experiments.histfactory.workspace import read_workspace
from bsnunu_jax.experiments.records.record import WORKSPACE

BATCH = 256
LOOP = 200
PACKAGES = ("jax", "jaxlib", "numpy", "pyhf", "redistpy", "eoshep", "iminuit")
COLD_STARTS = 3

Function = Callable[[jax.Array], jax.Array]


def pyhf_model(folder: Path) -> tuple[Any, Any, np.ndarray]:
    """pyhf, its model of the complete workspace and the data, on the backend that is set."""
    import pyhf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        workspace = pyhf.Workspace(json.loads((folder / WORKSPACE).read_text()))
        model = workspace.model()
        return pyhf, model, np.asarray(workspace.data(model))


def points(density: Density, n: int) -> np.ndarray:
    """Vectors in pyhf's order with every parameter displaced and positive rates, shape (n, 232)."""
    rng, found, model = np.random.default_rng(3), [], density.model
    lowest = jax.jit(lambda vector: density.bin_rates(vector).min())
    while len(found) < n:
        vector = density.vector(
            jnp.asarray(0.5 * rng.normal(size=len(model.alphas))),
            jnp.asarray(rng.uniform(1, 6, size=len(model.factors))),
            jnp.asarray(1 + 0.5 * model.gamma_sigma * rng.normal(size=len(model.gamma_sigma))),
        )
        if lowest(vector) > 0:
            found.append(np.asarray(vector))
    return np.array(found)


def evaluations(density: Function, many: np.ndarray) -> dict[str, Timing]:
    """Timings of value, gradient, a compiled loop and a batch."""
    gradient = jax.value_and_grad(density)

    def loop(start: jax.Array) -> jax.Array:
        """Gradients one after the other, as a sampler takes them."""
        return jax.lax.fori_loop(0, LOOP, lambda _, p: p + 1e-12 * gradient(p)[1], start)

    one, batch = jnp.asarray(many[0]), jnp.asarray(many)
    return {
        "value, a call": timed(jax.jit(density), one, points=1),
        "value and gradient, a call": timed(jax.jit(gradient), one, points=1),
        "the same inside a compiled loop": timed(jax.jit(loop), one, points=LOOP),
        f"the same under vmap({BATCH})": timed(jax.jit(jax.vmap(gradient)), batch, points=BATCH),
    }


def section_density(folder: Path) -> Section:
    """The table of the log-density of the published workspace, 232 parameters."""
    ours = read_workspace(folder / WORKSPACE)
    pyhf, peer, data = pyhf_model(folder)
    assert list(ours.parameters.slices) == peer.config.par_order
    alphas, factors, gammas = ours.alpha_at, ours.factor_at, ours.gamma_at
    bins = len(ours.model.observed)
    many = points(ours, BATCH)
    numpy = timed(lambda p: peer.logpdf(p, data)[0], many[0], points=1)
    pyhf.set_backend("jax", precision="64b")
    _, peer, data = pyhf_model(folder)
    traced = jnp.asarray(data)
    columns = {
        "pyhf": evaluations(lambda p: peer.logpdf(p, traced)[0], many),
        "full": evaluations(ours.log_density, many),
        # One MC-statistics parameter a bin: the first of the gammas stand for them here.
        "collapsed": evaluations(
            lambda p: ours.model.collapsed_log_density(p[alphas], p[factors], p[gammas[:bins]] - 1),
            many,
        ),
    }
    pyhf.set_backend("numpy")
    _agree(columns["pyhf"], columns["full"], float(numpy.result))
    rows = [("value, pyhf's numpy backend", _us(numpy), "", "", "", "", "")]
    for label, theirs in columns["pyhf"].items():
        mine, collapsed = (columns[k][label] for k in ("full", "collapsed"))
        rows.append(
            (
                label,
                _us(theirs),
                _us(mine),
                f"{mine.rate / theirs.rate:.1f}",
                _us(collapsed),
                f"{theirs.compilation:.1f}",
                f"{mine.compilation:.1f}",
            )
        )
    return Section(
        "Log-density of the published workspace",
        f"{many.shape[1]} parameters, {bins} bins. pyhf's JAX backend, jitted, but for the first"
        f" row. Equal values and gradients at {BATCH} points (1e-12 of the largest) are asserted."
        " Microseconds per point. A call from Python has the overhead of dispatch on both sides, a"
        " compiled loop has not. The collapsed form has one MC-statistics parameter a bin and the"
        f" same profile: {len(alphas) + len(factors) + bins} parameters.",
        (
            "",
            "pyhf [us]",
            "ours [us]",
            "ratio",
            "ours, collapsed [us]",
            "compilation: pyhf [s]",
            "ours [s]",
        ),
        rows,
    )


def _us(timing: Timing) -> str:
    return f"{1e6 / timing.rate:,.1f}"


def _agree(theirs: dict[str, Timing], mine: dict[str, Timing], numpy: float) -> None:
    """Stop where pyhf and this package differ."""
    label = f"the same under vmap({BATCH})"
    (value, gradient), (expected, expected_gradient) = (
        [np.asarray(a) for a in columns[label].result] for columns in (mine, theirs)
    )
    assert np.isfinite(value).all()
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    scale = np.abs(expected_gradient).max(axis=1, keepdims=True)
    np.testing.assert_allclose(gradient / scale, expected_gradient / scale, rtol=0, atol=1e-12)
    np.testing.assert_allclose(float(mine["value, a call"].result), numpy, rtol=1e-12)


def section_fit(folder: Path) -> Section:
    """The table of the WET best fit from a cold start."""
    found = {
        name: _cold(name, folder, repeats)
        for name, repeats in (("redist", 1), ("bridge", 1), ("ours", COLD_STARTS))
    }
    reference = found["redist"]
    total = {name: r["build"] + r["compile"] + r["fit"] for name, r in found.items()}
    rows = []
    for name, label in (
        ("redist", "redist with EOS, Minuit"),
        ("bridge", "this package's rates in redist, SLSQP"),
        ("ours", "this package, BFGS"),
    ):
        r = found[name]
        depth = r["minus_2_log_density"] - reference["minus_2_log_density"]
        assert abs(depth) < 1e-3, f"{name}: -2 ln L differs by {depth}"
        for k in (0, 2):  # along cSL the density is flat: Minuit stops anywhere below 0.2
            difference = abs(r["values"][k] - reference["values"][k])
            assert difference < 0.02, f"{name}: {difference}"
        rows.append(
            (
                label,
                ", ".join(f"{v:.3f}" for v in r["values"]),
                ", ".join(f"{v:.2f}" for v in r["errors"]) or "not computed",
                f"{r['minus_2_log_density']:.4f}",
                f"{r['build']:.2f}",
                f"{r['compile']:.2f}",
                f"{r['fit']:.2f}",
                f"{total[name]:.2f}",
                f"{total['redist'] / total[name]:.1f}",
            )
        )
    return Section(
        "WET best fit of arXiv:2507.12393 from a cold start",
        "c_VL, c_SL, c_TL and all nuisances from the SM (ours from 0.1 beside it: the slopes in"
        " c_SL and c_TL are 0 there by symmetry). A process each, its start and imports not"
        " counted; mean and covariance of the form factors are given. Depths equal to 1e-3 and"
        " c_VL, c_TL to 0.02 are asserted; along c_SL the density is flat to 1e-4 up to 0.2.",
        (
            "",
            "c_VL, c_SL, c_TL",
            "errors",
            "-2 ln L",
            "build [s]",
            "compile [s]",
            "fit [s]",
            "sum [s]",
            "ratio",
        ),
        rows,
    )


def _cold(name: str, folder: Path, repeats: int) -> dict[str, Any]:
    """The fastest of some new processes."""
    command = [sys.executable, "-m", "benchmarks.wet_fit", name, str(folder)]
    runs = [
        json.loads(
            subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[
                -1
            ]
        )
        for _ in range(repeats)
    ]
    return min(runs, key=lambda r: r["build"] + r["compile"] + r["fit"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the sections, print them as they come, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    parser.add_argument(
        "--likelihood",
        type=Path,
        default=os.environ.get("BSNUNU_BELLE2_KNUNU"),
        help="folder with the published files",
    )
    options = parser.parse_args(arguments)
    if options.likelihood is None:
        parser.error("set BSNUNU_BELLE2_KNUNU or give --likelihood DIR")
    logging.disable(logging.INFO)
    folder = options.likelihood.resolve()
    report(
        "Belle II's published likelihood beside pyhf and redist",
        PACKAGES,
        options.out,
        (lambda: section_density(folder), lambda: section_fit(folder)),
    )


if __name__ == "__main__":
    main()
