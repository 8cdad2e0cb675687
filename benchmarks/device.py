"""One accelerator, or the CPU: points per second against the limits of the device.

`python -m benchmarks.device [--out FILE] [--likelihood DIR] [--seconds S]`: copy bandwidth and
floating-point limit are measured first; then the contraction of scans, rates with form factors of
their own at every point, the log-likelihood of the main fit (the published one of Belle II with
`--likelihood` or BSNUNU_BELLE2_KNUNU), NUTS chains side by side, and profiled points.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.timing import Section, Timing, report, timed
from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.experiments.records.record import likelihood_folder
from bsnunu_jax.inference.fits.profile_map import profile_map
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inputs import Nuisances, load_inputs
from bsnunu_jax.numerics.batch import chunked_vmap
from bsnunu_jax.observables.branching import branching_fraction
from bsnunu_jax.scan.card import ScanCard
from bsnunu_jax.scan.forms import QuadraticForms
from bsnunu_jax.scan.plan import make_plan
from bsnunu_jax.states import Neutrinos

FITS = Path(__file__).parents[1] / "fits"
ON_CPU = jax.default_backend() == "cpu"
# Points in memory of the contraction and of its blocks on a CPU; points of a call with form factors
# and gradients at once (in the cache); lanes of the likelihood; chains.
POINTS, BLOCK = 1 << (22 if ON_CPU else 27), 1 << 12
BATCH, CHUNK = (1 << 14, 1 << 10) if ON_CPU else (1 << 20, 1 << 20)
LANES = 1 << (8 if ON_CPU else 14)
CHAINS = 4 if ON_CPU else 1024
MODES = ("B+->K+", "B0->K0", "B+->K*+", "B0->K*0")
SECONDS = 1.5


def in_place(function: Callable[..., Any], out: Any) -> Callable[..., Any]:
    """Calls that leave their numbers where the last ones were: new pages cost more than those."""
    compiled = jax.jit(function, donate_argnums=0, keep_unused=True)
    kept = [out]

    def call(*arguments: Any) -> Any:
        kept[0] = compiled(kept[0], *arguments)
        return kept[0]

    return call


def contraction(out: list[jax.Array], f: QuadraticForms, x: list[jax.Array]) -> list[jax.Array]:
    """The numbers of all points; XLA makes one loop a number on a CPU, all but one read a cache."""
    if not ON_CPU:
        return list(f(x).values())

    def block(k: jax.Array, out: list[jax.Array]) -> list[jax.Array]:
        found = f([jax.lax.dynamic_slice_in_dim(v, k * BLOCK, BLOCK) for v in x]).values()
        return [
            jax.lax.dynamic_update_slice_in_dim(o, v, k * BLOCK, 0)
            for o, v in zip(out, found, strict=True)
        ]

    return jax.lax.fori_loop(0, len(x[0]) // BLOCK, block, out)


def copy_bandwidth(kind: Any) -> float:
    """Bytes per second that a copy reads and writes, with one operation a number."""
    x, one = jnp.ones(POINTS * 4, dtype=kind), jnp.asarray(1, dtype=kind)
    function = in_place(lambda _, x: x + one, jnp.zeros_like(x))
    return timed(function, x, points=2 * x.nbytes, seconds=SECONDS).rate


def arithmetic_limit(kind: Any) -> float:
    """Floating-point operations per second of fused multiply-adds that stay in registers."""
    lanes, steps, chains = (1 << 12 if ON_CPU else 1 << 20), 2048, 8
    a, b = (jnp.asarray(v, dtype=kind) for v in (0.999, 1e-3))
    x = jnp.linspace(0, 1, lanes * chains, dtype=kind).reshape(chains, lanes)

    def step(_: int, x: jax.Array) -> jax.Array:
        for _i in range(8):
            x = x * a + b
        return x

    function = jax.jit(lambda x: jax.lax.fori_loop(0, steps // 8, step, x))
    return timed(function, x, points=2 * steps * lanes * chains, seconds=SECONDS).rate


def section_limits() -> Section:
    """What the device can do."""
    rows = []
    for kind in (jnp.float64, jnp.float32):
        rows.append(
            (
                np.dtype(kind).name,
                f"{copy_bandwidth(kind) / 1e9:.1f}",
                f"{arithmetic_limit(kind) / 1e9:.1f}",
            )
        )
    return Section(
        "Limits of the device",
        f"{jax.local_devices()[0].device_kind}, {len(jax.local_devices())} device(s), one in use."
        " Bytes read and written by a copy; fused multiply-adds count two operations.",
        ("numbers", "GB/s", "GFLOP/s"),
        rows,
    )


def section_contraction() -> Section:
    """The polynomials of fits/scan_cr.yaml: six coordinates in, six numbers out."""
    card = ScanCard(FITS / "scan_cr.yaml")
    plan = make_plan(card.study, card.design)
    forms = plan.forms
    assert forms is not None
    axes, numbers = len(plan.design.axes), len(forms.names)
    rng = np.random.default_rng(1)
    exact = [rng.uniform(-20, 20, size=POINTS) for _ in range(axes)]
    rows, first = [], None
    for kind in (jnp.float64, jnp.float32):
        cast = partial(_cast, kind)
        own = jax.tree.map(cast, forms)
        x = [jnp.asarray(column, dtype=kind) for column in exact]
        function = in_place(contraction, [jnp.zeros_like(x[0]) for _ in range(numbers)])
        timing = timed(function, own, x, points=POINTS, seconds=SECONDS)
        moved = np.dtype(kind).itemsize * (axes + numbers) * timing.rate
        found = np.stack([np.asarray(v, dtype=float) for v in timing.result])
        first = found if first is None else first
        error = np.abs(found / first - 1).max()
        rows.append(
            (
                np.dtype(kind).name,
                f"{timing.rate / 1e6:.0f}",
                f"{moved / 1e9:.1f}",
                f"{moved / copy_bandwidth(kind):.2f}",
                f"{error:.0e}",
            )
        )
    return Section(
        "Six symmetric C_R at fixed form factors",
        f"{POINTS:,} points in the memory of the device, {axes} coordinates read and {numbers}"
        " numbers written. float32 is no option of any command: what it would cost and gain.",
        ("numbers", "million points/s", "GB/s moved", "over a copy", "largest error"),
        rows,
    )


def _cast(kind: Any, leaf: Any) -> Any:
    return leaf.astype(kind) if hasattr(leaf, "astype") and leaf.dtype == float else leaf


def section_form_factors() -> Section:
    """Four BRs with 27 form-factor coefficients of their own at every point."""
    inputs = load_inputs()
    nuisances = Nuisances(inputs, groups=("B->K", "B->K*"))
    z = nuisances.draw(jax.random.key(1), BATCH)

    def one(z: jax.Array, c: jax.Array) -> jax.Array:
        state = Neutrinos(CR=jnp.zeros((3, 3)).at[2, 2].set(c))
        shifted = nuisances.shift(z)
        return jnp.stack([branching_fraction(mode, state, shifted) for mode in MODES])

    def both(z: jax.Array, c: jax.Array) -> Any:
        return jax.value_and_grad(lambda *p: one(*p).sum(), argnums=(0, 1))(z, c)

    c = jnp.linspace(-15.0, 5.0, BATCH)
    rows = []
    for label, function, chunk in (
        ("values", one, BATCH),
        ("values and gradient of their sum", both, CHUNK),
    ):
        batched = jax.jit(partial(chunked_vmap, function, chunk=chunk))
        timing = timed(batched, z, c, points=BATCH, seconds=SECONDS)
        once = jax.jit(jax.vmap(function)).lower(z[:chunk], c[:chunk]).compile()
        rows.append(
            (label, f"{chunk:,}", f"{timing.rate / 1e6:.2f}", *_arithmetic(once, chunk, timing))
        )
    return Section(
        "Four BRs, form factors new at every point",
        f"{BATCH:,} points a call, {nuisances.size} coefficients and one coupling each.",
        ("", "points at once", "million points/s", "GFLOP/s", "of the limit"),
        rows,
    )


def _arithmetic(compiled: Any, points: int, timing: Timing) -> tuple[str, str]:
    """Operations as XLA counts them for so many points, per second and over the limit."""
    analysis = compiled.cost_analysis() or {}
    flops = float(analysis.get("flops", np.nan)) / points * timing.rate
    return f"{flops / 1e9:.1f}", f"{flops / arithmetic_limit(jnp.float64):.2f}"


def section_likelihood(problem: Problem, name: str) -> Section:
    """-2 ln L of the main fit, couplings and nuisances, many points at once."""
    theta = problem.theta([-11.0, 3.0])
    noise = jax.random.normal(jax.random.key(0), (LANES, problem.size))
    many = theta[None] + 0.1 * noise
    rows = []
    for label, function in (
        ("value", problem.potential),
        ("value and gradient", jax.value_and_grad(problem.potential)),
    ):
        batched = jax.jit(jax.vmap(function)).lower(many).compile()
        timing = timed(batched, many, points=LANES, seconds=SECONDS)
        rows.append((label, f"{timing.rate / 1e6:.3f}", *_arithmetic(batched, LANES, timing)))
    return Section(
        f"Log-density of the main fit, {name}",
        f"{problem.size} coordinates, {len(problem.measurements)} data sets, {LANES:,} points a"
        " call.",
        ("", "million points/s", "GFLOP/s", "of the limit"),
        rows,
    )


def section_chains(problem: Problem, name: str) -> Section:
    """NUTS of numpyro with all chains in one program, and profiled points."""
    from numpyro.infer import MCMC, NUTS

    draws = 20 if ON_CPU else 50
    rng = np.random.default_rng(2)
    start = np.asarray(problem.theta([-11.0, 3.0]))[None] + 0.1 * rng.standard_normal(
        (CHAINS, problem.size)
    )
    kernel = NUTS(potential_fn=problem.potential, max_tree_depth=6)
    sampler = MCMC(
        kernel,
        num_warmup=draws,
        num_samples=draws,
        num_chains=CHAINS,
        progress_bar=False,
        chain_method="vectorized",
    )
    sampler.warmup(jax.random.key(1), init_params=jnp.asarray(start), collect_warmup=False)
    began = time.perf_counter()
    sampler.run(jax.random.key(2), extra_fields=("num_steps",))
    steps = int(np.sum(jax.block_until_ready(sampler.get_extra_fields()["num_steps"])))
    seconds = time.perf_counter() - began
    rows = [
        (
            "NUTS steps, one program of all chains, compilation included",
            f"{CHAINS:,}",
            f"{steps / seconds:,.0f}",
        )
    ]
    axes = [np.linspace(-20.0, 5.0, 40), np.linspace(0.0, 12.0, 40)]
    began = time.perf_counter()
    found = profile_map(problem, ["CR_tautau", "CR_mutau"], axes)
    seconds = time.perf_counter() - began
    assert found.converged.all()
    rows.append(
        (
            "profiled points, best fit and compilation included",
            f"{found.objective.size:,}",
            f"{found.objective.size / seconds:,.0f}",
        )
    )
    return Section(
        f"Chains and profiles side by side, {name}",
        f"{problem.size} coordinates.",
        ("", "lanes", "per second"),
        rows,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all sections."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    parser.add_argument("--likelihood", default=os.environ.get("BSNUNU_BELLE2_KNUNU"))
    options = parser.parse_args(arguments)
    name, published = "built-in compact likelihood", None
    if options.likelihood:
        name, published = "published likelihood", likelihood_folder(options.likelihood, Path())
    problem = Card(FITS / "belle2_cr_full.yaml", likelihood=published).problem
    sections: list[Callable[[], Section]] = [
        section_limits,
        section_contraction,
        section_form_factors,
        lambda: section_likelihood(problem, name),
        lambda: section_chains(problem, name),
    ]
    where = jax.local_devices()[0].device_kind
    report(
        "One device",
        ("jax", "jaxlib", "numpy", "numpyro"),
        options.out,
        sections,
        cores=f"{where}, host with {os.cpu_count()} cores",
    )


if __name__ == "__main__":
    main()
