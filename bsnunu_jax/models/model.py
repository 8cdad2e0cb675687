"""What a named model is."""

import cmath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from bsnunu_jax.foundation.errors import InputError, shown, worded
from bsnunu_jax.foundation.plain_numbers import complex_number
from bsnunu_jax.hadrons.transitions import QUARKS, normalised
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.models.quantities import Quantities, Quantity, described, spelled, texts
from bsnunu_jax.models.strength import Strength, no_strength
from bsnunu_jax.models.values import Domain, Ranges, Rules, Settings, all_of, first_of
from bsnunu_jax.states import InvisibleState
from bsnunu_jax.states.sectors import Sectors

Parameters = Mapping[str, Any]
_NO_RULES, _NO_LIMITS = first_of(), all_of()


def _no_remarks(parameters: Parameters, inputs: Inputs) -> list[str]:
    return []


@dataclass(frozen=True, eq=False)
class Model:
    """A named model: `build` turns parameters (absent ones at their default) into final states.

    A model of more than invisible states builds `Sectors`.

    Numbers are `parameters`, which a card may fit; `settings` are names or true and false.
    `remarks` are lines for the output about given parameters. `quantities` say what every parameter
    is. `strength` is that of the one operator which given parameters and settings choose, beside
    the SM neutrinos; None for other models. `constants` are parameters that no program takes as an
    argument.
    """

    name: str
    description: str
    parameters: tuple[str, ...]
    build: Callable[[Parameters, Inputs], tuple[InvisibleState, ...] | Sectors]
    note: str = ""
    rules: Rules = _NO_RULES
    settings: Settings = field(default_factory=dict)
    domain: Domain = _NO_LIMITS
    remarks: Callable[[Parameters, Inputs], list[str]] = _no_remarks
    quantities: Quantities = field(default_factory=dict)
    strength: Callable[[Parameters], Strength | None] = no_strength
    constants: tuple[str, ...] = ()

    def quantity(self, name: str) -> Quantity:
        """What a parameter is; its name alone where nothing is known of it."""
        return self.quantities.get(name, Quantity(spelled(name), ""))

    def check_domain(
        self, ranges: Ranges, where: Callable[[str], str], how: str = "warn"
    ) -> list[str]:
        """One line for every parameter whose values leave the domain of the model.

        Args:
            ranges: lowest and highest value that every given parameter may take.
            where: place of a parameter.
            how: "warn", "error", or "ignore" for no line at all.

        Raises:
            InputError: for the first one, if `how` says so.
        """
        if how == "ignore":
            return []
        found = [
            InputError(r.what, where=where(r.parameter), allowed=r.allowed)
            for r in self.domain(ranges)
        ]
        if found and how == "error":
            raise found[0]
        return [str(error) for error in found]

    def check_values(
        self, ranges: Ranges, where: Callable[[str], str], *, fit: bool = False
    ) -> None:
        """Refuse values that the model has no use for.

        Args:
            ranges: lowest and highest value that every given parameter may take.
            where: place of a parameter, for messages.
            fit: the values are those of a fit.

        Raises:
            InputError: naming the first parameter.
        """
        refusal = self.rules(ranges, fit)
        if refusal:
            raise InputError(refusal.what, where=where(refusal.parameter), allowed=refusal.allowed)

    def check(self, names: Mapping[str, object] | tuple[str, ...], where: str = "") -> None:
        """Refuse parameters that the model does not have.

        Raises:
            InputError: naming the first unknown one.
        """
        for name in names:
            if name not in self.parameters and name not in self.settings:
                _refuse_without_sm(name, where)
                known = (*self.parameters, *self.settings)
                shown = _short(known) if self.name == "neutrinos" else known
                usual = name.replace("_bs_", "_")  # names of b -> s carry no letters
                near = [usual] if usual in known else get_close_matches(name, known, 2, 0.8)
                meant = f"perhaps {' or '.join(near)}; " if near else ""
                raise InputError(
                    f"unknown parameter {name!r} of model {self.name!r}",
                    where=where,
                    allowed=f"{meant}allowed: {', '.join(shown)}",
                )

    def read(self, name: str, given: object, where: str = "") -> Any:
        """The value of a parameter (a number or its text) or setting, finite and allowed.

        Raises:
            InputError: for a wrong type or a value that is not allowed.
        """
        if name in self.settings:
            allowed = self.settings[name]
            text = given if isinstance(given, str) else shown(given)
            text = text.lower() if isinstance(allowed[0], bool) else text
            for value in allowed:
                if text == (str(value).lower() if isinstance(value, bool) else value):
                    return value
            names = ", ".join(str(v).lower() if isinstance(v, bool) else v for v in allowed)
            raise InputError(f"{name} = {worded(given)}", where=where, allowed=f"one of {names}")
        form = "real or complex, e.g. -11 or 1+2j"
        try:
            value = _number(given)
        except (ValueError, OverflowError) as error:
            what = "is too large for a number" if isinstance(error, OverflowError) else str(error)
            raise InputError(f"{shown(given)} {what}", where=where, allowed=form) from None
        if not cmath.isfinite(value):
            raise InputError(f"{shown(given)} is not finite", where=where)
        return value.real if value.imag == 0 else value


def model(
    name: str,
    parameters: Sequence[str],
    build: Callable[[Parameters, Inputs], tuple[InvisibleState, ...] | Sectors],
    rules: Rules = _NO_RULES,
    **more: Any,
) -> Model:
    """A model with the texts of data/models.yaml; further fields of `Model` by name."""
    about, quantities = texts(name), described(name, parameters)
    note, known = about.get("note", ""), tuple(parameters)
    return Model(
        name, about["description"], known, build, note, rules, quantities=quantities, **more
    )


def _number(given: Any) -> complex:
    if isinstance(given, str):
        return complex_number(given)
    try:
        if not isinstance(given, bool):
            return complex(given)
    except TypeError:
        pass
    raise ValueError("is not a number")


def _refuse_without_sm(name: str, where: str) -> None:
    """A name such as CL_cu_tautau, of a quark transition in which neutrinos have no coefficients.

    Raises:
        InputError: for one.
    """
    _, _, letters = name.rpartition("_")[0].partition("_")
    for quarks in QUARKS.values():
        if letters and letters == quarks.letters:
            normalised(quarks.name, where)


def _short(names: tuple[str, ...]) -> list[str]:
    """CL_ee .. CL_tautau instead of nine names."""
    stems = dict.fromkeys(n.rpartition("_")[0] for n in names if "_" in n)
    others = [n for n in names if "_" not in n]
    return [*others, *(f"{stem}_ij" for stem in stems), "with i, j in e, mu, tau"]
