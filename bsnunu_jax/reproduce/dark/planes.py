"""Figs. 4 to 6 of arXiv:2309.12741: mass and effective scale of scalars, fermions and vectors."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullFormatter

from bsnunu_jax.hadrons.transitions import MODES
from bsnunu_jax.report.figures.style import BLUE, PAGE, PURPLE, legend_above, new_figure, note
from bsnunu_jax.reproduce.dark.families import FAMILIES
from bsnunu_jax.reproduce.dark.planes_rows import (
    AT,
    BITS,
    LIMITING,
    SIGNAL,
    Plane,
    Planes,
    np_limits,
    scale_range,
)
from bsnunu_jax.reproduce.dark.rates import DRAWS, dark_rates
from bsnunu_jax.reproduce.row import Columns, Grid, Product, spread
from bsnunu_jax.reproduce.settings import Settings

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
# Masses of the maps and of the draws; masses [GeV] of the rows, of which 0 is first.
_MASSES, _COARSE = 400, 60


def all_planes(settings: Settings) -> dict[str, Planes]:
    """All families; through `settings.once`."""
    rates = settings.once(dark_rates)
    limits, modes = np_limits(settings, rates), (SIGNAL, *LIMITING)
    first = {k: v[:1] for k, v in limits.items()}
    end = rates.closing
    fine, coarse = (np.linspace(0, end, n, endpoint=False) for n in (_MASSES, _COARSE))
    central = rates.totals(modes, fine, 1)
    drawn = rates.totals(modes, np.concatenate([AT, coarse]), 1 + DRAWS)
    window, found = dict(settings.constraints.window), {}
    for name, family in FAMILIES.items():
        of_draws = {m: drawn[m][name] for m in modes}
        found[name] = Planes(
            Plane(family, fine, {m: central[m][name] for m in modes}, window, first),
            Plane(
                family, coarse, {m: a[:, len(AT) :] for m, a in of_draws.items()}, window, limits
            ),
            Plane(
                family,
                np.array(AT),
                {m: a[:, : len(AT)] for m, a in of_draws.items()},
                window,
                limits,
            ),
        )
    return found


def fig4(settings: Settings) -> Product:
    """Scalars: S and V of Eq. (18)."""
    return _product("scalar", "fig4", settings)


def fig5(settings: Settings) -> Product:
    """Fermions: S, V and T of Eq. (19)."""
    return _product("fermion", "fig5", settings)


def fig6(settings: Settings) -> Product:
    """Vectors: Eq. (20) with the scales of Eq. (21)."""
    return _product("vector", "fig6", settings)


def _product(name: str, stem: str, settings: Settings) -> Product:
    from bsnunu_jax.reproduce.dark.planes_rows import rows_of_planes

    planes = settings.once(all_planes)[name]
    return Product(
        figures={stem: lambda: planes_figure(planes.fine)},
        tables={"curves": _curves(planes.fine), "edges": _edges(planes.marked)},
        grids={"classes": _classes(planes.fine, settings.points)},
        rows=rows_of_planes(name, planes, settings),
        inputs={
            "masses_GeV": [0.0, float(planes.fine.masses[-1])],
            "masses": _MASSES,
            "draws": DRAWS,
            "limits_on_BR_NP": {k: v[0] for k, v in planes.fine.limits.items()},
            "share_left": "of the band in the plane of m and ln Lambda",
            "uncertainty": "draws of the inputs in the rates and in BR_SM; the window is held",
        },
    )


def _curves(plane: Plane) -> Columns:
    """Every curve of the figure [TeV]."""
    found: dict[str, np.ndarray] = {"m_GeV": plane.masses}
    for i, operator in enumerate(plane.family.operators):
        for band, (low, high) in plane.window.items():
            found[f"{operator}_{band}_lowest_TeV"] = plane.scale(high)[0, :, i]
            found[f"{operator}_{band}_highest_TeV"] = plane.scale(low)[0, :, i]
        for mode in LIMITING:
            found[f"{operator}_excluded_by_{mode}_below_TeV"] = plane.limit(mode)[0, :, i]
        found[f"{operator}_new_share_left"] = plane.left()[0, :, i]
    return found


def _edges(plane: Plane) -> Columns:
    """Edges of the new band at some masses with their uncertainty [TeV]."""
    low, high = plane.window["new"]
    edges = {"lowest": plane.scale(high), "highest": plane.scale(low)}
    cells = [(i, j) for j in range(len(plane.family.operators)) for i in range(len(plane.masses))]
    strictest = plane.strictest()
    columns: dict[str, np.ndarray | list[str]] = {
        "operator": [plane.family.operators[j] for _, j in cells],
        "m_GeV": np.array([plane.masses[i] for i, _ in cells]),
    }
    for name, value in edges.items():
        columns[f"{name}_TeV"] = np.array([value[0, i, j] for i, j in cells])
        columns[f"{name}_uncertainty_TeV"] = np.array([spread(value[1:, i, j]) for i, j in cells])
    share = plane.left()
    return columns | {
        "share_left": np.array([share[0, i, j] for i, j in cells]),
        "share_left_uncertainty": np.array([spread(share[1:, i, j]) for i, j in cells]),
        "strictest": [LIMITING[strictest[0, i, j]] for i, j in cells],
    }


def _classes(plane: Plane, points: int) -> Grid:
    """Bits of `BITS` over mass and scale, at least `points` in all."""
    operators = plane.family.operators
    n = -(-points // (len(operators) * len(plane.masses)))
    coordinates, arrays = {"m": plane.masses}, {}
    for i, operator in enumerate(operators):
        scales = np.geomspace(*scale_range(plane, i), n)
        found = np.zeros((len(plane.masses), n), dtype=np.uint8)
        for band, (low, high) in plane.window.items():
            bottom, top = (plane.scale(x)[0, :, i, None] for x in (high, low))
            found |= np.where((scales >= bottom) & (scales <= top), BITS[band], 0).astype(np.uint8)
        for mode in LIMITING:
            excluded = scales < plane.limit(mode)[0, :, i, None]
            found |= np.where(excluded, BITS[mode], 0).astype(np.uint8)
        coordinates[f"Lambda_{operator}"] = scales
        arrays[f"class_{operator}"] = (("m", f"Lambda_{operator}"), found)
    bits = " + ".join(f"{bit} {name}" for name, bit in BITS.items())
    units = {"m": "GeV"} | {f"Lambda_{o}": "TeV" for o in operators}
    return Grid(coordinates, arrays, units | {f"class_{o}": f"bits: {bits}" for o in operators})


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
        note(ax, 0.95, 0.94, rf"${plane.family.latex[i]}$", va="top", ha="right")
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
    legend_above(figure, handles, 6, columnspacing=1.1)
