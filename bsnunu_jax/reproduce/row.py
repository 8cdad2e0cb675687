"""What an item leaves: figures, the numbers behind them, and rows of the table of claims.

A row is what paper, slides and Belle II state, from data/claims.yaml, beside what is computed.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bsnunu_jax.foundation.packaged import packaged

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Below this a number is what rounding left of 0.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Row:
    """One line of the table of claims.

    Attributes:
        claim: what it belongs to, a number of `statements`.
        where: figure, equation or page of the text.
        quantity: what the number is.
        stated: what the text says; "" where it only draws.
        value: as computed, None for a statement without a number.
        uncertainty: of `value` from the inputs; (up, down) if not symmetric; None for a number
            without one, such as a count or something that is exact.
        unit: of both.
        agrees: whether the statement holds; None if the text states nothing that can fail.
        why: one sentence for physicists: where it differs, the reason; else a remark or "".
    """

    claim: int
    where: str
    quantity: str
    stated: str
    value: float | None
    uncertainty: float | tuple[float, float] | None = None
    unit: str = ""
    agrees: bool | None = None
    why: str = ""

    @property
    def computed(self) -> str:
        """The number with its uncertainty, as text.

        >>> Row(2, "Eq. (11)", "eta", "0.63 +- 0.09", 0.63218, 0.0301).computed
        '0.632 +- 0.030'
        """
        if self.value is None:
            return "-"
        text = with_uncertainty(self.value, self.uncertainty)
        return f"{text} {self.unit}".strip()

    @property
    def verdict(self) -> str:
        """Agrees, differs, or drawn only."""
        if self.agrees is None:
            head = "a matter of words" if self.stated else "no number stated"
            return f"{head}: {self.why}" if self.why else head
        head = "agrees" if self.agrees else "differs"
        return f"{head}: {self.why}" if self.why else head

    def as_dict(self) -> dict[str, Any]:
        """For JSON and CSV; asymmetric uncertainties as [up, down]."""
        return {
            "claim": self.claim,
            "where": self.where,
            "quantity": self.quantity,
            "stated": self.stated,
            "value": self.value,
            "uncertainty": list(self.uncertainty)
            if isinstance(self.uncertainty, tuple)
            else self.uncertainty,
            "unit": self.unit,
            "agrees": self.agrees,
            "verdict": self.verdict,
        }


def with_uncertainty(value: float, uncertainty: float | tuple[float, float] | None) -> str:
    """The number to two digits of its uncertainty, to four digits without one.

    >>> with_uncertainty(2.2961e-5, 6.6e-6), with_uncertainty(2.18, (2.36, 1.97))
    ('(2.30 +- 0.66)e-05', '2.2 +2.4 -2.0')
    """
    errors = (
        []
        if uncertainty is None
        else list(uncertainty)
        if isinstance(uncertainty, tuple)
        else [uncertainty]
    )
    known = [abs(e) for e in errors if math.isfinite(e) and e != 0]
    if not known or not math.isfinite(value):
        return f"{value:.0e}" if 0 < abs(value) < _ROUNDING else f"{value:.4g}"
    scale = max(abs(value), max(known))
    power = math.floor(math.log10(scale)) if not 1e-3 <= scale < 1e5 else 0
    digits = max(0, 1 - math.floor(math.log10(min(known))) + power)
    number, *spread = (f"{x / 10.0**power:.{digits}f}" for x in (value, *errors))
    text = f"{number} +- {spread[0]}" if len(spread) == 1 else f"{number} +{spread[0]} -{spread[1]}"
    return f"({text})e{power:+03d}" if power else text


def listed(title: str, rows: Sequence[Row], remark: str) -> str:
    """Rows one a line, as Markdown, with a remark at the end."""
    lines = [f"- {row.claim}: {row.quantity}: {row.computed} ({row.verdict})" for row in rows]
    return "\n".join([f"# {title}", "", *lines, "", remark, ""])


def spread(draws: Any) -> float:
    """Half the central 68 % interval of draws: an uncertainty that long tails do not blow up."""
    finite = np.asarray(draws)[np.isfinite(draws)]
    low, high = np.quantile(finite, [0.16, 0.84]) if finite.size else (np.nan, np.nan)
    return float((high - low) / 2)


def statements() -> dict[int, tuple[str, str]]:
    """By number of the claim where it is stated, and what."""
    claims = packaged("reproduce", "claims.yaml")
    return {number: (claim["where"], claim["states"]) for number, claim in claims.items()}


def row(
    claim: int,
    name: str,
    value: Any,
    error: Any = None,
    agrees: Any = None,
    /,
    *,
    said: bool = True,
    why: str | None = None,
    **words: Any,
) -> Row:
    """One line of the table of claims, with the texts of data/claims.yaml.

    Args:
        claim: number of the claim.
        name: of its row in the file.
        value: as computed.
        error: its uncertainty, (up, down), or draws whose spread it is.
        agrees: whether the statement holds; None if it can neither hold nor fail.
        said: whether the text states anything for this number; if not, `agrees` does not count.
        why: in place of the reason of the file.
        words: fill the texts.

    >>> row(2, "eta", 0.63218, 0.0301, True).computed
    '0.632 +- 0.030'
    """
    about = packaged("reproduce", "claims.yaml")[claim]
    texts = about["rows"][name]
    holds = None if agrees is None or not said else bool(agrees)
    if why is None:
        key = {None: "unstated", True: "agrees", False: "differs"}[holds]
        why = texts.get(key, texts.get("remark", "")).format(**words)
    return Row(
        claim,
        texts.get("where") or about["at"],
        texts["quantity"].format(**words),
        texts.get("stated", "").format(**words) if said else "",
        value if isinstance(value, int) else float(value),
        spread(error) if np.ndim(error) and not isinstance(error, tuple) else error,
        texts.get("unit", "").format(**words),
        holds,
        why,
    )


Columns = Mapping[str, np.ndarray | list[str]]


@dataclass(frozen=True)
class Grid:
    """Arrays over named coordinates, for NetCDF.

    Attributes:
        coordinates: one-dimensional arrays by name.
        arrays: name to (names of its coordinates, values).
        units: by name, of both.
    """

    coordinates: Mapping[str, np.ndarray]
    arrays: Mapping[str, tuple[tuple[str, ...], np.ndarray]]
    units: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_counts(cls, edges: Mapping[str, np.ndarray], counts: Mapping[str, np.ndarray]) -> "Grid":
        """Numbers of points in bins; coordinates are the centres of the bins."""
        centres = {name: (e[1:] + e[:-1]) / 2 for name, e in edges.items()}
        arrays = {name: (tuple(edges), values) for name, values in counts.items()}
        return cls(centres, arrays, dict.fromkeys(counts, "points"))


def counted(x: np.ndarray, y: np.ndarray, *edges: np.ndarray) -> np.ndarray:
    """Numbers of points in bins of x and y; one array of edges for both, or one each."""
    counts, *_ = np.histogram2d(x, y, bins=(edges[0], edges[-1]))
    return counts.astype(np.int32)


@dataclass(frozen=True)
class Product:
    """One item of `bsnunu reproduce`.

    Attributes:
        figures: file stem to what draws it; called inside `report.figures.style.styled`.
        tables: file stem to columns, for CSV.
        grids: file stem to arrays, for NetCDF.
        rows: what the text says beside what is computed here.
        inputs: what went in beside the constraints: ranges of scans, number of points, data sets.
        summary: lines for people.
    """

    figures: Mapping[str, Callable[[], "Figure"]] = field(default_factory=dict)
    tables: Mapping[str, Columns] = field(default_factory=dict)
    grids: Mapping[str, Grid] = field(default_factory=dict)
    rows: Sequence[Row] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""
