"""Regions of R_K and R_K* in a plane of two couplings, filled and hatched."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from bsnunu_jax.report.figures.style import BLUE, DARK, RED

Range = tuple[float, float]
_HATCHES = ("////", "\\\\\\\\")
SM: dict[str, Any] = {"marker": "o", "ms": 4.5, "mfc": "white", "mec": "black", "ls": "none"}
R_K_TEX, R_KSTAR_TEX = r"R_K^{\nu\nu}", r"R_{K^*}^{\nu\nu}"


@dataclass(frozen=True)
class Cuts:
    """Ranges of R_K of the new measurement and of the average, and two upper limits on R_K*."""

    new: Range
    average: Range
    loose: float
    tight: float

    def regions(self) -> dict[str, tuple[Range, float]]:
        """Range of R_K and limit on R_K* by a name that says both.

        >>> list(Cuts((3.6, 7.0), (2.0, 4.0), 2.7, 1.9).regions())[0]
        'R_K_3.6_to_7_and_R_Kstar_up_to_2.7'
        """
        return {
            f"R_K_{low:.3g}_to_{high:.3g}_and_R_Kstar_up_to_{limit:.3g}": ((low, high), limit)
            for low, high in (self.new, self.average)
            for limit in (self.loose, self.tight)
        }


def margin(R_K: np.ndarray, R_Kstar: np.ndarray, of: Range, limit: float) -> np.ndarray:
    """Positive inside low <= R_K <= high, R_K* <= limit: the smallest of the three margins."""
    return np.min([R_K - of[0], of[1] - R_K, limit - R_Kstar], axis=0)


def fill_regions(
    ax: Axes,
    x: np.ndarray,
    y: np.ndarray,
    R_K: np.ndarray,
    R_Kstar: np.ndarray,
    cuts: Cuts,
    *,
    hatched: bool = True,
) -> None:
    """Blue and red where the new range holds, hatched where the average does; grids [x, y]."""
    for limit, color in ((cuts.loose, BLUE), (cuts.tight, RED)):
        ax.contourf(x, y, margin(R_K, R_Kstar, cuts.new, limit).T, [0, np.inf], colors=color)
    if not hatched:
        return
    for limit, hatch in zip((cuts.loose, cuts.tight), _HATCHES, strict=True):
        inside = margin(R_K, R_Kstar, cuts.average, limit).T
        filled = ax.contourf(x, y, inside, [0, np.inf], colors="none", hatches=[hatch])
        filled.set(edgecolor=DARK, linewidth=0)
        ax.contour(x, y, inside, [0], colors=DARK, linewidths=0.6)


def cut_labels(cuts: Cuts) -> Mapping[str, str]:
    """LaTeX of the four cuts, by the names of `Cuts`."""
    return {
        "new": rf"${cuts.new[0]:.3g} \leq {R_K_TEX} \leq {cuts.new[1]:.3g}$",
        "average": rf"${cuts.average[0]:.3g} \leq {R_K_TEX} \leq {cuts.average[1]:.3g}$",
        "loose": rf"${R_KSTAR_TEX} \leq {cuts.loose:.3g}$",
        "tight": rf"${R_KSTAR_TEX} \leq {cuts.tight:.3g}$",
    }


def region_handles(cuts: Cuts, *, hatched: bool = True) -> list[Artist]:
    """Entries of the legend."""
    tex = cut_labels(cuts)
    found: list[Artist] = [
        Patch(fc=color, label=f"{tex['new']}, {tex[limit]}")
        for limit, color in (("loose", BLUE), ("tight", RED))
    ]
    if hatched:
        found += [
            Patch(fc="none", ec=DARK, hatch=hatch, lw=0.6, label=f"{tex['average']}, {tex[limit]}")
            for limit, hatch in (("loose", "////"), ("tight", "xxxx"))
        ]
    return found
