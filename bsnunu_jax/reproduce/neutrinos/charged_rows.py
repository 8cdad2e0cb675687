"""Rows about modes with charged leptons: claim 12."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bsnunu_jax.reproduce.neutrinos.charged_rates import (
    BS_TAUTAU,
    CHARGES,
    CONSERVING,
    K_TAUTAU,
    MODES,
    VIOLATING,
    Quadratics,
    quadratics,
)
from bsnunu_jax.reproduce.neutrinos.coefficient_rows import COLORS, regions
from bsnunu_jax.reproduce.neutrinos.coupling_circles import Region
from bsnunu_jax.reproduce.neutrinos.ratio_kernels import Numbers
from bsnunu_jax.reproduce.row import Row, spread
from bsnunu_jax.reproduce.settings import Settings
from bsnunu_jax.reproduce.stated import row

# "up to 1e-5" and "a few 1e-5" of the text, "within factors of two below" the limits.
_REACH = {False: ("1e-5", 0.5e-5), True: ("a few 1e-5", 2e-5)}
_FACTOR_OF_TWO = 2.5


def highest(rates: Quadratics, region: Region, mode: str) -> Numbers:
    """The largest BR in a region."""
    low, high, off = region.extent()
    if mode in VIOLATING:
        return np.asarray(rates.violating(mode, off))
    ends = [rates.conserving(mode, end) for end in (low, high)]
    return np.maximum(*ends)


def rows(settings: Settings) -> Sequence[Row]:
    """Highest values in blue and red, SM values, distance from the limits."""
    central, draws = settings.once(quadratics)
    of_central, of_draws = (regions(settings, q.kernels) for q in (central, draws))
    found = []
    for mode in MODES:
        conserving = mode in CONSERVING
        for color, name in COLORS:
            region = of_central[f"new, {name}"]
            value = float(highest(central, region, mode))
            error = spread(highest(draws, of_draws[f"new, {name}"], mode))
            text, least = _REACH[conserving]
            said, reached = color == "blue", value + error >= least
            why = _why(central, region, mode) if said and not reached else ""
            words: dict[str, Any] = {"mode": mode, "color": color, "text": text}
            found.append(row(12, "highest", value, error, reached, said=said, why=why, **words))
        blue = float(highest(central, of_central["new, loose"], mode))
        limit = settings.constraints.limits[mode] / CHARGES[mode]
        error = spread(limit / highest(draws, of_draws["new, loose"], mode))
        words = {
            "mode": mode,
            "limit": _limit(limit, mode),
            "factor": limit / 1e-5,
            "source": str(settings.constraints.raw["limits"][mode]["source"]),
        }
        close = limit / blue <= _FACTOR_OF_TWO
        found.append(row(12, "limit", limit / blue, error, close, said=not conserving, **words))
        if conserving:
            c0, c0s = central.tautau[mode][0], draws.tautau[mode][0]
            found.append(row(12, "SM", c0, c0s, mode=mode))
    return found


def _limit(limit: float, mode: str) -> str:
    number = f"{limit * CHARGES[mode]:.3g}"
    return number if CHARGES[mode] == 1 else f"{number} on the sum of both charges"


def _why(central: Quadratics, region: Region, mode: str) -> str:
    low, high, off = (float(x) for x in region.extent())
    if mode == K_TAUTAU:
        return (
            f"the C_R^tautau < 0 that R_K > R_K* needs cancels C_9^SM, BR is smallest at "
            f"C_R^tautau = {float(central.turning(mode)):.1f} and the region ends at {low:.1f}"
        )
    if mode == BS_TAUTAU:
        return f"|C_R^tautau| is at most {max(abs(low), abs(high)):.1f}"
    needed = float(np.sqrt(1e-5 / central.mutau[mode]))
    return f"1e-5 takes |C_R^taumu| = {needed:.0f}, the region ends at {off:.1f}"
