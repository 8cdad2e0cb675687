"""Every decay of the table at 10^6 points with form factors of their own, beside B0 -> K*0.

`python -m benchmarks.hadrons [--points N] [--out FILE]`: four branching fractions a point, of four
couplings of neutrinos and of a massive fermion pair with all operators; masses, lifetimes and
couplings are arguments. Decays take turns, so that what else the machine does meets all of them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.timing import Section, report
from bsnunu_jax import MODES, FermionPair, Inputs, Neutrinos, branching_fraction, load_inputs
from bsnunu_jax.hadrons.transitions import USUAL_QUARKS
from bsnunu_jax.inputs import Nuisances
from bsnunu_jax.numerics.batch import chunked_vmap

POINTS, CHUNK, TURNS, CALLS = 1_000_000, 1_000, 2, 3
MASS = 0.3  # GeV
BESIDE = "B0->K*0"
# Without a set that the defaults recommend; of no great quality, but as long as another.
SETS = {"Bs->K": "gvdv2020_lcsrlattice"}
COUPLINGS = np.random.default_rng(5).normal(size=(4, 10))


def neutrinos(c: jax.Array, quarks: str) -> Neutrinos:
    """C_L and C_R of one flavour; also of b -> d."""
    matrices = {name: c[k] * jnp.eye(3) for k, name in enumerate(("CL", "CR"))}
    return (
        Neutrinos(**matrices) if quarks == USUAL_QUARKS else Neutrinos(elsewhere={quarks: matrices})
    )


def fermions(c: jax.Array, quarks: str) -> FermionPair:
    """All ten operators [GeV^-2]."""
    names = ("S1", "S2", "P1", "P2", "V1", "V2", "A1", "A2", "T1", "T2")
    return FermionPair(MASS, quarks=quarks, **dict(zip(names, 1e-9 * c, strict=True)))


@partial(jax.jit, static_argnums=(0, 1))
def batch(
    mode: str, state: Callable[..., Any], draws: jax.Array, inputs: Inputs, c: jax.Array
) -> jax.Array:
    """Four branching fractions at every row of form-factor coefficients."""
    transition, quarks = MODES[mode].transition, MODES[mode].quarks

    def one(row: jax.Array) -> jax.Array:
        of = eqx.tree_at(lambda i: i.form_factors[transition].coefficients, inputs, row)
        return jnp.stack([branching_fraction(mode, [state(x, quarks)], of) for x in c])

    return chunked_vmap(one, draws, chunk=CHUNK)


def drawn(inputs: Inputs, transition: str, n: int) -> jax.Array:
    """Coefficients of form factors from their covariance, (n, coefficients)."""
    nuisances = Nuisances(inputs, groups=[transition])

    def coefficients(z: jax.Array) -> jax.Array:
        return nuisances.shift(z).form_factors[transition].coefficients

    return jax.jit(jax.vmap(coefficients))(nuisances.draw(jax.random.key(1), n))


def section(points: int, title: str, state: Callable[..., Any]) -> Section:
    """The table of one kind of invisible state."""
    inputs = load_inputs(form_factors=SETS)
    # Modes of free quarks have no form factors to draw, those of the charm no neutrinos in the SM.
    of_hadrons = [m for m in MODES if MODES[m].spin != "quark" and MODES[m].quarks[0] == "b"]
    modes = [BESIDE, *(m for m in of_hadrons if m != BESIDE)]
    compiled: dict[str, float] = {}
    best: dict[str, float] = {}
    shape: dict[str, int] = {}
    for turn in range(TURNS):
        for mode in modes:
            draws = drawn(inputs, MODES[mode].transition, points)
            shape[mode] = draws.shape[1]
            if not turn:
                start = time.perf_counter()
                batch(mode, state, draws[:CHUNK], inputs, COUPLINGS).block_until_ready()
                compiled[mode] = time.perf_counter() - start
            # The first call of a turn brings the draws into memory.
            for _ in range(CALLS):
                start = time.perf_counter()
                batch(mode, state, draws, inputs, COUPLINGS).block_until_ready()
                best[mode] = min(best.get(mode, np.inf), time.perf_counter() - start)
    rows = [
        (
            mode,
            MODES[mode].spin,
            str(shape[mode]),
            f"{best[mode]:.2f}",
            f"{best[mode] / best[BESIDE]:.2f}",
            f"{compiled[mode]:.2f}",
        )
        for mode in modes
    ]
    return Section(
        title,
        f"{points:,} points, best of {TURNS} turns; the ratio is to {BESIDE}.",
        ("mode", "spin", "coefficients", "seconds", "ratio", "first call of 1,000 points [s]"),
        rows,
    )


def main() -> None:
    """Print the tables and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=POINTS)
    parser.add_argument("--out", type=Path, help="Markdown file to write")
    options = parser.parse_args()
    kinds = {"Neutrinos, C_L and C_R": neutrinos, "A pair of fermions of 0.3 GeV": fermions}
    report(
        "Decays of other hadrons",
        ("jax", "jaxlib", "numpy"),
        options.out,
        [partial(section, options.points, title, state) for title, state in kinds.items()],
        "two cores",
    )


if __name__ == "__main__":
    main()
