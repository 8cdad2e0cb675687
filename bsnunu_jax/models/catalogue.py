"""The models that cards and commands know, each a function of named parameters."""

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

import jax.numpy as jnp

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.models import (
    hnl,
    light_particles,
    mediators,
    pairs,
    relations,
    resonance,
    smeft,
    vlq_dm,
    zprime,
)
from bsnunu_jax.models.leptoquarks import LEPTOQUARKS, RPV, build_rpv, domain_rpv, refuse_rpv
from bsnunu_jax.models.model import Model as Model
from bsnunu_jax.models.model import Parameters as Parameters
from bsnunu_jax.models.model import model
from bsnunu_jax.models.quantities import Quantity
from bsnunu_jax.models.values import real
from bsnunu_jax.states import Neutrinos, Scaled, Universal
from bsnunu_jax.states import universal as _universal

_MODELS = (
    model(
        "neutrinos",
        relations.PARAMETERS,
        relations.build,
        relations.refuse,
        settings=relations.SETTINGS,
    ),
    model(
        "universal",
        _universal.COEFFICIENTS,
        lambda p, inputs: (Universal(**({"cVL": -inputs.C_L_SM} | dict(p))),),
    ),
    model(
        "signal-strength",
        ("mu",),
        lambda p, _: (Scaled(Neutrinos(), jnp.real(jnp.asarray(p.get("mu", 1.0)))),),
        real("mu"),
    ),
    model(
        "resonance",
        resonance.PARAMETERS,
        resonance.build,
        resonance.refuse,
        settings=resonance.SETTINGS,
    ),
    *(
        model(
            name,
            p.parameters,
            p.build,
            p.refuse,
            settings=p.settings,
            remarks=p.remarks,
            strength=p.strength,
        )
        for name, p in pairs.PAIRS.items()
    ),
    model(
        "alp",
        light_particles.ALP,
        light_particles.build_alp,
        light_particles.refuse_alp,
        settings=light_particles.SETTINGS,
    ),
    model(
        "dark-higgs",
        light_particles.DARK_HIGGS,
        light_particles.build_dark_higgs,
        light_particles.refuse_dark_higgs,
        settings=light_particles.OF_LOOPS,
    ),
    model(
        "light-zprime",
        light_particles.LIGHT_ZPRIME,
        light_particles.build_light_zprime,
        light_particles.refuse_light_zprime,
        settings=light_particles.SETTINGS,
    ),
    model("hnl", hnl.PARAMETERS, hnl.build, hnl.refuse, settings=hnl.SETTINGS),
    *(
        model(name, m.parameters, m.build, m.refuse, settings=m.settings, domain=m.domain)
        for name, m in mediators.MEDIATORS.items()
    ),
    *(model(lq.name, lq.parameters, lq.build, lq.rules, domain=lq.domain) for lq in LEPTOQUARKS),
    model("rpv", RPV, build_rpv, refuse_rpv, domain=domain_rpv),
    model(
        "smeft",
        smeft.PARAMETERS,
        smeft.build,
        smeft.refuse,
        settings=smeft.SETTINGS,
        domain=smeft.domain,
        constants=("scale",),
    ),
    model("zprime", zprime.PARAMETERS, zprime.build, zprime.refuse, domain=zprime.domain),
    model(
        "lmu-ltau",
        zprime.LMU_LTAU,
        zprime.build_lmu_ltau,
        zprime.refuse_lmu_ltau,
        domain=zprime.domain_lmu_ltau,
    ),
    model(
        "vlq-dm",
        vlq_dm.PARAMETERS,
        vlq_dm.build,
        vlq_dm.refuse,
        settings=vlq_dm.SETTINGS,
        domain=vlq_dm.domain,
    ),
)
MODELS: Mapping[str, Model] = MappingProxyType({m.name: m for m in _MODELS})


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
