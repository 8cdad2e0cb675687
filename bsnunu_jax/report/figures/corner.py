"""Corner plot: every fitted parameter and every pair of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from bsnunu_jax.inference.problem.parameters import Parameter
from bsnunu_jax.report.draws import axis_label, reported
from bsnunu_jax.report.figures.density import Density, smooth_density
from bsnunu_jax.report.figures.of_fit import Drawn, Fit
from bsnunu_jax.report.figures.style import BLUE, MASSES, PAGE, RED, new_figure
from bsnunu_jax.report.intervals import STATEMENT, Marginal
from bsnunu_jax.report.minima import deepest

_MOST = 8
# Width of a digit of a tick label [inch].
_LETTER = 0.062
_MARKER: dict[str, Any] = {
    "marker": "+",
    "ms": 8,
    "mew": 1.4,
    "ls": "none",
    "color": RED,
    "zorder": 5,
}


@dataclass(frozen=True)
class Corner:
    """Densities of the first eight parameters and of their pairs, and the best fits.

    Parameters in `logs` are drawn as log10. Of several minima that are equally deep all are there.
    """

    labels: dict[str, str]
    marginals: dict[str, Marginal]
    pairs: dict[tuple[str, str], Density]
    best_fits: tuple[dict[str, float], ...]
    logs: tuple[str, ...] = ()

    def numbers(self) -> dict[str, Any]:
        """What is drawn, for JSON: densities, levels and intervals of highest density."""
        return {
            "intervals": STATEMENT,
            "best_fit": self.best_fits[0],
            "best_fits": self.best_fits,
            "log10_of": list(self.logs),
            "marginals": {
                name: {
                    "x": d.curve[0],
                    "density": d.curve[1],
                    **{f"hdr{100 * m:.0f}": d.regions(m) for m in MASSES},
                }
                for name, d in self.marginals.items()
            },
            "pairs": {
                f"{x},{y}": {
                    "x": d.axes[0],
                    "y": d.axes[1],
                    "density": d.values,
                    **{f"level{100 * m:.0f}": d.level(m) for m in MASSES},
                }
                for (x, y), d in self.pairs.items()
            },
        }


def of_fit(fit: Fit) -> Drawn:
    """Of every fit."""
    parameters, draws = fit.problem.parameters, reported(fit.problem, fit.chains)
    data = corner_data(parameters, draws, [m.values for m in deepest(fit.best_fit)])
    return Drawn(corner_figure(data), data.numbers())


def corner_data(
    parameters: Sequence[Parameter],
    draws: Mapping[str, Float[np.ndarray, "chains draws"]],
    best_fits: Sequence[Mapping[str, float]],
) -> Corner:
    """Densities of the reported draws of the first eight parameters, and their best fits."""
    shown = parameters[:_MOST]
    marginals = {p.name: Marginal.of(p, draws[p.name]) for p in shown}
    # A scale is flat in its logarithm.
    logs = {name for name, m in marginals.items() if m.log}
    return Corner(
        labels={p.name: axis_label(p, log10=p.name in logs) for p in shown},
        marginals=marginals,
        pairs={
            (a, b): smooth_density([x.x, y.x], [x.ends, y.ends], bins=80)
            for (a, x), (b, y) in combinations(marginals.items(), 2)
        },
        best_fits=tuple(
            {n: float(np.log10(at[n]) if n in logs else at[n]) for n in marginals}
            for at in best_fits
        ),
        logs=tuple(sorted(logs)),
    )


def corner_figure(data: Corner) -> Figure:
    """Marginals on the diagonal, 68 and 95 % regions of highest density below it."""
    names = list(data.marginals)
    width = min(PAGE, 1.7 * max(len(names), 2))
    height = width if len(names) > 1 else 0.7 * width
    figure = new_figure(width, height, free=True)
    axes = figure.subplots(len(names), len(names), squeeze=False)
    # Margins in inches: squares of one size whatever the tick labels.
    left, top = (0.55, 0.1) if len(names) > 1 else (0.15, 0.35)
    figure.subplots_adjust(
        left=left / width,
        right=1 - 0.1 / width,
        bottom=0.5 / height,
        top=1 - top / height,
        wspace=0.1,
        hspace=0.1,
    )
    ticks = 5 if len(names) < 4 else 4
    for i, row in enumerate(names):
        for j, column in enumerate(names):
            ax = axes[i, j]
            if i < j:
                ax.set_axis_off()
                continue
            if i == j:
                _marginal(ax, data.marginals[row], [at[row] for at in data.best_fits])
            else:
                _pair(ax, data.pairs[column, row])
                for at in data.best_fits:
                    ax.plot(at[column], at[row], clip_on=False, **_MARKER)
                ax.set_ylim(*_view(data.marginals[row]))
            ax.set_xlim(*_view(data.marginals[column]))
            x_unit = _sparse_ticks(ax.xaxis, ticks)
            y_unit = _sparse_ticks(ax.yaxis, ticks) if i > j else ""
            ax.tick_params(labelbottom=i == len(names) - 1, labelleft=j == 0 and i > 0)
            if i == len(names) - 1:
                ax.set_xlabel(data.labels[column] + x_unit)
            if j == 0 and i > 0:
                ax.set_ylabel(data.labels[row] + y_unit)
    _legend(figure, alone=len(names) == 1, several=len(data.best_fits) > 1)
    figure.align_labels()
    return figure


def _marginal(ax: Axes, marginal: Marginal, best: Sequence[float]) -> None:
    x, density = marginal.curve
    ax.plot(x, density, color="black", lw=1)
    for mass, alpha in zip(reversed(MASSES), (0.3, 0.6), strict=True):
        for low, high in marginal.regions(mass):
            inside = np.concatenate([[low], x[(x > low) & (x < high)], [high]])
            height = np.interp(inside, x, density)
            ax.fill_between(inside, height, color=BLUE, alpha=alpha, lw=0)
    for at in best:
        ax.axvline(at, color=RED, lw=1.2, ls="--", clip_on=False, zorder=5)
    ax.set_ylim(0, 1.12 * density.max())
    ax.tick_params(axis="y", which="both", left=False, right=False)


def _pair(ax: Axes, density: Density) -> None:
    x, y = density.axes
    levels = [density.level(m) for m in reversed(MASSES)]
    top = [*levels, 1.001 * density.values.max()]
    ax.contourf(x, y, density.values.T, top, colors=[BLUE + "4d", BLUE + "b3"])
    ax.contour(x, y, density.values.T, levels, colors="black", linewidths=0.8)


def _sparse_ticks(axis: Axis, most: int) -> str:
    """Few ticks, none close to the upper end, where its label would meet that of the next axes.

    Returns the power of ten that very small or large tick labels leave to the axis label.
    """
    low, high = axis.get_view_interval()
    power = int(np.floor(np.log10(max(abs(low), abs(high)))))
    plain = -2 <= power <= 4
    unit = 1.0 if plain else 10.0**power
    figure = axis.axes.get_figure(root=True)
    assert figure is not None
    room = axis.axes.get_position().width * figure.get_figwidth() / _LETTER
    while True:
        positions = MaxNLocator(most, steps=[1, 2, 5, 10]).tick_values(low, high)
        first, last = low - 1e-6 * (high - low), high - 0.06 * (high - low)
        kept = [t for t in positions if first <= t <= last]
        labels = [f"{t / unit:g}".replace("-", "\N{MINUS SIGN}") for t in kept]
        # one letter of space between two labels
        if most <= 2 or sum(len(text) + 1 for text in labels) <= room:
            break
        most -= 1
    axis.set_ticks(kept, labels=labels)
    return "" if plain else rf" $[10^{{{power}}}]$"


def _view(marginal: Marginal) -> tuple[float, float]:
    """The region of 99.7 % with a margin, not beyond the draws."""
    x, _ = marginal.curve
    pieces = marginal.regions(0.997)
    low, high = pieces[0][0], pieces[-1][1]
    half = (x[1] - x[0]) / 2
    margin = 0.06 * (high - low) or half
    ends = [
        float(end + side * half) if bound is None else bound
        for bound, end, side in zip(marginal.ends, (x[0], x[-1]), (-1, 1), strict=True)
    ]
    return max(low - margin, ends[0]), min(high + margin, ends[1])


def _legend(figure: Figure, *, alone: bool, several: bool) -> None:
    """In the empty corner of the figure, or above the only axes."""
    best = {"color": RED, "lw": 1.2, "ls": "--"} if alone else _MARKER
    handles = [
        Patch(fc=BLUE + "b3", ec="black", lw=0.8, label="68 % HDI"),
        Patch(fc=BLUE + "4d", ec="black", lw=0.8, label="95 % HDI"),
        Line2D([], [], label="best fits, equally good" if several else "best fit", **best),
    ]
    if alone:
        figure.legend(handles=handles, loc="upper center", ncols=3, columnspacing=1.0)
    else:
        figure.legend(handles=handles, loc="upper right")
