"""`bsnunu predict --sm`: SM values of all decays with uncertainties, beside published ones."""

from collections.abc import Sequence
from typing import Any

from bsnunu_jax.foundation.packaged import packaged
from bsnunu_jax.hadrons.transitions import AVERAGES, MODES, QUARKS
from bsnunu_jax.inputs import tables
from bsnunu_jax.observables.catalogue import POLARISED
from bsnunu_jax.runs.given import inputs_of
from bsnunu_jax.runs.predict import predict

# Draws of the inputs: the uncertainty is good to 4 %.
DRAWS = 300


def standard_model(
    *,
    preset: str = "default",
    form_factors: Sequence[str] = (),
    errors: int | None = None,
    seed: int = 1,
) -> dict[str, Any]:
    """Branching fractions, and F_L where there is one, of every decay that has an SM value.

    Args:
        preset: name of the inputs.
        form_factors: "B->K=SET" to replace the preset's sets.
        errors: number of draws of the inputs, `DRAWS` if None.
        seed: of the draws.

    Returns:
        preset, remarks, and by name "value" and "std" with: "published", value, uncertainty, source
        and the place in it as they were read, or None; "not_read", why there is none; "programs",
        values of other programs by name and version; "difference", why one of these is further
        away than the uncertainties.

    Raises:
        InputError: for unknown names.
    """
    known = inputs_of(preset, form_factors).form_factors
    modes = [m for m in MODES.values() if QUARKS[m.quarks].sm]
    names = [f"BR({m.name}inv)" for m in modes if m.transition in known]
    names += [f"BR({average}inv)" for average in AVERAGES]
    names += [f"F_L({m.name}inv)" for m in modes if m.spin in POLARISED and m.transition in known]
    options: dict[str, Any] = {"preset": preset, "form_factors": form_factors, "seed": seed}
    found = predict(names, errors=DRAWS if errors is None else errors, **options)
    beside = packaged("runs", "standard_model.yaml")
    programs = packaged("runs", "standard_model_programs.yaml")["programs"]
    # The hint is of `predict` with names.
    said = (line.replace(", --tree-tau adds it", "") for line in found.get("remarks", ()))
    remarks = list(dict.fromkeys(line for line in said if "SM values for" not in line))
    table = tables.numbers(preset)
    factors = dict.fromkeys(QUARKS[m.quarks].ckm for m in modes)
    exact = [name for name in factors if not table[name].uncertainty]
    if exact:
        remarks.append(f"preset {preset!r} has no uncertainty of {', '.join(exact)}")
    if stated := [m.name for m in modes if m.stated]:
        remarks.append(
            f"{', '.join(stated)}: stated SM values with their uncertainty, which do not follow"
            " |VtbVts|"
        )
    left_out = dict.fromkeys(m.transition for m in modes if m.transition not in known)
    if left_out:
        remarks.append(f"no set of form factors is named for {', '.join(left_out)}: left out")
    return {
        "preset": preset,
        "remarks": remarks,
        "observables": {
            name: {
                **entry,
                "published": beside["published"].get(name),
                "not_read": beside["not_read"].get(name),
                "programs": {p: values[name] for p, values in programs.items() if name in values},
                "difference": beside["differences"].get(name),
            }
            for name, entry in found["observables"].items()
        },
    }


def as_table(result: dict[str, Any]) -> str:
    """The same as aligned text, with a line below for each difference."""
    found = result["observables"]
    programs = list(dict.fromkeys(p for entry in found.values() for p in entry["programs"]))
    rows = [("", "here", "published", *programs, "source of what is published")]
    for name, entry in found.items():
        known = entry["published"]
        there = "-" if known is None else _number(known, "uncertainty")
        values = entry["programs"]
        others = [f"{values[p]:.3g}" if p in values else "-" for p in programs]
        rows.append((name, _number(entry, "std"), there, *others, _source(entry)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    lines = []
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, (*widths, 0), strict=True))
        lines.append("  ".join(cells).rstrip())
    head = f"Standard Model, preset {result['preset']}; uncertainties are those of the inputs"
    notes = [f"  {name}: {why}" for name, entry in found.items() if (why := entry["difference"])]
    if notes and result["preset"] == "default":
        lines += ["further away than the uncertainties, because:", *notes]
    return "\n".join([head, *(f"  {line}" for line in result["remarks"]), *lines])


def _source(entry: dict[str, Any]) -> str:
    """Where the published value stands, or why there is none."""
    known = entry["published"]
    if known is None:
        return str(entry["not_read"])
    return ", ".join(filter(None, (known["source"], known["where"])))


def _number(entry: dict[str, Any], error: str) -> str:
    """In powers of ten of its own, with the digits of its uncertainty."""
    value, sigma = entry["value"], entry[error]
    return f"{value:.3g}" if sigma is None else f"{value:.3g} +- {sigma:.2g}"
