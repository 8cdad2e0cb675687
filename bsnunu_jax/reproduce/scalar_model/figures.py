"""The figures of the scalar model: coefficients, freeze-out, ratios of couplings, D0 decays."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from bsnunu_jax.report.figures import style
from bsnunu_jax.reproduce.scalar_model.plane import MASS, QUARKS, STRANGE, Plane
from bsnunu_jax.reproduce.scalar_model.rates import PER_TEV, UNIT, Lanes, Relic
from bsnunu_jax.reproduce.scalar_model.rows import C_SB, CHARM, RATIO, SIGMA_V

Bands = Mapping[str, tuple[np.ndarray, np.ndarray]]

WINDOWS = {"average": style.PURPLE, "new": style.RED}
_SLIDES: dict[str, Any] = {"color": "black", "lw": 1.0, "ls": (0, (4, 2))}
_LATEX = {"B0->K0": r"$B^0\to K^0$", "B0->K*0": r"$B^0\to K^{*0}$", "Bs->inv": r"$B_s\to\phi\phi$"}
_MASS_LABEL = r"$m_\phi$ [GeV]"


def coefficient_figure(
    m: np.ndarray, bands: Mapping[str, Bands], limits: Mapping[str, np.ndarray]
) -> Figure:
    """|C^S_sb| against the mass, without and with the efficiency.

    Args:
        m: masses [GeV], shape (n,).
        bands: lower and upper end [1e-5/TeV] by window, for "plain" and "weighted".
        limits: largest coefficient by mode, C^P = C^S.
    """
    figure = style.new_figure(style.PAGE, 3.1)
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    titles = {"plain": r"$\omega=1$", "weighted": r"$\mathcal{B}_\mathrm{NP}\times\omega(m_\phi)$"}
    for ax, (kind, title) in zip(axes, titles.items(), strict=True):
        _fill_windows(ax, m, bands[kind])
        for (mode, label), color, dashes in zip(
            _LATEX.items(), (style.GREY, style.BLUE, style.ORANGE), ("-", "--", "-."), strict=True
        ):
            ax.plot(m, limits[mode], color=color, ls=dashes, label=f"{label} limit")
        bottom, top = (1e5 * c for c in C_SB)
        ax.plot(
            [0.5, 0.9, 0.9, 0.5, 0.5], [bottom, bottom, top, top, bottom], label="slides", **_SLIDES
        )
        ax.set_yscale("log")
        ax.set_xlim(0, float(m[-1]))
        ax.set_ylim(2, 300)
        ax.set_xlabel(_MASS_LABEL)
        style.note(ax, 0.04, 0.94, title, va="top")
    for ax in axes:
        style.note(ax, 0.97, 0.05, r"$K^{*0}$, $B_s$: $|C^P|=|C^S|$", ha="right", fontsize=8.5)
    axes[0].set_ylabel(r"$|C^{S}_{d\phi,sb}|$ [$10^{-5}\,\mathrm{TeV}^{-1}$]")
    handles, _ = axes[0].get_legend_handles_labels()
    style.legend_above(figure, handles, 6, columnspacing=1.2)
    return figure


def _fill_windows(ax: Axes, m: np.ndarray, bands: Bands) -> None:
    for window, color in WINDOWS.items():
        label = f"{window} window"
        ax.fill_between(m, *bands[window], color=color, alpha=0.45, lw=0, label=label)


def relic_figure(relic: Relic, f_eff: Mapping[float, np.ndarray], ratios: Bands) -> Figure:
    """C_ss of the relic density, and what it is of C_sb.

    Args:
        relic: masses and coefficients.
        f_eff: C_ss [GeV^-1] that the CMB leaves by f_eff.
        ratios: |C_ss|/|C_sb| at the upper and lower end of each window.
    """
    figure = style.new_figure(style.COLUMN, 4.4)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(1.35, 1))
    for ax, label in ((top, None), (bottom, "masses of the slides")):
        ax.axvspan(0.5, 0.9, color=style.GREY, alpha=0.18, lw=0, label=label)
    per_tev = 1 / PER_TEV
    top.plot(relic.m, relic.C_ss * per_tev, color=style.BLUE, label=r"$\Omega h^2=0.12$")
    slide = relic.of_sigma_v(SIGMA_V) * per_tev
    top.plot(
        relic.m,
        slide,
        label=r"$\langle\sigma v\rangle=2.2\times10^{-9}\,\mathrm{GeV}^{-2}$",
        **_SLIDES,
    )
    for (f, limit), dashes in zip(f_eff.items(), ("-.", (0, (1, 1))), strict=True):
        top.plot(
            relic.m,
            limit * per_tev,
            color=style.RED,
            ls=dashes,
            lw=1.1,
            label=rf"CMB$^*$, $f_\mathrm{{eff}}={f:g}$",
        )
    top.set_yscale("log")
    top.set_ylim(2e-3, 3)
    style.note(top, 0.97, 0.04, r"$^*$ limit from memory, unverified", ha="right", fontsize=8)
    top.set_ylabel(r"$|C^{S}_{d\phi,ss}|$ [$\mathrm{TeV}^{-1}$]")
    handles, _ = top.get_legend_handles_labels()
    style.legend_above(figure, handles, 2, columnspacing=1.0, fontsize=8)
    _fill_windows(bottom, relic.m, ratios)
    bottom.axhline(RATIO, label="slides", **_SLIDES)
    bottom.set_yscale("log")
    bottom.set_ylim(6e2, 2e4)
    bottom.set_xlim(float(relic.m[0]), float(relic.m[-1]))
    bottom.set_ylabel(r"$|C^{S}_{ss}|\,/\,|C^{S}_{sb}|$")
    bottom.set_xlabel(_MASS_LABEL)
    bottom.legend(loc="upper right", fontsize=8)
    return figure


def plane_figure(plane: Plane) -> Figure:
    """r_d against r_q, one panel a theta."""
    figure = style.new_figure(style.PAGE, 2.55)
    axes = figure.subplots(1, len(plane.thetas), sharex=True, sharey=True)
    r = 1e3 * plane.r
    for ax, theta, S, P in zip(axes, plane.thetas, plane.C_S, plane.C_P, strict=True):
        _panel(ax, r, S.T, P.T, plane)
        ax.set_title(rf"$\theta={_multiple(float(theta))}$", pad=4)
        ax.set_aspect("equal")
        ax.set_xlabel(r"$r_d\;[10^{-3}]$")
        ax.set_xticks(np.arange(0, r[-1] + 0.01, 0.5))
        ax.set_yticks(np.arange(0, r[-1] + 0.01, 0.5))
    axes[0].set_ylabel(r"$r_q\;[10^{-3}]$")
    handles: list[Any] = [
        Patch(fc=color, alpha=0.55, label=f"{window} window") for window, color in WINDOWS.items()
    ]
    handles += [
        Line2D([], [], color="black", ls="--", lw=1, label=_LATEX["B0->K0"]),
        Line2D([], [], color=style.VIOLET, ls="-.", lw=1, label=_LATEX["B0->K*0"]),
        Patch(fc=style.GREY, alpha=0.55, label="excluded by either"),
    ]
    style.legend_above(figure, handles, 5, columnspacing=1.4)
    figure.supxlabel(
        rf"$m_\phi={MASS}$ GeV, $m_Q=m_D={QUARKS:g}$ TeV, $|y_d^s|=|y_q^s|={STRANGE:g}$, "
        rf"$|y_1|={plane.y_1:.2f}$ from $\Omega h^2$, $\rho=0$",
        fontsize=8.5,
    )
    return figure


def _panel(ax: Axes, r: np.ndarray, S: np.ndarray, P: np.ndarray, plane: Plane) -> None:
    for window, color in WINDOWS.items():
        ax.contourf(r, r, S, list(plane.windows[window]), colors=[color], alpha=0.45)
    # B_s -> phi phi is weaker everywhere: see `Plane.limits`.
    lines = (
        (S, plane.limits["B0->K0"], "black", "--"),
        (P, plane.limits["B0->K*0"], style.VIOLET, "-."),
    )
    ax.contourf(
        r,
        r,
        np.maximum(*(x / limit for x, limit, *_ in lines)),
        [1.0, 1e9],
        colors=[style.GREY],
        alpha=0.55,
    )
    for seen, limit, color, dashes in lines:
        if seen.min() < limit < seen.max():
            ax.contour(r, r, seen, [limit], colors=[color], linestyles=[dashes], linewidths=1.0)


def _multiple(theta: float) -> str:
    """LaTeX of a multiple of pi/4."""
    quarters = round(4 * theta / np.pi)
    return {0: "0", 1: r"\pi/4", 2: r"\pi/2", 3: r"3\pi/4", 4: r"\pi"}[quarters]


def charm_figure(
    m: np.ndarray, limits: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]], benchmark: float
) -> Figure:
    """Limits on |C_uc|/m_c against the mass.

    Args:
        m: masses [GeV], shape (n,).
        limits: central, lower and upper end of the 68 % band [TeV^-2] by mode.
        benchmark: |C_uc|/m_c of the model [TeV^-2].
    """
    figure = style.new_figure(style.COLUMN, 2.9)
    ax = figure.subplots()
    names = {
        "D0->pi0": (r"$|C^S_{uc}|$, $D^0\to\pi^0\phi\phi$", style.BLUE),
        "D0->inv": (r"$|C^P_{uc}|$, $D^0\to\phi\phi$", style.ORANGE),
    }
    for mode, (label, color) in names.items():
        middle, low, high = limits[mode]
        shown = np.isfinite(middle)
        ax.fill_between(m[shown], low[shown], high[shown], color=color, alpha=0.35, lw=0)
        ax.plot(m[shown], middle[shown], color=color, label=label)
        ax.axhline(CHARM[mode], **_SLIDES)
    ax.plot([], [], label="slides", **_SLIDES)
    ax.axhline(
        benchmark,
        color=style.GREY,
        ls=":",
        label=rf"model, $m_Q={QUARKS:g}$ TeV, $|y_q^s|={STRANGE:g}$",
    )
    ax.set_yscale("log")
    ax.set_xlim(0, float(m[-1]))
    ax.set_ylim(0.02, 100)
    ax.set_xlabel(_MASS_LABEL)
    ax.set_ylabel(r"$|C^{S,P}_{uc}|/m_c$ [$\mathrm{TeV}^{-2}$]")
    ax.legend(loc="upper left")
    return figure


def ratio_bands(relic: Relic, found: Lanes, windows: Mapping[str, tuple[float, float]]) -> Bands:
    """|C_ss|/|C_sb| at the upper and the lower end of each window, at the masses of the relic."""

    def ratio(br: float) -> np.ndarray:
        return np.asarray(relic.C_ss / UNIT * np.sqrt(found["B+->K+"] / br))

    return {name: (ratio(high), ratio(low)) for name, (low, high) in windows.items()}
