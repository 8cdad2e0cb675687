"""Points per second of this package, EOS, flavio and jelli on one core; README.md says what counts.

Run `python -m benchmarks.run` from the root of the repository; `--out FILE` writes Markdown.
"""
# ruff: noqa: E402

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import peers

peers.pin_to_core(max(os.sched_getaffinity(0)))  # before jax counts the cores

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.timing import Section, report, timed
from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.hadrons.transitions import get_mode
from bsnunu_jax.inputs import Inputs, Nuisances, load_inputs
from bsnunu_jax.numerics.batch import chunked_vmap
from bsnunu_jax.observables.branching import branching_fraction
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.states import Neutrinos

TRANSITIONS = ("B->K", "B->K*")
BATCH = 10_000
CHUNK = 1_000
SMALL_CHUNK = 250  # what suits jelli, and Jacobians
EOS_DRAWS, FLAVIO_DRAWS = 1_500, 30
PACKAGES = ("jax", "jaxlib", "numpy", "eoshep", "flavio", "jelli")


def chunked(function: Callable[..., Any], size: int) -> Callable[..., Any]:
    """`chunked_vmap` of `function` to compile: intermediate arrays stay in the cache."""
    return lambda *points: chunked_vmap(function, *points, chunk=size)


def branching_fractions(
    inputs: Inputs, coefficients: Sequence[jax.Array], state: Neutrinos
) -> jax.Array:
    """The four BRs with these form-factor coefficients, one array per transition."""
    shifted = eqx.tree_at(
        lambda i: [i.form_factors[t].coefficients for t in TRANSITIONS], inputs, list(coefficients)
    )
    return jnp.stack([branching_fraction(mode, [state], shifted) for mode in peers.MODES])


def form_factor_draws(inputs: Inputs, n: int) -> list[jax.Array]:
    """Correlated Gaussian draws of all form-factor coefficients, shape (n, 8) and (n, 19)."""
    nuisances = Nuisances(inputs, groups=TRANSITIONS)

    def coefficients(z: jax.Array) -> list[jax.Array]:
        shifted = nuisances.shift(z)
        return [shifted.form_factors[t].coefficients for t in TRANSITIONS]

    return jax.jit(jax.vmap(coefficients))(nuisances.draw(jax.random.key(1), n))


def wilson_draws(n: int) -> tuple[jax.Array, jax.Array]:
    """C_L and C_R, complex normal draws of shape (n, 3, 3)."""
    x = np.random.default_rng(2).normal(size=(4, n, 3, 3))
    return jnp.asarray(x[0] + 1j * x[1]), jnp.asarray(x[2] + 1j * x[3])


def section_form_factors() -> Section:
    """The table of the four SM BRs with all form-factor coefficients new at every point."""
    rows = []
    for peer, preset, n, time_peer in (
        ("EOS", "eos", EOS_DRAWS, peers.time_eos),
        ("flavio", "flavio", FLAVIO_DRAWS, peers.time_flavio),
    ):
        inputs = load_inputs(preset)
        draws = form_factor_draws(inputs, BATCH)

        def one(*coefficients: jax.Array, inputs: Inputs = inputs) -> jax.Array:
            return branching_fractions(inputs, coefficients, Neutrinos())

        named = {
            name: np.asarray(column[:n])
            for transition, block in zip(TRANSITIONS, draws, strict=True)
            for name, column in zip(inputs.form_factors[transition].names, block.T, strict=True)
        }
        theirs, expected = time_peer(named)
        for label, function in (
            (f"one batch of {BATCH}", jax.vmap(one)),
            (f"chunks of {CHUNK}", chunked(one, CHUNK)),
        ):
            ours = timed(jax.jit(function), *draws, points=BATCH)
            difference = np.abs(np.asarray(ours.result)[:n] / expected - 1).max()
            assert difference < 1e-5, f"{peer}: {difference}"
            rows.append(
                (
                    peer,
                    label,
                    f"{theirs:,.1f}",
                    f"{ours.rate:,.0f}",
                    f"{ours.rate / theirs:,.0f}",
                    f"{difference:.0e}",
                    f"{ours.compilation:.2f}",
                )
            )
    return Section(
        "Four BRs, all form-factor coefficients new at every point",
        f"27 coefficients drawn from their covariance, masses fixed; ours evaluates {BATCH} points"
        f" a call, EOS {EOS_DRAWS} and flavio {FLAVIO_DRAWS} of the same draws, both with their own"
        " quadrature. Results equal to 1e-5 is asserted.",
        (
            "peer",
            "ours as",
            "peer [points/s]",
            "ours [points/s]",
            "ratio",
            "largest difference",
            "compilation [s]",
        ),
        rows,
    )


def section_wilson() -> Section:
    """The table of the four BRs at fixed form factors against jelli."""
    inputs = load_inputs("flavio")

    def integrate(i: Inputs) -> list[dict[str, jax.Array]]:
        found = []
        for mode in peers.MODES:
            tau = i.lifetime(get_mode(mode).tau_B)
            kernel = rates.integrated_kernels(mode, Neutrinos(), i)
            found.append({k: tau * v for k, v in kernel.items()})
        return found

    once = timed(jax.jit(integrate), inputs, points=1)
    kernels = once.result

    def one(c_l: jax.Array, c_r: jax.Array) -> jax.Array:
        invariants = Neutrinos(c_l, c_r).invariants(inputs)
        return jnp.stack([rates.contract(invariants, kernel) for kernel in kernels])

    weights = [
        [float(inputs.N_0**2 * kernel.get(name, 0.0)) for name in ("vector", "axial")]
        for kernel in kernels
    ]
    rows = []
    for n in peers.BATCHES:
        c_l, c_r = wilson_draws(n)
        theirs = {}
        for chunk in (None, SMALL_CHUNK):
            theirs[chunk], expected = peers.time_jelli(
                c_l,
                c_r,
                weights,
                complex(inputs.C_L_SM),
                chunk=chunk,
                repeats=max(5, min(300, 3_000_000 // n)),
            )
        best_jelli = max(theirs.values())
        ours = [timed(jax.jit(f), c_l, c_r, points=n) for f in (jax.vmap(one), chunked(one, CHUNK))]
        for timing in ours:
            np.testing.assert_allclose(timing.result, expected, rtol=1e-12)
        best_ours = max(timing.rate for timing in ours)
        values = [*theirs.values(), *(timing.rate for timing in ours)]
        rows.append(
            (f"{n:,}", *(f"{v / 1e6:.2f}" for v in values), f"{best_ours / best_jelli:.1f}")
        )
    return Section(
        "Four BRs at fixed form factors, 18 complex coefficients",
        "Ours contracts the invariants with integrated kernels, which take"
        f" {once.best * 1e3:.2f} ms once and {once.compilation:.2f} s to compile; jelli evaluates"
        " the quadratic polynomial of the same numbers. Results equal to 1e-12 is asserted."
        " Millions of points per second; the ratio is between the better ones of both.",
        (
            "points",
            "jelli, one batch",
            f"jelli, chunks of {SMALL_CHUNK}",
            "ours, one batch",
            f"ours, chunks of {CHUNK}",
            "ratio",
        ),
        rows,
    )


def section_gradients() -> Section:
    """The table of values and derivatives in all form-factor and Wilson coefficients."""
    inputs = load_inputs("eos")
    draws = form_factor_draws(inputs, BATCH)
    c_l, c_r = wilson_draws(BATCH)
    planes = jnp.stack([c_l.real, c_l.imag, c_r.real, c_r.imag], axis=1)

    def value(bk: jax.Array, bkstar: jax.Array, c: jax.Array) -> jax.Array:
        state = Neutrinos(c[0] + 1j * c[1], c[2] + 1j * c[3])
        return branching_fractions(inputs, (bk, bkstar), state)

    def gradient(*point: jax.Array) -> Any:
        return jax.value_and_grad(lambda *p: value(*p).sum(), argnums=(0, 1, 2))(*point)

    def jacobian(*point: jax.Array) -> Any:
        values, pull_back = jax.vjp(value, *point)
        return values, jax.vmap(pull_back)(jnp.eye(len(peers.MODES)))

    rows = []
    for label, function in (
        ("values", value),
        ("values and gradient of their sum", gradient),
        ("values and Jacobian (4 x 63)", jacobian),
    ):
        whole = timed(jax.jit(jax.vmap(function)), *draws, planes, points=BATCH)
        parts = timed(jax.jit(chunked(function, SMALL_CHUNK)), *draws, planes, points=BATCH)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-18),
            whole.result,
            parts.result,
        )
        single = timed(jax.jit(function), *(x[0] for x in (*draws, planes)), points=1, seconds=0.3)
        rows.append(
            (
                label,
                f"{whole.rate:,.0f}",
                f"{parts.rate:,.0f}",
                f"{single.best * 1e6:.0f}",
                f"{single.compilation:.2f}",
                f"{whole.compilation:.2f}",
                f"{parts.compilation:.2f}",
            )
        )
    return Section(
        "Four BRs and their derivatives in 27 form-factor and 36 real Wilson coefficients",
        f"All 63 new at every point, {BATCH} points a call.",
        (
            "",
            "one batch [points/s]",
            f"chunks of {SMALL_CHUNK} [points/s]",
            "a call with one point [us]",
            "compilation: one point [s]",
            "one batch [s]",
            "chunks [s]",
        ),
        rows,
    )


def section_start() -> Section:
    """The table of what a new process pays before its first number."""
    first = (
        "from bsnunu_jax.observables.catalogue import *; from bsnunu_jax.inputs import load_inputs;"
        "float(branching_fraction('B+->K+', [Neutrinos()], load_inputs()))"
    )
    rows = []
    for label, code in (
        ("import jax, equinox", "import jax, equinox"),
        ("import bsnunu_jax.observables.catalogue", "import bsnunu_jax.observables.catalogue"),
        ("the same and one BR, not jitted", first),
        ("import flavio", "import flavio"),
        ("import eos", "import eos"),
        ("import jelli", "import jelli"),
    ):
        command = f"import time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"
        durations = [
            float(
                subprocess.run(
                    [sys.executable, "-W", "ignore", "-c", command],
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout.split()[-1]
            )
            for _ in range(3)
        ]
        rows.append((label, f"{min(durations):.2f}"))
    return Section("Start of a process", "Best of three new processes.", ("", "seconds"), rows)


def section_log_density() -> Section:
    """The table of the log-density of the main fit, couplings and all nuisances."""
    problem = Card(Path(__file__).parents[1] / "fits" / "belle2_cr.yaml").problem
    theta = problem.theta([-11.0, 3.0])
    many = theta + 0.1 * jax.random.normal(jax.random.key(0), (256, problem.size))
    gradient = jax.value_and_grad(problem.potential)

    def inside_a_loop(theta: jax.Array) -> jax.Array:
        """A thousand gradients one after the other, as a sampler takes them."""

        def step(_: int, t: jax.Array) -> jax.Array:
            return t - 1e-9 * gradient(t)[1]

        return jax.lax.fori_loop(0, 1000, step, theta)

    rows = []
    for label, function, argument, points in (
        ("value", problem.potential, theta, 1),
        ("value and gradient", gradient, theta, 1),
        ("the same inside a compiled loop", inside_a_loop, theta, 1000),
        ("the same under vmap(256)", jax.vmap(gradient), many, 256),
        ("Hessian", jax.hessian(problem.potential), theta, 1),
    ):
        result = timed(jax.jit(function), argument, points=points)
        rows.append((label, f"{1e6 / result.rate:.1f}", f"{result.compilation:.2f}"))
    return Section(
        "Log-density of fits/belle2_cr.yaml",
        f"{problem.size} parameters, {len(problem.measurements)} data sets, one core.",
        ("", "microseconds per point", "compilation [s]"),
        rows,
    )


SECTIONS: tuple[Callable[[], Section], ...] = (
    section_form_factors,
    section_wilson,
    section_gradients,
    section_log_density,
    section_start,
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the sections, print them as they come, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    options = parser.parse_args(arguments)
    report("Benchmarks", PACKAGES, options.out, SECTIONS)


if __name__ == "__main__":
    main()
