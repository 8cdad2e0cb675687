"""dBR/dq2 of one decay against the SM, as several figures draw it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bsnunu_jax.experiments.measurement import BinnedMeasurement
from bsnunu_jax.hadrons.transitions import MODES, get_mode
from bsnunu_jax.inference.sampling.predictive import spectrum_modes
from bsnunu_jax.report.figures.of_fit import Fit
from bsnunu_jax.report.figures.style import BLUE, RED, legend_above
from bsnunu_jax.report.remarks import MARKS

# Central 95 and 68 % and the median.
QUANTILES = {"low95": 0.025, "low68": 0.16, "median": 0.5, "high68": 0.84, "high95": 0.975}
_SPELT = {"->": "_", "*": "star", "+": "plus"}


@dataclass(frozen=True)
class Band:
    """Quantiles of draws along the last axis, by name."""

    quantiles: dict[str, np.ndarray]

    @classmethod
    def of(cls, draws: Float[np.ndarray, "n k"]) -> "Band":
        """Central 68 and 95 % and the median."""
        found = np.quantile(draws, list(QUANTILES.values()), axis=0)
        return cls(dict(zip(QUANTILES, found, strict=True)))

    def columns(self, stem: str) -> dict[str, np.ndarray]:
        """Quantiles under names that start with `stem`."""
        return {f"{stem}_{name}": values for name, values in self.quantiles.items()}


@dataclass(frozen=True)
class Spectrum:
    """The decay and its spectra over q2 [GeV^2] in 1/GeV^2; a mark of a remark on its BR or ""."""

    mode: str
    q2: np.ndarray
    posterior: Band
    best: np.ndarray
    sm: Band
    mark: str = ""

    @classmethod
    def of(cls, fit: Fit, mode: str) -> "Spectrum":
        """Of the draws, of the best fit, and of the SM with the uncertainty of its inputs."""
        remark = (fit.remarks or {}).get(f"BR({mode}inv)", "")
        return cls(
            mode=mode,
            q2=np.asarray(fit.posterior.q2[mode]),
            posterior=Band.of(fit.posterior.spectra[mode]),
            best=np.asarray(fit.best.spectra[mode][0]),
            sm=Band.of(fit.sm.sm_spectra[mode]),
            mark=MARKS.get(remark, ""),
        )

    @property
    def stem(self) -> str:
        """The decay in the name of a file, "spectrum_B0_Kstar0"."""
        name = self.mode
        for sign, word in _SPELT.items():
            name = name.replace(sign, word)
        return f"spectrum_{name}"

    @property
    def top(self) -> float:
        """The largest value that is drawn [1/GeV^2]."""
        curves = self.posterior.quantiles["high95"], self.sm.quantiles["high95"], self.best
        return float(max(curve.max() for curve in curves))

    def columns(self) -> dict[str, np.ndarray]:
        """For CSV."""
        curves = self.posterior.columns("posterior") | {"best_fit": self.best}
        return {"q2": self.q2, **curves, **self.sm.columns("sm")}


def named(fit: Fit) -> list[str]:
    """Decays that the data are of, then others that the card asks for, each in order of the table.

    Without those that the model and the SM have no spectrum of.
    """
    of_data = spectrum_modes(fit.problem)
    order = list(MODES)
    found = sorted(
        spectrum_modes(fit.problem, fit.asked), key=lambda m: (m not in of_data, order.index(m))
    )
    return [m for m in found if Spectrum.of(fit, m).top > 0]


def measured(fit: Fit) -> BinnedMeasurement | None:
    """The first measurement whose counts can be drawn."""
    found = (m for m in fit.problem.measurements if isinstance(m, BinnedMeasurement))
    return next(found, None)


def pair(fit: Fit) -> tuple[str, str]:
    """The decays of the figure `spectrum`: the one with counts, and one of other form factors."""
    of_card, counts = named(fit), measured(fit)
    first = counts.mode if counts else next(iter(of_card), "B+->K+")
    others = [m for m in of_card if get_mode(m).transition != get_mode(first).transition]
    usual = "B+->K+" if first == "B0->K*0" else "B0->K*0"
    return first, usual if usual in others or not others else others[0]


def draw_spectrum(ax: Axes, data: Spectrum) -> None:
    """Bands of the posterior, the best fit and the SM in units of a power of ten."""
    power = int(np.floor(np.log10(data.top))) if data.top > 0 else 0
    unit = 10.0**-power
    fill(ax, data.q2, data.posterior, unit)
    sm = data.sm.quantiles
    ax.fill_between(data.q2, unit * sm["low95"], unit * sm["high95"], color=RED, alpha=0.35, lw=0)
    ax.plot(data.q2, unit * sm["median"], color=RED, ls="--")
    ax.plot(data.q2, unit * data.best, color="black")
    ax.set_xlim(0, data.q2[-1])
    ax.set_ylim(0, 1.08 * unit * data.top)
    ax.set_title(f"${get_mode(data.mode).latex}$ inv {data.mark}".rstrip())
    ax.set_xlabel(r"$q^2$ [GeV$^2$]")
    ax.set_ylabel(rf"$d\mathcal{{B}}/dq^2$ [$10^{{{power}}}$/GeV$^2$]")


def explain(figure: Figure, spectra: Sequence[Spectrum]) -> None:
    """The legend above all panels, and below them what the marks in their titles mean."""
    handles: list[Artist] = [
        Patch(fc=BLUE, alpha=0.6, label="central 68 %"),
        Patch(fc=BLUE, alpha=0.3, label="central 95 %"),
        Line2D([], [], color="black", label="best fit"),
        Line2D([], [], color=RED, ls="--", label="SM"),
        Patch(fc=RED, alpha=0.35, label="SM, central 95 %"),
    ]
    legend_above(figure, handles, len(handles))
    layout = figure.get_layout_engine()
    if isinstance(layout, ConstrainedLayoutEngine):
        layout.set(wspace=0.06)  # between a label and the panel to its left
    of_marks = {mark: text for text, mark in MARKS.items()}
    marks = dict.fromkeys(s.mark for s in spectra if s.mark)
    if marks:
        figure.supxlabel("; ".join(f"{m} {of_marks[m]}" for m in marks), fontsize=8)


def fill(
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
