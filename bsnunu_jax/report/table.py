"""The summary as aligned plain text, for a terminal."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bsnunu_jax.experiments import Measurement
from bsnunu_jax.experiments.counting import CountingMeasurement
from bsnunu_jax.experiments.shape_systematic import shape_std
from bsnunu_jax.inference.best_fit import BestFit
from bsnunu_jax.inference.hypotest import local_significance
from bsnunu_jax.inference.parameters import LogUniform
from bsnunu_jax.inference.problem import Problem
from bsnunu_jax.report.diagnostics import Diagnostic
from bsnunu_jax.report.intervals import STATEMENT
from bsnunu_jax.report.remarks import MARKS
from bsnunu_jax.report.shape import flagged
from bsnunu_jax.report.summary import Row

# Shapes closer than this are called equal: well below what an efficiency could notice.
_EQUAL_SHAPE = 1e-3
_WIDTH = 100
# Longer numbers are written with a power of ten.
_MOST_DECIMALS = 6
_COUNTING, _QUOTED, _FLAT, _UNBOUND = "*", "#", "(0)", "(~)"
# An error of this share of the range, or twice this share of a scale, is none of a minimum.
_WIDE = 0.25
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
        flat: the powers of the scalings among them.
    """

    objective: float
    sm_objective: float
    distances: Mapping[str, float]
    convergence: Mapping[str, Diagnostic]
    divergences: int
    draws: int
    symmetries: Sequence[str] = ()
    flat: Sequence[Mapping[str, int]] = ()


def text_table(problem: Problem, rows: Sequence[Row], best_fit: BestFit, facts: Facts) -> str:
    """The whole report as text."""
    blocks = [
        _data(problem, facts),
        _columns(problem, rows, facts.flat),
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


def _columns(
    problem: Problem, rows: Sequence[Row], lines_of_equals: Sequence[Mapping[str, int]] = ()
) -> list[str]:
    folded = {p.name for p in problem.parameters if p.mirror}
    flat = {row.name for row in rows if row.name in folded and _at_mirror(row)}
    unbound = {row.name for row in rows if _as_wide_as_its_range(problem, row)}
    unbound |= {name for powers in lines_of_equals for name, power in powers.items() if power}
    unbound -= flat
    marks = dict.fromkeys(flat, _FLAT) | dict.fromkeys(unbound, _UNBOUND)
    table = [_HEADER, *(_cells(row, row.name in folded, marks.get(row.name)) for row in rows)]
    widths = [max(len(line[i]) for line in table) for i in range(len(_HEADER))]
    lines = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in table
    ]
    return [
        *lines,
        *[f"{_FLAT} flat at the mirror point: see the interval"] * bool(flat),
        *[f"{_UNBOUND} the data hardly bound it there: see the interval"] * bool(unbound),
        *[f"{MARKS[text]} {text}" for text in dict.fromkeys(r.remark for r in rows) if text],
        *_wrapped(f"HDI: {STATEMENT}; central intervals are in summary.csv."),
    ]


def _as_wide_as_its_range(problem: Problem, row: Row) -> bool:
    """True if the error of the best fit is not that of a minimum."""
    priors = {p.name: p.prior for p in problem.parameters}
    if row.name not in priors or row.hessian_error is None or row.best_fit is None:
        return False
    low, high = priors[row.name].range
    if isinstance(priors[row.name], LogUniform):
        return row.hessian_error > 2 * _WIDE * row.best_fit
    return math.isfinite(high - low) and row.hessian_error > _WIDE * (high - low)


def _at_mirror(row: Row) -> bool:
    """True if the best fit is 0, where the curvature says little about the width."""
    error = row.hessian_error
    return row.best_fit is not None and error is not None and abs(row.best_fit) < 0.01 * error


def _cells(row: Row, folded: bool, mark: str | None) -> tuple[str, ...]:
    # A branching fraction is shown in units of 1e-6.
    is_br = row.name.startswith("BR")
    unit = 1e-6 if is_br else 1.0
    name = f"|{row.name}|" if folded else row.name

    def show(value: float) -> str:
        return significant(value / unit, row.sd / unit)

    best = "" if row.best_fit is None else show(row.best_fit)
    if mark:
        best += f" {mark}"
    elif row.hessian_error is not None:
        best += f" +- {show(row.hessian_error)}"
    noted = f" {MARKS[row.remark]}" if row.remark else ""
    return (
        (f"{name} [1e-6]" if is_br else name) + noted,
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
    return lines + _flags(problem, facts)


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
    differs = [f"{m} {100 * facts.distances[m]:.1f} %" for m in modes
               if facts.distances[m] > _EQUAL_SHAPE]  # fmt: skip
    equal = [m for m in modes if facts.distances[m] <= _EQUAL_SHAPE]
    parts = []
    if differs:
        parts.append(f"at the best fit it differs by {', '.join(differs)} (half the area between "
                     "the normalised spectra), not corrected for")  # fmt: skip
    if equal:
        parts.append(f"the shape is the SM's for {', '.join(equal)}")
    for std in sorted({shape_std(m) for m in measurements} - {0.0}):
        parts.append(f"shape_systematic is on, the efficiency of what is not the SM's has an "
                     f"uncertainty of {100 * std:g} %")  # fmt: skip
    text = f"{start} the SM q2 spectrum: {'; '.join(parts)}."
    return _wrapped(text)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _fit(problem: Problem, best_fit: BestFit, facts: Facts) -> list[str]:
    gain = facts.sm_objective - facts.objective
    number = max(len(problem.parameters) - len(facts.flat), 1)
    start = f"-2 ln L: best fit {facts.objective:.2f}"
    lines = [f"{start} (nuisances profiled); the SM predicts nothing for some of the data"]
    if math.isfinite(gain):
        wilks, cls = local_significance(gain, number)
        lines = [
            f"{start}, SM {facts.sm_objective:.2f} (nuisances profiled), "
            f"difference {gain:z.2f} for {_count(number, 'parameter')}"
            + " that the data can tell"
            * bool(facts.flat),
            f"Local significance: {wilks:.1f} standard deviations, {cls:.1f} by CLs"
            + (f"; {local_significance(gain, 1)[0]:.1f} for one parameter" if number > 1 else ""),
        ]
    lines += [
        f"Local minima from {best_fit.converged} of {_count(best_fit.starts, 'start')}:",
    ]
    top = best_fit.best.objective
    for minimum in best_fit.minima:
        point = ", ".join(
            f"{name} {significant(value, minimum.errors[name])}"
            for name, value in minimum.values.items()
        )
        lines.append(
            f"  {point}: +{minimum.objective - top:.2f}, "
            f"Laplace weight {100 * minimum.weight:.0f} %, {_count(minimum.starts, 'start')}"
        )
    if best_fit.mirrored:
        lines.append(
            f"The density is even in {', '.join(best_fit.mirrored)}: sampled on both sides of 0, "
            "|value| reported."
        )
    return [*lines, *facts.symmetries]


def _sampling(problem: Problem, facts: Facts) -> list[str]:
    checks = {k: d for k, d in facts.convergence.items() if math.isfinite(d.ess_bulk)}
    if not checks:
        return [f"{facts.draws} draws: too few for diagnostics"]
    ess, weakest = min((min(d.ess_bulk, d.ess_tail), k) for k, d in checks.items())
    hats = [(d.r_hat, k) for k, d in checks.items() if math.isfinite(d.r_hat)]
    hat = "R-hat needs two chains" if not hats else "largest R-hat {:.3f} ({})".format(*max(hats))
    return [
        f"{facts.draws} draws, {_count(facts.divergences, 'divergence')}; over "
        f"{_count(len(problem.parameters), 'parameter')} and "
        f"{len(facts.convergence) - len(problem.parameters)} nuisances: {hat}, "
        f"smallest ESS {ess:.0f} ({weakest})"
    ]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
