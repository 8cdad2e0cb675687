"""A panel of R_K against R_K*: what can be reached, the cuts, the diagonal and the SM."""

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.lines import Line2D

from bsnunu_jax.report.figures.coupling_regions import R_K_TEX, R_KSTAR_TEX, Cuts
from bsnunu_jax.report.figures.style import GREEN, RED
from bsnunu_jax.reproduce.neutrinos.ratio_kernels import Drawn, Numbers
from bsnunu_jax.reproduce.neutrinos.ratio_scans import TOP


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
        ax.axhline(y, color=RED, lw=0.9, ls="--", zorder=3)
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


def handles(*, averages: bool = True) -> list[Artist]:
    """Legend of what `frame` draws."""
    new: list[Artist] = [Line2D([], [], color="black", lw=0.9, label=f"${R_K_TEX}$, new range")]
    if averages:
        new.append(Line2D([], [], color="black", lw=0.9, ls="--", label=f"${R_K_TEX}$, average"))
    return [*new, Line2D([], [], color=RED, lw=0.9, ls="--", label=f"limits on ${R_KSTAR_TEX}$")]


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
        edge["R_K"], edge["R_Kstar"], color=GREEN, lw=0, zorder=2, label=r"SM, $3\sigma$"
    )
    return found
