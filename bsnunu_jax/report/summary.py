"""summary.csv: one row per fitted parameter and per predicted observable."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from bsnunu_jax.foundation.files import write_whole
from bsnunu_jax.inference.fits.best_fit import Minimum
from bsnunu_jax.inference.problem.parameters import Parameter
from bsnunu_jax.report.diagnostics import diagnostics
from bsnunu_jax.report.intervals import Marginal, Piece, shown

_REGIONS = ("hdi68", "hdi95")


@dataclass(frozen=True)
class Row:
    """One quantity: moments, highest-density and central intervals, convergence, best fit.

    Attributes:
        kind: "parameter" or "observable".
        hdi68, hdi95: pieces of the regions of highest density, see `report.intervals`; none where
            some draws are not finite.
        ci68_low, ci68_high, ci95_low, ci95_high: central intervals.
        best_fit: at the deepest minimum.
        hessian_error: its error there, half of the next interval, None for an observable.
        profile_low, profile_high: where -2 ln L, profiled over everything else inside the priors,
            is up by 1; None where it does not rise by that inside the prior.
        remark: what to know of a prediction, see `report.remarks`.
    """

    name: str
    kind: str
    mean: float
    sd: float
    median: float
    hdi68: tuple[Piece, ...]
    hdi95: tuple[Piece, ...]
    ci68_low: float
    ci68_high: float
    ci95_low: float
    ci95_high: float
    ess_bulk: float
    ess_tail: float
    r_hat: float
    best_fit: float | None
    hessian_error: float | None
    profile_low: float | None = None
    profile_high: float | None = None
    remark: str = ""

    def columns(self) -> dict[str, Any]:
        """The row in summary.csv.

        All pieces of a region stand in one column as text, "-22.9 .. -4.1; 17.2 .. 30.0", and its
        ends as numbers in two more, which are empty where there are several pieces or none.
        """
        found: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name in _REGIONS:
                low, high = value[0] if len(value) == 1 else (None, None)
                found |= {f.name: shown(value, "; "), f"{f.name}_low": low, f"{f.name}_high": high}
            else:
                found[f.name] = value
        return found


def summarise(
    parameters: Mapping[str, Float[np.ndarray, "chains draws"]],
    observables: Mapping[str, Float[np.ndarray, "chains draws"]],
    minimum: Minimum,
    best_observables: Mapping[str, float],
    fitted: Sequence[Parameter] = (),
    remarks: Mapping[str, str] | None = None,
) -> list[Row]:
    """The rows of the summary.

    Args:
        parameters: reported draws by name.
        observables: predicted draws by name.
        minimum: the best fit.
        best_observables: observables at the best fit.
        fitted: the parameters: where their values end.
        remarks: on predictions, by name.
    """
    known = {p.name: p for p in fitted}
    convergence = diagnostics({**parameters, **observables})
    rows = []
    for name, draws in {**parameters, **observables}.items():
        q = [float(x) for x in np.quantile(draws, [0.5, 0.16, 0.84, 0.025, 0.975])]
        of = Marginal.of(known[name], draws) if name in known else Marginal(draws)
        checks = convergence[name]
        is_fitted = name in parameters
        ends = minimum.interval(name) if is_fitted else (None, None)
        rows.append(
            Row(
                name=name,
                kind="parameter" if is_fitted else "observable",
                mean=float(draws.mean()),
                sd=float(draws.std(ddof=1)),
                median=q[0],
                hdi68=of.pieces(0.68),
                hdi95=of.pieces(0.95),
                ci68_low=q[1],
                ci68_high=q[2],
                ci95_low=q[3],
                ci95_high=q[4],
                ess_bulk=checks.ess_bulk,
                ess_tail=checks.ess_tail,
                r_hat=checks.r_hat,
                best_fit=minimum.values[name] if is_fitted else best_observables.get(name),
                hessian_error=minimum.errors[name] if is_fitted else None,
                profile_low=ends[0],
                profile_high=ends[1],
                remark=(remarks or {}).get(name, ""),
            )
        )
    return rows


def write_summary(path: Path, rows: Sequence[Row]) -> None:
    """Write the rows with all digits; an empty field where there is no number."""
    write_rows(path, [row.columns() for row in rows])


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows by the names of their columns as CSV, empty where a row has none."""
    file = io.StringIO(newline="")
    columns = dict.fromkeys(key for row in rows for key in row)
    writer = csv.DictWriter(file, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, file.getvalue())
