"""Expected limits and discovery reach against the luminosity, or against a value that is set."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from bsnunu_jax.report.figures.style import (
    BLUE,
    COLUMN,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    drawn,
    fill_expected,
    legend_above,
    write_columns,
)

_BANDS = ("limit_minus2", "limit_minus1", "limit", "limit_plus1", "limit_plus2")
_AXES = {"luminosity": r"luminosity [ab$^{-1}$]", "factor": "data over those of today"}
_DISCOVERY = ((3, PURPLE), (5, RED))
_TRUTHS = {"best-fit": "best fit of today", "SM": "SM", "stated": "point stated"}
_COLOURS = (BLUE, ORANGE, PURPLE, RED, GREY)


def write_project_figure(
    folder: Path, result: dict[str, Any], label: str, held: Mapping[str, str]
) -> None:
    """Write project.pdf, project.png and project.csv.

    Args:
        folder: made if absent.
        result: the content of project.json.
        label: of the parameter, with its unit.
        held: labels of what is set.
    """
    columns = _columns(result)
    against = _varied(result)
    with drawn(folder / "project", COLUMN, 2.9) as figure:
        axes = figure.add_subplot()
        if against:
            _draw_against(axes, columns, against, result)
            axes.set_xlabel(held[against])
        else:
            _draw_luminosities(axes, columns, result)
            _draw_truth(axes, result)
            axes.set_xlabel(_AXES[result["scaled_by"]])
        axes.set_ylabel(label)
        legend_above(figure, axes.get_legend_handles_labels()[0], 2, fontsize=8)
    write_columns(folder / "project.csv", columns)


def _varied(result: dict[str, Any]) -> str | None:
    """The one number that several points differ by."""
    points = [p["set"] for p in result["points"]]
    differing = [k for k in points[0] if len({str(p[k]) for p in points}) > 1]
    if len(differing) == 1 and all(isinstance(p[differing[0]], int | float) for p in points):
        return differing[0]
    return None


def _columns(result: dict[str, Any]) -> dict[str, np.ndarray | list[str]]:
    rows = [(p["set"], row) for p in result["points"] for row in p["luminosities"]]
    columns: dict[str, Any] = {}
    by = result["scaled_by"]
    for k in result["points"][0]["set"]:
        values = [held[k] for held, _ in rows]
        number = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
        columns[k] = np.array(values, dtype=float) if number else [str(v) for v in values]
    columns[by] = np.array([row[by] for _, row in rows])
    if result["limit"] == "interval":
        around = [_around(row["expected_interval"], result["null"]) for _, row in rows]
        columns |= {
            "interval_low": _array([a for a, _ in around]),
            "interval_high": _array([b for _, b in around]),
        }
    else:
        for i, name in enumerate(_BANDS):
            columns[name] = _array([row["expected_limit"][i] for _, row in rows])
    for k, reach in enumerate(rows[0][1]["reach"]):
        for side in ("above", "below"):
            name = f"reach_{reach['sigma']:g}sigma_{side}"
            columns[name] = _array([row["reach"][k][side] for _, row in rows])
    return columns


def _around(pieces: list[list[float]], null: float) -> tuple[float | None, float | None]:
    """The piece of an interval that the null is in."""
    return next(((a, b) for a, b in pieces if a <= null <= b), (None, None))


def _array(values: list[float | None]) -> np.ndarray:
    return np.array([np.nan if x is None else x for x in values])


def _draw_luminosities(axes: Axes, columns: dict[str, Any], result: dict[str, Any]) -> None:
    """Bands against the luminosity; only the first of several points."""
    n = len(result["points"][0]["luminosities"])
    by = result["scaled_by"]
    order = np.argsort(columns[by][:n])
    at = {k: np.asarray(v)[:n][order] for k, v in columns.items()}
    if n == 1:  # a band needs a width
        at = {k: np.repeat(v, 2) for k, v in at.items()}
        at[by] = at[by] * np.array([0.9, 1.1])
    x = at[by]
    cl = f"{100 * result['confidence_level']:g} %"
    if result["limit"] == "interval":
        axes.fill_between(
            x,
            at["interval_low"],
            at["interval_high"],
            color=BLUE,
            alpha=0.35,
            lw=0,
            label=f"expected {cl} interval",
        )
        axes.plot(x, at["interval_low"], "k.", x, at["interval_high"], "k.", ms=4)
        axes.axhline(result["null"], color=GREY, lw=0.8)
    else:
        axes.plot(x, at["limit"], "k.--", lw=1.0, ms=4, label=f"expected {cl} limit", zorder=3)
        fill_expected(axes, x, [at[name] for name in _BANDS])
        axes.set_yscale("log")
        _plain_ticks(axes.yaxis)
    for sigma, colour in _DISCOVERY:
        for side in ("above", "below"):
            y = at[f"reach_{sigma}sigma_{side}"]
            label = rf"{sigma}$\sigma$ discovery" if side == "above" else None
            axes.plot(x, y, ".-", color=colour, lw=1.0, ms=4, label=label)
    axes.set_xscale("log")
    _plain_ticks(axes.xaxis)


def _draw_truth(axes: Axes, result: dict[str, Any]) -> None:
    """The truth of the first point, with the 68 % intervals around it where it is stated."""
    point = result["points"][0]
    truth, log = point["best_fit_today"], axes.get_yscale() == "log"
    name = result["truth"] if isinstance(result["truth"], str) else "stated"
    pieces = [
        (row[result["scaled_by"]], *piece)
        for row in point["luminosities"]
        for piece in row.get("expected_68", {"pieces": []})["pieces"]
        if None not in piece
    ]
    if truth is not None and (truth > 0 or not log):
        axes.axhline(truth, color=GREEN, lw=1.0, ls=":", label=f"truth: {_TRUTHS[name]}")
    limits = axes.get_ylim()
    if pieces:
        x, low, high = np.array(pieces).T
        low = np.maximum(low, limits[0]) if log else low
        axes.vlines(x, low, high, color=GREEN, lw=2.0, zorder=1.8, label="68 % around the truth")
        axes.set_ylim(limits[0], max(limits[1], 1.05 * float(high.max())))


def _plain_ticks(axis: Axis) -> None:
    """1, 2, 5 and their decades, written without powers of ten where they are short."""
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda x, _: f"${x:g}$"))
    axis.set_minor_formatter(NullFormatter())


def _draw_against(axes: Axes, columns: dict[str, Any], name: str, result: dict[str, Any]) -> None:
    """Median limits with 68 % bands and the reach against a number, a colour a luminosity."""
    by = result["scaled_by"]
    luminosities = list(dict.fromkeys(columns[by].tolist()))
    for i, luminosity in enumerate(luminosities):
        rows = np.flatnonzero(columns[by] == luminosity)
        rows = rows[np.argsort(columns[name][rows])]
        x, colour = columns[name][rows], _COLOURS[i % len(_COLOURS)]
        label = rf"{luminosity:g} ab$^{{-1}}$" if by == "luminosity" else f"data x {luminosity:g}"
        if result["limit"] == "interval":
            for end in ("interval_low", "interval_high"):
                axes.plot(
                    x,
                    columns[end][rows],
                    ".-",
                    color=colour,
                    ms=4,
                    label=label if end == "interval_low" else None,
                )
        else:
            low, high = (columns[k][rows] for k in ("limit_minus1", "limit_plus1"))
            axes.fill_between(x, low, high, color=colour, alpha=0.35, lw=0)
            axes.plot(x, columns["limit"][rows], ".-", color=colour, ms=4, label=f"{label}, limit")
        for side in ("above", "below"):
            y = columns[f"reach_5sigma_{side}"][rows]
            shown = rf"{label}, 5$\sigma$" if side == "above" else None
            axes.plot(x, y, "--", color=colour, lw=1.0, label=shown)
