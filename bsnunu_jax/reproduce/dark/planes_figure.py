"""Mass against effective scale: bands of B+ -> K+ inv, and what other modes exclude."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullFormatter

from bsnunu_jax.hadrons.transitions import MODES
from bsnunu_jax.report.figures.style import BLUE, PAGE, PURPLE, new_figure
from bsnunu_jax.reproduce.dark.plane import LIMITING, Plane, scale_range

# Okabe and Ito: told apart with any colour vision, by the dashes too.
_GREEN = "#009e73"
_LINES: dict[str, dict[str, Any]] = {
    "B+->K*+": {"color": _GREEN, "ls": "-"},
    "B0->K*0": {"color": _GREEN, "ls": (0, (4, 1.5))},
    "B0->K0": {"color": BLUE, "ls": (0, (2, 1))},
}
_BANDS: dict[str, dict[str, Any]] = {
    "new": {"color": "#f7b4c8", "lw": 0},
    "average": {"color": PURPLE, "alpha": 0.6, "lw": 0},
}
_NAMES = {"new": "new Belle II range", "average": "new average"}
_EXCLUDED: dict[str, Any] = {"color": "0.55", "alpha": 0.55, "lw": 0}
# Columns of panels and height [in] by number of operators.
_LAYOUT = {2: (2, 2.8), 6: (3, 4.3), 8: (4, 4.1)}


def planes_figure(plane: Plane) -> Figure:
    """One panel an operator; the scale is shared where all operators have the same dimension."""
    operators = plane.family.operators
    columns, height = _LAYOUT[len(operators)]
    figure = new_figure(PAGE, height)
    shared = len(operators) > 2
    panels = figure.subplots(
        len(operators) // columns, columns, sharex=True, sharey=shared, squeeze=False
    )
    ranges = [scale_range(plane, i) for i in range(len(operators))]
    for i, ax in enumerate(panels.flat):
        _panel(ax, plane, i)
        low, high = (min(r[0] for r in ranges), max(r[1] for r in ranges)) if shared else ranges[i]
        ax.set(yscale="log", ylim=(low, high), xlim=(0, plane.masses[-1]))
        ax.text(
            0.95, 0.94, rf"${plane.family.latex[i]}$", transform=ax.transAxes, va="top", ha="right"
        )
        number_axis(ax.yaxis)
        ax.set_ylabel(r"$\Lambda_\mathrm{eff}$ [TeV]" if i % columns == 0 else "")
    for ax in panels[-1]:
        ax.set_xlabel(rf"${plane.family.mass}$ [GeV]")
    _legend(figure, len(operators))
    return figure


def _panel(ax: Axes, plane: Plane, i: int) -> None:
    m = plane.masses
    for band, (low, high) in plane.window.items():
        ax.fill_between(m, plane.scale(high)[0, :, i], plane.scale(low)[0, :, i], **_BANDS[band])
    limits = {mode: plane.limit(mode)[0, :, i] for mode in LIMITING}
    ax.fill_between(m, 0, np.max(list(limits.values()), axis=0), **_EXCLUDED)
    for mode, curve in limits.items():
        if curve.any():
            # Down to the edge of the figure where the mode closes.
            ax.plot(m, np.maximum(curve, 1e-9), lw=1.2, **_LINES[mode])


def number_axis(axis: Axis) -> None:
    """Ticks of a logarithmic axis at 1, 2, 5, written out where that is short."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(_number)
    axis.set_minor_formatter(NullFormatter())


def _number(value: float, _: object = None) -> str:
    """A tick: 0.2, 5, 2 x 10^4."""
    if value < 1e3:
        return f"{value:g}"
    digits, power = f"{value:.0e}".split("e")
    times = "" if digits == "1" else rf"{digits}\times "
    return rf"${times}10^{{{int(power)}}}$"


def _legend(figure: Figure, operators: int) -> None:
    handles: list[Any] = [Patch(label=_NAMES[band], **look) for band, look in _BANDS.items()]
    handles.append(Patch(label="excluded", **_EXCLUDED))
    handles += [
        Line2D([], [], lw=1.2, label=rf"${MODES[mode].latex}\,\mathrm{{inv}}$", **look)
        for mode, look in _LINES.items()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=6, columnspacing=1.1)
