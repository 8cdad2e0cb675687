"""The model `smeft`: dimension-6 coefficients at a scale, matched at tree level.

Warsaw basis with the doublets aligned with the down quarks, coefficients in TeV^-2 of
O_lq1 = (Lbar_i gamma L_j)(Qbar_2 gamma Q_3), O_lq3 with tau^I twice, O_ld with dbar_2 d_3, O_Hq1,
O_Hq3, O_Hd of (2, 3), and of one light N: O_QN, O_dN = (Qbar_2 gamma Q_3, dbar_2 gamma d_3) times
(Nbar gamma N), O_LNQd = (Lbar^a_i N) eps_ab (Qbar^b_2 d_3) and O_LNQdT with sigma twice; names with
32 have Q_3, d_2. With `running: tree` vector operators do not run (QCD only), those of scalars and
tensors do; with `running: wilson` see `models.wilson_running`.
"""

import math
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from bsnunu_jax.inputs import Inputs
from bsnunu_jax.inputs.running import SCALAR, TENSOR, factor, mu_b
from bsnunu_jax.models import wilson_running
from bsnunu_jax.models.matching import (
    LEPTONS,
    PER_TEV2,
    array,
    charged_current,
    charged_leptons,
    ckm,
    flat,
    flavours,
    neutrino_coefficient,
    real_value,
    value,
)
from bsnunu_jax.models.values import Ranges, Refusal, first_of, largest, lowest, positive, real
from bsnunu_jax.states import InvisibleState, Neutrinos, SterileNeutrino
from bsnunu_jax.states.sectors import ChargedLeptons, Sectors

LQ1, LQ3, LD = flavours("Clq1"), flavours("Clq3"), flavours("Cld")
HIGGS = ("CHq1", "CHq3", "CHd")
NN = ("CQN", "CdN")
SCALARS = {k: tuple(f"CLNQd{k}_{i}" for i in LEPTONS) for k in ("", "32")}
TENSORS = {k: tuple(f"CLNQdT{k}_{i}" for i in LEPTONS) for k in ("", "32")}
OF_N = (*NN, *flat(tuple(SCALARS.values())), *flat(tuple(TENSORS.values())))
OF_SM = (*flat(LQ1), *flat(LQ3), *flat(LD), *HIGGS)
COEFFICIENTS = (*OF_SM, *OF_N)
PARAMETERS = (*COEFFICIENTS, "mN", "scale")
SETTINGS: Mapping[str, tuple[Any, ...]] = {"majorana": (False, True), "running": ("tree", "wilson")}
DEFAULT_SCALE = 1000.0
# Below the top quark the SMEFT is not the theory.
_LOWEST_SCALE = 160.0

_rules = first_of(real("mN", "scale"), positive("scale", "scale", "GeV", "1000", needed=False))


def refuse(ranges: Ranges, fit: bool) -> Refusal | None:
    """A real scale above 0, mN not below 0 where N is coupled, and what wilson needs."""
    if found := _rules(ranges, fit):
        return found
    coupled = [name for name in OF_N if name in ranges]
    if coupled and "mN" not in ranges:
        return Refusal(
            "mN",
            f"the mass 'mN' is missing, which {coupled[0]} needs",
            "give it in GeV, e.g. mN = 0.5",
        )
    if lowest(ranges, "mN") < 0:
        return Refusal("mN", "the mass 'mN' is or can be below 0", "keep it at 0 or above")
    for name in ("mN", "majorana"):
        if name in ranges and not coupled:
            return Refusal(
                name, f"{name!r} without a coupling of N", f"give one of {', '.join(OF_N[:3])}, ..."
            )
    return _refuse_wilson(ranges, coupled) if "wilson" in ranges.get("running", ()) else None


def _refuse_wilson(ranges: Ranges, coupled: list[str]) -> Refusal | None:
    """No N, one scale at or above that of matching, and the package."""
    if coupled:
        return Refusal(
            coupled[0],
            f"{coupled[0]!r} couples N, which wilson does not know",
            "leave it out or set running = tree",
        )
    low, high = ranges.get("scale", (DEFAULT_SCALE, DEFAULT_SCALE))
    if low != high:
        return Refusal("scale", "'scale' varies, but wilson runs from one scale", "fix it")
    lowest_scale = wilson_running.MATCHING_SCALE
    if lowest(ranges, "scale", DEFAULT_SCALE) < lowest_scale:
        return Refusal(
            "scale",
            f"'scale' is below the {lowest_scale:g} GeV where wilson matches",
            f"scale >= {lowest_scale:g} (GeV)",
        )
    if not wilson_running.installed():
        return Refusal(
            "running", "running = wilson needs the package wilson", wilson_running.INSTALL
        )
    return None


def domain(ranges: Ranges) -> list[Refusal]:
    """Coefficients below (4 pi)^2/scale^2 at a scale above the top quark."""
    low, high = ranges.get("scale", (DEFAULT_SCALE, DEFAULT_SCALE))
    most = (4 * math.pi) ** 2 / (complex(high).real / 1000) ** 2
    found = [
        Refusal(
            n,
            f"|{n}| reaches {largest(ranges, n):.3g} TeV^-2, beyond perturbation theory",
            f"|{n}| < (4 pi)^2/scale^2 = {most:.3g} TeV^-2",
        )
        for n in COEFFICIENTS
        if largest(ranges, n) >= most
    ]
    if complex(low).real < _LOWEST_SCALE:
        found.append(
            Refusal(
                "scale",
                f"'scale' down to {complex(low).real:g} GeV is below the top quark",
                f"scale > {_LOWEST_SCALE:g} (GeV)",
            )
        )
    return found


def build(parameters: Mapping[str, Any], inputs: Inputs) -> Sectors:
    """Coefficients of all sectors; parameters that `refuse` lets pass."""
    if parameters.get("running") == "wilson":
        return wilson_running.build(
            parameters, OF_SM, parameters.get("scale", DEFAULT_SCALE), inputs
        )
    lq1, lq3, ld = (PER_TEV2 * array(parameters, names) for names in (LQ1, LQ3, LD))
    Hq1, Hq3, Hd = (PER_TEV2 * value(parameters, name) for name in HIGGS)
    of_z, one = Hq1 + Hq3, jnp.eye(3)
    neutrinos = Neutrinos(
        CL=neutrino_coefficient(lq1 - lq3 + of_z * one, inputs),
        CR=neutrino_coefficient(ld + Hd * one, inputs),
    )
    contact = charged_leptons(inputs, LL=lq1 + lq3, RL=ld)
    # O_Hq3 couples the W to cbar b: opposite to the contact term.
    current = charged_current(2 * ckm(inputs)[1, 1] * (lq3 - Hq3 * one), inputs)
    return Sectors(
        (neutrinos, *_sterile(parameters, inputs)),
        add(contact, through_z(of_z, Hd, inputs)),
        current,
    )


def through_z(left: Array, right: Array, inputs: Inputs) -> ChargedLeptons:
    """A Z that couples to sbar b: universal, C_10 = C_L of neutrinos; left, right in GeV^-2."""
    one, vector = jnp.eye(3), -(1 - 4 * inputs.values["sin2thetaW"])
    C, Cp = neutrino_coefficient(left, inputs), neutrino_coefficient(right, inputs)
    return ChargedLeptons(vector * C * one, C * one, vector * Cp * one, Cp * one)


def add(a: ChargedLeptons, b: ChargedLeptons) -> ChargedLeptons:
    """The sum of coefficients."""
    return ChargedLeptons(a.C9 + b.C9, a.C10 + b.C10, a.C9p + b.C9p, a.C10p + b.C10p)


def _sterile(p: Mapping[str, Any], inputs: Inputs) -> tuple[InvisibleState, ...]:
    """N Nbar; nu_i and the antiparticle of N; N and an antineutrino: distinct final states."""
    if not any(name in p for name in OF_N):
        return ()
    mN = real_value(p, "mN")
    scale, low = real_value(p, "scale", DEFAULT_SCALE), mu_b(inputs)
    s, t = (PER_TEV2 * factor(a, scale, low, inputs) for a in (SCALAR, TENSOR))
    found: list[InvisibleState] = []
    if any(name in p for name in NN):
        left, right = (PER_TEV2 * value(p, name) for name in NN)
        majorana = p.get("majorana", False)
        found.append(SterileNeutrino(mN, pair="NN", majorana=majorana, V_LR=left, V_RR=right))
    for scalar, tensor in zip(SCALARS[""], TENSORS[""], strict=True):
        if scalar in p or tensor in p:
            S, T = s * value(p, scalar), t * value(p, tensor)
            found.append(SterileNeutrino(mN, S_RR=S, T_RR=T))
    for scalar, tensor in zip(SCALARS["32"], TENSORS["32"], strict=True):
        # The Hermitian conjugate leads from b to s.
        if scalar in p or tensor in p:
            S, T = jnp.conj(s * value(p, scalar)), jnp.conj(t * value(p, tensor))
            found.append(SterileNeutrino(mN, S_LL=S, T_LL=T))
    return tuple(found)
