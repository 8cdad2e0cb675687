"""Omega h^2 by products of 2x2 matrices beside an adaptive stiff solver of diffrax.

`python -m benchmarks.relic_density [--out FILE]`: values and gradients in the mass and in C_ss, one
point at a time and in batches; stops with an error where the two differ. Needs diffrax.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.timing import Section, report, timed
from bsnunu_jax import Inputs, load_inputs
from bsnunu_jax.observables.dark_matter.relic_density import omega_h2
from bsnunu_jax.states.sectors import DarkScalar
from tests.support.freeze_out_ode import omega_h2_diffrax

BATCH = 20


def magnus(m: jax.Array, c_ss: jax.Array, inputs: Inputs) -> jax.Array:
    """The package's."""
    return omega_h2(DarkScalar(m, c_ss), inputs)


def at(rtol: float, *, table: bool = False) -> Callable[..., jax.Array]:
    """Kvaerno5 with this relative and absolute tolerance in ln(Y/Y_eq)."""
    return lambda m, c, inputs: omega_h2_diffrax(m, c, inputs, rtol=rtol, table=table)


# The reference is last.
METHODS = {
    "Magnus, 256 steps (the package)": magnus,
    "diffrax Kvaerno5, 1e-5": at(1e-5),
    "the same, averages interpolated": at(1e-5, table=True),
    "diffrax Kvaerno5, 1e-8, averages interpolated": at(1e-8, table=True),
}


def section() -> Section:
    """One row a method."""
    inputs = load_inputs()
    masses = jnp.linspace(0.46, 0.9, BATCH), jnp.full(BATCH, 1e-4)
    one = masses[0][8], masses[1][8]
    rows: list[tuple[str, ...]] = []
    best: Any = None
    for name, method in reversed(METHODS.items()):
        both = jax.value_and_grad(method, argnums=(0, 1))
        times = []
        for function, arguments, points in (
            (method, one, 1),
            (both, one, 1),
            (jax.vmap(method, (0, 0, None)), masses, BATCH),
            (jax.vmap(both, (0, 0, None)), masses, BATCH),
        ):
            times.append(timed(jax.jit(function), *arguments, inputs, points=points, seconds=0.5))
        value = np.asarray(times[2].result)
        best = value if best is None else best
        deviation = float(np.abs(value / best - 1).max())
        if deviation > 1e-3:
            raise SystemExit(f"{name} deviates by {deviation:.1e}")
        rows.append(
            (
                name,
                *(f"{1e3 * t.best / t.points:.3f}" for t in times),
                f"{times[1].compilation:.1f}",
                f"{deviation:.1e}" if rows else "-",
            )
        )
    return Section(
        "Relic density of a real scalar",
        f"Milliseconds a point; batches of {BATCH} masses from 0.46 to 0.9 GeV, C_ss = 1e-4/GeV."
        " The thermal average is the same function; the package computes it at 28 points, the"
        " solver in every stage of every step or, interpolated, at 14. Gradient: m and C_ss,"
        " reverse mode. The last column is the largest deviation in the batch from the last row.",
        (
            "method",
            "value",
            "with gradient",
            "value, batch",
            "with gradient, batch",
            "compile [s]",
            "deviation",
        ),
        rows,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    packages = ("jax", "jaxlib", "numpy", "diffrax")
    report("Relic density", packages, arguments.out, [section], cores="two cores")
