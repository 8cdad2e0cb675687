"""R-parity violating supersymmetry: W = lamp_{ijk} L_i Q_j D^c_k with squarks that are leptoquarks.

A left-handed squark doublet of generation j is S2tilde with lam_{ki} = lamp_{ijk}, a right-handed
down squark of generation k is S0 with lam_{ji} = lamp_{ijk}. Sums over generations lift rank 1.
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from bsnunu_jax.inputs import Inputs
from bsnunu_jax.models.couplings import (
    above_reach,
    all_of,
    array,
    first_of,
    flat,
    perturbative,
    positive,
    real_value,
)
from bsnunu_jax.models.leptoquarks import S0, S2TILDE
from bsnunu_jax.models.matching import (
    PER_TEV2,
    charged_current,
    charged_leptons,
    neutrino_coefficient,
)
from bsnunu_jax.models.values import Ranges, Refusal, real
from bsnunu_jax.states import Neutrinos
from bsnunu_jax.states.sectors import Sectors

_GENERATIONS = (1, 2, 3)
_COUPLINGS = tuple(
    tuple(f"lamp_{i}{j}{k}" for j in _GENERATIONS for k in _GENERATIONS) for i in _GENERATIONS
)
_NEEDED = ("m_sdL", "m_sdR")
MASSES = tuple(f"{name}{g}" for name in ("m_sdL", "m_suL", "m_sdR") for g in _GENERATIONS)
PARAMETERS = (*MASSES, *flat(_COUPLINGS))

domain = all_of(perturbative(flat(_COUPLINGS)), above_reach(*MASSES))
_rules = first_of(real(*MASSES), *(positive(m, "mass", "TeV", "2", needed=False) for m in MASSES))


def refuse(ranges: Ranges, fit: bool) -> Refusal | None:
    """Masses above 0, at least one of them of a squark that couples to neutrinos."""
    found = _rules(ranges, fit)
    if found:
        return found
    for g in _GENERATIONS:
        if f"m_suL{g}" in ranges and f"m_sdL{g}" not in ranges:
            return Refusal(
                f"m_suL{g}",
                f"'m_suL{g}' without 'm_sdL{g}'",
                f"give m_sdL{g}; m_suL{g} is equal to it by default",
            )
    if not any(name.startswith(_NEEDED) for name in ranges):
        return Refusal(
            "m_sdL3",
            "no squark mass is given",
            f"give one of {', '.join(m for m in MASSES if m.startswith(_NEEDED))}"
            " in TeV, e.g. m_sdR3 = 2",
        )
    return None


def build(parameters: Mapping[str, Any], inputs: Inputs) -> Sectors:
    """Coefficients; a squark without a mass is decoupled, m_suL is m_sdL by default."""
    # Axes: lepton, generation of Q, generation of D^c.
    lamp = array(parameters, _COUPLINGS).reshape(3, 3, 3)
    doublets = {g: lamp[:, g - 1, :].T for g in _GENERATIONS if f"m_sdL{g}" in parameters}
    singlets = {g: lamp[:, :, g - 1].T for g in _GENERATIONS if f"m_sdR{g}" in parameters}

    def per_m2(name: str, default: str | None = None) -> Float[Array, ""]:
        given = name if name in parameters or default is None else default
        return PER_TEV2 / real_value(parameters, given) ** 2

    zero = jnp.zeros((3, 3), dtype=complex)
    of_neutrinos = sum((per_m2(f"m_sdL{g}") * S2TILDE.bs(x) for g, x in doublets.items()), zero)
    of_charged = sum(
        (per_m2(f"m_suL{g}", f"m_sdL{g}") * S2TILDE.bs(x) for g, x in doublets.items()), zero
    )
    left = sum((per_m2(f"m_sdR{g}") * S0.bs(x) for g, x in singlets.items()), zero)
    current = sum((per_m2(f"m_sdR{g}") * S0.bc(x, inputs) for g, x in singlets.items()), zero)
    return Sectors(
        (
            Neutrinos(
                CL=neutrino_coefficient(S0.neutrinos * left, inputs),
                CR=neutrino_coefficient(S2TILDE.neutrinos * of_neutrinos, inputs),
            ),
        ),
        charged_leptons(inputs, RL=S2TILDE.charged * of_charged),
        charged_current(S0.current * current, inputs),
    )
