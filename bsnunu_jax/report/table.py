"""The summary as aligned plain text, for a terminal."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bsnunu_jax.experiments import Measurement
from bsnunu_jax.experiments.quoted.counting import CountingMeasurement
from bsnunu_jax.experiments.quoted.shape_systematic import shape_std
from bsnunu_jax.foundation.plain_text import counted
from bsnunu_jax.inference.fits.best_fit import BestFit
from bsnunu_jax.inference.hypotheses.hypotest import local_significance
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.observables.tree_level import left_out
from bsnunu_jax.report.diagnostics import Diagnostic
from bsnunu_jax.report.intervals import STATEMENT
from bsnunu_jax.report.remarks import MARKS, flagged
from bsnunu_jax.report.summary import Row

# Shapes closer than this are called equal: well below what an efficiency could notice.
_EQUAL_SHAPE = 1e-3
_WIDTH = 100
# Branching fractions [and spectra in GeV^-2] below this are of rare kaon decays.
_RARE = 2e-9
# Longer numbers are written with a power of ten.
_MOST_DECIMALS = 6
_COUNTING, _QUOTED, _FLAT, _UNBOUND = "*", "#", "(0)", "(~)"
# Errors on both sides closer to each other than this share are shown as one.
_SYMMETRIC = 0.1
_HEADER = ("", "median", "68 % HDI", "95 % HDI", "best fit", "ESS bulk", "tail", "R-hat")


@dataclass(frozen=True)
class Facts:
    """What the table says besides the rows.

    Attributes:
        objective: -2 ln L of the best fit, nuisance terms included, priors not.
        sm_objective: the same of the SM.
        distances: distance of the fitted spectrum's shape from the SM's, by mode.
        convergence: diagnostics of all parameters and nuisances.
        divergences: divergent steps after warm-up.
        draws: draws in all chains together.
        symmetries: one line for every direction in which nothing that is measured changes.
        unseen: number of directions that the data do not see.
        shares: share of the draws that belongs to each minimum.
        lost: lines on particles that decay in flight.
    """

    objective: float
    sm_objective: float
    distances: Mapping[str, float]
    convergence: Mapping[str, Diagnostic]
    divergences: int
    draws: int
    symmetries: Sequence[str] = ()
    unseen: int = 0
    shares: Sequence[float] = ()
    lost: Sequence[str] = ()


def text_table(problem: Problem, rows: Sequence[Row], best_fit: BestFit, facts: Facts) -> str:
    """The whole report as text."""
    blocks = [
        _data(problem, facts),
        _columns(problem, rows),
        _fit(problem, best_fit, facts),
        _sampling(problem, facts),
    ]
    return "\n\n".join("\n".join(lines) for lines in blocks) + "\n"


def significant(value: float, scale: float) -> str:
    """`value` with the decimals that show two digits of `scale`.

    >>> significant(-12.5274, 3.28), significant(16.237, 4.96), significant(0.0213, 0.0005)
    ('-12.5', '16.2', '0.02130')
    >>> significant(4.415e-26, 2e-27)
    '4.42e-26'
    """
    if not math.isfinite(value):
        return str(value)
    if not (math.isfinite(scale) and scale > 0):
        return f"{value:.4g}"
    decimals = max(0, 1 - math.floor(math.log10(scale)))
    if decimals > _MOST_DECIMALS:
        digits = max(0, decimals + math.floor(math.log10(abs(value)))) if value else 0
        return f"{value:.{min(digits, _MOST_DECIMALS)}e}" if abs(value) < 1e-3 else f"{value:.6f}"
    text = f"{value:.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _columns(problem: Problem, rows: Sequence[Row]) -> list[str]:
    folded = {p.name for p in problem.parameters if p.mirror}
    flat = {row.name for row in rows if row.name in folded and _at_mirror(row)}
    table = [_HEADER, *(_cells(row, row.name in folded, row.name in flat) for row in rows)]
    unbound = any(line[_HEADER.index("best fit")].endswith(_UNBOUND) for line in table)
    return [
        *aligned(table, left=1),
        *[f"{_FLAT} flat at the mirror point: see the interval"] * bool(flat),
        *[
            f"{_UNBOUND} where no error is given, the data do not bound it inside the prior: "
            "-2 ln L, profiled,",
            "  does not rise by 1 on that side",
        ]
        * unbound,
        *[f"{MARKS[text]} {text}" for text in dict.fromkeys(r.remark for r in rows) if text],
        *left_out([r.name for r in rows], problem.nuisances.inputs),
        *_wrapped(f"HDI: {STATEMENT}; central intervals are in summary.csv."),
    ]


def aligned(rows: Sequence[Sequence[str]], left: int) -> list[str]:
    """The rows as lines, the first `left` columns flush left, the others flush right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(w) if i < left else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _at_mirror(row: Row) -> bool:
    """True if the best fit is 0, where the curvature says little about the width."""
    error = row.hessian_error
    return row.best_fit is not None and error is not None and abs(row.best_fit) < 0.01 * error


def best_fit_cell(
    value: float, low: float | None, high: float | None, scale: float | None = None
) -> str:
    """A best fit with its profiled errors, marked on a side where there is none.

    Args:
        value: the best fit.
        low, high: the ends of its interval.
        scale: two digits of it are shown, of the smaller error if absent.

    >>> best_fit_cell(-12.42, -15.55, -9.3), best_fit_cell(-12.42, -15.55, -6.98)
    ('-12.4 +- 3.1', '-12.4 -3.1 +5.4')
    >>> best_fit_cell(0.1, 0.082, None), best_fit_cell(0.1, None, None)
    ('0.100 -0.018 (~)', '0.100 (~)')
    """
    below, above = (None if end is None else abs(end - value) for end in (low, high))
    known = [e for e in (below, above) if e]
    if scale is None:
        scale = min(known, default=0.0)
    shown = significant(value, scale) if known else _value_of_minimum(value, low, high)
    if below is not None and above is not None:
        if abs(above - below) <= _SYMMETRIC * (above + below) / 2:
            return f"{shown} +- {significant((above + below) / 2, scale)}"
        return f"{shown} -{significant(below, scale)} +{significant(above, scale)}"
    if below is not None:
        shown += f" -{significant(below, scale)}"
    if above is not None:
        shown += f" +{significant(above, scale)}"
    return f"{shown} {_UNBOUND}"


def power_of(br: float) -> int:
    """The power of 10 in units of which a branching fraction is shown, less for rare kaon decays.

    >>> power_of(5e-6), power_of(9e-11)
    (-6, -12)
    """
    return -12 if 0 < abs(br) < _RARE else -6


def _cells(row: Row, folded: bool, at_mirror: bool) -> tuple[str, ...]:
    is_br = row.name.startswith("BR")
    power = power_of(row.median)
    unit = 10.0**power if is_br else 1.0
    name = f"|{row.name}|" if folded else row.name

    def show(value: float) -> str:
        return significant(value / unit, row.sd / unit)

    best = "" if row.best_fit is None else show(row.best_fit)
    if at_mirror:
        best += f" {_FLAT}"
    elif row.kind == "parameter" and row.best_fit is not None:
        ends = row.profile_low, row.profile_high
        smallest = min((abs(e - row.best_fit) for e in ends if e is not None), default=0.0)
        # As many digits as the other columns, more for an error that is much smaller.
        scale = row.sd if smallest > row.sd / 10 or smallest == 0 else smallest
        best = best_fit_cell(row.best_fit, *ends, scale=scale)
    noted = f" {MARKS[row.remark]}" if row.remark else ""
    return (
        (f"{name} [1e{power}]" if is_br else name) + noted,
        show(row.median),
        *(
            " and ".join(f"{show(a)} .. {show(b)}" for a, b in pieces) or "undefined"
            for pieces in (row.hdi68, row.hdi95)
        ),
        best,
        f"{row.ess_bulk:.0f}".replace("nan", "-"),
        f"{row.ess_tail:.0f}".replace("nan", "-"),
        f"{row.r_hat:.3f}".replace("nan", "-"),
    )


def _data(problem: Problem, facts: Facts) -> list[str]:
    lines = [f"Model {problem.model.name}: {', '.join(p.name for p in problem.parameters)}"]
    for p in problem.parameters:
        if p.also:
            lines.append(f"  {', '.join(p.also)} = {p.name}")
    for name, value in problem.fixed:
        shown = f"{value:g}" if isinstance(value, float | complex) else str(value).lower()
        lines.append(f"  {name} = {value if isinstance(value, str) else shown} fixed")
    inputs = problem.nuisances.inputs
    lines += [f"  {line}" for line in problem.model.remarks(dict(problem.fixed), inputs)]
    lines.append("Data:")
    width = max(len(m.name) for m in problem.measurements) + 2
    for m in problem.measurements:
        lines.append(f"  {m.name + _mark(m):{width}}  {m.title}")
    of_decays = (text for line in facts.lost for text in _wrapped(line))
    return [*lines, *_flags(problem, facts), *of_decays]


def _mark(m: Measurement) -> str:
    if not m.sm_spectrum:
        return ""
    return f" {_COUNTING if isinstance(m, CountingMeasurement) else _QUOTED}"


def _flags(problem: Problem, facts: Facts) -> list[str]:
    """One footnote for counting experiments and one for quoted values, wrapped."""
    counting = [m for m in problem.measurements if isinstance(m, CountingMeasurement)]
    quoted = [m for m in problem.measurements if not isinstance(m, CountingMeasurement)]
    return [
        *_flag(f"{_COUNTING} published efficiency assumes", counting, facts),
        *_flag(f"{_QUOTED} quoted value assumes", quoted, facts),
    ]


def _flag(start: str, measurements: Sequence[Measurement], facts: Facts) -> list[str]:
    modes = flagged(measurements)
    if not modes:
        return []
    differs = [
        f"{m} {100 * facts.distances[m]:.1f} %" for m in modes if facts.distances[m] > _EQUAL_SHAPE
    ]
    equal = [m for m in modes if facts.distances[m] <= _EQUAL_SHAPE]
    parts = []
    if differs:
        parts.append(
            f"at the best fit it differs by {', '.join(differs)} (half the area between "
            "the normalised spectra), not corrected for"
        )
    if equal:
        parts.append(f"the shape is the SM's for {', '.join(equal)}")
    for std in sorted({shape_std(m) for m in measurements} - {0.0}):
        parts.append(
            f"shape_systematic is on, the efficiency of what is not the SM's has an "
            f"uncertainty of {100 * std:g} %"
        )
    text = f"{start} the SM q2 spectrum: {'; '.join(parts)}."
    return _wrapped(text)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _fit(problem: Problem, best_fit: BestFit, facts: Facts) -> list[str]:
    gain = facts.sm_objective - facts.objective
    number = max(len(problem.parameters) - facts.unseen, 1)
    start = f"-2 ln L: best fit {facts.objective:.2f}"
    lines = [f"{start} (nuisances profiled); the SM predicts nothing for some of the data"]
    if math.isfinite(gain):
        wilks, cls = local_significance(gain, number)
        lines = [
            f"{start}, SM {facts.sm_objective:.2f} (nuisances profiled), "
            f"difference {gain:z.2f} for {counted(number, 'parameter')}"
            + " that the data can tell"
            * bool(facts.unseen),
            f"Local significance: {wilks:.1f} standard deviations, {cls:.1f} by CLs"
            + (f"; {local_significance(gain, 1)[0]:.1f} for one parameter" if number > 1 else ""),
        ]
    lines += [f"Local minima from {best_fit.converged} of {counted(best_fit.starts, 'start')}:"]
    top = best_fit.best.objective
    for i, minimum in enumerate(best_fit.minima):
        point = ", ".join(
            f"{name} {_value_of_minimum(value, *minimum.interval(name))}"
            for name, value in minimum.values.items()
        )
        share = facts.shares[i] if i < len(facts.shares) else None
        of_draws = "" if share is None else f"share of the draws {100 * share:.0f} %, "
        lines.append(
            f"  {point}: +{max(minimum.objective - top, 0.0):.2f}, "
            f"Laplace weight {100 * minimum.weight:.0f} %, {of_draws}"
            f"{counted(minimum.starts, 'start')}"
        )
    if len(best_fit.minima) > 1 and facts.shares:
        lines.append(
            "A draw belongs to the minimum whose Laplace approximation is the highest there."
        )
    if best_fit.mirrored:
        lines.append(
            f"The density is even in {', '.join(best_fit.mirrored)}: sampled on both sides of 0, "
            "|value| reported."
        )
    return [*lines, *facts.symmetries]


def _value_of_minimum(value: float, low: float | None, high: float | None) -> str:
    """A value with the digits that its error leaves; three where it is no error or a huge one.

    >>> _value_of_minimum(-0.0612, -1164.0, 1164.0), _value_of_minimum(-0.0612, None, None)
    ('-0.0612', '-0.0612')
    >>> _value_of_minimum(-12.4217, -15.55, -6.98), _value_of_minimum(1e-9, None, 7.7)
    ('-12.4', '0.0')
    """
    errors = [abs(end - value) for end in (low, high) if end is not None and end != value]
    scale = min(errors, default=0.0)
    if scale and abs(value) < 1e-6 * scale:
        return significant(0.0, scale)
    digits = 0.0 if not value else 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return significant(value, min(scale or math.inf, digits or math.inf))


def _sampling(problem: Problem, facts: Facts) -> list[str]:
    checks = {k: d for k, d in facts.convergence.items() if math.isfinite(d.ess_bulk)}
    if not checks:
        return [f"{facts.draws} draws: too few for diagnostics"]
    ess, weakest = min((min(d.ess_bulk, d.ess_tail), k) for k, d in checks.items())
    hats = [(d.r_hat, k) for k, d in checks.items() if math.isfinite(d.r_hat)]
    hat = "R-hat needs two chains" if not hats else "largest R-hat {:.3f} ({})".format(*max(hats))
    return [
        f"{facts.draws} draws, {counted(facts.divergences, 'divergence')}; over "
        f"{counted(len(problem.parameters), 'parameter')} and "
        f"{len(facts.convergence) - len(problem.parameters)} nuisances: {hat}, "
        f"smallest ESS {ess:.0f} ({weakest})"
    ]
