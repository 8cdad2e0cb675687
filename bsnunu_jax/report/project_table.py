"""The result of `bsnunu project` as text."""

from typing import Any

from bsnunu_jax.report.table import aligned


def project_table(result: dict[str, Any]) -> str:
    """Lines for the terminal from the content of project.json."""
    lines = [result["title"]]
    if result["systematics"] != 1:
        lines.append(f"  systematics of the scaled data times {result['systematics']:g}")
    if result["data_not_scaled"]:
        lines.append(f"  expected, but not scaled: {', '.join(result['data_not_scaled'])}")
    if result["limit"] == "lower":
        lines.append("  limits and reach are those of the strength Lambda^-q: lower limits, and")
        lines.append("  the largest Lambda that is seen")
    for point in result["points"]:
        at = ", ".join(f"{k} = {_value(v)}" for k, v in point["set"].items())
        lines += [f"  {at}"] if at else []
        for row in point["luminosities"]:
            lines.append(f"  {row['luminosity']:g} /ab")
            lines += [f"    {line}" for line in aligned(_entries(row, result), left=2)]
    return "\n".join(lines)


def _entries(row: dict[str, Any], result: dict[str, Any]) -> list[tuple[str, str]]:
    name, cl = result["parameter"], f"{100 * result['confidence_level']:g} %"
    if "expected_interval" in row:
        pieces = " and ".join(f"[{a:.4g}, {b:.4g}]" for a, b in row["expected_interval"])
        entries = [(f"expected {cl} interval", f"{name} in {pieces}")]
    else:
        limit = _bands(row["expected_limit"], result)
        entries = [(f"expected {cl} CLs limit", limit)]
        if "toys" in row:
            entries.append(
                ("  toys", _bands(row["toys"].get("expected_limit", [None] * 5), result))
            )
    for i, entry in enumerate(row["discovery"]):
        text = f"median Z = {entry['Z']:.2f}"
        if "toys" in row:
            toys = row["toys"]["discovery"][i]
            low, high = toys["Z_68"]
            text += f", toys {toys['Z']:.2f}, 68 % [{low:.2f}, {high:.2f}]"
        entries.append((f"if {name} = {entry['true']:.4g}", text))
    for entry in row["reach"]:
        shown = [
            f"{name} {sign} {entry[side]:.4g}"
            for side, sign in (("below", "<"), ("above", _beyond(result)))
            if entry[side] is not None
        ]
        text = " or ".join(shown) or "nowhere in the range"
        entries.append((f"median {entry['sigma']:g} sigma for", text))
    return entries


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _beyond(result: dict[str, Any]) -> str:
    return "<" if result["limit"] == "lower" else ">"


def _bands(limits: list[float | None], result: dict[str, Any]) -> str:
    sign = ">" if result["limit"] == "lower" else "<"
    shown = ["-" if x is None else f"{x:.4g}" for x in limits]
    low2, low1, middle, high1, high2 = reversed(shown) if sign == ">" else shown
    if middle == "-":
        return "beyond the range"
    name = result["parameter"]
    return f"{name} {sign} {middle}, 68 % [{low1}, {high1}], 95 % [{low2}, {high2}]"
