"""The models that cards and commands know, each a function of named parameters."""

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

import jax.numpy as jnp

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.models import pairs as _pairs
from bsnunu_jax.models import resonance as _resonance
from bsnunu_jax.models.correlated import correlated_models
from bsnunu_jax.models.model import Model as Model
from bsnunu_jax.models.model import Parameters as Parameters
from bsnunu_jax.models.quantities import Quantity, flavour, with_flavours
from bsnunu_jax.models.values import real
from bsnunu_jax.states import InvisibleState, Neutrinos, Scaled, Universal
from bsnunu_jax.states import neutrinos as _neutrinos
from bsnunu_jax.states import universal as _universal


def _coefficient(name: str) -> Quantity:
    """One of C_L, C_R of left-handed neutrinos and, primed, of right-handed ones."""
    stem, (i, j) = name.partition("_")[0], with_flavours(name)
    hand, prime = stem[1], "'{}" if stem.endswith("p") else ""
    kind = "right" if prime else "left"
    return Quantity(
        rf"C_{hand}{prime}^{{{flavour(i, j)}}}",
        f"new physics in (sbar gamma P_{hand} b)(nubar_{i} gamma nu_{j}), {kind}-handed neutrinos",
        family=f"{stem}_ij",
    )


_NEUTRINOS = {name: _coefficient(name) for name in _neutrinos.COEFFICIENTS}
_UNIVERSAL = {
    f"c{kind}": Quantity(f"c_{{{kind}}}", meaning)
    for kind, meaning in (
        ("VL", "vector current, left-handed quarks; the total, SM included"),
        ("VR", "vector current, right-handed quarks; B -> K sees cVL + cVR"),
        ("SL", "scalar current, left-handed quarks; B -> K sees cSL + cSR"),
        ("SR", "scalar current, right-handed quarks"),
        ("TL", "tensor current"),
    )
}
_STRENGTH = {"mu": Quantity(r"\mu", "rate over that of the SM, the total: 1 is the SM")}


def _build_neutrinos(parameters: Parameters, inputs: Inputs) -> tuple[InvisibleState, ...]:
    return (Neutrinos.named(parameters),)


def _build_universal(parameters: Parameters, inputs: Inputs) -> tuple[InvisibleState, ...]:
    return (Universal(**({"cVL": -inputs.C_L_SM} | dict(parameters))),)


def _build_signal_strength(parameters: Parameters, inputs: Inputs) -> tuple[InvisibleState, ...]:
    return (Scaled(Neutrinos(), jnp.real(jnp.asarray(parameters.get("mu", 1.0)))),)


MODELS: Mapping[str, Model] = MappingProxyType(
    {
        "neutrinos": Model(
            "neutrinos",
            "massless neutrinos with flavour, Eq. (7) of arXiv:2309.12741; new "
            "physics only, SM added",
            _neutrinos.COEFFICIENTS,
            _build_neutrinos,
            "CL_ij: i is the barred neutrino; flavio's CL_bsnu{j}nu{i} has the indices transposed",
            quantities=_NEUTRINOS,
        ),
        "universal": Model(
            "universal",
            "EOS sbnunu: equal for the three flavours, with scalar and tensor coefficients",
            _universal.COEFFICIENTS,
            _build_universal,
            "cVL is the total, SM included (its default is the SM value); cVL = -C_L, cVR = -C_R",
            quantities=_UNIVERSAL,
        ),
        "signal-strength": Model(
            "signal-strength",
            "the SM spectrum of neutrinos times mu",
            ("mu",),
            _build_signal_strength,
            "mu is the total: 1 (its default) is the SM, it may be negative",
            real("mu"),
            quantities=_STRENGTH,
        ),
        "resonance": Model(
            "resonance",
            "SM neutrinos and an invisible X of mass m [GeV]: Breit-Wigner in q2, "
            "two-body for width 0",
            _resonance.PARAMETERS,
            _resonance.build,
            "S: (sbar b) X, seen in K; P: (sbar i gamma5 b) X, seen in K*; BR of B+ "
            "-> K+ X, unseen X,"
            " in place of S",
            _resonance.refuse,
            quantities=_resonance.QUANTITIES,
        ),
        **{
            name: Model(
                name,
                description,
                pair.parameters,
                pair.build,
                note,
                pair.refuse,
                pair.settings,
                remarks=pair.remarks,
                quantities=pair.quantities,
                strength=pair.strength,
            )
            for name, description, note, pair in (
                (
                    "scalar-pair",
                    "SM neutrinos and a pair of invisible scalars of mass m [GeV]",
                    "S: (sbar b)(phi* phi), V: (sbar gamma b)(phi* i<->d phi), P, A: "
                    "with gamma5 between"
                    " the quarks; or operator and Lambda [TeV], C = 1/Lambda (S, P), "
                    "1/Lambda^2 (V, A)",
                    _pairs.SCALARS,
                ),
                (
                    "fermion-pair",
                    "SM neutrinos and a pair of invisible fermions, masses m or m1, m2",
                    "Eq. (19) of arXiv:2309.12741, P and A with gamma5 between the "
                    "quarks [GeV^-2]; or"
                    " operator and Lambda [TeV], C = 1/Lambda^2",
                    _pairs.FERMIONS,
                ),
                (
                    "vector-pair",
                    "SM neutrinos and a pair of invisible vectors of mass m [GeV]",
                    "Eq. (20) of arXiv:2309.12741, P and A with gamma5 between the "
                    "quarks; or operator and"
                    " Lambda [TeV] with the powers of m of Eq. (21)",
                    _pairs.VECTORS,
                ),
                (
                    "sterile-neutrino",
                    "SM neutrinos and a pair N Nbar or nu N with N of mass mN [GeV]",
                    "V_XY, S_XY, T_XX with chiralities of the quark and the lepton "
                    "current [GeV^-2]; or"
                    " operator and Lambda [TeV], C = 1/Lambda^2",
                    _pairs.STERILE,
                ),
            )
        },
        **correlated_models(),
    }
)


def get_model(name: str, where: str = "") -> Model:
    """The model called `name`.

    Raises:
        InputError: for an unknown name.
    """
    if name not in MODELS:
        near = get_close_matches(name.lower(), MODELS, 2, 0.6)
        meant = f"perhaps {' or '.join(near)}; " if near else ""
        raise InputError(
            f"unknown model {name!r}", where=where, allowed=f"{meant}models: {', '.join(MODELS)}"
        )
    return MODELS[name]


def quantity(name: str) -> Quantity | None:
    """What a parameter of this name is, of the first model that has it."""
    return next((m.quantities[name] for m in MODELS.values() if name in m.quantities), None)
