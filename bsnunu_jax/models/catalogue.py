"""The models that cards and commands know, each a function of named parameters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import jax.numpy as jnp
from jax.typing import ArrayLike

from bsnunu_jax.errors import InputError
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.invisible import InvisibleState, Neutrinos, Scaled, Universal
from bsnunu_jax.invisible import neutrinos as _neutrinos
from bsnunu_jax.invisible import universal as _universal
from bsnunu_jax.models import resonance as _resonance
from bsnunu_jax.models.values import Ranges, Rules, anything, real

Parameters = Mapping[str, ArrayLike]


@dataclass(frozen=True)
class Model:
    """A named model: `build` turns parameters (absent ones at their default) into final states."""

    name: str
    description: str
    parameters: tuple[str, ...]
    build: Callable[[Parameters, Inputs], tuple[InvisibleState, ...]]
    note: str = ""
    rules: Rules = anything

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
            if name not in self.parameters:
                shown = self.parameters if len(self.parameters) < 12 else _short(self.parameters)
                raise InputError(
                    f"unknown parameter {name!r} of model {self.name!r}",
                    where=where, allowed=f"allowed: {', '.join(shown)}",
                )  # fmt: skip


def _short(names: tuple[str, ...]) -> list[str]:
    """CL_ee .. CL_tautau instead of nine names."""
    stems = dict.fromkeys(n.partition("_")[0] for n in names)
    return [f"{stem}_ij" for stem in stems] + ["with i, j in e, mu, tau"]


def _build_neutrinos(parameters: Parameters, inputs: Inputs) -> tuple[InvisibleState, ...]:
    return (Neutrinos.named(parameters),)


def _build_universal(parameters: Parameters, inputs: Inputs) -> tuple[InvisibleState, ...]:
    return (Universal(**({"cVL": -inputs.C_L_SM} | dict(parameters))),)


def _build_signal_strength(parameters: Parameters, inputs: Inputs) -> tuple[InvisibleState, ...]:
    return (Scaled(Neutrinos(), jnp.real(jnp.asarray(parameters.get("mu", 1.0)))),)


MODELS: Mapping[str, Model] = MappingProxyType({
    "neutrinos": Model(
        "neutrinos",
        "massless neutrinos with flavour, Eq. (7) of arXiv:2309.12741; new physics only, SM added",
        _neutrinos.COEFFICIENTS,
        _build_neutrinos,
        "CL_ij: i is the barred neutrino; flavio's CL_bsnu{j}nu{i} has the indices transposed",
    ),
    "universal": Model(
        "universal",
        "EOS sbnunu: equal for the three flavours, with scalar and tensor coefficients",
        _universal.COEFFICIENTS,
        _build_universal,
        "cVL is the total, SM included (its default is the SM value); cVL = -C_L, cVR = -C_R",
    ),
    "signal-strength": Model(
        "signal-strength",
        "the SM spectrum of neutrinos times mu",
        ("mu",),
        _build_signal_strength,
        "mu is the total: 1 (its default) is the SM, it may be negative",
        real("mu"),
    ),
    "resonance": Model(
        "resonance",
        "SM neutrinos and an invisible X of mass m [GeV]: Breit-Wigner in q2, two-body for width 0",
        _resonance.PARAMETERS,
        _resonance.build,
        "S: (sbar b) X, seen in K; P: (sbar i gamma5 b) X, seen in K*; BR of B+ -> K+ X, unseen X,"
        " in place of S",
        _resonance.refuse,
    ),
})  # fmt: skip


def get_model(name: str, where: str = "") -> Model:
    """The model called `name`.

    Raises:
        InputError: for an unknown name.
    """
    if name not in MODELS:
        raise InputError(
            f"unknown model {name!r}", where=where, allowed=f"models: {', '.join(MODELS)}"
        )
    return MODELS[name]
