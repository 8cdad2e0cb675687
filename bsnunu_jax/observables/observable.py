"""What a named observable is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from string import Template
from typing import Any

import jax.numpy as jnp
from jax.typing import ArrayLike

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.foundation.packaged import packaged
from bsnunu_jax.hadrons.transitions import get_decay
from bsnunu_jax.inputs import GROUPS, Inputs
from bsnunu_jax.inputs.nuisances import groups_of
from bsnunu_jax.states import States
from bsnunu_jax.states.sectors import sectors_of


@dataclass(frozen=True)
class Observable:
    """A named observable; `function` takes q2 [GeV^2] last if `differential`.

    `needs` says what is missing where the value is not finite; `dark` ones are of a model's dark
    matter. `groups` of uncertain inputs matter beside those of the mode, or where there is none
    those of the decay whose form factors it `reads`.
    """

    name: str
    function: Callable[..., Scalar]
    latex: str
    unit: str = "1"
    mode: str | None = None
    differential: bool = False
    description: str = ""
    needs: str = ""
    dark: bool = False
    groups: tuple[str, ...] = ()
    reads: str | None = None


def uncertain(
    observables: Iterable[Observable], decays: Iterable[str | None] = ()
) -> tuple[str, ...]:
    """The groups of inputs that these observables, and rates of further decays, depend on."""
    of = tuple(observables)
    found = {*groups_of((*(o.mode or o.reads for o in of), *decays))}
    found |= {group for o in of for group in o.groups}
    return tuple(group for group in GROUPS if group in found)


def need_form_factors(modes: Iterable[str | None], inputs: Inputs) -> None:
    """Refuse decays whose form factors nobody has named.

    Raises:
        InputError: naming the first such transition.
    """
    for mode in modes:
        transition = getattr(get_decay(mode), "transition", None) if mode else None
        if transition is not None:
            inputs.form_factors_of(transition)


def observable(key: str, function: Callable[..., Scalar], **words: str) -> Observable:
    """The observable of this key of data/observables.yaml, computed by a function.

    >>> observable("F_L(${mode}inv)", abs, mode="B0->K*0", tex="B", hadron="K*").name
    'F_L(B0->K*0inv)'
    """

    def filled(text: str) -> str:
        return Template(text).substitute(words)

    about = packaged("observables", "observables.yaml")[key]
    return Observable(
        filled(key),
        function,
        filled(about["latex"]),
        about.get("unit", "1"),
        filled(about["mode"]) if "mode" in about else None,
        about.get("q2", False),
        filled(about["description"]),
        filled(about.get("needs", "")),
        about.get("dark", False),
        tuple(about.get("groups", ())),
        filled(about["reads"]) if "reads" in about else None,
    )


def of_sector(
    sector: str,
    function: Callable[..., Scalar],
    *names: str,
    otherwise: float = 0.0,
    **options: Any,
) -> Callable[..., Scalar]:
    """A function of (names, coefficients of a sector, inputs, q2) as that of an observable.

    `otherwise` is the value for a model without the sector; `options` go to the function.
    """

    def at(states: States, inputs: Inputs, *q2: ArrayLike) -> Scalar:
        coefficients = sectors_of(states)[sector]
        if coefficients is None:
            return jnp.asarray(otherwise)
        return function(*names, coefficients, inputs, *q2, **options)

    return at
