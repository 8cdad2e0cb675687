"""The result of `bsnunu predict` as text."""

from typing import Any

from bsnunu_jax.hadrons.transitions import MODES
from bsnunu_jax.observables.catalogue import get_observable
from bsnunu_jax.observables.tree_level import PARTS


def as_table(result: dict[str, Any]) -> str:
    """Predictions as aligned text."""
    rows = [f"model {result['model']}, preset {result['preset']}"]
    rows += [
        f"  {k} = {complex(v['re'], v['im']) if isinstance(v, dict) else v}"
        for k, v in result["parameters"].items()
    ]
    if "tree_tau" in result:
        modes = dict.fromkeys(
            str(get_observable(n).mode) for n in result["observables"] if n in PARTS
        )
        hadrons = ", ".join(MODES[mode].meson for mode in modes)
        rows.append(f"  B+ -> tau nu, tau -> {hadrons} nu at tree level: included")
    if "note" in result:
        rows.append(f"  ({result['note']})")
    rows += [f"  {line}" for line in result.get("remarks", ())]
    width = max(len(name) for name in result["observables"])
    for name, entry in result["observables"].items():
        value, std = (entry["value"], entry["std"]) if isinstance(entry, dict) else (entry, None)
        if isinstance(value, list):
            unit = f"  [{get_observable(name).unit}]" if get_observable(name).unit != "1" else ""
            rows.append(name + unit)
            for i, q2 in enumerate(result["q2"]):
                rows.append(f"  q2 = {q2:<10g} {_number(value[i], std[i] if std else None)}")
        else:
            rows.append(f"{name:<{width}}  {_number(value, std)}")
    return "\n".join(rows)


def _number(value: float, std: float | None) -> str:
    return f"{value:.6g}" if std is None else f"{value:.6g} +- {std:.2g}"
