"""The results of `bsnunu limit` and `bsnunu project` as text."""

from typing import Any

from scipy.stats import norm

from bsnunu_jax.experiments.entry import UNVERIFIED
from bsnunu_jax.foundation.plain_text import counted
from bsnunu_jax.report.table import aligned

_DEGREES = ("degree of freedom", "degrees of freedom")


def limit_table(result: dict[str, Any]) -> str:
    """A few lines for the terminal from the content of limits.json."""
    name, cl = result["parameter"], 100 * result["confidence_level"]
    best, discovery = result["best_fit"], result["discovery"]
    one_sided = result["test_statistic"] != "t"
    rows = [
        ("best fit", f"{name} = {best['value']:.4g}, 68.3 % {_pieces(best['interval_68'])}"),
        ("test statistic", f"{result['test_statistic']}: {result['why']}"),
        (f"against {name} = {result['null']:g}", _significance(discovery, one_sided)),
        *(
            (f"against {name} = {e['value']:g}", _significance(e, one_sided))
            for e in result["tested"]
        ),
    ]
    rows += [("beware", line) for line in result.get("not_seen", ())]
    if result.get("shape_systematic"):
        shown = f"on, {100 * result['shape_systematic']:g} % on efficiencies beyond the SM spectrum"
        rows.insert(2, ("shape_systematic", shown))
    if "upper_limit" in result:
        limit = result["upper_limit"]
        rows.append((f"{cl:g} % CLs upper limit", _limit(limit["observed"], result)))
        rows.append(("  expected, no signal", _bands(limit["expected"])))
    else:
        rows.append((f"{cl:g} % interval", _pieces(result["interval"])))
    fit = result["goodness_of_fit"]
    degrees = counted(fit["dof"], *_DEGREES) if fit["dof"] > 0 else f"no {_DEGREES[0]}"
    p = "undefined" if fit["p_value"] is None else f"{fit['p_value']:.3g}"
    rows.append(
        ("goodness of fit", f"saturated model {fit['statistic']:.1f} for {degrees}, p = {p}")
    )
    if "posterior_predictive" in result:
        found = result["posterior_predictive"]
        rows.append(("posterior predictive", f"p = {found['p']:.3f} ({found['draws']} draws)"))
    if "toys" in result:
        rows += _toys(result)
    lines = [result["title"], *(f"  {line}" for line in aligned(rows, left=2))]
    return "\n".join([*lines, *of_spectra(result)])


def of_spectra(result: dict[str, Any]) -> list[str]:
    """A line that names the data whose efficiency assumes the spectrum of the SM."""
    names = result.get("assume_sm_spectrum", [])
    if not names or result.get("shape_systematic"):
        return []
    return [f"  published values or efficiencies assume the SM q2 spectrum: {', '.join(names)}"]


def _toys(result: dict[str, Any]) -> list[tuple[str, str]]:
    toys = result["toys"]
    rows = [
        (f"toys, {toys['number']} a hypothesis", f"{toys['failed']} without a converged fit"),
        ("  p of the null", _p(toys["discovery"])),
        ("  goodness of fit", _p(toys["goodness_of_fit"])),
    ]
    if "upper_limit" in toys:
        limit = toys["upper_limit"]
        rows.append(("  CLs upper limit", _limit(limit["observed"], result, toys["values"])))
        rows.append(("  expected, no signal", _bands(limit["expected"])))
        for i, x in enumerate(toys["values"]):
            cls = toys["CLs"][i]
            shown = "undefined" if cls is None else f"{cls:.3f} +- {toys['CLs_error'][i]:.3f}"
            rows.append((f"  at {x:g}", f"CLs {shown}, CLs+b {_p(toys['CLsb'][i])}"))
    else:
        rows += [(f"  p at {x:g}", _p(toys["CLsb"][i])) for i, x in enumerate(toys["values"])]
    return rows


def _significance(entry: dict[str, Any], one_sided: bool) -> str:
    two_sided, excess = entry["p_two_sided"], entry["p_excess"]
    parts = [f"Z = {entry['Z']:.2f}"]
    if one_sided:
        parts.append(f"p = {excess:.3g} for an excess")
    if not one_sided or "CLs" in entry:  # at the null, the end of the range, there is one side
        parts.append(f"p = {two_sided:.3g} two-sided")
    text = ", ".join(parts)
    return f"{text}, CLs = {entry['CLs']:.3g}" if "CLs" in entry else text


def _p(fraction: dict[str, Any]) -> str:
    p, error = fraction["p"], fraction["error"]
    if p is None:
        return "undefined"
    text = f"p = {p:.3g} +- {error:.2g} ({fraction['k']} of {fraction['n']})"
    return f"{text}, Z = {norm.isf(p):.2f}" if 0 < p < 0.5 else text


def _limit(value: float | None, result: dict[str, Any], values: list[float] | None = None) -> str:
    if value is not None:
        return f"{result['parameter']} < {value:.4g}"
    if values:
        return f"outside the toys at {min(values):g} to {max(values):g}"
    return f"beyond the range of {result['parameter']}, which ends at {result['range'][1]:g}"


def _bands(expected: list[float | None]) -> str:
    low2, low1, middle, high1, high2 = ("-" if x is None else f"{x:.4g}" for x in expected)
    return f"{middle}, 68 % [{low1}, {high1}], 95 % [{low2}, {high2}]"


def _pieces(interval: dict[str, Any]) -> str:
    shown = []
    for (a, b), (from_edge, to_edge) in zip(
        interval["pieces"], interval["ends_of_the_range"], strict=True
    ):
        marks = [" (end of the range)" if edge else "" for edge in (from_edge, to_edge)]
        shown.append(f"[{a:.4g}{marks[0]}, {b:.4g}{marks[1]}]")
    return " and ".join(shown)


def project_table(result: dict[str, Any]) -> str:
    """Lines for the terminal from the content of project.json."""
    lines = [result["title"]]
    if result["truth"] != "best-fit":
        truth = result["truth"]
        at = truth if truth == "SM" else ", ".join(f"{k} = {v:g}" for k, v in truth.items())
        lines.append(f"  truth: {at}; best fits and nuisances are those of what it expects today")
    if result["systematics"] != 1:
        lines.append(f"  systematics of the scaled data times {result['systematics']:g}")
    if result["data_not_scaled"]:
        lines.append(f"  expected, but not scaled: {', '.join(result['data_not_scaled'])}")
    lines += [f"  {n}: {title}" for n, title in result["data"].items() if UNVERIFIED in title]
    lines += [f"  {name}: {what}" for name, what in result["assumed"].items()]
    if result["limit"] == "lower":
        lines.append("  limits and reach are those of the strength Lambda^-q: lower limits, and")
        lines.append("  the largest Lambda that is seen")
    for point in result["points"]:
        held = {k: f"{v:g}" if isinstance(v, float) else v for k, v in point["set"].items()}
        at = ", ".join(f"{k} = {v}" for k, v in held.items())
        lines += [f"  {at}"] if at else []
        for row in point["luminosities"]:
            grown = result["scaled_by"] == "factor"
            lines.append(
                f"  {row['factor']:g} times the data" if grown else f"  {row['luminosity']:g} /ab"
            )
            lines += [f"    {line}" for line in aligned(_entries(row, result), left=2)]
    return "\n".join(lines)


def _entries(row: dict[str, Any], result: dict[str, Any]) -> list[tuple[str, str]]:
    name, cl = result["parameter"], f"{100 * result['confidence_level']:g} %"
    if "expected_interval" in row:
        pieces = " and ".join(f"[{a:.4g}, {b:.4g}]" for a, b in row["expected_interval"])
        entries = [(f"expected {cl} interval", f"{name} in {pieces}")]
    else:
        limit = _expected(row["expected_limit"], result)
        entries = [(f"expected {cl} CLs limit", limit)]
        if "toys" in row:
            entries.append(
                ("  toys", _expected(row["toys"].get("expected_limit", [None] * 5), result))
            )
    if "expected_68" in row:
        found = row["expected_68"]
        pieces = " and ".join(f"[{a:.4g}, {b:.4g}]" for a, b in found["pieces"])
        entries.append(("68.3 % around the truth", f"{name} in {pieces}"))
    for i, entry in enumerate(row["discovery"]):
        text = f"median Z = {entry['Z']:.2f}"
        if "toys" in row:
            toys = row["toys"]["discovery"][i]
            low, high = toys["Z_68"]
            text += f", toys {toys['Z']:.2f}, 68 % [{low:.2f}, {high:.2f}]"
        entries.append((f"if {name} = {entry['true']:.4g}", text))
    if "posterior" in row:
        entries.append(("expected posterior", f"{row['posterior']}/summary.csv"))
    beyond = "<" if result["limit"] == "lower" else ">"
    for entry in row["reach"]:
        shown = [
            f"{name} {sign} {entry[side]:.4g}"
            for side, sign in (("below", "<"), ("above", beyond))
            if entry[side] is not None
        ]
        text = " or ".join(shown) or "nowhere in the range"
        entries.append((f"median {entry['sigma']:g} sigma for", text))
    return entries


def _expected(limits: list[float | None], result: dict[str, Any]) -> str:
    if limits[2] is None:
        return "beyond the range"
    lower = result["limit"] == "lower"
    return f"{result['parameter']} {'>' if lower else '<'} {_bands(limits[:: -1 if lower else 1])}"
