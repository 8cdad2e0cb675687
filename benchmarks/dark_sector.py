"""All operators of all pairs over a thousand masses: values, gradients, compilation.

`python -m benchmarks.dark_sector [--out FILE]`: the 16 operators of arXiv:2309.12741 in the four
B -> K(*) modes, and the P and A partners in K* and Bs, with a mass and a coefficient of each point.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.timing import Section, report, timed
from bsnunu_jax import (
    MODES,
    FermionPair,
    Inputs,
    ScalarPair,
    VectorPair,
    branching_fraction,
    chunked_vmap,
    load_inputs,
)
from bsnunu_jax.rates import kernels as rates

POINTS = 1000
PAPER = {
    ScalarPair: ("S", "V"),
    FermionPair: ("S1", "S2", "V1", "V2", "T1", "T2"),
    VectorPair: ("S", "T1", "T2", "V2", "V3", "V4", "V5", "V6"),
}
DECAYS = (*MODES, "Bs->inv")


def state(pair: Any, m: jax.Array) -> Any:
    """All operators at coefficient 1 (over powers of the mass for vectors)."""
    unit = dict.fromkeys(pair.operators, 1.0)
    return VectorPair.goldstone(m, unit) if pair is VectorPair else pair(m, **unit)


def widths(m: jax.Array, C: jax.Array, inputs: Inputs) -> jax.Array:
    """Rates of every operator alone with coefficient C, wherever it contributes."""
    found = []
    for pair in PAPER:
        everything = state(pair, m)
        for decay in DECAYS:
            kernels = rates.integrated_kernels(decay, everything, inputs)
            found += [C**2 * kernels[o] for o in pair.operators if o in kernels]
    return jnp.stack(found)


def with_gradient(m: jax.Array, C: jax.Array, inputs: Inputs) -> tuple[jax.Array, ...]:
    """The same with derivatives in the mass and in the coefficient."""
    value, in_mass = jax.jvp(lambda x: widths(x, C, inputs), (m,), (jnp.ones(()),))
    in_coefficient = jax.jvp(lambda x: widths(m, x, inputs), (C,), (jnp.ones(()),))[1]
    return value, in_mass, in_coefficient


def one_by_one(m: jax.Array, C: jax.Array, inputs: Inputs) -> jax.Array:
    """What a user writes: one branching fraction of one operator after the other."""
    return jnp.stack(
        [
            branching_fraction(decay, pair(m, **{o: C}), inputs)
            for pair, operators in PAPER.items()
            for o in operators
            for decay in MODES
        ]
    )


def section() -> Section:
    """One row a function."""
    inputs = load_inputs()
    points = jnp.linspace(1e-3, 2.3, POINTS), jnp.full(POINTS, 1e-8)
    rows, values = [], 0.0
    work: dict[str, Callable[..., Any]] = {
        "all operators of a pair at once: values": widths,
        "the same with both derivatives": with_gradient,
        "one operator after the other, 16 x 4: values": one_by_one,
    }
    for name, function in work.items():
        compiled = jax.jit(
            lambda m, C, i, f=function: chunked_vmap(lambda a, b: f(a, b, i), m, C, chunk=100)
        )
        timing = timed(compiled, *points, inputs, points=POINTS, seconds=3)
        numbers = jax.tree.leaves(timing.result)[0].size
        values = values or timing.best
        rows.append(
            (
                name,
                f"{numbers:,}",
                f"{timing.best:.4f}",
                f"{numbers / timing.best / 1e6:.1f}",
                f"{timing.best / values:.2f}",
                f"{timing.compilation:.1f}",
            )
        )
    return Section(
        "Rates of massive pairs",
        f"{POINTS} masses from 1 MeV to 2.3 GeV, each with its coefficient; {len(DECAYS)} decays."
        " Totals by 32 nodes each, 1e-10 of the converged integral.",
        ("function", "rates", "time [s]", "million rates/s", "over the first", "compile [s]"),
        rows,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    report("Massive pairs", ("jax", "jaxlib", "numpy"), arguments.out, [section], cores="two cores")
