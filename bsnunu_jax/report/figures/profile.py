"""Delta chi2 over one or two parameters, everything else profiled."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import chi2

from bsnunu_jax.foundation.files import netcdf, write_whole
from bsnunu_jax.inference.fits.profile_map import ProfileMap
from bsnunu_jax.inference.problem.parameters import LogUniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.report.draws import axis_label
from bsnunu_jax.report.figures.style import (
    COLUMN,
    MASSES,
    ORANGE,
    mark_level,
    new_figure,
    save,
    styled,
)

_HIGHEST = 25.0


def write_profile(
    folder: Path, problem: Problem, found: ProfileMap, best: dict[str, float]
) -> None:
    """Write profile.nc, and figures/profile as PDF and PNG.

    Args:
        folder: result folder.
        problem: labels and nuisances.
        found: the profile likelihood.
        best: values of the best fit.
    """
    import xarray as xr

    over = found.names
    dims = (*over, "nuisance")
    arrays = {
        "minus_2_log_likelihood": (over, found.objective),
        "delta_chi2": (over, found.delta),
        "converged": (over, found.converged),
        "nuisances": (dims, found.nuisances),
    } | {f"profiled {n}": (over, v) for n, v in found.values.items() if n not in over}
    coordinates = dict(zip(over, found.axes, strict=True))
    names = list(problem.names[len(problem.parameters) :])
    dataset = xr.Dataset(arrays, {**coordinates, "nuisance": names} if names else coordinates)
    write_whole(folder / "profile.nc", netcdf({None: dataset}))
    with styled():
        save(profile_figure(problem, found, best), folder / "figures" / "profile")


def profile_figure(problem: Problem, found: ProfileMap, best: dict[str, float]) -> Figure:
    """A curve, or filled contours at 68 and 95 %."""
    figure = new_figure(COLUMN, 2.7 if len(found.names) == 1 else 3.2)
    axes = figure.subplots()
    parameters = {p.name: p for p in problem.parameters}
    for name, which in zip(found.names, "xy", strict=False):
        p, values = parameters[name], found.axes[found.names.index(name)]
        scale = "log" if isinstance(p.prior, LogUniform) else "linear"
        shown = replace(p, mirror=p.mirror and bool(values[0] >= 0))  # both signs: no modulus
        axes.set(**{f"{which}label": axis_label(shown), f"{which}scale": scale})
    (_draw_curve if len(found.names) == 1 else _draw_plane)(axes, found, best)
    return figure


def _draw_curve(axes: Axes, found: ProfileMap, best: dict[str, float]) -> None:
    (x,) = found.axes
    axes.plot(x, found.delta, color="black")
    for mass in MASSES:
        mark_level(axes, chi2.ppf(mass, 1), f"{100 * mass:.0f} %")
    axes.set(xlim=(x[0], x[-1]), ylim=(0, min(_HIGHEST, 1.1 * max(found.delta.max(), 4))))
    axes.set_ylabel(r"$\Delta\chi^2$")


def _draw_plane(axes: Axes, found: ProfileMap, best: dict[str, float]) -> None:
    x, y = found.axes
    height = np.minimum(found.delta, _HIGHEST).T
    filled = axes.contourf(x, y, height, np.linspace(0, _HIGHEST, 26), cmap="Blues_r")
    filled.set_rasterized(True)
    levels = [chi2.ppf(mass, 2) for mass in MASSES]
    axes.contour(x, y, height, levels, colors="black", linestyles=["-", "--"], linewidths=1.2)
    axes.plot(*(best[n] for n in found.names), "+", color=ORANGE, ms=9, mew=1.8, clip_on=False)
    bar = axes.figure.colorbar(filled, ax=axes, ticks=np.arange(0, _HIGHEST + 1, 5))
    bar.set_label(r"$\Delta\chi^2$ (lines: 68 % and 95 %)")
