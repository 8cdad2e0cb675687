"""Limits against what is held, as text."""

from typing import Any

from bsnunu_jax.report.limit_table import of_spectra


def limit_scan_table(result: dict[str, Any]) -> str:
    """Lines for the terminal from the content of limits.json of a scan."""
    scanned, kind = result["scanned"], result["limit"]
    cl = f"{100 * result['confidence_level']:g} %"
    held = ", ".join(f"{k} = {v}" for k, v in result["set"].items())
    what = {
        "upper": f"{cl} CLs upper limits on {result['parameter']}",
        "lower": f"{cl} CLs lower limits on {result['parameter']}",
        "interval": f"{cl} intervals of {result['parameter']}",
    }[kind]
    lines = [result["title"], f"  {what}{f'; {held}' if held else ''}"]
    head = [*scanned, "best fit", "Z", "p local"]
    head += ["interval"] if kind == "interval" else ["observed", "expected", "68 %", "95 %"]
    rows = [head, *(_row(entry, scanned, kind) for entry in result["points"])]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines += [
        "  " + "  ".join(f"{x:>{w}}" for x, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if any(None in e.get("expected", ()) or e.get("observed", 0) is None for e in result["points"]):
        lines.append(f"  (-) beyond the range of {result['parameter']}")
    return "\n".join([*lines, *_global(result), *of_spectra(result)])


def _row(entry: dict[str, Any], scanned: list[str], kind: str) -> list[str]:
    row = [f"{entry['at'][k]:g}" for k in scanned]
    row += [_shown(entry["best_fit"]), f"{entry['Z']:.2f}", f"{entry['p_local']:.3g}"]
    if kind == "interval":
        pieces = (f"[{_shown(a)}, {_shown(b)}]" for a, b in entry["interval"])
        return [*row, " and ".join(pieces)]
    low2, low1, median, high1, high2 = (
        _shown(x) for x in entry["expected"][:: -1 if kind == "lower" else 1]
    )
    return [*row, _shown(entry["observed"]), median, f"[{low1}, {high1}]", f"[{low2}, {high2}]"]


def _shown(x: float | None) -> str:
    return "-" if x is None else f"{x:.4g}"


def _global(result: dict[str, Any]) -> list[str]:
    if len(result["points"]) < 2:
        return []
    found = result["global"]
    at = ", ".join(f"{k} = {v:g}" for k, v in found["at"].items())
    local = f"Z = {found['Z_local']:.2f}, p = {found['p_local']:.3g} local"
    lines = [f"  largest excess at {at}: {local}"]
    if "toys" not in found:
        return [*lines, "  a global p-value takes toys, e.g. --toys 200"]
    toys = found["toys"]
    p = f"{toys['p']:.3g} +- {toys['error']:.2g}"
    lines.append(
        f"  global p = {p} from {toys['number']} toys without a signal"
        f" ({toys['failed']} without a converged fit)"
    )
    if "gross_vitells" in found:
        gv = found["gross_vitells"]
        counted = f"{gv['crossings']:.3g} crossings of q0 = {gv['level']:g} a toy"
        lines.append(
            f"  global p = {gv['p']:.3g}, Z = {gv['Z']:.2f} by Gross and Vitells, with {counted}"
        )
    return lines
