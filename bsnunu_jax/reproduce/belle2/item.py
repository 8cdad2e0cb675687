"""Published results on Belle II's likelihood of B+ -> K+ nu nubar, computed from it anew."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial

import numpy as np

from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.experiments.histfactory.reweighted import Belle2Likelihood
from bsnunu_jax.experiments.records.published import CHECKSUMS
from bsnunu_jax.reproduce.belle2 import figures as belle2_figures
from bsnunu_jax.reproduce.belle2.resonance import WIDTH, Resonances, resonances
from bsnunu_jax.reproduce.belle2.rows import WET_MODE, resonance_rows, strength_rows, wet_rows
from bsnunu_jax.reproduce.belle2.strength import TAGS, Strength, Strengths
from bsnunu_jax.reproduce.belle2.wet import FORM_FACTORS, LARGEST, SAMPLER, Wet, wet
from bsnunu_jax.reproduce.product import Grid, Product
from bsnunu_jax.reproduce.row import Row, listed
from bsnunu_jax.reproduce.settings import Settings

_MU = np.linspace(0.0, 13.0, 53)


def belle2(settings: Settings) -> Product:
    """Signal strength, universal coefficients and the two-body decay; claims 25 to 27."""
    with ThreadPoolExecutor(1) as pool:
        # The chains keep one core busy.
        sampled = pool.submit(wet, settings, WET_MODE)
        found, of_x = strengths(settings), resonances(settings)
        of_wet = sampled.result()
    (published,) = load_measurements(["belle2_knunu_2023"], likelihood=settings.likelihood)
    assert isinstance(published, Belle2Likelihood)
    sm = float(published.null_br.sum())
    rows = [*strength_rows(found, sm), *wet_rows(of_wet), *resonance_rows(of_x)]
    return Product(
        figures={
            "mu": partial(belle2_figures.strength_figure, found),
            "wet": partial(belle2_figures.wet_figure, of_wet),
            "resonance": partial(belle2_figures.resonance_figure, of_x),
        },
        tables={
            "mu": {"mu": _MU}
            | {tag: s.t for tag, s in found.items()}
            | {f"{tag}_nuisances_fixed": s.t_frozen for tag, s in found.items()},
            "wet": _wet_columns(of_wet),
            "resonance": belle2_figures.resonance_columns(of_x),
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
