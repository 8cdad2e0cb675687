"""Mass and scale of a pair: the posterior, all minima of -2 ln L, and where the modes close."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from bsnunu_jax.inference.best_fit import Minimum
from bsnunu_jax.inference.parameters import LogUniform, Parameter, Uniform
from bsnunu_jax.inference.problem import Problem
from bsnunu_jax.modes import MODES
from bsnunu_jax.report.draws import label
from bsnunu_jax.report.figures.density import Density, smooth_density
from bsnunu_jax.report.figures.style import BLUE, COLUMN, GREY, MASSES, RED, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SCALE, _MASSES = "Lambda", ("m", "mN")
_BEST: dict[str, Any] = {"marker": "+", "ms": 9, "mew": 1.6, "color": RED, "ls": "none"}
_OTHER: dict[str, Any] = {"marker": "x", "ms": 6, "mew": 1.4, "color": RED, "ls": "none"}
_CLOSES: dict[str, Any] = {"lw": 0.9, "color": GREY, "zorder": 0}
_BINS = 90


@dataclass(frozen=True)
class ScalePlane:
    """The posterior in mass and log10 of the scale, and what else is drawn.

    Attributes:
        posterior: its density.
        names: of the mass and the scale.
        labels: LaTeX of both.
        minima: (mass, scale) of every minimum inside the ranges, deepest first.
        closes: the largest mass of the pair in K and in K*, by a LaTeX label.
        ranges: of the mass and of log10 of the scale.
    """

    posterior: Density
    names: tuple[str, str]
    labels: tuple[str, str]
    minima: tuple[tuple[float, float], ...]
    closes: dict[str, float]
    ranges: tuple[tuple[float, float], tuple[float, float]]

    def numbers(self) -> dict[str, Any]:
        """What is drawn, for JSON."""
        return {
            self.names[0]: self.posterior.axes[0],
            f"log10 {self.names[1]}": self.posterior.axes[1],
            "density": self.posterior.values,
            **{f"level{100 * m:.0f}": self.posterior.level(m) for m in MASSES},
            "minima": [list(m) for m in self.minima],
        }


def is_scale_plane(parameters: Sequence[Parameter]) -> bool:
    """True if a mass and the scale of one operator are fitted."""
    found = {p.name: p.prior for p in parameters}
    mass = [found[n] for n in _MASSES if n in found]
    return isinstance(found.get(_SCALE), LogUniform) and bool(mass) and isinstance(mass[0], Uniform)


def scale_plane_data(
    problem: Problem, draws: Mapping[str, Float[np.ndarray, "chains draws"]],
    minima: Sequence[Minimum],
) -> ScalePlane:  # fmt: skip
    """What is drawn, from the reported draws and the minima of the best fit."""
    by_name = {p.name: p for p in problem.parameters}
    mass = next(n for n in _MASSES if n in by_name)
    (m_low, m_high), (low, high) = (by_name[n].prior.range for n in (mass, _SCALE))
    ranges = (m_low, m_high), (float(np.log10(low)), float(np.log10(high)))
    values = problem.nuisances.inputs.values
    closes: dict[str, float] = {}
    for mode in MODES.values():
        name = "K^*" if mode.vector else "K"
        end = float(values[mode.m_B] - values[mode.m_K]) / 2
        closes[name] = max(end, closes.get(name, 0.0))
    x, y = draws[mass].ravel(), np.log10(draws[_SCALE].ravel())
    return ScalePlane(
        smooth_density([x, y], ranges, bins=_BINS),
        (mass, _SCALE),
        (label(by_name[mass]), label(by_name[_SCALE])),
        tuple(
            (m.values[mass], m.values[_SCALE]) for m in minima if m.values[_SCALE] < 0.999 * high
        ),
        closes,
        ranges,
    )


def scale_plane_figure(data: ScalePlane) -> "Figure":
    """Regions of highest posterior density over mass and scale, minima as crosses."""
    figure = new_figure(COLUMN, 3.3)
    ax = figure.subplots()
    x, y = data.posterior.axes
    inner, outer = (data.posterior.level(m) for m in MASSES)
    top = 1.01 * max(data.posterior.values.max(), inner)
    ax.contourf(x, 10**y, data.posterior.values.T, [outer, inner, top],
                colors=[BLUE + "55", BLUE + "cc"])  # fmt: skip
    _closing(ax, data)
    if data.minima:
        ax.plot(*data.minima[0], **_BEST)
    for minimum in data.minima[1:]:
        ax.plot(*minimum, **_OTHER)
    units = "[GeV]", "[TeV]"
    ax.set(
        yscale="log", xlim=data.ranges[0], ylim=[10**e for e in data.ranges[1]],
        xlabel=f"{data.labels[0]} {units[0]}", ylabel=f"{data.labels[1]} {units[1]}",
    )  # fmt: skip
    _legend(figure, len(data.minima))
    return figure


def _closing(ax: "Axes", data: ScalePlane) -> None:
    """Lines at the masses where K and K* close, if they are shown."""
    low, high = data.ranges[0]
    for (name, m), style in zip(data.closes.items(), (":", "--"), strict=True):
        if low < m < high:
            ax.axvline(m, ls=style, **_CLOSES)
            ax.annotate(
                rf"${name}$", (m, 0.03), xycoords=("data", "axes fraction"), xytext=(-2, 0),
                textcoords="offset points", ha="right", color=GREY,
            )  # fmt: skip


def _legend(figure: "Figure", minima: int) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Patch(fc=BLUE + "cc", label="posterior 68 %"),
        Patch(fc=BLUE + "55", label="posterior 95 %"),
    ]
    if minima:
        handles.append(Line2D([], [], label=r"smallest $-2\ln L$", **_BEST))
    if minima > 1:
        handles.append(Line2D([], [], label="further minima", **_OTHER))
    figure.legend(handles=handles, loc="outside upper center", ncols=2)
