"""One table: every statement of paper, slides and Belle II beside its computed number."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any

from bsnunu_jax.reproduce.items import ITEMS
from bsnunu_jax.reproduce.product import Product
from bsnunu_jax.reproduce.row import Row
from bsnunu_jax.reproduce.settings import Settings

# Most of an item is compilation, one thread each.
_BESIDE = 2
# What is stated, and where. The rows with the numbers come from the items.
STATEMENTS: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        1: (
            "Eqs. (4), (17)",
            "R_K of the new measurement and of the average; window for new physics",
        ),
        2: ("below Eq. (11)", "eta and the two coefficients of Eq. (10)"),
        3: ("Fig. 1 left", "12-parameter scans of (C_L, C_R) and of (C_L', C_R')"),
        4: (
            "Fig. 1 right, Fig. 2 left",
            "six-parameter scan of symmetric C_R (our Fig. 2 left has the"
            " one diagonal entry of its caption, C_R^tautau)",
        ),
        5: ("Fig. 2 centre", "red and blue points cluster where a diagonal |C_R^ii| ~ 10"),
        6: ("Fig. 2 right", "allowed region of C_R^mutau and C_R^tautau"),
        7: ("text", "off-diagonal C_R alone: R_K = R_K*"),
        8: ("text", "lowest R_K* of the red region"),
        9: ("text", "lowest R_K* of the primed coefficients"),
        10: ("text", "S0: R_D(*) against R_K = R_K*"),
        11: ("text", "S1 and V1: R_K for C9^mumu ~ C9^ee ~ -1"),
        12: ("Fig. 3", "four modes with charged leptons"),
        13: ("text", "sterile neutrino with a Z', Z-Z' and Bs mixing: R_K ~ R_K* <~ 2"),
        14: ("Fig. 4", "scalar dark matter"),
        15: ("Fig. 5", "fermion dark matter; multi-TeV scales of scalars and fermions"),
        16: ("Fig. 6", "vector dark matter"),
        17: ("Fig. 7", "normalised spectra at m = 300 and 700 MeV"),
        18: ("Fig. 8", "spectra through the efficiency of the inclusive tag"),
        19: ("slides", "scalar model: C^S,sb that explains Belle II"),
        20: ("slides", "efficiency weight omega(m)"),
        21: ("slides", "relic density, and the ratio of the strange and bottom couplings"),
        22: ("slides", "B(Bs -> phi phi)"),
        23: ("slides", "D0 -> inv, D0 -> pi0 inv, vector-like quarks"),
        24: ("slides", "plane of r_d, r_q and theta"),
        25: ("arXiv:2311.14647", "signal strength and significance"),
        26: ("arXiv:2507.12393", "universal coefficients of the weak effective theory"),
        27: ("arXiv:2602.09666", "two-body decay B -> K X"),
    }
)


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
    for claim, (where, statement) in STATEMENTS.items():
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
