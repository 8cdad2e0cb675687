"""Fig. 2 of arXiv:2309.12741: where C_R is, and the plane of C_R^mutau and C_R^tautau."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bsnunu_jax.report.figures.coupling_regions import SM, Cuts, fill_regions, region_handles
from bsnunu_jax.report.figures.style import BLUE, LIGHT, PAGE, RED, legend_above, new_figure, note
from bsnunu_jax.reproduce.neutrinos import coefficient_rows, ratio_scans
from bsnunu_jax.reproduce.neutrinos.ratio_kernels import (
    ENTRIES,
    Numbers,
    RatioKernels,
    cuts,
    drawn,
    generator,
)
from bsnunu_jax.reproduce.neutrinos.ratios import (
    Histograms,
    coloured,
    edges,
    frame_handles,
    histogram_grid,
    right_handed_panel,
)
from bsnunu_jax.reproduce.row import Grid, Product, counted
from bsnunu_jax.reproduce.settings import Settings

# The slice of the centre panel: |C_R^ee| and the off-diagonal |C_R^ij| below this.
SLICE = 1.0
_LOW, _HIGH = -22.0, 14.0
_EDGES = np.linspace(_LOW, _HIGH, 181)
# C_R^mumu and C_R^tautau of the six `ENTRIES`.
PROJECTION = np.array([[0.0, 1, 0, 0, 0, 0], [0.0, 0, 1, 0, 0, 0]])


def fig2(settings: Settings) -> Product:
    """C_R^tautau as the only diagonal entry, a slice of six C_R, a plane; claims 5 to 8."""
    sm, cut = settings.once(drawn), cuts(settings)
    rng, n, kernels = generator(settings, "fig2"), settings.points, sm.central
    counts = coloured(ratio_scans.right_handed(rng, n, kernels, tau_only=True), cut)
    allowed = ratio_scans.allowed_points(rng, n, kernels, cut.new, cut.loose)
    thin = ratio_scans.slice_points(rng, n, kernels, cut.loose, SLICE)
    crossed = ratio_scans.off_diagonal(rng, n, kernels)
    projected = _projected(thin, cut)
    edge = edges(kernels)
    tables = {"edges": edge} | {
        f"region_{name}": region.boundary()
        for name, region in zip(
            cut.regions(), coefficient_rows.regions(settings, kernels).values(), strict=True
        )
    }
    return Product(
        figures={"fig2": lambda: _figure(counts, edge, projected, kernels, cut)},
        tables=tables,
        grids={"tautau_scan": histogram_grid(counts), "slice": _slice_grid(projected)},
        rows=coefficient_rows.rows(settings, allowed, crossed),
        inputs={
            "points": {"tautau_scan": n, "six C_R": n, "slice": n, "off-diagonal": n},
            "left": "C_R^tautau is the only diagonal entry, as the caption says; the text says six "
            "parameters, which is Fig. 1 right",
            "centre": f"|C_R^ee| and off-diagonal |C_R^ij| <= {SLICE:g}, uniform in the volume; "
            "coordinates are slice.nc:projection times the entries",
            "eta": kernels.eta,
            "C_L_SM": kernels.C_SM,
        },
    )


def _projected(thin: ratio_scans.Scan, cut: Cuts) -> Histograms:
    """Blue and red points in bins of the two projected coordinates."""
    found = {}
    for name, limit in (("blue", cut.loose), ("red", cut.tight)):
        chosen = thin.coefficients["CR"][thin.inside(cut.new, limit)]
        x, y = PROJECTION @ chosen.T
        found[name] = counted(x, y, _EDGES)
    return found


def _slice_grid(projected: Histograms) -> Grid:
    binned = Grid.of_counts(dict.fromkeys(("x_1", "x_2"), _EDGES), projected)
    entries = np.array([f"CR_{e}" for e in ENTRIES])
    return Grid(
        {**binned.coordinates, "x": np.array(["x_1", "x_2"]), "entry": entries},
        {**binned.arrays, "projection": (("x", "entry"), PROJECTION)},
        binned.units,
    )


def plane_panel(ax: Axes, kernels: RatioKernels, cut: Cuts, *, points: int = 601) -> None:
    """The plane of C_R^mutau = C_R^taumu and C_R^tautau with all four regions."""
    x, y = np.linspace(-14, 14, points), np.linspace(-22, 8, points)
    R_K, R_Kstar = kernels.plane(y[None, :], x[:, None])
    fill_regions(ax, x, y, R_K, R_Kstar, cut)
    ax.plot(0, 0, **SM)
    ax.set(
        xlim=(x[0], x[-1]),
        ylim=(y[0], y[-1]),
        box_aspect=1,
        xlabel=r"$C_R^{\mu\tau}=C_R^{\tau\mu}$",
        ylabel=r"$C_R^{\tau\tau}$",
    )


def slice_panel(ax: Axes, projected: Histograms) -> None:
    """Blue and red points of the slice, the paler the fewer."""
    ends = (_LOW, _HIGH, _LOW, _HIGH)
    for name, color in (("blue", BLUE), ("red", RED)):
        counts = projected[name].T.astype(float)
        counts[counts == 0] = np.nan
        shades = LinearSegmentedColormap.from_list(name, ["white", color])
        top = np.nanquantile(counts, 0.7) if np.isfinite(counts).any() else 1.0
        ax.imshow(
            counts,
            extent=ends,
            origin="lower",
            cmap=shades,
            vmin=-0.3 * top,
            vmax=top,
            interpolation="none",
            zorder=1,
        )
    ax.plot(0, 0, **SM)
    ticks = [-20, -10, 0, 10]
    ax.set(
        xlim=ends[:2],
        ylim=ends[2:],
        aspect="equal",
        xticks=ticks,
        yticks=ticks,
        xlabel=r"$C_R^{\mu\mu}$",
        ylabel=r"$C_R^{\tau\tau}$",
    )
    text = rf"$|C_R^{{ee}}|,\,|C_R^{{i\neq j}}|<{SLICE:g}$"
    note(ax, 0.96, 0.95, text, ha="right", va="top", fontsize=8)


def _figure(
    counts: Histograms,
    edge: dict[str, Numbers],
    projected: Histograms,
    kernels: RatioKernels,
    cut: Cuts,
) -> Figure:
    figure = new_figure(PAGE, 3.15)
    left, centre, right = figure.subplots(1, 3)
    right_handed_panel(
        left, counts, edge["CR_tautau_lowest"], edge["CR_tautau_highest"], edge["R_K"], cut
    )
    slice_panel(centre, projected)
    plane_panel(right, kernels, cut)
    grey = Patch(fc=LIGHT, label=r"left: $C_R^{\tau\tau},\,C_R^{i\neq j}$")
    legend_above(
        figure, [*region_handles(cut), grey, *frame_handles(), Line2D([], [], label="SM", **SM)], 3
    )
    return figure
