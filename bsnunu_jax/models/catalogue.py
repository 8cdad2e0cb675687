"""The models that cards and commands know, each a function of named parameters."""

import cmath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import jax.numpy as jnp

from bsnunu_jax.errors import InputError
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.invisible import InvisibleState, Neutrinos, Scaled, Universal
from bsnunu_jax.invisible import neutrinos as _neutrinos
from bsnunu_jax.invisible import universal as _universal
from bsnunu_jax.models import pairs as _pairs
from bsnunu_jax.models import resonance as _resonance
from bsnunu_jax.models.values import (
    Domain,
    Ranges,
    Rules,
    Settings,
    anything,
    everywhere,
    real,
)
from bsnunu_jax.sectors import Sectors

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Model:
    """A named model: `build` turns parameters (absent ones at their default) into final states.

    A model of more than invisible states builds `Sectors`.

    Numbers are `parameters`, which a card may fit; `settings` are names or true and false.
    """

    name: str
    description: str
    parameters: tuple[str, ...]
    build: Callable[[Parameters, Inputs], tuple[InvisibleState, ...] | Sectors]
    note: str = ""
    rules: Rules = anything
    settings: Settings = field(default_factory=dict)
    domain: Domain = everywhere

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
                known = (*self.parameters, *self.settings)
                shown = _short(known) if self.name == "neutrinos" else known
                raise InputError(
                    f"unknown parameter {name!r} of model {self.name!r}",
                    where=where, allowed=f"allowed: {', '.join(shown)}",
                )  # fmt: skip

    def read(self, name: str, given: object, where: str = "") -> Any:
        """The value of a parameter (a number or its text) or setting, finite and allowed.

        Raises:
            InputError: for a wrong type or a value that is not allowed.
        """
        if name in self.settings:
            allowed = self.settings[name]
            text = str(given).lower() if isinstance(allowed[0], bool) else str(given)
            for value in allowed:
                if text == (str(value).lower() if isinstance(value, bool) else value):
                    return value
            shown = ", ".join(str(v).lower() if isinstance(v, bool) else v for v in allowed)
            raise InputError(f"{name} = {given}", where=where, allowed=f"one of {shown}")
        try:
            if isinstance(given, bool):
                raise ValueError
            text = str(given).strip("()").replace(" ", "")
            value = complex(text[:-1] + "j" if text.endswith("i") else text)
        except (TypeError, ValueError):
            raise InputError(
                f"{given!r} is not a number", where=where,
                allowed="real or complex, e.g. -11 or 1+2j",
            ) from None  # fmt: skip
        if not cmath.isfinite(value):
            raise InputError(f"{given!r} is not finite", where=where)
        return value.real if value.imag == 0 else value


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
    **{
        name: Model(
            name, description, pair.parameters, pair.build, note, pair.refuse, pair.settings
        )
        for name, description, note, pair in (
            ("scalar-pair", "SM neutrinos and a pair of invisible scalars of mass m [GeV]",
             "S: (sbar b)(phi* phi), V: (sbar gamma b)(phi* i<->d phi), P, A: with gamma5 between"
             " the quarks; or operator and Lambda [TeV], C = 1/Lambda (S, P), 1/Lambda^2 (V, A)",
             _pairs.SCALARS),
            ("fermion-pair", "SM neutrinos and a pair of invisible fermions, masses m or m1, m2",
             "Eq. (19) of arXiv:2309.12741, P and A with gamma5 between the quarks [GeV^-2]; or"
             " operator and Lambda [TeV], C = 1/Lambda^2", _pairs.FERMIONS),
            ("vector-pair", "SM neutrinos and a pair of invisible vectors of mass m [GeV]",
             "Eq. (20) of arXiv:2309.12741, P and A with gamma5 between the quarks; or operator and"
             " Lambda [TeV] with the powers of m of Eq. (21)", _pairs.VECTORS),
            ("sterile-neutrino", "SM neutrinos and a pair N Nbar or nu N with N of mass mN [GeV]",
             "V_XY, S_XY, T_XX with chiralities of the quark and the lepton current [GeV^-2]; or"
             " operator and Lambda [TeV], C = 1/Lambda^2", _pairs.STERILE),
        )
    },
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
