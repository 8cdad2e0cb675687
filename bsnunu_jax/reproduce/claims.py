"""One table: every statement of paper, slides and Belle II beside its computed number."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bsnunu_jax.reproduce.items import ITEMS
from bsnunu_jax.reproduce.row import Product, Row, statements
from bsnunu_jax.reproduce.settings import Settings

# Most of an item is compilation, one thread each.
_BESIDE = 2


def claims(settings: Settings) -> Product:
    """All rows of all items."""
    from bsnunu_jax.reproduce.uv_models import uv_models

    items = [
        item
        for item in ITEMS.values()
        if item.name != "claims" and (settings.likelihood or not item.published)
    ]
    with ThreadPoolExecutor(_BESIDE) as pool:
        products = list(pool.map(lambda item: item.make(settings), items))
    rows: list[Row] = [*settings.once(uv_models), *(row for p in products for row in p.rows)]
    rows.sort(key=lambda row: row.claim)
    found = [row.as_dict() | {"computed": row.computed} for row in rows]
    columns: dict[str, Any] = {
        key: [str(row[key]) for row in found]
        for key in ("claim", "where", "quantity", "stated", "computed", "verdict")
    }
    return Product(tables={"claims": columns}, rows=rows, summary=as_table(rows, settings))


def as_table(rows: list[Row], settings: Settings) -> str:
    """The table as Markdown."""
    lines = [
        f"# What the paper and the slides state ({settings.constraints.raw['description']})",
        "",
    ]
    differing = [row for row in rows if row.agrees is False]
    agreeing = sum(row.agrees is True for row in rows)
    lines += [
        f"{len(rows)} numbers: {agreeing} agree with what is stated, {len(differing)} differ, "
        f"{len(rows) - agreeing - len(differing)} are computed where none is stated. The tables of "
        "all follow the list of those that differ.",
        "",
    ]
    for row in differing:
        lines.append(
            f"- {row.claim}. {row.quantity}: stated {row.stated}, computed {row.computed}:"
            f" {row.why}"
        )
    for claim, (where, statement) in statements().items():
        mine = [row for row in rows if row.claim == claim]
        lines += ["", f"## {claim}. {where}: {statement}", ""]
        if not mine:
            lines.append("Not computed: needs Belle II's published likelihood, --likelihood DIR.")
            continue
        lines += ["| quantity | stated | computed | verdict |", "|---|---|---|---|"]
        for row in mine:
            cells = (row.quantity, row.stated or "-", row.computed, row.verdict)
            lines.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
    return "\n".join(lines) + "\n"
