"""Figs. 7 and 8 of arXiv:2309.12741, and what the slides show of q2."""

from collections.abc import Collection
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bsnunu_jax.observables.spectra import ita_efficiency
from bsnunu_jax.report.figures import style
from bsnunu_jax.reproduce.dark.families import FAMILIES
from bsnunu_jax.reproduce.dark.planes import number_axis
from bsnunu_jax.reproduce.dark.rates import DRAWS
from bsnunu_jax.reproduce.dark.shapes import (
    CASES,
    EXCESS,
    FITTED,
    Q2,
    SCAN,
    Case,
    Matches,
    Shapes,
    matches,
    peak,
    shapes,
    share_of,
)
from bsnunu_jax.reproduce.dark.spectra_rows import omega_rows, seen_rows, spectrum_rows
from bsnunu_jax.reproduce.row import Columns, Product, spread
from bsnunu_jax.reproduce.settings import Settings

# Petroff's ten colours have these two as well.
_BROWN, _CYAN = "#a96b59", "#5ab9c1"
_COLOURS = (
    style.BLUE,
    style.RED,
    style.ORANGE,
    style.PURPLE,
    style.VIOLET,
    style.GREY,
    _BROWN,
    _CYAN,
)
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


def fig7(settings: Settings) -> Product:
    """Normalised spectra, Eq. (22), of all operators."""
    found = settings.once(shapes)
    return Product(
        figures={"fig7": lambda: spectra_figure(found)},
        tables={"spectra": _spectra(found), "shares": _shares(found)},
        rows=spectrum_rows(found),
        inputs=_inputs(found),
    )


def fig8(settings: Settings) -> Product:
    """The same as histograms through the efficiency of the inclusive tag."""
    found, fits = settings.once(shapes), settings.once(matches)
    return Product(
        figures={"fig8": lambda: histograms_figure(found)},
        tables={"histograms": _histograms(found), "likelihood": _likelihood(fits)},
        rows=seen_rows(found, fits),
        inputs=_inputs(found)
        | {
            "bins": "spectrum at the centres; bins that are in the range in part count in part",
            "data": "belle2_knunu_2023, compact form, systematics profiled, inputs held",
        },
    )


def slides_q2(settings: Settings) -> Product:
    """Scalar and fermion cases without and with efficiency, and omega(m)."""
    found = settings.once(shapes)
    omega = found.omega
    columns = {
        "m_GeV": SCAN,
        "omega": omega[0],
        "uncertainty": np.array([spread(omega[1:, i]) for i in range(SCAN.size)]),
    }
    return Product(
        figures={"q2": lambda: slides_figure(found), "omega": lambda: omega_figure(found)},
        tables={"omega": columns},
        rows=omega_rows(found),
        inputs=_inputs(found),
    )


def _inputs(found: Shapes) -> dict[str, object]:
    return {
        "R_K": found.R,
        "excess_GeV2": list(EXCESS),
        "draws": DRAWS,
        "masses_GeV": {c.name: c.mass for c in CASES},
    }


def _spectra(found: Shapes) -> Columns:
    """Central curves [GeV^-2], with the SM and of the new part alone."""
    columns = {"q2_GeV2": Q2, "SM": found.sm[0]}
    for i, case in enumerate(CASES):
        columns[case.column] = found.mixed(found.sm[0], found.new[0, i])
        columns[f"{case.column}_new_part"] = found.new[0, i]
    return columns


def _shares(found: Shapes) -> Columns:
    """Peaks [GeV^2] and shares in the range of the excess, SM last."""
    new = [*(found.new[:, i] for i in range(len(CASES))), found.sm]
    shares = [*(found.at(found.new_share, c) for c in CASES), found.sm_share]
    seen = [
        *(share_of(found.case_histogram(c)) for c in CASES),
        share_of(found.histogram(found.sm_centres)),
    ]
    values = {
        "peak_of_new_part_GeV2": [peak(n) for n in new],
        "peak_with_SM_GeV2": [peak(found.mixed(found.sm, n)) for n in new],
        "share_of_new_part": shares,
        "share_with_SM": [found.mixed(found.sm_share, s) for s in shares],
        "share_with_SM_seen": seen,
    }
    columns: dict[str, np.ndarray | list[str]] = {"case": [*(c.name for c in CASES), "SM"]}
    for name, draws in values.items():
        columns[name] = np.array([d[0] for d in draws])
        columns[f"{name}_uncertainty"] = np.array([spread(d[1:]) for d in draws])
    return columns


def _histograms(found: Shapes) -> Columns:
    """Histograms of area 1 [GeV^-2]."""
    efficiency = ita_efficiency()
    columns = {
        "q2_low_GeV2": efficiency.edges[:-1],
        "q2_high_GeV2": efficiency.edges[1:],
        "efficiency": efficiency.values,
        "SM": found.histogram(found.sm_centres)[0],
    }
    return columns | {case.column: found.case_histogram(case)[0] for case in CASES}


def _likelihood(fits: Matches) -> Columns:
    """Best fits to Belle II's counts; the spectrum of the SM with its strength free is last."""
    cells = [
        (name, i, k)
        for name, family in FAMILIES.items()
        for i in range(len(family.operators))
        for k in range(FITTED.size)
    ]
    return {
        "family": [*(name for name, _, _ in cells), "SM"],
        "operator": [*(FAMILIES[name].operators[i] for name, i, _ in cells), ""],
        "m_GeV": np.array([*(FITTED[k] for _, _, k in cells), 0.0]),
        "delta_chi2": np.array([*(fits.delta[n][k, i] for n, i, k in cells), fits.delta_sm]),
        "BR_NP": np.array([*(fits.br[n][k, i] for n, i, k in cells), fits.br_sm]),
    }


def spectra_figure(found: Shapes) -> Figure:
    """Fig. 7: scalars, fermions, vectors."""
    return _row(found, FAMILIES, 3.2, seen=False)


def histograms_figure(found: Shapes) -> Figure:
    """Fig. 8: scalars and fermions."""
    return _row(found, ("scalar", "fermion"), 3.1, seen=True)


def _row(found: Shapes, families: Collection[str], height: float, *, seen: bool) -> Figure:
    """A panel a family side by side."""
    figure = style.new_figure(style.PAGE, height)
    panels = figure.subplots(1, len(families), sharey=True)
    for ax, family in zip(panels, families, strict=True):
        _panel(ax, family, found, seen=seen)
        _legend(ax, family, found.R)
        ax.set_xlabel(_X)
    panels[0].set(ylabel=_Y_SEEN if seen else _Y, ylim=(0, None))
    return figure


def slides_figure(found: Shapes) -> Figure:
    """Without efficiency above, with it below."""
    figure = style.new_figure(style.PAGE, 5.0)
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
    figure = style.new_figure(style.COLUMN, 2.6)
    ax = figure.subplots()
    low, high = np.quantile(found.omega[1:], [0.16, 0.84], axis=0)
    ax.fill_between(SCAN, low, high, color=style.BLUE, alpha=0.4, lw=0)
    ax.plot(SCAN, found.omega[0], color=style.BLUE)
    ax.axhline(1, color=style.GREY, lw=0.9, ls=":")
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
