"""The table of a comparison as CSV, and its figure."""

import csv
import io
from pathlib import Path
from typing import Any

from bsnunu_jax.foundation.files import write_whole
from bsnunu_jax.report.figures.compare import write_compare_figure
from bsnunu_jax.report.figures.compare_models import write_models_figure


def write_comparison(folder: Path, result: dict[str, Any]) -> None:
    """Write compare.csv and figures/ into `folder`.

    Args:
        folder: made if absent.
        result: the content of compare.json.
    """
    _write_table(folder / "compare.csv", result)
    write_models_figure(folder / "figures", result)
    if any(v["curve"] for v in result["variants"]):
        write_compare_figure(folder / "figures", result)


def _write_table(path: Path, result: dict[str, Any]) -> None:
    """One row a variant; Delta of -2 ln L by data set."""
    rows = [_row(v) for v in result["variants"]]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, file.getvalue())


def _row(v: dict[str, Any]) -> dict[str, Any]:
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
