"""The result of `bsnunu compare` as text and as CSV, with its figures."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bsnunu_jax.models import get_model
from bsnunu_jax.report.figures.compare import write_compare_figure, write_models_figure
from bsnunu_jax.report.remarks import FREE, REMARKS
from bsnunu_jax.report.summary import write_rows
from bsnunu_jax.report.table import aligned

_WIDTH = 100
# Values that a minimum at 0 leaves.
_NOTHING = 1e-9
# Changes of -2 ln L below this are not listed by data set.
_NOTABLE = 0.3
# Change of ln Z with half the points above which there is a warning.
_CONVERGED = 0.1


def compare_table(result: dict[str, Any]) -> str:
    """Best fits, evidence with its prior boxes, and what each data set says."""
    variants = result["variants"]
    blocks = [[f"{name}: {title}" for name, title in result["titles"].items()]]
    if not result["comparable"]:
        blocks[0].append("Inputs or data differ: every variant is compared with the SM on its own.")
    blocks += [_fits(variants), _evidence(variants), _data(variants)]
    blocks += [
        [
            line
            for text in result["verdict"]["text"]
            for line in textwrap.wrap(text, _WIDTH, subsequent_indent="  ", break_on_hyphens=False)
        ],
        _notes(variants),
    ]
    return "\n\n".join("\n".join(lines) for lines in blocks if lines)


def _fits(variants: Sequence[dict[str, Any]]) -> list[str]:
    rows = [("best fit against the SM", "", "D chi2", "sigma", "BR_NP(K+)", "BR_NP(K*0)")]
    for v in variants:
        rows.append(
            (
                v["name"],
                _values(v["best"], v["model"]),
                _signed(v["best"]["delta_chi2"]),
                f"{v['significance']:.1f}",
                _micro(v, "B+->K+"),
                _micro(v, "B0->K*0"),
            )
        )
        for further in v["minima"][1:]:
            rows.append(
                ("  also", _values(further, v["model"]), _signed(further["delta_chi2"]), "", "", "")
            )
    return aligned(rows, left=2)


def _evidence(variants: Sequence[dict[str, Any]]) -> list[str]:
    rows = [("evidence", "prior box", "ln Z/Z_SM", "doubled box", "ln Z/Z_SM")]
    for v in variants:
        e = v["evidence"]
        rows.append(
            (
                v["name"],
                _box(e["box"], e["box"]),
                _signed(e["log_ratio"]),
                _box(e["doubled_box"], e["box"]),
                _signed(e["log_ratio_doubled"]),
            )
        )
    return aligned(rows, left=2)


def _data(variants: Sequence[dict[str, Any]]) -> list[str]:
    lines = [f"change of -2 ln L by data set, best fit - SM, where above {_NOTABLE}"]
    width = max(len(v["name"]) for v in variants)
    for v in variants:
        terms = {**v["data_sets"], "nuisances": v["nuisance_terms"]}
        changes = {name: x["delta"] for name, x in terms.items() if abs(x["delta"]) > _NOTABLE}
        ranked = sorted(changes, key=lambda name: -abs(changes[name]))
        text = ", ".join(f"{name} {changes[name]:+.1f}" for name in ranked) or "none"
        lines.append(f"{v['name']:<{width}}  {text}")
    return lines


def _notes(variants: Sequence[dict[str, Any]]) -> list[str]:
    hows: dict[str, list[str]] = {}
    for v in variants:
        hows.setdefault(v["evidence"]["how"], []).append(v["name"])
    notes = [
        "BR_NP: branching fractions of the new part in 1e-6, at the best fit. sigma: of chi2 with "
        "one degree of freedom a parameter (Wilks), local. low, high: the parameter is at that end "
        "of its range; Lambda high is the SM."
    ]
    if any(mode in v["not_constrained"] for v in variants for mode in ("B+->K+", "B0->K*0")):
        notes.append(f"{FREE} {REMARKS[FREE]}.")
    most = max(hows, key=lambda how: len(hows[how]))
    for how, names in hows.items():
        who = "" if how == most else f" ({', '.join(names)})"
        notes.append(f"Evidence: {how}{who}.")
    boxes = {name for v in variants for name in v["evidence"]["box"]}
    moved = "Lambda" if "Lambda" in boxes else "every parameter"
    notes.append(
        f"Doubled box: the width of {moved} is doubled (in ln for a log-uniform prior), "
        "the upper end moves; both do for a range with negative values."
    )
    errors = {v["name"]: v["evidence"]["error"] for v in variants if v["method"] == "scan"}
    if errors:
        notes.append(f"Largest change of ln Z with half the points: {max(errors.values()):.2g}.")
    notes += [
        f"WARNING: ln Z of {name} has not converged, it changes by {error:.2g} with half the points"
        for name, error in errors.items()
        if error > _CONVERGED
    ]
    notes += [
        f"WARNING: {v['unconverged']} fits of {v['name']} did not converge"
        for v in variants
        if v["unconverged"]
    ]
    return [line for note in notes for line in textwrap.wrap(note, _WIDTH)]


def _values(point: dict[str, Any], model: str) -> str:
    quantities = get_model(model).quantities
    ends = dict(edge.rsplit(" ", 1) for edge in point["at_edge"])
    shown = []
    for name, value in point["values"].items():
        unit = quantities[name].unit if name in quantities else ""
        number = f"{value if abs(value) > _NOTHING else 0:.4g} {unit}".rstrip()
        shown.append(f"{name} {number}" + (f" ({ends[name]})" if name in ends else ""))
    return ", ".join(shown)


def _box(box: dict[str, list[float]], known: dict[str, list[float]]) -> str:
    """The ranges; of another box only those that differ."""
    shown = {k: v for k, v in box.items() if known is box or v != known[k]}
    return ", ".join(f"{name} {low:g} .. {high:g}" for name, (low, high) in shown.items())


def _signed(x: float) -> str:
    """Two decimals, no minus in front of 0."""
    return f"{x:.2f}".replace("-0.00", "0.00")


def _micro(variant: dict[str, Any], mode: str) -> str:
    mark = f" {FREE}" if mode in variant["not_constrained"] else ""
    return f"{1e6 * variant['BR_NP'][mode]:.3g}{mark}"


def write_comparison(folder: Path, result: dict[str, Any]) -> None:
    """Write compare.csv and figures/ into `folder`.

    Args:
        folder: made if absent.
        result: the content of compare.json.
    """
    write_rows(folder / "compare.csv", [_row(v) for v in result["variants"]])
    write_models_figure(folder / "figures", result)
    if any(v["curve"] for v in result["variants"]):
        write_compare_figure(folder / "figures", result)


def _row(v: dict[str, Any]) -> dict[str, Any]:
    """A variant in the CSV file; Delta of -2 ln L by data set."""
    best, evidence = v["best"], v["evidence"]
    numbers = {
        **best["values"],
        "delta_chi2": best["delta_chi2"],
        "significance": v["significance"],
        "log_evidence_ratio": evidence["log_ratio"],
        "log_evidence_ratio_doubled_box": evidence["log_ratio_doubled"],
        **{f"BR_NP({mode})": x for mode, x in v["BR_NP"].items()},
        **{f"delta {name}": x["delta"] for name, x in v["data_sets"].items()},
        "delta nuisance terms": v["nuisance_terms"]["delta"],
    }
    return {
        "variant": v["name"],
        "model": v["model"],
        "at_edge": "; ".join(best["at_edge"]),
        "minima": len(v["minima"]),
        "not_constrained": "; ".join(v["not_constrained"]),
        **{k: f"{x:.7g}" for k, x in numbers.items()},
    }
