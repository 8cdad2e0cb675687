"""The models `zprime` and `lmu-ltau`: a heavy Z' at tree level, with and without Z-Z' mixing.

L = Z'_mu [ gL sbar gamma^mu P_L b + gR sbar gamma^mu P_R b + h.c. + gN Nbar gamma^mu P_R N
+ gnu_ij nubar_i gamma^mu P_L nu_j + lbar_i gamma^mu (gl_L_i P_L + gl_R_i P_R) l_i ]. Far above the
B meson: no propagator. With the mixing xi the Z couples to xi times the quark and the N current.
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from bsnunu_jax.inputs import Inputs
from bsnunu_jax.models.matching import (
    LEPTONS,
    PER_TEV2,
    array,
    charged_leptons,
    neutrino_coefficient,
    real_value,
    value,
)
from bsnunu_jax.models.smeft import add, through_z
from bsnunu_jax.models.values import (
    Ranges,
    Refusal,
    all_of,
    first_of,
    largest,
    lowest,
    perturbative,
    positive,
    real,
)
from bsnunu_jax.observables.bs_mixing import run
from bsnunu_jax.states import InvisibleState, Neutrinos, SterileNeutrino
from bsnunu_jax.states.sectors import BsMixing, Sectors

GNU = tuple(f"gnu_{i}{j}" for a, i in enumerate(LEPTONS) for j in LEPTONS[a:])
_DIAGONAL = tuple(f"gnu_{i}{i}" for i in LEPTONS)
GL, GR = (tuple(f"gl_{x}_{i}" for i in LEPTONS) for x in "LR")
PARAMETERS = ("MZp", "gL", "gR", "gN", "mN", *GNU, *GL, *GR, "xi")
LMU_LTAU = ("MZp", "gL", "gR", "gp")
# Below, the propagator matters in B decays (TeV).
_HEAVY = 0.05
# The mixing is a small angle, and the exchange of the Z' with the Z's charges is left out.
_MOST_MIXING, _FAR = 0.1, 0.5
_TEV = 1000.0

_mass = positive("MZp", "mass", "TeV", "2")
_rules = first_of(real("MZp", "gN", "mN", *_DIAGONAL, *GL, *GR, "xi"), _mass)
refuse_lmu_ltau = first_of(real("MZp", "gp"), _mass)


def refuse(ranges: Ranges, fit: bool) -> Refusal | None:
    """A mass above 0; real couplings of one field with itself; mN with gN alone."""
    if found := _rules(ranges, fit):
        return found
    if "mN" in ranges and "gN" not in ranges:
        return Refusal("mN", "'mN' without a coupling of N", "give gN")
    if lowest(ranges, "mN") < 0:
        return Refusal("mN", "the mass 'mN' is or can be below 0", "keep it at 0 or above")
    return None


def _heavy(ranges: Ranges) -> list[Refusal]:
    low = lowest(ranges, "MZp", _HEAVY)
    if low >= _HEAVY:
        return []
    return [
        Refusal(
            "MZp",
            f"MZp down to {low:g} TeV: the Z' is no contact interaction in B decays",
            f"MZp > {_HEAVY:g} (TeV)",
        )
    ]


def _small_mixing(ranges: Ranges) -> list[Refusal]:
    found = []
    if largest(ranges, "xi") > _MOST_MIXING:
        found.append(
            Refusal(
                "xi",
                f"|xi| reaches {largest(ranges, 'xi'):.3g}: the mixing is taken to first order",
                f"|xi| <= {_MOST_MIXING:g}",
            )
        )
    low = lowest(ranges, "MZp", _FAR)
    if largest(ranges, "xi") and low < _FAR:
        found.append(
            Refusal(
                "MZp",
                f"MZp down to {low:g} TeV with Z-Z' mixing: the Z' is taken to be far above the Z",
                f"MZp >= {_FAR:g} (TeV)",
            )
        )
    return found


domain = all_of(perturbative(("gL", "gR", "gN", *GNU, *GL, *GR)), _heavy, _small_mixing)
domain_lmu_ltau = all_of(perturbative(("gL", "gR", "gp")), _heavy)


def build(parameters: Mapping[str, Any], inputs: Inputs) -> Sectors:
    """Coefficients of all sectors; parameters that `refuse` lets pass."""
    p = parameters
    # gnu is Hermitian: names are those on and above the diagonal.
    upper = jnp.triu(array(p, [[f"gnu_{i}{j}" for j in LEPTONS] for i in LEPTONS]))
    gnu = upper + jnp.conj(jnp.triu(upper, 1)).T
    left, right = (jnp.diag(array(p, [names])[0]) for names in (GL, GR))
    return sectors(
        p,
        inputs,
        gnu=gnu,
        leptons=(left, right),
        xi=real_value(p, "xi"),
        gN=real_value(p, "gN"),
        mN=real_value(p, "mN") if "mN" in p else None,
    )


def build_lmu_ltau(parameters: Mapping[str, Any], inputs: Inputs) -> Sectors:
    """A Z' of L_mu - L_tau with flavour-changing couplings to quarks."""
    charge = real_value(parameters, "gp") * jnp.diag(jnp.array([0.0, 1.0, -1.0]))
    return sectors(parameters, inputs, gnu=charge, leptons=(charge, charge))


def sectors(
    p: Mapping[str, Any],
    inputs: Inputs,
    *,
    gnu: Array,
    leptons: tuple[Array, Array],
    xi: Array | float = 0.0,
    gN: Array | float = 0.0,
    mN: Array | None = None,
) -> Sectors:
    """Coefficients of a Z' with the quark couplings gL, gR and the mass MZp of `p`.

    Args:
        p: gL, gR, MZp [TeV].
        inputs: constants.
        gnu: couplings to neutrinos, shape (3, 3).
        leptons: those to charged leptons, left- and right-handed, shape (3, 3).
        xi: mixing with the Z.
        gN: coupling to N.
        mN: mass of N [GeV]; without it N is massless and enters as C'.
    """
    v = inputs.values
    gL, gR, M = value(p, "gL"), value(p, "gR"), real_value(p, "MZp")
    per_m2, per_mz2 = PER_TEV2 / M**2, 1 / v["m_Z"] ** 2
    # g/(2 cos theta_W) of the coupling of the Z to neutrinos.
    of_z = v["m_Z"] * jnp.sqrt(v["GF"] * jnp.sqrt(2.0))
    z_left, z_right = (-xi * g * of_z * per_mz2 for g in (gL, gR))
    K_left, K_right = (-g * gN * (per_m2 + xi**2 * per_mz2) for g in (gL, gR))
    one = jnp.eye(3)
    # A massless N is one more neutrino: one entry of C'.
    entry = jnp.zeros((3, 3)).at[0, 0].set(1.0 if mN is None else 0.0)
    states: tuple[InvisibleState, ...] = (
        Neutrinos(
            CL=neutrino_coefficient(-gL * per_m2 * gnu + z_left * one, inputs),
            CR=neutrino_coefficient(-gR * per_m2 * gnu + z_right * one, inputs),
            CLp=neutrino_coefficient(K_left * entry, inputs),
            CRp=neutrino_coefficient(K_right * entry, inputs),
        ),
    )
    if mN is not None:
        states = (*states, SterileNeutrino(mN, pair="NN", V_LR=K_left, V_RR=K_right))
    contact = charged_leptons(
        inputs,
        LL=-gL * per_m2 * leptons[0],
        LR=-gL * per_m2 * leptons[1],
        RL=-gR * per_m2 * leptons[0],
        RR=-gR * per_m2 * leptons[1],
    )
    return Sectors(
        states,
        add(contact, through_z(z_left, z_right, inputs)),
        mixing=_mixing(gL, gR, M, xi, inputs),
    )


def _mixing(gL: Array, gR: Array, M: Array, xi: Array | float, inputs: Inputs) -> BsMixing:
    """Exchange of the Z', run to m_Z, and of the Z."""
    m_Z = inputs.values["m_Z"]
    heavy = run(exchange(gL, gR, _TEV * M), m_Z, inputs)
    z = exchange(xi * gL, xi * gR, m_Z)
    return BsMixing(
        heavy.C_VLL + z.C_VLL, heavy.C_VRR + z.C_VRR, heavy.C_VLR + z.C_VLR, m_Z, heavy.C_SLR
    )


def exchange(gL: Array, gR: Array, mass: Array) -> BsMixing:
    """Tree-level exchange of a neutral vector of this mass [GeV], at its scale."""
    return BsMixing(-(gL**2) / (2 * mass**2), -(gR**2) / (2 * mass**2), -gL * gR / mass**2, mass)
