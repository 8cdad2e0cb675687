"""The plane of C_R^mutau and C_R^tautau: posterior and the regions of arXiv:2309.12741, Fig. 2.

The regions are computed, not copied: R_K_nunu and R_Kstar_nunu of preset `paper` on a grid, both
C_R^mutau and C_R^taumu set, cut at Eqs. (4) and (5) of that paper.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bsnunu_jax.inference.problem.parameters import Parameter
from bsnunu_jax.inputs import load_inputs
from bsnunu_jax.observables.branching import ratio_to_sm
from bsnunu_jax.report.draws import unfolded
from bsnunu_jax.report.figures.coupling_regions import (
    SM,
    Cuts,
    fill_regions,
    margin,
    region_handles,
)
from bsnunu_jax.report.figures.density import Density, smooth_density
from bsnunu_jax.report.figures.of_fit import Drawn, Fit
from bsnunu_jax.report.figures.style import COLUMN, MASSES, new_figure
from bsnunu_jax.report.intervals import bounds
from bsnunu_jax.states import Neutrinos

# R_K of the new measurement and of the average, Eq. (4); the two limits on R_K*, Eq. (5).
CUTS = Cuts(new=(3.6, 7.0), average=(2.0, 4.0), loose=2.7, tight=1.9)
_RANGE, _POINTS = 20.0, 161
_PRESET, _PAPER = "paper", "arXiv:2309.12741"
_BEST: dict[str, Any] = {"marker": "+", "ms": 8, "mew": 1.4, "color": "black", "ls": "none"}


@dataclass(frozen=True)
class Plane:
    """R_K_nunu and R_Kstar_nunu on the grid [mutau, tautau], and the posterior on its own grid."""

    mutau: np.ndarray
    tautau: np.ndarray
    R_K: np.ndarray
    R_Kstar: np.ndarray
    posterior: Density
    best_fit: tuple[float, float]

    def inside(self) -> dict[str, np.ndarray]:
        """Where the regions of the paper are, by name."""
        return {
            name: margin(self.R_K, self.R_Kstar, *of) >= 0 for name, of in CUTS.regions().items()
        }

    def columns(self) -> dict[str, np.ndarray]:
        """The grid of the regions, for CSV: 1 inside, 0 outside."""
        x, y = np.meshgrid(self.mutau, self.tautau, indexing="ij")
        grid = {"CR_mutau": x, "CR_tautau": y, "R_K_nunu": self.R_K, "R_Kstar_nunu": self.R_Kstar}
        grid |= {name: inside.astype(float) for name, inside in self.inside().items()}
        return {name: values.ravel() for name, values in grid.items()}

    def numbers(self) -> dict[str, Any]:
        """The posterior, for JSON."""
        return {
            "CR_mutau": self.posterior.axes[0],
            "CR_tautau": self.posterior.axes[1],
            "density": self.posterior.values,
            "regions": "highest posterior density in this plane, above the levels",
            **{f"level{100 * m:.0f}": self.posterior.level(m) for m in MASSES},
            "best_fit": {"CR_mutau": self.best_fit[0], "CR_tautau": self.best_fit[1]},
        }


def of_fit(fit: Fit) -> Drawn | None:
    """Of fits of C_R^mutau and C_R^tautau."""
    parameters = fit.problem.parameters
    if not is_plane(parameters):
        return None
    draws = unfolded(fit.problem, fit.chains)
    data = plane_data(parameters, draws, fit.best_fit.best.values)
    return Drawn(plane_figure(data), data.numbers(), {"coupling_plane": data.columns()})


def is_plane(parameters: Sequence[Parameter]) -> bool:
    """True if the fit has C_R^tautau and a symmetric C_R^mutau, as the paper's figure."""
    found = {p.name: p for p in parameters}
    return "CR_tautau" in found and "CR_taumu" in getattr(found.get("CR_mutau"), "also", ())


def paper_ratios(
    mutau: Float[np.ndarray, " x"], tautau: Float[np.ndarray, " y"]
) -> tuple[Float[np.ndarray, "x y"], Float[np.ndarray, "x y"]]:
    """R_K_nunu and R_Kstar_nunu of preset `paper` on a grid, C_R^taumu = C_R^mutau."""
    inputs = load_inputs(_PRESET)

    def both(x: Float[Array, ""], y: Float[Array, ""]) -> tuple[Array, Array]:
        state = Neutrinos.named({"CR_mutau": x, "CR_taumu": x, "CR_tautau": y})
        return ratio_to_sm("B+->K+", [state], inputs), ratio_to_sm("B0->K*0", [state], inputs)

    rows = jax.vmap(both, in_axes=(None, 0))
    grid = jax.jit(jax.vmap(rows, in_axes=(0, None)))
    R_K, R_Kstar = grid(jnp.asarray(mutau), jnp.asarray(tautau))
    return np.asarray(R_K), np.asarray(R_Kstar)


def plane_data(
    parameters: Sequence[Parameter],
    unfolded: Mapping[str, Float[np.ndarray, "chains draws"]],
    best_fit: Mapping[str, float],
) -> Plane:
    """What is drawn; the posterior is mirrored in C_R^mutau if that is known to be a symmetry.

    Args:
        parameters: those of the fit.
        unfolded: draws as sampled, with their sign.
        best_fit: values of the parameters.
    """
    x, y = unfolded["CR_mutau"].ravel(), unfolded["CR_tautau"].ravel()
    by_name = {p.name: p for p in parameters}
    if by_name["CR_mutau"].mirror:
        x, y = np.concatenate([x, -x]), np.concatenate([y, y])
    # On both sides of 0.
    ends = [bounds(replace(by_name[n], mirror=False)) for n in ("CR_mutau", "CR_tautau")]
    grid = np.linspace(-_RANGE, _RANGE, _POINTS)
    return Plane(
        grid,
        grid,
        *paper_ratios(grid, grid),
        posterior=smooth_density([x, y], ends, bins=100),
        best_fit=(best_fit["CR_mutau"], best_fit["CR_tautau"]),
    )


def plane_figure(data: Plane) -> Figure:
    """Regions of the paper filled or hatched, posterior as contours on top."""
    figure = new_figure(COLUMN, 4.1)
    ax = figure.subplots()
    fill_regions(ax, data.mutau, data.tautau, data.R_K, data.R_Kstar, CUTS)
    px, py = data.posterior.axes
    levels = [data.posterior.level(m) for m in reversed(MASSES)]
    ax.contour(
        px,
        py,
        data.posterior.values.T,
        levels,
        colors="black",
        linestyles=["--", "-"],
        linewidths=1.4,
    )
    ax.plot(*data.best_fit, **_BEST)
    ax.plot(0, 0, **SM)
    ax.set(xlabel=r"$C_R^{\mu\tau}=C_R^{\tau\mu}$", ylabel=r"$C_R^{\tau\tau}$", aspect="equal")
    _zoom(ax, data, levels[0])
    _legend(figure)
    return figure


def _zoom(ax: Axes, data: Plane, level: float) -> None:
    """Show all regions, the posterior above `level` and the SM, with a margin."""
    regions_mask = np.any(list(data.inside().values()), axis=0)
    posterior_mask = data.posterior.values >= level
    limits = []
    for axis, grid in enumerate((data.mutau, data.tautau)):
        seen = np.concatenate(
            [
                grid[regions_mask.any(axis=1 - axis)],
                data.posterior.axes[axis][posterior_mask.any(axis=1 - axis)],
                [0.0],
            ]
        )
        margin = 0.07 * (seen.max() - seen.min())
        limits.append((seen.min() - margin, seen.max() + margin))
    ax.set(xlim=limits[0], ylim=limits[1])


def _legend(figure: Figure) -> None:
    handles = [
        Line2D([], [], color="black", ls="-", lw=1.4, label="posterior 68 %"),
        Line2D([], [], color="black", ls="--", lw=1.4, label="posterior 95 %"),
        Line2D([], [], label="best fit", **_BEST),
        Line2D([], [], label="SM", **SM),
        Line2D([], [], ls="none", label=" "),  # the columns are filled one after the other
        Line2D([], [], ls="none", label=f"{_PAPER}:"),
        *region_handles(CUTS),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2)
