"""Models side by side: Delta chi2 of their best fits and evidence, both against the SM."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bsnunu_jax.report.figures.style import BLUE, GREY, LIGHT, PAGE, drawn, write_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW, _AROUND, _LONGEST = 0.26, 1.1, 28  # inches, inches, letters


def write_models_figure(folder: Path, result: dict[str, Any]) -> None:
    """Write models.pdf, models.png and models.csv.

    Args:
        folder: made if absent.
        result: the content of compare.json.
    """
    variants = result["variants"]
    columns = {
        "delta_chi2": np.array([v["best"]["delta_chi2"] for v in variants]),
        "log_evidence_ratio": np.array([v["evidence"]["log_ratio"] for v in variants]),
        "log_evidence_ratio_doubled_box": np.array(
            [v["evidence"]["log_ratio_doubled"] for v in variants]
        ),
    }
    names = [str(v["name"]) for v in variants]
    with drawn(folder / "models", PAGE, _AROUND + _ROW * max(len(names), 2)) as figure:
        fit, evidence = figure.subplots(1, 2, sharey=True)
        _draw_fit(fit, columns["delta_chi2"], names)
        _draw_evidence(evidence, columns, result["verdict"]["thresholds"]["evidence"])
    write_columns(folder / "models.csv", {"variant": names, **columns})


def _draw_fit(axes: "Axes", delta: np.ndarray, names: Sequence[str]) -> None:
    rows = np.arange(len(names))
    axes.barh(rows, delta, height=0.6, color=BLUE)
    axes.axvline(0, color=GREY, lw=0.8)
    axes.set_yticks(rows, [_short(name) for name in names])
    for text in axes.get_yticklabels():
        text.set_parse_math(False)
    axes.tick_params(axis="y", which="both", length=0)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(1.1 * min(float(delta.min()), -1.0), 0.1 * max(float(-delta.min()), 1.0))
    axes.set_xlabel(r"$\Delta\chi^2$ of the best fit against the SM")


def _draw_evidence(
    axes: "Axes", columns: dict[str, np.ndarray], thresholds: dict[str, float]
) -> None:
    found, doubled = columns["log_evidence_ratio"], columns["log_evidence_ratio_doubled_box"]
    rows = np.arange(len(found))
    weakest = min(x for x in thresholds.values() if x > 0)
    axes.axvspan(-weakest, weakest, color=LIGHT, lw=0, label="inconclusive")
    for x in thresholds.values():
        if x > weakest:
            for side in (-x, x):
                axes.axvline(side, color=GREY, lw=0.6, ls=":")
    axes.axvline(0, color=GREY, lw=0.8)
    axes.plot(found, rows, "o", color=BLUE, ms=5, label="prior box", clip_on=False)
    axes.plot(doubled, rows, "o", mfc="white", mec=BLUE, ms=5, label="doubled box", clip_on=False)
    most = max(float(np.abs(np.concatenate([found, doubled])).max()), weakest)
    axes.set_xlim(-1.15 * most, 1.15 * most)
    axes.tick_params(axis="y", which="both", length=0)
    axes.set_xlabel(r"$\ln Z/Z_\mathrm{SM}$")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 3]}..."
