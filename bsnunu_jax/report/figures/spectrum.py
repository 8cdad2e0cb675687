"""dBR/dq2 of K and K* against the SM, and the counts of the binned measurement."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from bsnunu_jax.experiments.measurement import BinnedMeasurement
from bsnunu_jax.hadrons.transitions import get_mode
from bsnunu_jax.inference.sampling.predictive import Predictive
from bsnunu_jax.report.figures.of_fit import Drawn, Fit
from bsnunu_jax.report.figures.style import BLUE, GREY, PAGE, RED, new_figure
from bsnunu_jax.report.table import power_of

# Central 95 and 68 % and the median.
_QUANTILES = {"low95": 0.025, "low68": 0.16, "median": 0.5, "high68": 0.84, "high95": 0.975}
_ITA = re.compile(r"BDT2\[(?P<bdt>[\d.]+),[\d.]+\] q2rec\[(?P<q2>[-\d.]+,[-\d.]+)\]")
_HTA = re.compile(r"HTA BDTh bin (?P<bin>\d+)")
# Of a record that names no bins.
_OF_CHANNEL = re.compile(r"(?P<channel>.+) (?P<bin>\d+)")


@dataclass(frozen=True)
class Band:
    """Quantiles of draws along the last axis, by name."""

    quantiles: dict[str, np.ndarray]

    @classmethod
    def of(cls, draws: Float[np.ndarray, "n k"]) -> "Band":
        """Central 68 and 95 % and the median."""
        found = np.quantile(draws, list(_QUANTILES.values()), axis=0)
        return cls(dict(zip(_QUANTILES, found, strict=True)))

    def columns(self, stem: str) -> dict[str, np.ndarray]:
        """Quantiles under names that start with `stem`."""
        return {f"{stem}_{name}": values for name, values in self.quantiles.items()}


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


@dataclass(frozen=True)
class Spectrum:
    """The mode, its spectra over q2 [GeV^2] in 1/GeV^2, and the panels of counts."""

    mode: str
    q2: np.ndarray
    posterior: Band
    best: np.ndarray
    sm: Band
    panels: list[Panel]

    def columns(self) -> dict[str, np.ndarray]:
        """The left panel, for CSV."""
        curves = self.posterior.columns("posterior") | {"best_fit": self.best}
        return {"q2": self.q2, **curves, **self.sm.columns("sm")}

    def count_columns(self) -> dict[str, np.ndarray | list[str]]:
        """The right panels, for CSV; empty without a binned measurement."""
        if not self.panels:
            return {}
        join = np.concatenate
        signals = {
            f"signal_{name}": join([p.signal.quantiles[name] for p in self.panels])
            for name in _QUANTILES
        }
        return {
            "panel": [p.title.replace("\n", " ") for p in self.panels for _ in p.labels],
            "bin": [label for p in self.panels for label in p.labels],
            "observed": join([p.observed for p in self.panels]),
            "background": join([p.background for p in self.panels]),
            "background_std": join([p.background_std for p in self.panels]),
            **signals,
            "signal_best_fit": join([p.best_signal for p in self.panels]),
            "signal_sm": join([p.sm_signal for p in self.panels]),
        }


def of_fit(fit: Fit) -> Drawn:
    """Of every fit, with the counts of its first binned measurement."""
    binned = [m for m in fit.problem.measurements if isinstance(m, BinnedMeasurement)]
    data = spectrum_data(binned[0] if binned else None, fit.posterior, fit.best, fit.sm)
    beside = spectrum_data(None, fit.posterior, fit.best, fit.sm, mode="B0->K*0")
    columns: dict[str, Mapping[str, Any]] = {
        "spectrum": data.columns(),
        "spectrum_Kstar0": beside.columns(),
    }
    if data.panels:
        columns["spectrum_counts"] = data.count_columns()
    return Drawn(spectrum_figure(data, beside, fit.remarks), columns=columns)


def spectrum_data(
    measurement: BinnedMeasurement | None,
    posterior: Predictive,
    best: Predictive,
    sm: Predictive,
    *,
    mode: str = "B+->K+",
) -> Spectrum:
    """What is drawn.

    Args:
        measurement: gives the mode and the counts; no counts if None.
        posterior: predictions of the draws.
        best: those of the best fit, one row.
        sm: rows whose SM part is drawn from the uncertainty of the inputs alone.
        mode: the mode without a measurement.
    """
    mode = measurement.mode if measurement else mode
    return Spectrum(
        mode=mode,
        q2=np.asarray(posterior.q2),
        posterior=Band.of(posterior.spectra[mode]),
        best=np.asarray(best.spectra[mode][0]),
        sm=Band.of(sm.sm_spectra[mode]),
        panels=_panels(measurement, posterior, best) if measurement else [],
    )


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


def spectrum_figure(
    data: Spectrum, beside: Spectrum, remarks: Mapping[str, str] | None = None
) -> Figure:
    """Two spectra above, counts minus background at the best fit below.

    Args:
        data: spectrum and counts of the measured mode.
        beside: spectrum of another one.
        remarks: on branching fractions, by name.
    """
    figure = new_figure(PAGE, 5.2 if data.panels else 2.7)
    rows = figure.add_gridspec(2 if data.panels else 1, 1)
    above = rows[0].subgridspec(1, 2)
    for i, spectrum in enumerate((data, beside)):
        remark = (remarks or {}).get(f"BR({spectrum.mode}inv)", "")
        _spectrum(figure.add_subplot(above[i]), spectrum, remark)
    if data.panels:
        ratios = [0.9 + 0.09 * len(p.labels) for p in data.panels]
        below = rows[1].subgridspec(1, len(data.panels), width_ratios=ratios)
        axes = [figure.add_subplot(below[i]) for i in range(len(data.panels))]
        for ax, panel in zip(axes, data.panels, strict=True):
            _counts(ax, panel)
        axes[0].set_ylabel("events $-$ background")
        axes[-1].legend(loc="best", handletextpad=0.3)
    return figure


def _spectrum(ax: Axes, data: Spectrum, remark: str) -> None:
    power = power_of(float(data.posterior.quantiles["high95"].max()))
    unit = 10.0**-power
    outer, inner = _fill(ax, data.q2, data.posterior, unit)
    (best,) = ax.plot(data.q2, unit * data.best, color="black")
    sm = data.sm.quantiles
    low, high = unit * sm["low95"], unit * sm["high95"]
    band = ax.fill_between(data.q2, low, high, color=RED, alpha=0.35, lw=0)
    (line,) = ax.plot(data.q2, unit * sm["median"], color=RED, ls="--")
    ax.set_xlim(0, data.q2[-1])
    ax.set_ylim(0, 1.3 * unit * data.posterior.quantiles["high95"].max())
    tex = get_mode(data.mode).latex + r"\,\mathrm{inv}"
    if remark:
        ax.set_title(remark.replace(": ", ":\n"), fontsize=8)
    ax.set_xlabel(r"$q^2$ [GeV$^2$]")
    ax.set_ylabel(rf"$d\mathcal{{B}}({tex})/dq^2$ [$10^{{{power}}}$/GeV$^2$]")
    ax.legend(
        [(outer, inner), outer, best, (band, line)],
        ["central 68 %", "central 95 %", "best fit", "SM, central 95 %"],
        ncols=2,
        loc="upper right",
        columnspacing=1.2,
    )


def _fill(
    ax: Axes, x: np.ndarray, band: Band, unit: float = 1.0, **options: Any
) -> list[PolyCollection]:
    """The 95 and the 68 % band, one over the other."""
    return [
        ax.fill_between(
            x,
            unit * band.quantiles[f"low{mass}"],
            unit * band.quantiles[f"high{mass}"],
            color=BLUE,
            alpha=alpha,
            lw=0,
            **options,
        )
        for mass, alpha in ((95, 0.3), (68, 0.45))
    ]


def _counts(ax: Axes, panel: Panel) -> None:
    edges = np.arange(len(panel.labels) + 1) - 0.5
    centres = (edges[1:] + edges[:-1]) / 2
    steps = Band({k: np.append(v, v[-1]) for k, v in panel.signal.quantiles.items()})
    _fill(ax, edges, steps, step="post")
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
