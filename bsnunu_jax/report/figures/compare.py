"""Comparisons drawn: best fits and evidence side by side, and curves over the mass of a pair.

All against the SM; of pair operators Delta chi2 with Lambda profiled, one panel a kind of pair.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bsnunu_jax.report.figures import style
from bsnunu_jax.report.figures.style import BLUE, GREY, LIGHT, PAGE, drawn, write_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLORS = BLUE, style.ORANGE, style.RED, style.PURPLE, style.VIOLET
_STYLES = "-", (0, (4, 1.5)), ":"
_COLUMNS, _LEGEND = 2, 4
_ROW, _AROUND, _LONGEST = 0.26, 1.1, 28  # inches, inches, letters
# A curve that does not fall by this is one of the others, all grey.
_GAIN = 0.5


def write_compare_figure(folder: Path, result: dict[str, Any]) -> None:
    """Write delta_chi2.pdf, delta_chi2.png and delta_chi2.csv.

    Args:
        folder: made if absent.
        result: the content of compare.json.
    """
    panels: dict[str, list[dict[str, Any]]] = {}
    for v in result["variants"]:
        if v["curve"]:
            panels.setdefault(v["panel"], []).append(v)
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    with drawn(folder / "delta_chi2", PAGE * columns / _COLUMNS, 2.7 * rows) as figure:
        grid = figure.subplots(rows, columns, squeeze=False, sharey="row")
        for i, (name, variants) in enumerate(panels.items()):
            axes = grid[i // columns, i % columns]
            _draw(axes, name, variants)
            if i % columns == 0:
                beside = list(panels.values())[i : i + columns]
                lowest = min(_lowest(v) for part in beside for v in part)
                axes.set_ylim(1.15 * min(lowest, -1.0), 0.15 * max(-lowest, 1.0))
                axes.set_ylabel(r"$\Delta\chi^2$ against the SM")
        for axes in grid.ravel()[len(panels) :]:
            axes.set_axis_off()
    write_columns(folder / "delta_chi2.csv", _columns(panels))


def _lowest(variant: dict[str, Any]) -> float:
    return min(m["delta_chi2"] for m in variant["minima"])


def _draw(axes: "Axes", name: str, variants: list[dict[str, Any]]) -> None:
    gains = [v for v in variants if _lowest(v) < -_GAIN]
    others = [v for v in variants if _lowest(v) >= -_GAIN]
    axes.axhline(0, color=GREY, lw=0.7)
    end = 0.0
    for i, v in enumerate([*others, *gains]):
        mass, delta = _curve(v)
        end = max(end, mass[-1])
        if i < len(others):
            label = f"{len(others)} other{'s' * (len(others) > 1)}" if i == 0 else None
            axes.plot(mass, delta, color=GREY, lw=0.9, label=label)
            continue
        i -= len(others)
        color, style = _COLORS[i % len(_COLORS)], _STYLES[i // len(_COLORS) % len(_STYLES)]
        axes.plot(mass, delta, ls=style, color=color, label=_short(v))
        for m in v["minima"]:
            if not m["at_edge"]:
                at = m["values"][v["curve"]["mass"]]
                axes.plot(at, m["delta_chi2"], "o", color=color, ms=3)
    axes.set_xlim(0, end)
    axes.set_xlabel("$m$ [GeV]")
    axes.annotate(
        name, (0.97, 0.06), xycoords="axes fraction", ha="right", va="bottom", fontsize=10
    )
    handles, labels = axes.get_legend_handles_labels()
    if others:  # last, though drawn first
        handles, labels = handles[1:] + handles[:1], labels[1:] + labels[:1]
    axes.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        ncols=_LEGEND,
        columnspacing=1.2,
        borderaxespad=0.2,
    )


def _curve(variant: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """The curve with its minima, smooth between the points."""
    from scipy.interpolate import PchipInterpolator

    curve = variant["curve"]
    known = dict(zip(curve[curve["mass"]], curve["delta_chi2"], strict=True))
    known |= {m["values"][curve["mass"]]: m["delta_chi2"] for m in variant["minima"]}
    mass = np.array(sorted(known))
    fine = np.unique(np.concatenate([np.linspace(mass[0], mass[-1], 400), mass]))
    return fine, PchipInterpolator(mass, [known[m] for m in mass])(fine)


def _short(variant: dict[str, Any]) -> str:
    """What tells the curves of a panel from each other: the operator and true settings."""
    words = []
    for key, value in variant["fixed"].items():
        if value is not False:
            stem, _, chirality = (key if value is True else str(value)).partition("_")
            words.append(f"${stem}_{{{chirality}}}$" if chirality else stem)
    return " ".join(words) or str(variant["name"])


def _columns(panels: dict[str, list[dict[str, Any]]]) -> dict[str, np.ndarray | list[str]]:
    variants = [v for vs in panels.values() for v in vs]
    curves = [v["curve"] for v in variants]
    names: list[str] = []
    for v in variants:
        names += [v["name"]] * len(v["curve"]["delta_chi2"])

    def joined(key: str) -> np.ndarray:
        return np.concatenate([np.array(c[c["mass"] if key == "mass" else key]) for c in curves])

    return {
        "variant": names,
        "m": joined("mass"),
        "Lambda": joined("Lambda"),
        "delta_chi2": joined("delta_chi2"),
    }


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
    cut = [n if len(n) <= _LONGEST else f"{n[: _LONGEST - 3]}..." for n in names]
    axes.set_yticks(rows, cut)
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
