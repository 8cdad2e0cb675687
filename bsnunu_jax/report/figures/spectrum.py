"""dBR/dq2 of the measured decay and of another one, and the counts of the binned measurement."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bsnunu_jax.experiments.measurement import BinnedMeasurement
from bsnunu_jax.inference.sampling.predictive import Predictive
from bsnunu_jax.report.figures.bands import (
    QUANTILES,
    Band,
    Spectrum,
    draw_spectrum,
    explain,
    fill,
    measured,
    pair,
)
from bsnunu_jax.report.figures.of_fit import Drawn, Fit
from bsnunu_jax.report.figures.style import GREY, PAGE, RED, new_figure

_ITA = re.compile(r"BDT2\[(?P<bdt>[\d.]+),[\d.]+\] q2rec\[(?P<q2>[-\d.]+,[-\d.]+)\]")
_HTA = re.compile(r"HTA BDTh bin (?P<bin>\d+)")
# Of a record that names no bins.
_OF_CHANNEL = re.compile(r"(?P<channel>.+) (?P<bin>\d+)")


@dataclass(frozen=True)
class Panel:
    """Some bins of the measurement: observed minus background, and expected signal [events].

    Background and `best_signal` are those of the best fit; `background_std` is the posterior's
    standard deviation of the background, strongly correlated between the bins.
    """

    title: str
    xlabel: str
    labels: list[str]
    observed: np.ndarray
    background: np.ndarray
    background_std: np.ndarray
    signal: Band
    best_signal: np.ndarray
    sm_signal: np.ndarray


def of_fit(fit: Fit) -> Drawn:
    """Of every fit, with the counts of its first binned measurement."""
    first, second = (Spectrum.of(fit, mode) for mode in pair(fit))
    binned = measured(fit)
    columns: dict[str, Mapping[str, Any]] = {
        "spectrum": first.columns(),
        second.stem: second.columns(),
    }
    panels = _panels(binned, fit.posterior, fit.best) if binned else []
    if panels:
        columns["spectrum_counts"] = count_columns(panels)
    return Drawn(spectrum_figure(first, second, panels), columns=columns)


def count_columns(panels: Sequence[Panel]) -> dict[str, np.ndarray | list[str]]:
    """The panels of counts, for CSV."""
    join = np.concatenate
    signals = {
        f"signal_{name}": join([p.signal.quantiles[name] for p in panels]) for name in QUANTILES
    }
    return {
        "panel": [p.title.replace("\n", " ") for p in panels for _ in p.labels],
        "bin": [label for p in panels for label in p.labels],
        "observed": join([p.observed for p in panels]),
        "background": join([p.background for p in panels]),
        "background_std": join([p.background_std for p in panels]),
        **signals,
        "signal_best_fit": join([p.best_signal for p in panels]),
        "signal_sm": join([p.sm_signal for p in panels]),
    }


def _panels(m: BinnedMeasurement, posterior: Predictive, best: Predictive) -> list[Panel]:
    """The most signal-like BDT2 slice of the inclusive tag and the hadronic tag, or all bins.

    Those of a record are a panel a channel.
    """
    inclusive = [(i, found) for i, name in enumerate(m.labels) if (found := _ITA.match(name))]
    hadronic = [(i, found) for i, name in enumerate(m.labels) if (found := _HTA.match(name))]
    named = [_OF_CHANNEL.fullmatch(name) for name in m.labels]
    if not (inclusive and hadronic) and all(named):
        channels: dict[str, tuple[list[int], list[str]]] = {}
        for i, found in enumerate(named):
            assert found is not None
            at, labels = channels.setdefault(found["channel"].replace("$", r"\$"), ([], []))
            at.append(i)
            labels.append(found["bin"])
        return [_panel(m, posterior, best, *of, name, "bin") for name, of in channels.items()]
    if not (inclusive and hadronic):
        bins = list(range(len(m.labels)))
        return [_panel(m, posterior, best, bins, [str(i) for i in bins], m.title, "bin")]
    top = max(float(found["bdt"]) for _, found in inclusive)
    last = [(i, found["q2"]) for i, found in inclusive if float(found["bdt"]) == top]
    slices = len({found["bdt"] for _, found in inclusive})
    q2 = r"$q^2_\mathrm{rec}$ [GeV$^2$]"
    return [
        _panel(
            m,
            posterior,
            best,
            [i for i, _ in last],
            [text.replace(",", " to ").replace("-", "$-$") for _, text in last],
            rf"Belle II ITA, BDT$_2 > {top:g}$" + f"\n(1 of {slices} slices in the fit)",
            q2,
        ),
        _panel(
            m,
            posterior,
            best,
            [i for i, _ in hadronic],
            [f["bin"] for _, f in hadronic],
            "Belle II HTA\n(all bins)",
            r"BDT$_\mathrm{h}$ bin",
        ),
    ]


def _panel(
    m: BinnedMeasurement,
    posterior: Predictive,
    best: Predictive,
    bins: list[int],
    labels: list[str],
    title: str,
    xlabel: str,
) -> Panel:
    counts, point = posterior.counts[m.name], best.counts[m.name]
    return Panel(
        title=title,
        xlabel=xlabel,
        labels=labels,
        observed=m.observed[bins],
        background=np.asarray(point.background[0, bins]),
        background_std=counts.background[:, bins].std(axis=0),
        signal=Band.of(counts.signal[:, bins]),
        best_signal=np.asarray(point.signal[0, bins]),
        sm_signal=np.median(counts.sm_signal[:, bins], axis=0),
    )


def spectrum_figure(first: Spectrum, second: Spectrum, panels: Sequence[Panel]) -> Figure:
    """Two spectra above, counts minus background at the best fit below."""
    figure = new_figure(PAGE, 5.4 if panels else 2.9)
    rows = figure.add_gridspec(2 if panels else 1, 1)
    above = rows[0].subgridspec(1, 2)
    for i, spectrum in enumerate((first, second)):
        draw_spectrum(figure.add_subplot(above[i]), spectrum)
    if panels:
        ratios = [0.9 + 0.09 * len(p.labels) for p in panels]
        below = rows[1].subgridspec(1, len(panels), width_ratios=ratios)
        axes = [figure.add_subplot(below[i]) for i in range(len(panels))]
        for ax, panel in zip(axes, panels, strict=True):
            _counts(ax, panel)
        axes[0].set_ylabel("events $-$ background")
        axes[-1].legend(loc="best", handletextpad=0.3)
    explain(figure, (first, second))
    return figure


def _counts(ax: Axes, panel: Panel) -> None:
    edges = np.arange(len(panel.labels) + 1) - 0.5
    centres = (edges[1:] + edges[:-1]) / 2
    steps = Band({k: np.append(v, v[-1]) for k, v in panel.signal.quantiles.items()})
    fill(ax, edges, steps, step="post")
    ax.stairs(panel.best_signal, edges, color="black", lw=1.3, baseline=None)
    ax.stairs(panel.sm_signal, edges, color=RED, ls="--", lw=1.3, baseline=None)
    ax.axhline(0, color=GREY, lw=0.7)
    difference = panel.observed - panel.background
    ax.errorbar(
        centres,
        difference,
        np.sqrt(panel.observed),
        fmt="o",
        color="black",
        lw=1,
        label=r"data $\pm\sqrt{N}$",
    )
    ax.set_xlim(edges[0], edges[-1])
    ax.set_xticks(centres, panel.labels)
    ax.tick_params(axis="x", which="both", length=0)
    ax.set_title(panel.title)
    ax.set_xlabel(panel.xlabel)
