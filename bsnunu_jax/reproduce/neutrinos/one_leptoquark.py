"""One leptoquark: C_R = lambda^{3i*} lambda^{2j} has rank one, C^tautau C^mumu = C^taumu C^mutau.

If it is symmetric and couples to mu and tau, C_R = T v v^T with v = (0, sin phi, cos phi): R_K and
R_K* are those of C_R^tautau = T alone. If C_R^mumu = 0, one of C_R^mutau and C_R^taumu is 0.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bsnunu_jax.reproduce.neutrinos.charged_rates import (
    BS_MUTAU,
    BS_TAUTAU,
    K_MUTAU,
    K_TAUTAU,
    VIOLATING,
    quadratics,
)
from bsnunu_jax.reproduce.neutrinos.coefficient_rows import COLORS, SLIDES_END, regions
from bsnunu_jax.reproduce.neutrinos.coupling_circles import Region
from bsnunu_jax.reproduce.neutrinos.ratio_kernels import Numbers
from bsnunu_jax.reproduce.neutrinos.ratio_rows import STATED_R
from bsnunu_jax.reproduce.row import Row
from bsnunu_jax.reproduce.settings import Settings
from bsnunu_jax.reproduce.stated import row

# What b -> s mu mu may leave: "O(0.1)" and "much smaller than one", text of arXiv:2309.12741.
MUMU = (0.1, 1.0)
# As the slides quote the PDG.
SLIDES_LIMITS = {K_MUTAU: 2.8e-5, BS_MUTAU: 4.2e-5, K_TAUTAU: 2.25e-3, BS_TAUTAU: 6.8e-3}


def widest(region: Region, mumu: float) -> Numbers:
    """The largest |C_R^mutau| of a symmetric rank-one C_R with |C_R^mumu| up to `mumu`."""
    low, _ = region.on_axis()
    return np.sqrt(mumu * (abs(low) - mumu))


def rank_one(tautau: Numbers, mutau: Numbers) -> tuple[Numbers, Numbers]:
    """(T, C_R^mumu) of a symmetric rank-one C_R with these entries."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mumu = mutau**2 / tautau
    return tautau + mumu, mumu


def curve(mumu: float, tautau: Numbers) -> Numbers:
    """|C_R^mutau| where |C_R^mumu| is `mumu`."""
    return np.sqrt(mumu * abs(tautau))


def rows(settings: Settings) -> Sequence[Row]:
    """Claims 1, 5 and 12 as the slides have them."""
    c = settings.constraints
    value, error = STATED_R["new"]
    low = value - error
    words: dict[str, Any] = {"end": SLIDES_END, "R": value, "R_error": error}
    found = [row(1, "slides", low, None, np.isclose(low, SLIDES_END), **words)]
    central, draws = settings.once(quadratics)
    mine, moved = (regions(settings, q.kernels) for q in (central, draws))
    for color, name in COLORS:
        high, highs = (abs(r[f"new, {name}"].extent()[1]) for r in (mine, moved))
        found.append(row(5, "slides", high, highs, high > max(MUMU), color=color))
    for mode in VIOLATING:
        cases = {
            f"symmetric, |C_R^mumu| <= {mumu:g}": [
                widest(r["new, loose"], mumu) for r in (mine, moved)
            ]
            for mumu in MUMU
        }
        cases["C_R^mutau = C_R^mumu = 0"] = [
            regions(settings, q.kernels, 1.0)["new, loose"].extent()[2] for q in (central, draws)
        ]
        for case, (off, offs) in cases.items():
            value, values = central.violating(mode, off), draws.violating(mode, offs)
            found.append(row(12, "slides", value, values, mode=mode, case=case))
    for mode, limit in SLIDES_LIMITS.items():
        if not np.isclose(c.limits[mode], limit):
            words = {"mode": mode, "limit": limit, "source": c.raw["limits"][mode]["source"]}
            found.append(row(12, "slides limit", c.limits[mode], None, False, **words))
    return found
