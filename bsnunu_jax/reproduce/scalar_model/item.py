"""The slides' scalar dark matter with vector-like quarks, arXiv:2403.12485, computed anew."""

from functools import partial
from typing import Any

import numpy as np

from bsnunu_jax.reproduce.row import Grid, Product, listed
from bsnunu_jax.reproduce.scalar_model import figures as scalar_figures
from bsnunu_jax.reproduce.scalar_model import rates
from bsnunu_jax.reproduce.scalar_model.plane import MASS, QUARKS, STRANGE, Plane, benchmark, plane
from bsnunu_jax.reproduce.scalar_model.rows import SIGMA_V, scalar_rows
from bsnunu_jax.reproduce.settings import Settings

# Up to where B+ -> K+ phi phi and D0 -> phi phi close [GeV].
_M_B, _M_D = np.linspace(0.0, 2.38, 239), 0.932 * np.sin(np.linspace(0.0, np.pi / 2, 96))
_D_DRAWS = 40
_F_EFF = (1.0, 0.1)


def slides_scalar_model(settings: Settings) -> Product:
    """Coefficients, freeze-out, the plane of couplings, D0 decays; claims 19 and 21 to 24."""
    known = settings.once(rates.relic)
    wide, at_relic = rates.decays(settings, _M_B), rates.decays(settings, known.m)
    here, windows = plane(settings), settings.constraints.window
    bands = {
        kind: {
            name: (
                rates.of_branching_fraction(wide, low, weighted=kind == "weighted"),
                rates.of_branching_fraction(wide, high, weighted=kind == "weighted"),
            )
            for name, (low, high) in windows.items()
        }
        for kind in ("plain", "weighted")
    }
    limits = {mode: rates.of_limit(settings, wide, mode) for mode in here.limits}
    limit = float(settings.inputs.values["p_ann_Planck"])
    cmb = {f: known.of_cmb(limit, f) for f in _F_EFF}
    ratios = scalar_figures.ratio_bands(known, at_relic, windows)
    charm, least = _charm(settings), benchmark(settings)
    rows = scalar_rows(settings, rates.drawn(settings), known, here)
    return Product(
        figures={
            "C_sb": partial(scalar_figures.coefficient_figure, _M_B, bands, limits),
            "C_ss": partial(scalar_figures.relic_figure, known, cmb, ratios),
            "plane": partial(scalar_figures.plane_figure, here),
            "D0": partial(scalar_figures.charm_figure, _M_D, charm, least),
        },
        tables={
            "C_sb": _coefficient_columns(wide, bands, limits),
            "C_ss": _relic_columns(known, cmb, ratios),
            "D0": {"m_GeV": _M_D}
            | {
                f"{mode}_{name}_per_TeV2": values
                for mode, lines in charm.items()
                for name, values in zip(("limit", "low", "high"), lines, strict=True)
            },
        },
        grids={"plane": _plane_grid(here)},
        rows=rows,
        inputs={
            "nuisances": list(rates.GROUPS),
            "draws": rates.DRAWS,
            "points of the plane": int(here.C_S.size),
            "plane": {"m": MASS, "mQ": QUARKS, "mD": QUARKS, "yq_s": STRANGE, "yd_s": STRANGE},
            "Omega_h2": list(known.target),
            "p_ann (unverified)": limit,
        },
        summary=listed(
            "Scalar dark matter with vector-like quarks",
            rows,
            "The number behind p_ann is from memory, unverified.",
        ),
    )


def _charm(settings: Settings) -> dict[str, Any]:
    """Limits of the D0 decays with the central 68 % of draws, by mode."""
    z = np.asarray(settings.draws("D0", _D_DRAWS, rates.GROUPS))
    lanes = rates.decays(settings, np.repeat(_M_D, len(z)), np.tile(z, (_M_D.size, 1)))
    central = rates.decays(settings, _M_D)
    found = {}
    for mode in ("D0->pi0", "D0->inv"):
        draws = rates.of_limit(settings, lanes, mode).reshape(_M_D.size, -1)
        low, high = np.quantile(draws, [0.16, 0.84], axis=1, method="lower")
        found[mode] = (rates.of_limit(settings, central, mode), low, high)
    return found


def _coefficient_columns(wide: rates.Lanes, bands: Any, limits: Any) -> dict[str, np.ndarray]:
    columns = {"m_GeV": _M_B, "omega": wide["omega"]}
    for kind, by_window in bands.items():
        for window, (low, high) in by_window.items():
            columns |= {f"C_S_{window}_{kind}_low": low, f"C_S_{window}_{kind}_high": high}
    names = {mode: "C_S" if mode == "B0->K0" else "C_P" for mode in limits}
    return columns | {f"{names[mode]}_limit_{mode}": line for mode, line in limits.items()}


def _relic_columns(known: rates.Relic, cmb: Any, ratios: Any) -> dict[str, np.ndarray]:
    columns = {
        "m_GeV": known.m,
        "C_ss_per_GeV": known.C_ss,
        "sigma_v_x20_per_GeV2": known.sigma_v,
        "p_ann_cm3_per_s_per_GeV": known.p_ann,
        "C_ss_slides_per_GeV": known.of_sigma_v(SIGMA_V),
    }
    columns |= {f"C_ss_cmb_f_eff_{f:g}_per_GeV": line for f, line in cmb.items()}
    for window, (low, high) in ratios.items():
        columns |= {f"ratio_{window}_low": low, f"ratio_{window}_high": high}
    return columns


def _plane_grid(here: Plane) -> Grid:
    dims = ("theta", "r_d", "r_q")
    flags = {f"in_{w}": (dims, (here.inside(w) & here.allowed).astype("i1")) for w in here.windows}
    return Grid(
        {"theta": here.thetas, "r_d": here.r, "r_q": here.r},
        {"C_S": (dims, here.C_S.astype("f4")), "C_P": (dims, here.C_P.astype("f4")), **flags},
        {"theta": "rad", "C_S": "1e-5 TeV^-1", "C_P": "1e-5 TeV^-1"},
    )
