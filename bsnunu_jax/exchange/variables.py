"""Variables of polynomials: parameters of a model by the names that files give them."""

from collections.abc import Mapping, Sequence
from typing import Any

from bsnunu_jax.exchange import names
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import USUAL_QUARKS
from bsnunu_jax.models import Model


def variables_of(
    model: Model, fixed: Mapping[str, Any], wanted: Sequence[str] | None, quarks: Sequence[str]
) -> dict[str, str]:
    """Names of the model's parameters by names in the file, alphabetically.

    Args:
        model: the model.
        fixed: its parameters and settings that are no variables.
        wanted: the variables, None for all that the model suggests.
        quarks: transitions of the observables, whose coefficients are suggested.

    Raises:
        InputError: for unknown names, or a model that suggests none.
    """
    pair = fixed.get("pair", "NN")
    own = fixed.get("quarks", USUAL_QUARKS)
    of_model = [s for s in names.SECTORS.values() if (s.model, s.quarks) == (model.name, own)]
    sector = next((s for s in of_model if pair in s.settings.get("pair", (pair,))), None)
    if model.name == "neutrinos":
        if fixed:
            raise InputError(
                f"{next(iter(fixed))!r} cannot be fixed",
                where="--set",
                allowed="all coefficients of neutrinos are variables",
            )
        known = dict(names.FROM_WCXF)
        default = [n for n in names.LEFT_HANDED if names.QUARKS_OF[n] in quarks]
    elif sector:
        known = sector.names()
        vanish = _vanishing(model, fixed)
        default = [n for n, o in known.items() if o not in vanish]
    else:
        known = {p: p for p in model.parameters}
        default = list(known) if model.name == "universal" else []
    if wanted is None and not default:
        raise InputError(
            f"model {model.name!r} has no variables of its own",
            where="--parameters",
            allowed=f"name some of {', '.join(known)}",
        )
    default = [name for name in default if known[name] not in fixed]
    short = {ours: name for name, ours in known.items()}
    found = []
    for name in default if wanted is None else wanted:
        if name not in known and name not in short:
            raise InputError(
                f"unknown parameter {name!r} of model {model.name!r}",
                where="--parameters",
                allowed=f"allowed: {', '.join(known)}",
            )
        found.append(name if name in known else short[name])
        if known[found[-1]] in fixed:
            raise InputError(
                f"{name!r} is both fixed and a variable", where="--parameters", allowed="keep one"
            )
    if not found or len(set(found)) < len(found):
        raise InputError("a parameter is missing or stands twice", where="--parameters")
    return {name: known[name] for name in sorted(found)}


def _vanishing(model: Model, fixed: Mapping[str, Any]) -> list[str]:
    """Operators that the rules of the model refuse with these settings."""
    given = {k: (v, v) for k, v in fixed.items()}
    found = []
    for o in model.parameters:
        refusal = model.rules(given | {o: (1.0, 1.0)}, False)
        if refusal and "vanishes" in refusal.what:
            found.append(o)
    return found


def kind(model: Model, fixed: Mapping[str, Any], variables: Mapping[str, str], name: str) -> str:
    """The letter C for a parameter that may be complex, R for one that must be real."""
    ranges = {k: (v, v) for k, v in fixed.items()}
    ranges |= {k: (1.0, 1.0) for k in variables.values()} | {name: (1j, 1j)}
    refusal = model.rules(ranges, False)
    return "R" if refusal and refusal.parameter == name and "complex" in refusal.what else "C"


def check(model: Model, fixed: Mapping[str, Any], variables: Mapping[str, str]) -> None:
    """Refuse what the model has no use for.

    Raises:
        InputError: naming the option.
    """
    ranges = {k: (v, v) for k, v in fixed.items()} | {k: (1.0, 1.0) for k in variables.values()}
    model.check_values(
        ranges, lambda n: "--parameters" if n in variables.values() else f"--set {n}"
    )


def quarks_of(model: Model, fixed: Mapping[str, Any], variables: Mapping[str, str]) -> set[str]:
    """The quark transitions that the variables belong to."""
    if model.name == "neutrinos":
        return {names.QUARKS_OF[name] for name in variables}
    return {fixed.get("quarks", USUAL_QUARKS)}
