"""Fig. 1 of arXiv:2309.12741: R_K against R_K* in scans of 12 and of 6 coefficients."""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bsnunu_jax.report.figures import style
from bsnunu_jax.report.figures.coupling_regions import R_K_TEX, R_KSTAR_TEX, Cuts, region_handles
from bsnunu_jax.reproduce.neutrinos import ratio_rows, ratio_scans
from bsnunu_jax.reproduce.neutrinos.ratio_kernels import (
    Drawn,
    Numbers,
    RatioKernels,
    cuts,
    drawn,
    generator,
)
from bsnunu_jax.reproduce.neutrinos.ratio_scans import TOP
from bsnunu_jax.reproduce.row import Grid, Product
from bsnunu_jax.reproduce.settings import Settings

Histograms = dict[str, Numbers]


def edges(kernels: RatioKernels, points: int = 901) -> dict[str, Numbers]:
    """The analytic ends of R_K* at every R_K: of C_L with C_R, primed, of six C_R, of C_R^tautau.

    nan where nothing is reached; C_L with C_R and the primed ones have no upper end.
    """
    R_K = np.unique([*np.linspace(0, ratio_scans.TOP, points), 2 / 3])
    step, root = 2 * (1 + kernels.eta), np.sqrt(R_K)
    # With C_R^tautau as the only diagonal entry R_K >= 2/3.
    tau = np.sqrt(np.where(R_K >= 2 / 3, 3 * R_K - 2, np.nan))
    return {
        "R_K": R_K,
        "CL_CR_lowest": np.asarray(ratio_rows.lowest(kernels, R_K)),
        "CLp_CRp_lowest": np.where(R_K >= 1, ratio_rows.lowest(kernels, R_K, primed=True), np.nan),
        "CR_lowest": R_K + step * (1 - root),
        "CR_highest": R_K + step * (1 + root),
        "CR_tautau_lowest": R_K + step / 3 * (1 - tau),
        "CR_tautau_highest": R_K + step / 3 * (1 + tau),
    }


def six(settings: Settings) -> Histograms:
    """Scan of six C_R in bins; call through `settings.once`."""
    rng, sm = generator(settings, "six C_R"), settings.once(drawn)
    return coloured(ratio_scans.right_handed(rng, settings.points, sm.central), cuts(settings))


def fig1(settings: Settings) -> Product:
    """Scans of (C_L, C_R), (C_L', C_R') and C_R; claims 1 to 4 and 9."""
    sm, cut = settings.once(drawn), cuts(settings)
    rng, n, kernels = generator(settings, "fig1"), settings.points, sm.central
    counts = {"CL_CR": ratio_scans.both_chiralities(rng, n, kernels).histogram()}
    primed = ratio_scans.both_chiralities(rng, n, kernels, primed=True)
    left = ratio_scans.left_handed(rng, n, kernels)
    counts |= {"CLp_CRp": primed.histogram(), **settings.once(six)}
    edge, ellipse = edges(kernels), sm_ellipse(sm)
    return Product(
        figures={"fig1": lambda: _figure(counts, edge, ellipse, cut)},
        tables={"edges": edge, "sm_3sigma": ellipse},
        grids={"scans": histogram_grid(counts)},
        rows=ratio_rows.rows(settings, primed, left),
        inputs={
            "points": {"CL_CR": n, "CLp_CRp": n, "CL": n, "CR": n},
            "sampling": "real, symmetric; C_L +- C_R (C_R: trace and the rest) isotropic in the "
            "entries with off-diagonal ones counted twice, flat in the squares",
            "eta": kernels.eta,
            "C_L_SM": kernels.C_SM,
        },
    )


def coloured(scan: ratio_scans.Scan, cut: Cuts) -> Histograms:
    """Histograms of a scan of C_R: all of it, blue and red."""
    return {
        "CR": scan.histogram(),
        "CR_blue": scan.histogram(scan.inside(cut.new, cut.loose)),
        "CR_red": scan.histogram(scan.inside(cut.new, cut.tight)),
    }


def histogram_grid(counts: Histograms) -> Grid:
    """For NetCDF."""
    return Grid.of_counts(dict.fromkeys(("R_K", "R_Kstar"), ratio_scans.EDGES), counts)


def right_handed_panel(
    ax: Axes,
    counts: Histograms,
    lower: Numbers,
    upper: Numbers,
    R_K: Numbers,
    cut: Cuts,
    *,
    averages: bool = True,
) -> None:
    """All of a scan of C_R in grey, blue and red points above, the analytic edge around."""
    shade(ax, counts["CR"], style.LIGHT, R_K, lower, upper)
    # Bins do not end at the cuts: their shades do.
    x = np.linspace(*cut.new, 200)
    low, high = (np.interp(x, R_K, line) for line in (lower, upper))
    for name, color, limit in (
        ("CR_blue", style.BLUE, cut.loose),
        ("CR_red", style.RED, cut.tight),
    ):
        ends = np.minimum(low, limit), np.minimum(high, limit)
        shade(ax, counts[name], color, x, *ends)
    for line in (lower, upper):
        ax.plot(R_K, line, color=style.DARK, lw=0.6, zorder=2)
    frame(ax, cut, averages=averages)


def _figure(
    counts: Histograms, edge: dict[str, Numbers], ellipse: dict[str, Numbers], cut: Cuts
) -> Figure:
    figure = style.new_figure(style.PAGE, 4.0)
    left, right = figure.subplots(1, 2, sharey=True)
    R_K = edge["R_K"]
    for name, color in (("CL_CR", style.LIGHT), ("CLp_CRp", style.GREY)):
        lowest = edge[f"{name}_lowest"]
        shade(left, counts[name], color, R_K, lowest)
        left.plot(R_K, lowest, color=style.DARK, lw=0.6, zorder=2)
    sm = fill_sm(left, ellipse)
    frame(left, cut)
    right_handed_panel(right, counts, edge["CR_lowest"], edge["CR_highest"], R_K, cut)
    fill_sm(right, ellipse)
    right.set_ylabel("")
    shades = [
        Patch(fc=style.LIGHT, label=r"left: $C_L^{ij},\,C_R^{ij}$; right: $C_R^{ij}$"),
        Patch(fc=style.GREY, label=r"$C_L^{\prime\,ij},\,C_R^{\prime\,ij}$"),
        sm,
    ]
    style.legend_above(figure, [*shades, *frame_handles(), *region_handles(cut, hatched=False)], 3)
    return figure


def shade(
    ax: Axes,
    counts: Numbers,
    color: str,
    x: Numbers,
    lowest: Numbers,
    highest: Numbers | float = TOP,
) -> None:
    """Colour the bins of a `Scan.histogram` that have points, up to the analytic ends of R_K*."""
    image = np.zeros((*counts.T.shape, 4))
    image[counts.T > 0] = to_rgba(color)
    drawn = ax.imshow(
        image, extent=(0, TOP, 0, TOP), origin="lower", interpolation="none", zorder=1
    )
    known = np.isfinite(lowest)
    x, low, high = x[known], lowest[known], np.broadcast_to(highest, x.shape)[known]
    clip = ax.fill(np.concatenate([x, x[::-1]]), np.concatenate([low, high[::-1]]), fc="none", lw=0)
    drawn.set_clip_path(clip[0])


def frame(ax: Axes, cuts: Cuts, *, averages: bool = True) -> None:
    """Cuts, diagonal, limits and labels."""
    for x in cuts.new:
        ax.axvline(x, color="black", lw=0.9, zorder=3)
    for x in cuts.average if averages else ():
        ax.axvline(x, color="black", lw=0.9, ls="--", zorder=3)
    for y in (cuts.loose, cuts.tight):
        ax.axhline(y, color=style.RED, lw=0.9, ls="--", zorder=3)
    ax.plot([0, TOP], [0, TOP], color="black", lw=0.7, zorder=3)
    ticks = range(0, int(TOP) + 1, 2)
    ax.set(
        xlim=(0, TOP),
        ylim=(0, TOP),
        aspect="equal",
        xticks=ticks,
        yticks=ticks,
        xlabel=f"${R_K_TEX}$",
        ylabel=f"${R_KSTAR_TEX}$",
    )


def frame_handles(*, averages: bool = True) -> list[Artist]:
    """Legend of what `frame` draws."""
    new: list[Artist] = [Line2D([], [], color="black", lw=0.9, label=f"${R_K_TEX}$, new range")]
    if averages:
        new.append(Line2D([], [], color="black", lw=0.9, ls="--", label=f"${R_K_TEX}$, average"))
    return [
        *new,
        Line2D([], [], color=style.RED, lw=0.9, ls="--", label=f"limits on ${R_KSTAR_TEX}$"),
    ]


def sm_ellipse(drawn: Drawn, sigma: float = 3.0, points: int = 181) -> dict[str, Numbers]:
    """Edge of the SM's uncertainty in R_K and R_K*: covariance of draws over the central values."""
    ratios = np.stack([drawn.BR_draws[m] / drawn.BR[m] for m in ("B+->K+", "B0->K*0")])
    root = np.linalg.cholesky(np.cov(ratios))
    angle = np.linspace(0, 2 * np.pi, points)
    x, y = 1 + sigma * root @ np.stack([np.cos(angle), np.sin(angle)])
    return {"R_K": x, "R_Kstar": y}


def fill_sm(ax: Axes, edge: dict[str, Numbers]) -> Artist:
    """The SM in green."""
    (found,) = ax.fill(
        edge["R_K"], edge["R_Kstar"], color=style.GREEN, lw=0, zorder=2, label=r"SM, $3\sigma$"
    )
    return found
