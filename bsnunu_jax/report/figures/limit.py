"""CLs against the parameter of interest with its expected bands; or t where there is no limit."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from scipy.stats import chi2

from bsnunu_jax.report.figures.style import (
    BLUE,
    COLUMN,
    GREY,
    RED,
    drawn,
    fill_expected,
    mark_level,
    write_columns,
)

_BANDS = ("expected_minus2", "expected_minus1", "expected", "expected_plus1", "expected_plus2")
_LOWEST = 2e-3


def write_limit_figure(folder: Path, result: dict[str, Any], label: str) -> None:
    """Write limit.pdf, limit.png and limit.csv.

    Args:
        folder: made if absent.
        result: the content of limits.json.
        label: of the parameter, with its unit.
    """
    scan = result["scan"]
    columns = {result["parameter"]: np.array(scan["values"])}
    with drawn(folder / "limit", COLUMN, 2.7) as figure:
        axes = figure.add_subplot()
        if "upper_limit" in result:
            columns |= {
                "CLs": np.array(scan["observed"]),
                "CLsb": np.array(scan["CLsb"]),
                "CLb": np.array(scan["CLb"]),
            }
            columns |= dict(zip(_BANDS, np.array(scan["expected"]), strict=True))
            _draw_cls(axes, columns, result)
        else:
            columns["t"] = np.array(scan["t"])
            _draw_t(axes, columns, result)
        axes.set_xlabel(label)
        axes.set_xlim(*columns[result["parameter"]][[0, -1]])
    write_columns(folder / "limit.csv", columns)


def _draw_cls(axes: Axes, columns: dict[str, np.ndarray], result: dict[str, Any]) -> None:
    x = columns[result["parameter"]]
    bands = [np.maximum(columns[name], 1e-12) for name in _BANDS]
    fill_expected(axes, x, bands, "expected ")
    axes.plot(x, bands[2], "--", color="black", lw=1.0, label="expected, no signal")
    axes.plot(x, columns["CLs"], color="black", label="observed")
    if "toys" in result:
        toys = result["toys"]
        cls = np.array([np.nan if c is None else c for c in toys["CLs"]])
        error = np.array([np.nan if c is None else c for c in toys["CLs_error"]])
        shown = cls > 0
        axes.errorbar(
            np.array(toys["values"])[shown],
            cls[shown],
            error[shown],
            fmt="o",
            ms=2.5,
            lw=0.8,
            color=RED,
            label="observed, toys",
        )
    level = 1 - result["confidence_level"]
    axes.axhline(level, color=GREY, lw=0.8)
    limit = result["upper_limit"]["observed"]
    if limit is not None:
        axes.plot([limit, limit], [_LOWEST, level], color=GREY, lw=0.8)
    axes.set_yscale("log")
    axes.set_ylim(_LOWEST, 1.6)  # CLs = 1 of toys inside
    axes.set_ylabel(r"$\mathrm{CL}_s$")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=7.5)


def _draw_t(axes: Axes, columns: dict[str, np.ndarray], result: dict[str, Any]) -> None:
    x, t = columns[result["parameter"]], columns["t"]
    axes.plot(x, t, color="black")
    levels = {0.6827: "68 %", result["confidence_level"]: f"{100 * result['confidence_level']:g} %"}
    for level, label in levels.items():
        mark_level(axes, chi2.ppf(level, 1), label)
    for a, b in result["interval"]["pieces"]:
        axes.axvspan(a, b, color=BLUE, alpha=0.25, lw=0)
    axes.set_ylim(0, 4 * chi2.ppf(result["confidence_level"], 1))
    axes.set_ylabel(r"$t = -2\ln\lambda$")
