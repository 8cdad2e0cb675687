"""Published results on Belle II's likelihood of B+ -> K+ nu nubar, computed from it anew."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy.interpolate import PchipInterpolator

from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.experiments.histfactory.reweighted import Reweighted
from bsnunu_jax.experiments.records.record import CHECKSUMS
from bsnunu_jax.report.figures import style
from bsnunu_jax.report.figures.corner import corner_data, corner_figure
from bsnunu_jax.reproduce.belle2.resonance import WIDTH, Resonances, resonances
from bsnunu_jax.reproduce.belle2.rows import (
    RESONANCE_BR,
    RESONANCE_MASS,
    WET_MODE,
    resonance_rows,
    strength_rows,
    wet_rows,
)
from bsnunu_jax.reproduce.belle2.strength import TAGS, Strength, Strengths
from bsnunu_jax.reproduce.belle2.wet import FORM_FACTORS, LARGEST, SAMPLER, Wet, wet
from bsnunu_jax.reproduce.row import Grid, Product, Row, listed
from bsnunu_jax.reproduce.settings import Settings

_TAGS = {
    "combined": ("combined", "black", "-"),
    "ITA": ("inclusive tag", style.BLUE, "--"),
    "HTA": ("hadronic tag", style.ORANGE, "-."),
}
_LEVELS = (2.30, 5.99)
_MU = np.linspace(0.0, 13.0, 53)


def belle2(settings: Settings) -> Product:
    """Signal strength, universal coefficients and the two-body decay; claims 25 to 27."""
    with ThreadPoolExecutor(1) as pool:
        # The chains keep one core busy.
        sampled = pool.submit(wet, settings, WET_MODE)
        found, of_x = strengths(settings), resonances(settings)
        of_wet = sampled.result()
    (published,) = load_measurements(["belle2_knunu_2023"], likelihood=settings.likelihood)
    assert isinstance(published, Reweighted)
    sm = float(published.null_br.sum())
    rows = [*strength_rows(found, sm), *wet_rows(of_wet), *resonance_rows(of_x)]
    return Product(
        figures={
            "mu": partial(strength_figure, found),
            "wet": partial(wet_figure, of_wet),
            "resonance": partial(resonance_figure, of_x),
        },
        tables={
            "mu": {"mu": _MU}
            | {tag: s.t for tag, s in found.items()}
            | {f"{tag}_nuisances_fixed": s.t_frozen for tag, s in found.items()},
            "wet": _wet_columns(of_wet),
            "resonance": resonance_columns(of_x),
        },
        grids={"resonance": _resonance_grid(of_x), "wet": _draws(of_wet)},
        rows=rows,
        inputs={
            "likelihood_sha256": dict(CHECKSUMS),
            "BR_SM of mu": sm,
            "wet": {
                "preset": "eos",
                "B->K": FORM_FACTORS,
                "priors": [0, LARGEST],
                "sampler": asdict(SAMPLER),
                "nuisances": ["B->K"],
            },
            "resonance": {
                "preset": "default",
                "width_GeV": WIDTH,
                "nuisances": ["B->K"],
                "m_GeV": [float(of_x.m[0]), float(of_x.m[-1])],
                "BR": [0.0, float(of_x.br[-1])],
            },
        },
        summary=_summary(rows, of_wet),
    )


def strengths(settings: Settings) -> dict[str, Strength]:
    """The signal strength by tag."""
    fits = Strengths(settings)
    return {tag: fits.of(tag, _MU) for tag in TAGS}


def _wet_columns(found: Wet) -> Mapping[str, np.ndarray | list[str]]:
    names = list(found.draws)
    return {
        "coefficient": names,
        "best_fit": np.array([found.best.values[n] for n in names]),
        "hessian_error": np.array([found.best.errors[n] or np.nan for n in names]),
        "hdi95_low": np.array([found.ends[n][0] for n in names]),
        "hdi95_low_mc_error": np.array([found.errors[n][0] for n in names]),
        "hdi95_high": np.array([found.ends[n][1] for n in names]),
        "hdi95_high_mc_error": np.array([found.errors[n][1] for n in names]),
        "r_hat": np.array([found.diagnostics[n].r_hat for n in names]),
        "ess_bulk": np.array([found.diagnostics[n].ess_bulk for n in names]),
        "ess_tail": np.array([found.diagnostics[n].ess_tail for n in names]),
    }


def _draws(found: Wet) -> Grid:
    chains, draws = next(iter(found.draws.values())).shape
    dims = ("chain", "draw")
    return Grid(
        {"chain": np.arange(chains), "draw": np.arange(draws)},
        {name: (dims, values) for name, values in found.draws.items()},
    )


def _resonance_grid(found: Resonances) -> Grid:
    dims = ("m", "BR")
    return Grid(
        {"m": found.m, "BR": found.br},
        {
            "delta_minus_2_ln_L": (dims, found.profile),
            "ln_posterior": (dims, found.log_density - found.log_density.max()),
        },
        {"m": "GeV"},
    )


def _summary(rows: list[Row], found: Wet) -> str:
    checks = found.diagnostics.values()
    r_hat = max(d.r_hat for d in checks)
    ess = min(min(d.ess_bulk, d.ess_tail) for d in checks)
    converged = r_hat <= 1.01 and ess >= 400 and not found.divergences
    chains, draws = next(iter(found.draws.values())).shape
    return listed(
        "Results on the published likelihood of Belle II",
        rows,
        f"Posterior of the three coefficients: {chains} chains of {draws} draws, largest R-hat "
        f"{r_hat:.4f}, smallest effective sample size {ess:.0f}, {found.divergences} divergences: "
        f"{'converged' if converged else 'NOT CONVERGED, do not quote it'}.",
    )


def strength_figure(found: Mapping[str, Strength]) -> Figure:
    """-2 ln L of mu above its minimum, by tag; dotted with nuisances held."""
    figure = style.new_figure(style.COLUMN, 3.0)
    ax = figure.subplots()
    for tag, s in found.items():
        label, color, dashes = _TAGS[tag]
        ax.plot(s.values, s.t, color=color, ls=dashes, label=f"{label}, $\\mu={s.mu:.1f}$")
    combined = found["combined"]
    ax.plot(
        combined.values,
        combined.t_frozen,
        color="black",
        ls=":",
        lw=1.0,
        label="combined, nuisances fixed",
    )
    for z in (1, 2, 3):
        style.mark_level(ax, z**2, rf"${z}\sigma$", below=True)
    ax.axvline(1, color=style.RED, lw=0.9)
    ax.annotate(
        "SM",
        (1.12, 0.97),
        xycoords=("data", "axes fraction"),
        va="top",
        color=style.RED,
        fontsize=8.5,
    )
    ax.set_xlim(float(combined.values[0]), float(combined.values[-1]))
    ax.set_ylim(0, 14)
    ax.set_xlabel(r"signal strength $\mu$")
    ax.set_ylabel(r"$-2\,\Delta\ln L$")
    handles, _ = ax.get_legend_handles_labels()
    style.legend_above(figure, handles, 2, columnspacing=1.0, fontsize=8)
    return figure


def wet_figure(found: Wet) -> Figure:
    """Posterior of the couplings, 68 and 95 % regions."""
    return corner_figure(corner_data(found.problem.parameters, found.draws, [found.best.values]))


def resonance_figure(found: Resonances) -> Figure:
    """Depth of -2 ln L against the mass, and regions of mass and branching fraction."""
    figure = style.new_figure(style.COLUMN, 4.3)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(1, 1.35))
    fine = np.linspace(found.m[0], found.m[-1], 881)
    # Monotone pieces: the curve has a kink where the best BR becomes 0.
    top.plot(fine, PchipInterpolator(found.m, found.delta)(fine), color=style.BLUE)
    top.axhline(0, color=style.GREY, lw=0.6)
    top.set_ylim(-15, 1.5)
    top.set_ylabel(r"$-2\,\Delta\ln L$ from SM")
    m, br, depth = found.fine_profile(fine)
    bottom.contourf(
        m, 1e6 * br, depth.T, [-1, *_LEVELS], colors=[style.BLUE + "b3", style.BLUE + "4d"]
    )
    bottom.contour(m, 1e6 * br, depth.T, _LEVELS, colors=["black"], linewidths=0.8)
    best_m, best_br, _ = found.best
    bottom.plot(
        best_m, 1e6 * best_br, "+", ms=9, mew=1.5, color=style.RED, zorder=5, label="best fit"
    )
    value, up, down = RESONANCE_BR
    mass, right, left = RESONANCE_MASS
    bottom.errorbar(
        mass,
        1e6 * value,
        yerr=[[1e6 * down], [1e6 * up]],
        xerr=[[left], [right]],
        fmt="o",
        ms=3.5,
        color=style.PURPLE,
        lw=1.2,
        label="arXiv:2602.09666",
    )
    bottom.set_xlim(float(found.m[0]), 3.6)
    bottom.set_ylim(0, 20)
    bottom.set_xlabel(r"$m_X$ [GeV]")
    bottom.set_ylabel(r"$\mathcal{B}(B^+\to K^+X)$ [$10^{-6}$]")
    handles, labels = bottom.get_legend_handles_labels()
    for alpha, confidence in (("b3", 68), ("4d", 95)):
        handles.append(Patch(fc=style.BLUE + alpha, ec="black", lw=0.8))
        labels.append(f"{confidence} % CL")
    bottom.legend(handles, labels, loc="upper left")
    return figure


def resonance_columns(found: Resonances) -> dict[str, np.ndarray]:
    """The curve of the mass, for CSV."""
    return {"m_GeV": found.m, "best_BR": found.best_br, "delta_minus_2_ln_L": found.delta}
