"""Figs. 7 and 8 of arXiv:2309.12741, and what the slides show of q2."""

import numpy as np

from bsnunu_jax.observables.spectra import ita_efficiency
from bsnunu_jax.reproduce.dark.families import FAMILIES
from bsnunu_jax.reproduce.dark.likelihood import FITTED, Matches, matches
from bsnunu_jax.reproduce.dark.rates import DRAWS
from bsnunu_jax.reproduce.dark.shapes import CASES, EXCESS, Q2, SCAN, Shapes, peak, shapes, share_of
from bsnunu_jax.reproduce.dark.spectra_figure import (
    histograms_figure,
    omega_figure,
    slides_figure,
    spectra_figure,
)
from bsnunu_jax.reproduce.dark.spectra_rows import omega_rows, seen_rows, spectrum_rows
from bsnunu_jax.reproduce.product import Columns, Product
from bsnunu_jax.reproduce.row import spread
from bsnunu_jax.reproduce.settings import Settings


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
