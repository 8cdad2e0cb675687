"""`bsnunu list` and `bsnunu inputs`: what there is, as plain data and as text."""

import json
from pathlib import Path
from typing import Any

from bsnunu_jax.config import shipped_cards
from bsnunu_jax.errors import InputError
from bsnunu_jax.experiments import load_measurements, measurement_names
from bsnunu_jax.inputs import tables
from bsnunu_jax.models import MODELS
from bsnunu_jax.observables import ALIASES, OBSERVABLES

KINDS = ("models", "observables", "measurements", "presets", "cards")


def listing(what: str) -> dict[str, Any]:
    """Names with their descriptions.

    Raises:
        InputError: for an unknown kind.
    """
    match what:
        case "models":
            return {
                name: {"description": m.description, "parameters": list(m.parameters),
                       "settings": {k: list(v) for k, v in m.settings.items()},
                       "note": m.note}
                for name, m in MODELS.items()
            }  # fmt: skip
        case "observables":
            peers = {ours: alias for alias, ours in ALIASES.items()}
            return {
                name: {"description": o.description, "unit": o.unit, "needs_q2": o.differential}
                | ({"flavio": peers[name]} if name in peers else {})
                for name, o in OBSERVABLES.items()
            }
        case "measurements":
            return {
                m.name: {"description": m.title, "sources": list(m.sources),
                         "assumes_sm_spectrum": m.sm_spectrum, "tree_tau": m.tree_tau}
                for m in (load_measurements([name])[0] for name in measurement_names())
            }  # fmt: skip
        case "presets":
            return {
                name: {"description": p["description"], "form_factors": p["form_factors"]}
                for name, p in tables.presets().items()
            } | {
                f"{t} sets": {"description": ", ".join(tables.form_factor_sets(t))}
                for t in ("B->K", "B->K*")
            }
        case "cards":
            return {name: {"description": title} for name, title in shipped_cards(
                Path("fits")).items()}  # fmt: skip
    raise InputError(f"nothing to list under {what!r}", allowed=f"one of {', '.join(KINDS)}")


def as_text(found: dict[str, Any]) -> str:
    """Two columns."""
    if not found:
        return "none here (cards are looked for in ./fits)"
    width = max(map(len, found))
    return "\n".join(f"{name:<{width}}  {entry['description']}" for name, entry in found.items())


def inputs_json(preset: str) -> str:
    """Every number of a preset under its published name, form factors as coefficients."""
    content: dict[str, Any] = {name: n.value for name, n in tables.numbers(preset).items()}
    for transition, name in tables.preset(preset)["form_factors"].items():
        table = tables.form_factor_set(transition, name)
        content[transition] = {
            "set": name,
            "coefficients": dict(zip(table.parameters, table.central.tolist(), strict=True)),
        }
    return json.dumps(content)


def inputs_table(preset: str) -> str:
    """The same with uncertainties, units and sources."""
    description = tables.preset(preset)
    roles = {number: role for role, number in description["roles"].items()}
    rows = [f"preset {preset}: {description['description']}", ""]
    for name, n in tables.numbers(preset).items():
        error = f"+- {n.uncertainty:.3g}" if n.uncertainty else ""
        role = f"  [{roles[name]}]" if name in roles else ""
        rows.append(f"{name:<22}{n.value:<18.10g}{error:<14}{n.unit:<8} {n.source}{role}")
    for transition, name in description["form_factors"].items():
        table = tables.form_factor_set(transition, name)
        rows += ["", f"{transition}: {name} ({table.parametrisation}; {table.source})"]
        sigma = table.covariance.diagonal() ** 0.5
        rows += [
            f"  {p:<8}{c:> .6f} +- {s:.6f}"
            for p, c, s in zip(table.parameters, table.central, sigma, strict=True)
        ]
    return "\n".join(rows)
