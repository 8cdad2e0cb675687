"""Mass and scale of a pair: regions of the likelihood or the posterior, minima, limit on the scale.

Where mass and scale were moved by jumps, -2 ln L with all nuisances profiled is known on the grid
of the jumps: regions and limit are drawn from it. Else regions are those of the posterior.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bsnunu_jax.foundation.seals import load_block
from bsnunu_jax.hadrons.transitions import MODES, REPORTED
from bsnunu_jax.inference.fits.best_fit import Minimum
from bsnunu_jax.inference.problem.parameters import LogUniform, Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.report.draws import axis_label, reported
from bsnunu_jax.report.figures.density import Density, smooth_density
from bsnunu_jax.report.figures.of_fit import Drawn, Fit
from bsnunu_jax.report.figures.style import BLUE, COLUMN, GREY, MASSES, RED, new_figure

_SCALE, _MASSES = "Lambda", ("m", "mN")
_BEST: dict[str, Any] = {"marker": "+", "ms": 9, "mew": 1.6, "color": RED, "ls": "none"}
_OTHER: dict[str, Any] = {"marker": "x", "ms": 6, "mew": 1.4, "color": RED, "ls": "none"}
_CLOSES: dict[str, Any] = {"lw": 0.9, "color": GREY, "zorder": 0}
_BINS = 90
# -2 ln L above its minimum: 68 and 95 % of two parameters, one-sided 95 % of one.
REGIONS, LIMIT = (2.30, 5.99), 2.71


@dataclass(frozen=True)
class ScalePlane:
    """What is drawn over mass and log10 of the scale.

    Attributes:
        posterior: its density.
        profile: mass, log10 of the scale, and -2 ln L above its minimum on their grid, if known.
        names: of the mass and the scale.
        labels: LaTeX of both.
        minima: (mass, scale) of every minimum inside the ranges, deepest first.
        closes: the largest mass of the pair in K and in K*, by a LaTeX label.
        ranges: of the mass and of log10 of the scale.
    """

    posterior: Density
    profile: tuple[np.ndarray, np.ndarray, np.ndarray] | None
    names: tuple[str, str]
    labels: tuple[str, str]
    minima: tuple[tuple[float, float], ...]
    closes: dict[str, float]
    ranges: tuple[tuple[float, float], tuple[float, float]]

    @property
    def limit(self) -> np.ndarray | None:
        """Smallest scale allowed at 95 % for every mass of the profile; nan where all are.

        One-sided in the rate: the largest scale below which -2 ln L is more than 2.71 above its
        minimum at this mass, between grid points linear in ln Lambda.
        """
        if self.profile is None:
            return None
        _, y, rise = self.profile
        found = np.full(len(rise), np.nan)
        for i, line in enumerate(rise - rise.min(axis=1, keepdims=True)):
            above = line[: int(line.argmin()) + 1] > LIMIT
            if above.any():
                k = int(np.flatnonzero(above)[-1])
                fraction = (line[k] - LIMIT) / (line[k] - line[k + 1])
                found[i] = 10 ** (y[k] + fraction * (y[k + 1] - y[k]))
        return found

    def numbers(self) -> dict[str, Any]:
        """What is drawn, for JSON."""
        known: dict[str, Any] = {}
        if self.profile is not None and self.limit is not None:
            m, y, rise = self.profile
            known["profile"] = {
                self.names[0]: m,
                f"log10 {self.names[1]}": y,
                "delta_minus_2_log_likelihood": rise,
                "limit95": [None if np.isnan(x) else float(x) for x in self.limit],
            }
        return known | {
            self.names[0]: self.posterior.axes[0],
            f"log10 {self.names[1]}": self.posterior.axes[1],
            "density": self.posterior.values,
            "regions": "highest posterior density in this plane, above the levels",
            **{f"level{100 * m:.0f}": self.posterior.level(m) for m in MASSES},
            "minima": [list(m) for m in self.minima],
        }


def of_fit(fit: Fit) -> Drawn | None:
    """Of fits of a mass and the scale of one operator."""
    if not is_scale_plane(fit.problem.parameters):
        return None
    draws, grid = reported(fit.problem, fit.chains), grid_of_jumps(fit.folder)
    data = scale_plane_data(fit.problem, draws, fit.best_fit.minima, grid)
    return Drawn(scale_plane_figure(data), data.numbers())


def is_scale_plane(parameters: Sequence[Parameter]) -> bool:
    """True if a mass and the scale of one operator are fitted."""
    found = {p.name: p.prior for p in parameters}
    mass = [found[n] for n in _MASSES if n in found]
    return isinstance(found.get(_SCALE), LogUniform) and bool(mass) and isinstance(mass[0], Uniform)


def scale_plane_data(
    problem: Problem,
    draws: Mapping[str, Float[np.ndarray, "chains draws"]],
    minima: Sequence[Minimum],
    grid: Mapping[str, np.ndarray] | None = None,
) -> ScalePlane:
    """What is drawn.

    Args:
        problem: what was fitted.
        draws: reported draws.
        minima: of the best fit.
        grid: that of the jumps: "energy", half of -2 ln L, and the positions "jumping".
    """
    by_name = {p.name: p for p in problem.parameters}
    mass = next(n for n in _MASSES if n in by_name)
    (m_low, m_high), (low, high) = (by_name[n].prior.range for n in (mass, _SCALE))
    ranges = (m_low, m_high), (float(np.log10(low)), float(np.log10(high)))
    values = problem.nuisances.inputs.values
    closes: dict[str, float] = {}
    for mode in (MODES[name] for name in REPORTED):
        name = "K^*" if mode.vector else "K"
        end = float(values[mode.m_B] - values[mode.m_K]) / 2
        closes[name] = max(end, closes.get(name, 0.0))
    x, y = draws[mass].ravel(), np.log10(draws[_SCALE].ravel())
    return ScalePlane(
        smooth_density([x, y], ranges, bins=_BINS),
        _profile(problem, grid, mass, ranges),
        (mass, _SCALE),
        (axis_label(by_name[mass]), axis_label(by_name[_SCALE])),
        tuple(
            (m.values[mass], m.values[_SCALE]) for m in minima if m.values[_SCALE] < 0.999 * high
        ),
        closes,
        ranges,
    )


def _profile(
    problem: Problem,
    grid: Mapping[str, np.ndarray] | None,
    mass: str,
    ranges: tuple[tuple[float, float], tuple[float, float]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The grid of the jumps if it is one in mass and scale."""
    if grid is None or "energy" not in grid:
        return None
    names = [problem.parameters[i].name for i in grid["jumping"]]
    if sorted(names) != sorted((mass, _SCALE)):
        return None
    rise = 2 * (grid["energy"] - grid["energy"].min())
    rise = rise if names[0] == mass else rise.T
    axes = (
        low + (high - low) * (np.arange(n) + 0.5) / n
        for (low, high), n in zip(ranges, rise.shape, strict=True)
    )
    return (*axes, rise)


def grid_of_jumps(folder: Path) -> dict[str, np.ndarray] | None:
    """The grid that a fit left in its result folder, if it has one."""
    path = folder / "blocks" / "grid.npz"
    return load_block(path) if path.is_file() else None


def scale_plane_figure(data: ScalePlane) -> Figure:
    """Regions over mass and scale, minima as crosses, the limit as a line."""
    figure = new_figure(COLUMN, 3.3)
    ax = figure.subplots()
    shades = [BLUE + "cc", BLUE + "55"]
    if data.profile is not None and data.limit is not None:
        x, y, rise = data.profile
        ax.contourf(x, 10**y, rise.T, [-1.0, *REGIONS], colors=shades)
        ax.plot(x, data.limit, color="black", lw=1.2)
    else:
        x, y = data.posterior.axes
        inner, outer = (data.posterior.level(m) for m in MASSES)
        top = 1.01 * max(data.posterior.values.max(), inner)
        ax.contourf(x, 10**y, data.posterior.values.T, [outer, inner, top], colors=shades[::-1])
    _closing(ax, data)
    if data.minima:
        ax.plot(*data.minima[0], **_BEST)
    for minimum in data.minima[1:]:
        ax.plot(*minimum, **_OTHER)
    ax.set(
        yscale="log",
        xlim=data.ranges[0],
        ylim=[10**e for e in data.ranges[1]],
        xlabel=data.labels[0],
        ylabel=data.labels[1],
    )
    _legend(figure, data)
    return figure


def _closing(ax: Axes, data: ScalePlane) -> None:
    """Lines at the masses where K and K* close, if they are shown."""
    low, high = data.ranges[0]
    for (name, m), style in zip(data.closes.items(), (":", "--"), strict=True):
        if low < m < high:
            ax.axvline(m, ls=style, **_CLOSES)
            ax.annotate(
                rf"${name}$",
                (m, 0.03),
                xycoords=("data", "axes fraction"),
                xytext=(-2, 0),
                textcoords="offset points",
                ha="right",
                color=GREY,
            )


def _legend(figure: Figure, data: ScalePlane) -> None:
    kind = "posterior" if data.profile is None else "likelihood"
    handles: list[Any] = [
        Patch(fc=BLUE + shade, label=f"{kind} {percent} %")
        for shade, percent in (("cc", 68), ("55", 95))
    ]
    minima = len(data.minima)
    if data.profile is not None:
        handles.append(Line2D([], [], color="black", lw=1.2, label=r"95 % limit on $\Lambda(m)$"))
    if minima:
        handles.append(Line2D([], [], label=r"smallest $-2\ln L$", **_BEST))
    if minima > 1:
        handles.append(Line2D([], [], label="further minima", **_OTHER))
    figure.legend(handles=handles, loc="outside upper center", ncols=2)
