"""Spectra over q2, histograms through the efficiency, and omega(m)."""

from collections.abc import Collection
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bsnunu_jax.observables.spectra import ita_efficiency
from bsnunu_jax.report.figures.style import (
    BLUE,
    COLUMN,
    GREY,
    ORANGE,
    PAGE,
    PURPLE,
    RED,
    VIOLET,
    new_figure,
)
from bsnunu_jax.reproduce.dark.families import FAMILIES
from bsnunu_jax.reproduce.dark.planes_figure import number_axis
from bsnunu_jax.reproduce.dark.shapes import CASES, EXCESS, Q2, SCAN, Case, Shapes

# Petroff's ten colours have these two as well.
_BROWN, _CYAN = "#a96b59", "#5ab9c1"
_COLOURS = (BLUE, RED, ORANGE, PURPLE, VIOLET, GREY, _BROWN, _CYAN)
_DASHES = (
    "-",
    (0, (5, 1.5)),
    "-",
    (0, (5, 1.5)),
    (0, (1.2, 1)),
    (0, (5, 1, 1, 1)),
    "-",
    (0, (1.2, 1)),
)
_SM: dict[str, Any] = {"color": "black", "lw": 1.5}
_X = r"$q^2$ [GeV$^2$]"
_Y = r"$d\tilde\Gamma/dq^2$ [GeV$^{-2}$]"
_Y_SEEN = r"$d\tilde\Gamma_\epsilon/dq^2$ [GeV$^{-2}$]"


def spectra_figure(found: Shapes) -> Figure:
    """Fig. 7: scalars, fermions, vectors."""
    return _row(found, FAMILIES, 3.2, seen=False)


def histograms_figure(found: Shapes) -> Figure:
    """Fig. 8: scalars and fermions."""
    return _row(found, ("scalar", "fermion"), 3.1, seen=True)


def _row(found: Shapes, families: Collection[str], height: float, *, seen: bool) -> Figure:
    """A panel a family side by side."""
    figure = new_figure(PAGE, height)
    panels = figure.subplots(1, len(families), sharey=True)
    for ax, family in zip(panels, families, strict=True):
        _panel(ax, family, found, seen=seen)
        _legend(ax, family, found.R)
        ax.set_xlabel(_X)
    panels[0].set(ylabel=_Y_SEEN if seen else _Y, ylim=(0, None))
    return figure


def slides_figure(found: Shapes) -> Figure:
    """Without efficiency above, with it below."""
    figure = new_figure(PAGE, 5.0)
    panels = figure.subplots(2, 2, sharex=True, sharey="row")
    for column, family in zip(panels.T, ("scalar", "fermion"), strict=True):
        for ax, seen in zip(column, (False, True), strict=True):
            _panel(ax, family, found, seen=seen)
        _legend(column[0], family, found.R)
        column[1].set_xlabel(_X)
    panels[0, 0].set(ylabel=_Y, ylim=(0, None))
    panels[1, 0].set(ylabel=_Y_SEEN, ylim=(0, None))
    return figure


def omega_figure(found: Shapes) -> Figure:
    """Omega of the scalar operator S, with its central 68 %."""
    figure = new_figure(COLUMN, 2.6)
    ax = figure.subplots()
    low, high = np.quantile(found.omega[1:], [0.16, 0.84], axis=0)
    ax.fill_between(SCAN, low, high, color=BLUE, alpha=0.4, lw=0)
    ax.plot(SCAN, found.omega[0], color=BLUE)
    ax.axhline(1, color=GREY, lw=0.9, ls=":")
    ax.set(
        yscale="log",
        xlim=(0, SCAN[-1]),
        ylim=(0.8, None),
        xlabel=r"$m_\phi$ [GeV]",
        ylabel=r"$\omega(m_\phi)$",
    )
    number_axis(ax.yaxis)
    return figure


def _look(case: Case) -> dict[str, Any]:
    """Colour and dashes of a case."""
    mine = [c for c in CASES if c.family == case.family]
    i = mine.index(case)
    return {"color": _COLOURS[i], "ls": _DASHES[i], "lw": 1.2}


def _label(case: Case) -> str:
    if case.family == "scalar":
        return rf"${case.latex}$, {1e3 * case.mass:.0f}"
    return rf"${case.latex}$"


def _panel(ax: Axes, family: str, found: Shapes, *, seen: bool) -> None:
    """Spectra of a family, or histograms with the efficiency."""
    ax.axvspan(*EXCESS, color="0.92", lw=0)
    edges = ita_efficiency().edges
    lines = {
        i: found.case_histogram(case)[0] if seen else found.mixed(found.sm[0], found.new[0, i])
        for i, case in enumerate(CASES)
        if case.family == family
    }
    looks = [{"label": _label(CASES[i]), **_look(CASES[i])} for i in lines]
    sm = found.histogram(found.sm_centres)[0] if seen else found.sm[0]
    for values, look in zip((*lines.values(), sm), (*looks, {"label": "SM", **_SM}), strict=True):
        if seen:
            ax.stairs(values, edges, **look)
        else:
            ax.plot(Q2, values, **look)
    ax.set_xlim(0, edges[-1] if seen else Q2[-1])


def _legend(ax: Axes, family: str, R: float) -> None:
    """Above the panel, with the mass where there is one."""
    masses = {c.mass for c in CASES if c.family == family}
    values = r",\,".join(f"{1e3 * m:.0f}" for m in sorted(masses))
    ax.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=2 if family == "scalar" else 3,
        columnspacing=0.9,
        handlelength=1.9,
        handletextpad=0.4,
        title=rf"${FAMILIES[family].mass} = {values}$ MeV, $R_K^{{\nu\nu}} = {R:.3g}$",
    )
