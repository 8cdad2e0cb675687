"""Rows about modes with charged leptons: claim 12 of `claims.STATEMENTS`."""

from collections.abc import Sequence

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
from bsnunu_jax.reproduce.row import Row, spread
from bsnunu_jax.reproduce.settings import Settings

Numbers = np.ndarray
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
            stated = color == "blue"
            reached = value + error >= least
            found.append(
                Row(
                    12,
                    "Fig. 3",
                    f"highest {mode} of the {color} region",
                    text if stated else "",
                    value,
                    error,
                    "",
                    reached if stated else None,
                    "" if reached or not stated else _why(central, region, mode),
                )
            )
        blue = float(highest(central, of_central["new, loose"], mode))
        limit = settings.constraints.limits[mode] / CHARGES[mode]
        text = "" if conserving else "within factors of two"
        ratio = limit / blue
        spreading = limit / highest(draws, of_draws["new, loose"], mode)
        close = ratio <= _FACTOR_OF_TWO
        source = str(settings.constraints.raw["limits"][mode]["source"])
        found.append(
            Row(
                12,
                "text",
                f"limit over highest {mode}, limit {_limit(limit, mode)}",
                text,
                ratio,
                spread(spreading),
                "",
                None if conserving else close,
                source
                if conserving or close
                else f"a branching fraction of 1e-5 is a factor {limit / 1e-5:.1f} below the limit",
            )
        )
        if conserving:
            c0, c0s = central.tautau[mode][0], draws.tautau[mode][0]
            found.append(
                Row(
                    12,
                    "Fig. 3",
                    f"SM value of {mode}",
                    "",
                    float(c0),
                    spread(c0s),
                    "",
                    None,
                    "short distance",
                )
            )
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
