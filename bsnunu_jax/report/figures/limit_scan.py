"""Limits with their bands and local p-values against what is held; a plane of two numbers."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import LogNorm
from scipy.stats import norm

from bsnunu_jax.report.figures.style import (
    BLUE,
    COLUMN,
    GREY,
    drawn,
    fill_expected,
    mark_level,
    write_columns,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BANDS = ("expected_minus2", "expected_minus1", "expected", "expected_plus1", "expected_plus2")


def write_limit_scan_figure(
    folder: Path, result: dict[str, Any], labels: Mapping[str, str]
) -> None:
    """Write limit_scan.pdf, limit_scan.png and limit_scan.csv; no figure of a single point.

    Args:
        folder: made if absent.
        result: the content of limits.json of a scan.
        labels: of what is scanned and of the parameter, with units.
    """
    folder.mkdir(parents=True, exist_ok=True)
    columns = _columns(result)
    write_columns(folder / "limit_scan.csv", columns)
    if len(result["points"]) < 2:
        return
    plane = len(result["scanned"]) == 2
    with drawn(folder / "limit_scan", COLUMN, 2.7 if plane else 3.8) as figure:
        (_draw_plane if plane else _draw_line)(figure, columns, result, labels)


def _columns(result: dict[str, Any]) -> dict[str, np.ndarray]:
    points = result["points"]
    columns = {k: np.array([p["at"][k] for p in points]) for k in result["scanned"]}
    for name in ("best_fit", "Z", "p_local"):
        columns[name] = _array([p[name] for p in points])
    if result["limit"] == "interval":
        columns["interval_low"] = _array([p["interval"][0][0] for p in points])
        columns["interval_high"] = _array([p["interval"][-1][1] for p in points])
        return columns
    columns["observed"] = _array([p["observed"] for p in points])
    for i, name in enumerate(_BANDS):
        columns[name] = _array([p["expected"][i] for p in points])
    return columns


def _array(values: list[float | None]) -> np.ndarray:
    return np.array([np.nan if x is None else x for x in values], dtype=float)


def _draw_line(
    figure: "Figure",
    columns: Mapping[str, np.ndarray],
    result: dict[str, Any],
    labels: Mapping[str, str],
) -> None:
    above, below = figure.subplots(2, sharex=True, height_ratios=(2, 1))
    (name,) = result["scanned"]
    x = columns[name]
    cl = f"{100 * result['confidence_level']:g} %"
    if result["limit"] == "interval":
        low, high = columns["interval_low"], columns["interval_high"]
        above.fill_between(x, low, high, color=BLUE, alpha=0.35, lw=0, label=f"{cl} interval")
        above.plot(x, columns["best_fit"], color="black", label="best fit")
        above.axhline(result["null"], color=GREY, lw=0.8)
    else:
        fill_expected(above, x, [columns[b] for b in _BANDS], "expected ")
        above.plot(x, columns["expected"], "--", color="black", lw=1.0, label="expected, no signal")
        above.plot(x, columns["observed"], color="black", label=f"observed {cl}")
        above.set_yscale("log")
    above.set_ylabel(labels[str(result["parameter"])])
    above.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=7.5)
    _draw_p(below, x, columns["p_local"])
    below.set_xlabel(labels[name])
    below.set_xlim(x.min(), x.max())
    if name in result["logarithmic"]:
        below.set_xscale("log")


def _draw_p(axes: "Axes", x: np.ndarray, p: np.ndarray) -> None:
    axes.plot(x, p, color="black")
    axes.set_yscale("log")
    lowest = min(float(np.nanmin(p)) / 3, 1e-2)
    for sigma in (1, 2, 3, 4, 5):
        if norm.sf(sigma) > lowest:
            mark_level(axes, float(norm.sf(sigma)), rf"{sigma}$\sigma$")
    axes.set_ylim(lowest, 1.0)
    axes.set_ylabel("local $p$")


def _draw_plane(
    figure: "Figure",
    columns: Mapping[str, np.ndarray],
    result: dict[str, Any],
    labels: Mapping[str, str],
) -> None:
    """Colour of the observed limit, with lines at its decades; of an interval Z."""
    axes = figure.add_subplot()
    first, second = result["scanned"]
    x, y = (np.unique(columns[k]) for k in (first, second))
    order = np.lexsort((columns[first], columns[second]))
    limit = result["limit"] != "interval"
    z = columns["observed" if limit else "Z"][order].reshape(len(y), len(x))
    known = z[np.isfinite(z) & (z > 0)]
    scale = LogNorm(known.min(), known.max()) if limit and known.size else None
    logarithmic = [name in result["logarithmic"] for name in (first, second)]
    edges = [_edges(v, log) for v, log in zip((x, y), logarithmic, strict=True)]
    shown = np.ma.masked_invalid(z)
    mesh = axes.pcolormesh(*edges, shown, norm=scale, rasterized=True)
    bar = figure.colorbar(mesh, ax=axes)
    cl = f"{100 * result['confidence_level']:g} % limit: "
    bar.set_label(cl + labels[str(result["parameter"])] if limit else "local $Z$")
    for log, scaling in zip(logarithmic, (axes.set_xscale, axes.set_yscale), strict=True):
        if log:
            scaling("log")
    if np.ma.is_masked(shown):
        axes.set_title("white: beyond the range", fontsize=8)
    axes.set_xlabel(labels[first])
    axes.set_ylabel(labels[second])


def _edges(x: np.ndarray, logarithmic: bool) -> np.ndarray:
    """Ends of cells around values, half way to the next one; outermost cells end at theirs."""
    if len(x) == 1:
        return x[0] * np.array([0.9, 1.1]) if x[0] else np.array([-0.5, 0.5])
    at = np.log(x) if logarithmic else x
    inner = (at[1:] + at[:-1]) / 2
    edges = np.concatenate([at[:1], inner, at[-1:]])
    return np.exp(edges) if logarithmic else edges
