"""Every channel of every binned measurement: counts, background and signal at the best fit."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bsnunu_jax.experiments.measurement import BinnedMeasurement
from bsnunu_jax.inference.sampling.predictive import Predictive
from bsnunu_jax.report.figures.of_fit import Drawn, Fit
from bsnunu_jax.report.figures.style import BLUE, GREY, PAGE, RED, new_figure

# Largest over smallest expected counts above which the axis is logarithmic.
_LOGARITHMIC = 30.0
# Share of the height that counts fill, names of channels and a legend are above.
_FILLED = 0.68
# Height of a measurement, bins whose names have place, letters that need not be turned.
_HEIGHT, _MOST_LABELS, _SHORT = 3.4, 40, 3


@dataclass(frozen=True)
class Counts:
    """The bins of a measurement, events at the best fit; spreads are those of the posterior.

    Attributes:
        channels: of every bin.
        bins: their names in the channel.
    """

    title: str
    name: str
    channels: list[str]
    bins: list[str]
    observed: np.ndarray
    background: np.ndarray
    signal: np.ndarray
    total_std: np.ndarray
    sm_signal: np.ndarray

    def columns(self) -> dict[str, Any]:
        """For CSV."""
        return {
            "measurement": [self.name] * len(self.bins),
            "channel": self.channels,
            "bin": self.bins,
            "observed": self.observed,
            "background_best_fit": self.background,
            "signal_best_fit": self.signal,
            "signal_sm": self.sm_signal,
            "expected_std": self.total_std,
        }


def of_fit(fit: Fit) -> Drawn | None:
    """Of fits to binned measurements."""
    found = [
        counts_data(m, fit.posterior, fit.best)
        for m in fit.problem.measurements
        if isinstance(m, BinnedMeasurement)
    ]
    if not found:
        return None
    columns = [c.columns() for c in found]
    joined = {key: np.concatenate([np.asarray(c[key]) for c in columns]) for key in columns[0]}
    return Drawn(counts_figure(found), columns={"counts": joined})


def counts_data(m: BinnedMeasurement, posterior: Predictive, best: Predictive) -> Counts:
    """What is drawn of a measurement; the last word of a label is the bin, the rest its channel."""
    draws, point = posterior.counts[m.name], best.counts[m.name]
    parts = [label.rpartition(" ") for label in m.labels]
    return Counts(
        title=m.title,
        name=m.name,
        channels=[channel for channel, _, _ in parts],
        bins=[name for _, _, name in parts],
        observed=np.asarray(m.observed, dtype=float),
        background=np.asarray(point.background[0]),
        signal=np.asarray(point.signal[0]),
        total_std=(draws.background + draws.signal).std(axis=0),
        sm_signal=np.median(draws.sm_signal, axis=0),
    )


def counts_figure(found: Sequence[Counts]) -> Figure:
    """Two panels a measurement: counts, and their distance from what the best fit expects."""
    figure = new_figure(PAGE, _HEIGHT * len(found))
    rows = figure.add_gridspec(len(found), 1)
    for i, counts in enumerate(found):
        cells = rows[i].subgridspec(2, 1, height_ratios=(3, 1), hspace=0.06)
        above, below = figure.add_subplot(cells[0]), figure.add_subplot(cells[1])
        _counts(above, counts)
        _distances(below, counts)
    return figure


def _counts(ax: Axes, c: Counts) -> None:
    edges, total = np.arange(len(c.bins) + 1) - 0.5, c.background + c.signal
    ax.stairs(c.background, edges, fill=True, color=GREY, alpha=0.3, lw=0, label="background")
    ax.stairs(total, edges, color="black", lw=1.3, baseline=None, label="best fit")
    low, high = np.maximum(total - c.total_std, 0), total + c.total_std
    steps: dict[str, Any] = {"step": "post", "color": BLUE, "alpha": 0.35, "lw": 0}
    low, high = np.append(low, low[-1]), np.append(high, high[-1])
    ax.fill_between(edges, low, high, label=r"$\pm 1\sigma$", **steps)
    sm = c.background + c.sm_signal
    ax.stairs(sm, edges, color=RED, ls="--", lw=1.2, baseline=None, label="SM signal")
    at = (edges[1:] + edges[:-1]) / 2
    ax.errorbar(
        at, c.observed, np.sqrt(c.observed), fmt="o", ms=3, color="black", lw=1, label="data"
    )
    largest = float(max(total.max(), (c.observed + np.sqrt(c.observed)).max()))
    positive = total[total > 0]
    if positive.size and largest > _LOGARITHMIC * positive.min():
        bottom = 0.4 * float(positive.min())
        ax.set_yscale("log")
        ax.set_ylim(bottom, bottom * (largest / bottom) ** (1 / _FILLED))
    else:
        ax.set_ylim(0, largest / _FILLED)
    _separate(ax, c, names=True)
    ax.set_xticks([])
    ax.set_ylabel("events")
    ax.set_title(c.title.replace("$", r"\$"))
    ax.legend(loc="upper right", ncols=5, fontsize=7, columnspacing=1.0, handlelength=1.4)


def _distances(ax: Axes, c: Counts) -> None:
    expected = np.maximum(c.background + c.signal, 1e-300)
    distance = (c.observed - expected) / np.sqrt(expected)
    at = np.arange(len(c.bins))
    ax.axhspan(-1, 1, color=GREY, alpha=0.2, lw=0)
    ax.axhline(0, color=GREY, lw=0.7)
    ax.plot(at, distance, "o", ms=3, color="black")
    reach = max(2.5, 1.15 * float(np.abs(distance).max()))
    ax.set_ylim(-reach, reach)
    _separate(ax, c, names=False)
    ax.set_ylabel(r"$(n-\nu)/\sqrt{\nu}$")
    labels = [name.replace("$", r"\$") for name in c.bins]
    if len(at) > _MOST_LABELS:
        ax.set_xticks([])
    else:
        long = max(map(len, labels)) > _SHORT
        turned: dict[str, Any] = {"rotation": 90, "fontsize": 6} if long else {}
        ax.set_xticks(at, labels, **turned)
    ax.tick_params(axis="x", which="both", length=0)


def _separate(ax: Axes, c: Counts, *, names: bool) -> None:
    """A line between channels, their names above."""
    first = 0
    ax.set_xlim(-0.5, len(c.bins) - 0.5)
    for channel, group in groupby(c.channels):
        number = len(list(group))
        if first:
            ax.axvline(first - 0.5, color=GREY, lw=0.6, ls=":")
        if names:
            ax.text(
                (first + number / 2) / len(c.bins),
                0.83,
                channel.replace("$", r"\$").replace(", ", "\n").replace("[", "\n["),
                transform=ax.transAxes,
                ha="center",
                va="top",
                fontsize=6,
            )
        first += number
