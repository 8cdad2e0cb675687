"""summary.csv: one row per fitted parameter and per predicted observable."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import Float

from bsnunu_jax.inference.best_fit import Minimum
from bsnunu_jax.report.atomic import whole
from bsnunu_jax.report.diagnostics import diagnostics


@dataclass(frozen=True)
class Row:
    """One quantity: moments, central and highest-density intervals, convergence, best fit.

    Attributes:
        kind: "parameter" or "observable".
        ci68_low, ci68_high, ci95_low, ci95_high: central intervals.
        hdi95_low, hdi95_high: the shortest interval with 95 % of the draws.
        best_fit: at the deepest minimum.
        hessian_error: its error there, half of the next interval, None for an observable.
        profile_low, profile_high: where -2 ln L, profiled over everything else inside the priors,
            is up by 1; None where it does not rise by that inside the prior.
    """

    name: str
    kind: str
    mean: float
    sd: float
    median: float
    ci68_low: float
    ci68_high: float
    ci95_low: float
    ci95_high: float
    hdi95_low: float
    hdi95_high: float
    ess_bulk: float
    ess_tail: float
    r_hat: float
    best_fit: float | None
    hessian_error: float | None
    profile_low: float | None = None
    profile_high: float | None = None


def summarise(
    parameters: Mapping[str, Float[np.ndarray, "chains draws"]],
    observables: Mapping[str, Float[np.ndarray, "chains draws"]],
    minimum: Minimum,
    best_observables: Mapping[str, float],
) -> list[Row]:
    """The rows of the summary.

    Args:
        parameters: reported draws by name.
        observables: predicted draws by name.
        minimum: the best fit.
        best_observables: observables at the best fit.
    """
    convergence = diagnostics({**parameters, **observables})
    rows = []
    for name, draws in {**parameters, **observables}.items():
        q = [float(x) for x in np.quantile(draws, [0.5, 0.16, 0.84, 0.025, 0.975])]
        low, high = hdi(draws, 0.95)
        checks = convergence[name]
        fitted = name in parameters
        ends = minimum.interval(name) if fitted else (None, None)
        rows.append(Row(
            name=name, kind="parameter" if fitted else "observable",
            mean=float(draws.mean()), sd=float(draws.std(ddof=1)), median=q[0],
            ci68_low=q[1], ci68_high=q[2], ci95_low=q[3], ci95_high=q[4],
            hdi95_low=low, hdi95_high=high,
            ess_bulk=checks.ess_bulk, ess_tail=checks.ess_tail, r_hat=checks.r_hat,
            best_fit=minimum.values[name] if fitted else best_observables.get(name),
            hessian_error=minimum.errors[name] if fitted else None,
            profile_low=ends[0], profile_high=ends[1],
        ))  # fmt: skip
    return rows


def hdi(draws: Float[np.ndarray, "..."], mass: float) -> tuple[float, float]:
    """The shortest interval that holds the fraction `mass` of the draws.

    >>> import numpy as np
    >>> hdi(np.array([0.0, 1.0, 1.1, 1.2, 5.0]), 0.6)
    (1.0, 1.2)
    """
    ordered = np.sort(draws, axis=None)
    inside = min(max(int(np.ceil(mass * ordered.size)), 1), ordered.size)
    widths = ordered[inside - 1 :] - ordered[: ordered.size - inside + 1]
    first = int(np.argmin(widths))
    return float(ordered[first]), float(ordered[first + inside - 1])


def write_summary(path: Path, rows: Sequence[Row]) -> None:
    """Write the rows with all digits; an empty field where there is no number."""
    with whole(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Row)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)
