"""The slides' pages on leptoquarks: R_K against R_K*, one leptoquark, and four other modes.

One leptoquark: C_R = lambda^{3i*} lambda^{2j} has rank one, C^tautau C^mumu = C^taumu C^mutau. If
it is symmetric and couples to mu and tau, C_R = T v v^T with v = (0, sin phi, cos phi): R_K and
R_K* are those of C_R^tautau = T alone. If C_R^mumu = 0, one of C_R^mutau and C_R^taumu is 0.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bsnunu_jax.report.figures.coupling_regions import SM, Cuts, fill_regions, region_handles
from bsnunu_jax.report.figures.style import LIGHT, PAGE, PURPLE, legend_above, new_figure
from bsnunu_jax.reproduce.neutrinos.charged import PANELS, mode_handles, modes_panel
from bsnunu_jax.reproduce.neutrinos.charged_rates import (
    BS_MUTAU,
    BS_TAUTAU,
    K_MUTAU,
    K_TAUTAU,
    VIOLATING,
    Quadratics,
    quadratics,
)
from bsnunu_jax.reproduce.neutrinos.coefficient_rows import (
    COLORS,
    SLIDES_END,
    coloured_regions,
    regions,
)
from bsnunu_jax.reproduce.neutrinos.ratio_kernels import Numbers, RatioKernels, Region, cuts, drawn
from bsnunu_jax.reproduce.neutrinos.ratio_rows import STATED_R
from bsnunu_jax.reproduce.neutrinos.ratio_scans import TOP
from bsnunu_jax.reproduce.neutrinos.ratios import (
    Histograms,
    edges,
    frame_handles,
    histogram_grid,
    right_handed_panel,
    six,
)
from bsnunu_jax.reproduce.row import Product, Row, row
from bsnunu_jax.reproduce.settings import Settings

# What b -> s mu mu may leave: "O(0.1)" and "much smaller than one", text of arXiv:2309.12741.
MUMU = (0.1, 1.0)
# As the slides quote the PDG.
SLIDES_LIMITS = {K_MUTAU: 2.8e-5, BS_MUTAU: 4.2e-5, K_TAUTAU: 2.25e-3, BS_TAUTAU: 6.8e-3}
_DASHES = dict(zip(MUMU, (":", "--"), strict=True))


def slides_lq(settings: Settings) -> Product:
    """C_L on the diagonal, C_R with one leptoquark, modes with charged leptons."""
    sm, counts = settings.once(drawn), settings.once(six)
    rates, _ = settings.once(quadratics)
    mine = coloured_regions(settings, rates.kernels)
    edge = edges(sm.central)
    return Product(
        figures={"slides-lq": lambda: _figure(settings, counts, edge, rates, mine)},
        tables={"edges": edge, "one_leptoquark": _lines(mine["blue"], rates)},
        grids={"scan": histogram_grid(counts)},
        rows=rows(settings),
        inputs={
            "points": settings.points,
            "one leptoquark": "C_R symmetric of rank one, C_R^ee = 0; lines at |C_R^mumu| = "
            + ", ".join(f"{m:g}" for m in MUMU),
            "limits": "that on Bs -> mu tau is on the sum of both charges: half of it is drawn",
        },
    )


def _lines(blue: Region, rates: Quadratics, points: int = 200) -> dict[str, Numbers]:
    """Where |C_R^mumu| has the values of `MUMU`, inside blue."""
    low, high = (float(x) for x in blue.on_axis())
    found: dict[str, list[Numbers]] = {}
    for mumu in MUMU:
        t = np.linspace(low + mumu, high + mumu, points)
        off = curve(mumu, t)
        columns = {"CR_mumu": np.full_like(t, -mumu), "CR_mutau": off, "CR_tautau": t}
        for conserving, violating in PANELS:
            columns[conserving] = rates.conserving(conserving, t)
            columns[violating] = rates.violating(violating, off)
        for name, values in columns.items():
            found.setdefault(name, []).append(values)
    return {name: np.concatenate(values) for name, values in found.items()}


def rank_one_panel(ax: Axes, kernels: RatioKernels, cut: Cuts, *, points: int = 601) -> None:
    """C_R^mutau and C_R^tautau of one leptoquark, C_R^mumu follows."""
    x, y = np.linspace(-12, 12, points), np.linspace(-22, -0.01, points)
    total, _ = rank_one(y[None, :], x[:, None])
    fill_regions(ax, x, y, *kernels.plane(total, np.zeros_like(total)), cut, hatched=False)
    for mumu, dashes in _DASHES.items():
        off = curve(mumu, y)
        for side in (-1, 1):
            ax.plot(side * off, y, color="black", ls=dashes, lw=1.0)
    ax.plot(0, 0, **SM, clip_on=False, zorder=5)
    caption = r"$C_R^{\mu\mu}=(C_R^{\mu\tau})^2/C_R^{\tau\tau}$"
    ax.set_title(caption, loc="right", fontsize=8)
    ax.set(
        xlim=(x[0], x[-1]),
        ylim=(y[0], 0),
        box_aspect=1,
        xlabel=r"$C_R^{\mu\tau}=C_R^{\tau\mu}$",
        ylabel=r"$C_R^{\tau\tau}$",
    )


def _figure(
    settings: Settings,
    counts: Histograms,
    edge: dict[str, Numbers],
    rates: Quadratics,
    mine: Mapping[str, Region],
) -> Figure:
    cut = cuts(settings)
    figure = new_figure(PAGE, 7.4)
    (ratios, plane), below = figure.subplots(2, 2)
    right_handed_panel(
        ratios, counts, edge["CR_lowest"], edge["CR_highest"], edge["R_K"], cut, averages=False
    )
    ratios.plot([0, TOP], [0, TOP], color=PURPLE, lw=2.2, zorder=4)
    rank_one_panel(plane, rates.kernels, cut)
    for ax, panel in zip(below, PANELS, strict=True):
        modes_panel(ax, rates, mine, panel, settings.constraints.limits)
        ax.set_box_aspect(1)
        low, high = (float(x) for x in mine["blue"].on_axis())
        for mumu, dashes in _DASHES.items():
            t = np.linspace(low + mumu, high + mumu, 50)
            off = curve(mumu, t)
            ax.plot(
                rates.conserving(panel[0], t),
                rates.violating(panel[1], off),
                color="black",
                ls=dashes,
                lw=1.0,
            )
    for ax, letter in zip((ratios, plane, *below), "abcd", strict=True):
        ax.set_title(f"({letter})", loc="left")
    models = [
        Line2D([], [], color=PURPLE, lw=2.2, label=r"$C_L^{ij}$ only: $S_0,\,S_1,\,V_1$"),
        Patch(fc=LIGHT, label=r"$C_R^{ij}$ only: $\tilde S_{1/2},\,V_{1/2}$"),
    ]
    small = [
        Line2D(
            [], [], color="black", ls=d, lw=1.0, label=rf"$|C_R^{{\mu\mu}}|={m:g}$, one leptoquark"
        )
        for m, d in _DASHES.items()
    ]
    legend_above(
        figure,
        [
            *region_handles(cut, hatched=False),
            *models,
            *small,
            *mode_handles(),
            *frame_handles(averages=False),
        ],
        3,
    )
    return figure


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
