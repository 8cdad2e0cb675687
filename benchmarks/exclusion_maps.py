"""A process of its own: exclusion maps of mass and scale, all sixteen operators, four modes.

Prints seconds of imports, of compilation, of the maps, and of the maps again.
"""
# ruff: noqa: E402

import itertools
import sys
import time

began = time.perf_counter()

import numpy as np

from bsnunu_jax.reproduce.dark.families import FAMILIES
from bsnunu_jax.reproduce.dark.planes_rows import LIMITING, SIGNAL
from bsnunu_jax.reproduce.dark.rates import DarkRates, dark_rates
from bsnunu_jax.reproduce.settings import Settings

MODES = (SIGNAL, *LIMITING)


def maps(rates: DarkRates, settings: Settings, side: int) -> dict[tuple[str, str], np.ndarray]:
    """1 where a limit excludes, 2 in Belle II's window, 3 both; shape (masses, scales)."""
    masses = np.linspace(0, rates.closing, side, endpoint=False)
    scales = np.geomspace(0.05, 5e4, side)  # TeV
    br, sm = rates.totals(MODES, masses, 1), rates.sm_totals(LIMITING, 1)
    limits, (low, high) = settings.constraints.limits, settings.constraints.window["new"]
    found = {}
    for name, family in FAMILIES.items():
        for i, operator in enumerate(family.operators):
            fall = scales ** -family.powers[i]
            at = {m: br[m][name][0, :, i, None] * fall for m in MODES}
            excluded = np.zeros((side, side), dtype=np.uint8)
            for m in LIMITING:
                excluded |= at[m] + sm[m][0] > limits[f"BR({m}inv)"]
            inside = (at[SIGNAL] >= low) & (at[SIGNAL] <= high)
            found[name, operator] = excluded | 2 * inside.astype(np.uint8)
    return found


if __name__ == "__main__":
    imported = time.perf_counter()
    settings = Settings()
    rates = settings.once(dark_rates)
    compiled = time.perf_counter()
    found = maps(rates, settings, int(sys.argv[1]))
    assert len(found) == 16
    assert all(set(np.unique(m)) == {0, 1, 2, 3} or m.any() for m in found.values())
    first = time.perf_counter()
    maps(rates, settings, int(sys.argv[1]))
    times = (began, imported, compiled, first, time.perf_counter())
    print(*(f"{b - a:.3f}" for a, b in itertools.pairwise(times)))
