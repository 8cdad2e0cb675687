r"""The model `hnl`: a heavy neutral lepton N that mixes with the neutrinos of the SM.

nu_i -> V_il nu_l + U_i N with V V^dagger = 1 - U U^dagger: the SM's C_L gives nu nubar with
C_L (1 - U U^dagger), nu Nbar and N nubar with |C_L|^2 U^2 (1 - U^2) together twice, and N Nbar with
C_L U^2, U^2 = sum |U_i|^2. For m_N -> 0 their sum is the SM. Of b -> s and b -> d, whose SM
coefficient is the same for all flavours; phases of U drop out.
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from bsnunu_jax.inputs import Inputs
from bsnunu_jax.models.matching import LEPTONS, real_value
from bsnunu_jax.models.values import (
    CTAU,
    Ranges,
    Refusal,
    Settings,
    first_of,
    largest,
    lifetimes,
    lowest,
    real,
)
from bsnunu_jax.states import InvisibleState, Neutrinos, SterileNeutrino, Unstable

MIXINGS = tuple(f"U2_{i}" for i in LEPTONS)
PARAMETERS = ("mN", *MIXINGS, CTAU)
SETTINGS: Settings = {"majorana": (False, True)}
_QUARKS = ("b->s", "b->d")


def build(parameters: Mapping[str, Any], inputs: Inputs) -> tuple[InvisibleState, ...]:
    """Neutrinos, nu N and N N of every transition; parameters that `refuse` lets pass."""
    p = parameters
    squares = jnp.stack([real_value(p, name) for name in MIXINGS])
    U, U2 = jnp.sqrt(squares), jnp.sum(squares)
    less = -jnp.outer(U, U)
    mN = real_value(p, "mN")
    found: list[InvisibleState] = []
    for quarks in _QUARKS:
        # O_L has 1 - gamma_5 between the neutrinos.
        K = 2 * inputs.normalisation(quarks) * inputs.sm_coefficient(quarks)
        one = SterileNeutrino(mN, pair="nuN", quarks=quarks, V_LL=K * jnp.sqrt(2 * U2 * (1 - U2)))
        two = SterileNeutrino(
            mN, pair="NN", majorana=bool(p.get("majorana", False)), quarks=quarks, V_LL=K * U2
        )
        if CTAU in p:
            ctau = real_value(p, CTAU)
            found += [Unstable(one, None, ctau), Unstable(two, ctau)]
        else:
            found += [one, two]
    CL, elsewhere = (less * inputs.sm_coefficient(q) for q in _QUARKS)
    return Neutrinos(CL=CL, elsewhere={_QUARKS[1]: {"CL": elsewhere}}), *found


def _mixing(ranges: Ranges, fit: bool) -> Refusal | None:
    if "mN" not in ranges:
        return Refusal("mN", "the mass 'mN' is missing", "give it in GeV, e.g. mN = 1.5")
    if lowest(ranges, "mN") < 0:
        return Refusal("mN", "the mass 'mN' is or can be below 0", "keep it at 0 or above")
    given = [name for name in MIXINGS if name in ranges]
    if not given:
        return Refusal("mN", "no mixing is given", f"one of {', '.join(MIXINGS)}")
    for name in given:
        if lowest(ranges, name) < 0:
            return Refusal(name, f"{name!r} = |U|^2 is or can be below 0", "0 to 1")
    if sum(largest(ranges, name) for name in given) > 1:
        return Refusal(given[0], "the sum of all |U|^2 is or can be above 1", "at most 1")
    return None


refuse = first_of(real("mN", *MIXINGS), lifetimes(CTAU), _mixing)
