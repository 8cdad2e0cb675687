"""`bsnunu list` and `bsnunu inputs`: what there is, as plain data and as text."""

import json
import textwrap
from pathlib import Path
from typing import Any

from bsnunu_jax.cards.run_card import shipped_cards
from bsnunu_jax.experiments import load_measurements, measurement_names
from bsnunu_jax.experiments.records.added import known_records
from bsnunu_jax.experiments.records.folder import Record
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import AVERAGES, TRANSITIONS, get_decay
from bsnunu_jax.inputs import tables
from bsnunu_jax.inputs.sets import form_factor_set, form_factor_sets
from bsnunu_jax.models import MODELS, Model, get_model
from bsnunu_jax.observables.catalogue import ALIASES, OBSERVABLES

KINDS = ("models", "observables", "measurements", "records", "presets", "cards", "parameters")
_WIDTH = 110


def listing(what: str, mode: str | None = None) -> dict[str, Any]:
    """Names with their descriptions; observables of one mode alone if it is given.

    Raises:
        InputError: for an unknown kind or mode, or a mode of what has none.
    """
    if mode is not None:
        _ = mode if mode in AVERAGES else get_decay(mode)
        if what != "observables":
            raise InputError(f"{what} have no mode", where="--mode", allowed="observables have")
    match what:
        case "models":
            return {
                name: {
                    "description": m.description,
                    "parameters": list(m.parameters),
                    "units": {k: m.quantity(k).unit or "1" for k in m.parameters},
                    "settings": {k: list(v) for k, v in m.settings.items()},
                    "note": m.note,
                }
                for name, m in MODELS.items()
            }
        case "observables":
            peers = {ours: alias for alias, ours in ALIASES.items()}
            return {
                name: {"description": o.description, "unit": o.unit, "needs_q2": o.differential}
                | ({"flavio": peers[name]} if name in peers else {})
                for name, o in OBSERVABLES.items()
                if mode in (None, o.mode)
                or ((o.mode is None or mode in AVERAGES) and f"({mode}" in name)
            }
        case "measurements":
            return {
                m.name: {
                    "description": m.title,
                    "sources": list(m.sources),
                    "assumes_sm_spectrum": m.sm_spectrum,
                    "tree_tau": m.tree_tau,
                }
                for m in (load_measurements([name])[0] for name in measurement_names())
            } | {
                name: {
                    "description": about["description"],
                    "sources": about["sources"],
                    "assumes_sm_spectrum": False,
                    "tree_tau": about["tree_tau"],
                }
                for name, about in _records().items()
                if name not in measurement_names() and "error" not in about
            }
        case "records":
            return _records()
        case "presets":
            return {
                name: {"description": p["description"], "form_factors": p["form_factors"]}
                for name, p in tables.presets().items()
            } | {f"{t} sets": {"description": ", ".join(form_factor_sets(t))} for t in TRANSITIONS}
        case "cards":
            return {
                name: {"description": title} for name, title in shipped_cards(Path("fits")).items()
            }
    raise InputError(f"nothing to list under {what!r}", allowed=f"one of {', '.join(KINDS)}")


def _records() -> dict[str, Any]:
    """Records of the package and of the user: where their files are, what they measure."""
    found: dict[str, Any] = {}
    for name, record in known_records().items():
        if not isinstance(record, Record):
            line = str(record)
            found[name] = {"description": f"damaged: {line}", "status": "damaged", "error": line}
            continue
        c, data = record.content, record.data_set
        status = "added" if not record.published else "of the package"
        if data is not None and record.missing:
            compact = "its compact form" if c.compact else "no form"
            status += f", {compact} is here; `bsnunu data get {data.name}` downloads the files"
        found[name] = {
            "description": c.title,
            "status": status,
            "modes": list(dict.fromkeys(s.mode for s in c.signals)),
            "luminosity": c.luminosity,
            "sources": list(c.sources),
            "samples": list(c.samples),
            "tree_tau": c.tree_tau,
            "folder": None if record.published and record.missing else str(record.folder),
        }
    return found


def parameters(model: str) -> dict[str, Any]:
    """Parameters of a model with unit, meaning and LaTeX, and its settings with their values.

    Raises:
        InputError: for an unknown model.
    """
    m = get_model(model)
    described = {name: m.quantity(name) for name in m.parameters}
    return {
        "model": m.name,
        "description": m.description,
        "parameters": {
            name: {"unit": q.unit or "1", "description": q.meaning, "latex": q.latex}
            for name, q in described.items()
        },
        "settings": {name: list(values) for name, values in m.settings.items()},
        "note": m.note,
    }


def parameters_text(found: dict[str, Any]) -> str:
    """The same as a table."""
    rows = [(name, p["unit"], p["description"]) for name, p in found["parameters"].items()]
    rows += [
        (name, "setting", f"one of {', '.join(_plain(v) for v in values)}")
        for name, values in found["settings"].items()
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(2)]
    lines = [f"{name:<{widths[0]}}  {unit:<{widths[1]}}  {text}" for name, unit, text in rows]
    note = textwrap.wrap(found["note"], _WIDTH)
    return "\n".join([f"{found['model']}: {found['description']}", *lines, *note])


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_text(found: dict[str, Any]) -> str:
    """Two columns; of a model its parameters with their units below."""
    if not found:
        return "none here (cards are looked for in ./fits)"
    width = max(map(len, found))
    lines = []
    for name, entry in found.items():
        lines.append(f"{name:<{width}}  {entry['description']}")
        if "samples" in entry:
            lines += [" " * (width + 4) + line for line in _about_record(entry)]
        if name in MODELS and "units" in entry:
            lines += textwrap.wrap(
                _summary(MODELS[name]),
                _WIDTH,
                initial_indent=" " * (width + 4),
                subsequent_indent=" " * (width + 4),
                break_on_hyphens=False,
            )
    return "\n".join(lines)


def _about_record(entry: dict[str, Any]) -> list[str]:
    size = "" if entry["luminosity"] is None else f"; {entry['luminosity']:g}/ab"
    sources = f"; {', '.join(entry['sources'])}" if entry["sources"] else ""
    return [f"{', '.join(entry['modes'])}{size}{sources}", entry["status"]]


def _summary(model: Model) -> str:
    """Parameters by unit, families of coefficients under one name, and settings."""
    units: dict[str, list[str]] = {}
    for name in model.parameters:
        q = model.quantity(name)
        names = units.setdefault(q.unit, [])
        if (q.family or name) not in names:
            names.append(q.family or name)
    parts = [", ".join(names) + (f" [{unit}]" if unit else "") for unit, names in units.items()]
    if model.settings:
        parts.append(f"settings {', '.join(model.settings)}")
    return "; ".join(parts)


def inputs_json(preset: str) -> str:
    """Every number of a preset under its published name, form factors as coefficients."""
    content: dict[str, Any] = {name: n.value for name, n in tables.numbers(preset).items()}
    for transition, name in tables.preset(preset)["form_factors"].items():
        table = form_factor_set(transition, name)
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
        table = form_factor_set(transition, name)
        rows += ["", f"{transition}: {name} ({table.parametrisation}; {table.source})"]
        sigma = table.covariance.diagonal() ** 0.5
        rows += [
            f"  {p:<8}{c:> .6f} +- {s:.6f}"
            for p, c, s in zip(table.parameters, table.central, sigma, strict=True)
        ]
    return "\n".join(rows)
