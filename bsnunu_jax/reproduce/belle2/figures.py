"""The figures of what Belle II's likelihood gives: signal strength, couplings, resonance."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy.interpolate import PchipInterpolator

from bsnunu_jax.report.figures.corner import corner_data, corner_figure
from bsnunu_jax.report.figures.style import (
    BLUE,
    COLUMN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    mark_level,
    new_figure,
)
from bsnunu_jax.reproduce.belle2.resonance import Resonances
from bsnunu_jax.reproduce.belle2.rows import RESONANCE_BR, RESONANCE_MASS
from bsnunu_jax.reproduce.belle2.strength import Strength
from bsnunu_jax.reproduce.belle2.wet import Wet

_TAGS = {
    "combined": ("combined", "black", "-"),
    "ITA": ("inclusive tag", BLUE, "--"),
    "HTA": ("hadronic tag", ORANGE, "-."),
}
_LEVELS = (2.30, 5.99)


def strength_figure(found: Mapping[str, Strength]) -> Figure:
    """-2 ln L of mu above its minimum, by tag; dotted with nuisances held."""
    figure = new_figure(COLUMN, 3.0)
    ax = figure.subplots()
    for tag, s in found.items():
        label, color, style = _TAGS[tag]
        ax.plot(s.values, s.t, color=color, ls=style, label=f"{label}, $\\mu={s.mu:.1f}$")
    combined = found["combined"]
    ax.plot(
        combined.values,
        combined.t_frozen,
        color="black",
        ls=":",
        lw=1.0,
        label="combined, nuisances fixed",
    )
    for z in (1, 2, 3):
        mark_level(ax, z**2, rf"${z}\sigma$", below=True)
    ax.axvline(1, color=RED, lw=0.9)
    ax.annotate(
        "SM", (1.12, 0.97), xycoords=("data", "axes fraction"), va="top", color=RED, fontsize=8.5
    )
    ax.set_xlim(float(combined.values[0]), float(combined.values[-1]))
    ax.set_ylim(0, 14)
    ax.set_xlabel(r"signal strength $\mu$")
    ax.set_ylabel(r"$-2\,\Delta\ln L$")
    figure.legend(
        *ax.get_legend_handles_labels(),
        loc="outside upper center",
        ncols=2,
        columnspacing=1.0,
        fontsize=8,
    )
    return figure


def wet_figure(found: Wet) -> Figure:
    """Posterior of the couplings, 68 and 95 % regions."""
    return corner_figure(corner_data(found.problem.parameters, found.draws, found.best.values))


def resonance_figure(found: Resonances) -> Figure:
    """Depth of -2 ln L against the mass, and regions of mass and branching fraction."""
    figure = new_figure(COLUMN, 4.3)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.35))
    fine = np.linspace(found.m[0], found.m[-1], 881)
    # Monotone pieces: the curve has a kink where the best BR becomes 0.
    top.plot(fine, PchipInterpolator(found.m, found.delta)(fine), color=BLUE)
    top.axhline(0, color=GREY, lw=0.6)
    top.set_ylim(-15, 1.5)
    top.set_ylabel(r"$-2\,\Delta\ln L$ from SM")
    m, br, depth = found.fine_profile(fine)
    bottom.contourf(m, 1e6 * br, depth.T, [-1, *_LEVELS], colors=[BLUE + "b3", BLUE + "4d"])
    bottom.contour(m, 1e6 * br, depth.T, _LEVELS, colors=["black"], linewidths=0.8)
    best_m, best_br, _ = found.best
    bottom.plot(best_m, 1e6 * best_br, "+", ms=9, mew=1.5, color=RED, zorder=5, label="best fit")
    value, up, down = RESONANCE_BR
    mass, right, left = RESONANCE_MASS
    bottom.errorbar(
        mass,
        1e6 * value,
        yerr=[[1e6 * down], [1e6 * up]],
        xerr=[[left], [right]],
        fmt="o",
        ms=3.5,
        color=PURPLE,
        lw=1.2,
        label="arXiv:2602.09666",
    )
    bottom.set_xlim(float(found.m[0]), 3.6)
    bottom.set_ylim(0, 20)
    bottom.set_xlabel(r"$m_X$ [GeV]")
    bottom.set_ylabel(r"$\mathcal{B}(B^+\to K^+X)$ [$10^{-6}$]")
    handles, labels = bottom.get_legend_handles_labels()
    for alpha, confidence in (("b3", 68), ("4d", 95)):
        handles.append(Patch(fc=BLUE + alpha, ec="black", lw=0.8))
        labels.append(f"{confidence} % CL")
    bottom.legend(handles, labels, loc="upper left")
    return figure


def resonance_columns(found: Resonances) -> dict[str, np.ndarray]:
    """The curve of the mass, for CSV."""
    return {"m_GeV": found.m, "best_BR": found.best_br, "delta_minus_2_ln_L": found.delta}
