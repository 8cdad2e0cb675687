"""One leptoquark: C_R = lambda^{3i*} lambda^{2j} has rank one, C^tautau C^mumu = C^taumu C^mutau.

If it is symmetric and couples to mu and tau, C_R = T v v^T with v = (0, sin phi, cos phi): R_K and
R_K* are those of C_R^tautau = T alone. If C_R^mumu = 0, one of C_R^mutau and C_R^taumu is 0.
"""

from collections.abc import Sequence

import numpy as np

from bsnunu_jax.reproduce.neutrinos.charged_rates import (
    BS_MUTAU,
    BS_TAUTAU,
    K_MUTAU,
    K_TAUTAU,
    VIOLATING,
    Quadratics,
    quadratics,
)
from bsnunu_jax.reproduce.neutrinos.coefficient_rows import COLORS, SLIDES_END, regions
from bsnunu_jax.reproduce.neutrinos.coupling_circles import Region
from bsnunu_jax.reproduce.neutrinos.ratio_rows import STATED_R
from bsnunu_jax.reproduce.row import Row, spread
from bsnunu_jax.reproduce.settings import Settings

Numbers = np.ndarray
# What b -> s mu mu may leave: "O(0.1)" and "much smaller than one", text of arXiv:2309.12741.
MUMU = (0.1, 1.0)
# As the slides quote the PDG.
SLIDES_LIMITS = {K_MUTAU: 2.8e-5, BS_MUTAU: 4.2e-5, K_TAUTAU: 2.25e-3, BS_TAUTAU: 6.8e-3}


def widest(region: Region, mumu: float) -> Numbers:
    """The largest |C_R^mutau| of a symmetric rank-one C_R with |C_R^mumu| up to `mumu`."""
    low, _ = region.on_axis()
    found: Numbers = np.sqrt(mumu * (abs(low) - mumu))
    return found


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
    same = bool(np.isclose(low, SLIDES_END))
    found = [
        Row(
            1,
            "slides",
            "lower end of the new range of R_K",
            f"{SLIDES_END:g}",
            low,
            None,
            "",
            same,
            "" if same else f"the slides give R_K = {value:g} +- {error:g}, as the paper does",
        )
    ]
    central, draws = settings.once(quadratics)
    mine, moved = (regions(settings, q.kernels) for q in (central, draws))
    for color, name in COLORS:
        _, high, _ = mine[f"new, {name}"].extent()
        _, highs, _ = moved[f"new, {name}"].extent()
        found.append(
            Row(
                5,
                "slides",
                f"smallest |C_R^tautau| of {color} if C_R^ee = C_R^mumu = 0",
                "large",
                abs(float(high)),
                spread(highs),
                "",
                abs(float(high)) > max(MUMU),
                "from R_K - R_K* = 2 (1 + eta) sum C_R^ii/(3 C_SM)",
            )
        )
    for mode in VIOLATING:
        for mumu in MUMU:
            found.append(
                _highest(
                    mode,
                    f"symmetric, |C_R^mumu| <= {mumu:g}",
                    central,
                    draws,
                    widest(mine["new, loose"], mumu),
                    widest(moved["new, loose"], mumu),
                )
            )
        single = [
            regions(settings, q.kernels, 1.0)["new, loose"].extent()[2] for q in (central, draws)
        ]
        found.append(_highest(mode, "C_R^mutau = C_R^mumu = 0", central, draws, *single))
    for mode, limit in SLIDES_LIMITS.items():
        here = c.limits[mode]
        if not np.isclose(here, limit):
            source = str(c.raw["limits"][mode]["source"])
            found.append(
                Row(
                    12,
                    "slides",
                    f"limit on {mode}",
                    f"{limit:.3g}",
                    here,
                    None,
                    "",
                    False,
                    f"superseded by {source}",
                )
            )
    return found


def _highest(
    mode: str, case: str, central: Quadratics, draws: Quadratics, off: Numbers, offs: Numbers
) -> Row:
    value = float(central.violating(mode, off))
    return Row(
        12,
        "slides",
        f"highest {mode} of one leptoquark, blue, {case}",
        "",
        value,
        spread(draws.violating(mode, offs)),
    )
