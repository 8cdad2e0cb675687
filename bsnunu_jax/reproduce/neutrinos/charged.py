"""Fig. 3 of arXiv:2309.12741: the regions of Fig. 2 right in four modes with charged leptons."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bsnunu_jax.observables.catalogue import get_observable
from bsnunu_jax.report.figures.coupling_regions import region_handles
from bsnunu_jax.report.figures.style import BLUE, DARK, PAGE, RED, legend_above, new_figure, note
from bsnunu_jax.reproduce.neutrinos.charged_rates import (
    BS_MUTAU,
    BS_TAUTAU,
    CHARGES,
    CONSERVING,
    K_MUTAU,
    K_TAUTAU,
    MODES,
    VIOLATING,
    Quadratics,
    quadratics,
)
from bsnunu_jax.reproduce.neutrinos.coefficient_rows import COLORS, coloured_regions, regions
from bsnunu_jax.reproduce.neutrinos.ratio_kernels import Numbers, Region, cuts, generator
from bsnunu_jax.reproduce.row import Grid, Product, Row, counted, row, spread
from bsnunu_jax.reproduce.settings import Settings

# "up to 1e-5" and "a few 1e-5" of the text, "within factors of two below" the limits.
_REACH = {False: ("1e-5", 0.5e-5), True: ("a few 1e-5", 2e-5)}
_FACTOR_OF_TWO = 2.5
PANELS = ((K_TAUTAU, K_MUTAU), (BS_TAUTAU, BS_MUTAU))
# B+ -> K+ tau tau falls to 1e-9 where C_9' cancels C_9^SM.
X_RANGE, Y_RANGE = (5e-10, 1e-4), (1e-8, 1e-4)
_X_VIEW = {K_TAUTAU: X_RANGE, BS_TAUTAU: (1e-7, 1e-4)}
_HEX = {"blue": BLUE, "red": RED}
_BINS = 160


def fig3(settings: Settings) -> Product:
    """tau tau against mu tau of the plane of C_R^tautau and C_R^mutau; claim 12."""
    central, _ = settings.once(quadratics)
    mine = coloured_regions(settings, central.kernels)
    points = scatter(settings, mine["blue"])
    return Product(
        figures={"fig3": lambda: _figure(settings, central, mine)},
        tables={f"boundary_{c}": mapped_boundary(central, region) for c, region in mine.items()},
        grids={"points": _grid(central, mine, points)},
        rows=rows(settings),
        inputs={
            "points": settings.points,
            "coefficients": "C_9' = -C_10' = C_R, real, C_R^mutau = C_R^taumu",
            "limits": "that on Bs -> mu tau is on the sum of both charges: half of it is drawn",
            "rates": {m: q for m, q in (*central.tautau.items(), *central.mutau.items())}
            | {
                "meaning": "tau tau: coefficients of 1, C_R^tautau and its square; mu tau: of "
                "|C_R^taumu|^2"
            },
        },
    )


def scatter(settings: Settings, blue: Region) -> tuple[Numbers, Numbers]:
    """(C_R^tautau, C_R^mutau >= 0) uniform over the box around the blue region."""
    rng, n = generator(settings, "fig3"), settings.points
    low, high, off = (float(x) for x in blue.extent())
    return rng.uniform(low, high, n), rng.uniform(0, off, n)


def mapped_boundary(rates: Quadratics, region: Region) -> dict[str, Numbers]:
    """The edge of a region in the coefficients and in the four modes, for CSV."""
    found = region.boundary()
    t, low, high = found.values()
    for conserving, violating in PANELS:
        found[conserving] = rates.conserving(conserving, t)
        found[f"{violating}_low"] = rates.violating(violating, low)
        found[f"{violating}_high"] = rates.violating(violating, high)
    return found


def _grid(rates: Quadratics, mine: Mapping[str, Region], points: tuple[Numbers, Numbers]) -> Grid:
    """Points of the regions in bins of log10 BR."""
    edges = {
        f"log10_BR_{name}": np.linspace(np.log10(low), np.log10(high), _BINS + 1)
        for name, (low, high) in (("tautau", X_RANGE), ("mutau", Y_RANGE))
    }
    counts = {}
    for color, region in mine.items():
        t, off = (x[region.contains(*points)] for x in points)
        for kind, (conserving, violating) in zip(("K", "Bs"), PANELS, strict=True):
            x, y = rates.conserving(conserving, t), rates.violating(violating, off)
            logs = np.log10(x), np.log10(np.clip(y, 1e-300, None))
            counts[f"{kind}_{color}"] = counted(*logs, *edges.values())
    return Grid.of_counts(edges, counts)


def modes_panel(
    ax: Axes,
    rates: Quadratics,
    mine: Mapping[str, Region],
    panel: tuple[str, str],
    limits: Mapping[str, float],
) -> None:
    """Blue and red in BR(mu tau) against BR(tau tau), with the SM and the limits."""
    conserving, violating = panel
    turning = float(rates.turning(conserving))
    for color, region in mine.items():
        t, *off = region.boundary(1600).values()
        # Both sides of the smallest BR(tau tau) map to the same values.
        for side in (t <= turning, t >= turning):
            if side.any():
                x = rates.conserving(conserving, t[side])
                y = (rates.violating(violating, end[side]) for end in off)
                ax.fill_between(x, *y, color=_HEX[color], lw=0)
    ax.axvline(rates.tautau[conserving][0], color="black", lw=1.0)
    ax.axhline(limits[violating] / CHARGES[violating], color=DARK, lw=0.9, ls="--")
    ax.set(
        xscale="log",
        yscale="log",
        xlim=_X_VIEW[conserving],
        ylim=Y_RANGE,
        xlabel=f"${get_observable(conserving).latex}$",
        ylabel=f"${get_observable(violating).latex}$",
    )
    text = f"limit on $\\tau\\tau$:\n${scientific(limits[conserving])}$"
    note(ax, 0.03, 0.04, text, ha="left", va="bottom", fontsize=8)


def scientific(value: float) -> str:
    r"""A number in LaTeX.

    >>> scientific(2.25e-3)
    '2.25\\times10^{-3}'
    """
    power = int(np.floor(np.log10(value)))
    return rf"{value / 10.0**power:.3g}\times10^{{{power}}}"


def mode_handles() -> list[Artist]:
    """Legend of the lines of `modes_panel`."""
    return [
        Line2D([], [], color="black", lw=1.0, label=r"SM, $\tau\tau$"),
        Line2D(
            [],
            [],
            color=DARK,
            lw=0.9,
            ls="--",
            label=r"limit on $\mu\tau$ ($B_s$: half of both charges)",
        ),
    ]


def _figure(settings: Settings, rates: Quadratics, mine: Mapping[str, Region]) -> Figure:
    figure = new_figure(PAGE, 3.4)
    for ax, panel in zip(figure.subplots(1, 2), PANELS, strict=True):
        modes_panel(ax, rates, mine, panel, settings.constraints.limits)
    legend_above(figure, [*region_handles(cuts(settings), hatched=False), *mode_handles()], 2)
    return figure


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
