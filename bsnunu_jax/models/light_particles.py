r"""One light particle that is not seen: the models `alp`, `dark-higgs` and `light-zprime`.

alp: L = (d_mu a)(gV sbar gamma^mu b + gA sbar gamma^mu gamma_5 b) + h.c., on shell a scalar X with
S = i (m_b - m_s) gV and P = -(m_b + m_s) gA; gL is (d_mu a)(sbar gamma^mu P_L b), gV = -gA = gL/2;
gaW is L = -(gaW/4) a W Wtilde, whose loop makes gL = (3 sqrt2 G_F m_W^2/16 pi^2) gaW V_tb V_ts* f,
f(x) = x (1 + x (ln x - 1))/(1 - x)^2 at x = m_t^2/m_W^2 (arXiv:1611.09355, from memory,
unverified; the sign is conventional).

dark-higgs: the mixing s_theta with the Higgs makes L = C (sbar P_R b) phi,
C = s_theta (3 sqrt2 G_F m_t^2/16 pi^2)(m_b/v) V_tb V_ts* (arXiv:0911.4938, from memory,
unverified), S = C/2 and P = -i C/2 with m_s neglected.

light-zprime: L = X_mu sbar gamma^mu (gV + gA gamma_5) b + h.c. with a vector X; hV and hA are gV/m
and gA/m, which are finite for m -> 0 where the longitudinal X is an ALP.
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.hadrons.transitions import MODES, QUARKS, USUAL_QUARKS, get_quarks
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.inputs.tables import numbers
from bsnunu_jax.models.matching import real_value, value
from bsnunu_jax.models.values import (
    CTAU,
    Ranges,
    Refusal,
    Rules,
    Settings,
    first_of,
    largest,
    lifetimes,
    lowest,
    real,
)
from bsnunu_jax.states import (
    DerivativeLine,
    InvisibleState,
    Neutrinos,
    TwoBody,
    Unstable,
    VectorLine,
)

_OF_ALP, _OF_HIGGS = ("gV", "gA", "gL", "gaW"), ("s_theta",)
_OF_ZPRIME = ("gV", "gA", "hV", "hA")
ALP, DARK_HIGGS, LIGHT_ZPRIME = (("m", *of, CTAU) for of in (_OF_ALP, _OF_HIGGS, _OF_ZPRIME))
SETTINGS: Settings = {"quarks": tuple(QUARKS)}
# Loops of the top, of which the CKM factor is known.
_LOOPS = tuple(q.name for q in QUARKS.values() if q.ckm)
OF_LOOPS: Settings = {"quarks": _LOOPS}


def build_alp(parameters: Mapping[str, Any], inputs: Inputs) -> tuple[InvisibleState, ...]:
    """SM neutrinos and the ALP."""
    p, quarks = parameters, parameters.get("quarks", USUAL_QUARKS)
    left = value(p, "gL")
    if "gaW" in p:
        left += value(p, "gaW") * alp_of_w(quarks, inputs)
    V, A = value(p, "gV") + left / 2, value(p, "gA") - left / 2
    return _beside_the_sm(DerivativeLine(real_value(p, "m"), V, A, quarks), p)


def build_dark_higgs(parameters: Mapping[str, Any], inputs: Inputs) -> tuple[InvisibleState, ...]:
    """SM neutrinos and the scalar."""
    p, quarks = parameters, parameters.get("quarks", USUAL_QUARKS)
    C = real_value(p, "s_theta") * scalar_of_mixing(quarks, inputs)
    return _beside_the_sm(TwoBody(real_value(p, "m"), C / 2, -0.5j * C, quarks), p)


def build_light_zprime(parameters: Mapping[str, Any], inputs: Inputs) -> tuple[InvisibleState, ...]:
    """SM neutrinos and the vector."""
    p, m = parameters, real_value(parameters, "m")
    V, A = (value(p, f"g{x}") / m if f"g{x}" in p else value(p, f"h{x}") for x in "VA")
    return _beside_the_sm(VectorLine(m, V, A, p.get("quarks", USUAL_QUARKS)), p)


def _beside_the_sm(
    state: InvisibleState, p: Mapping[str, Any]
) -> tuple[InvisibleState, InvisibleState]:
    """SM neutrinos, and the particle with its lifetime."""
    return Neutrinos(), Unstable(state, real_value(p, CTAU)) if CTAU in p else state


def alp_of_w(quarks: str, inputs: Inputs) -> Scalar:
    """gL over gaW, from the loop of W and top.

    >>> from bsnunu_jax import load_inputs
    >>> inputs = load_inputs()
    >>> f"{float(abs(alp_of_w('b->s', inputs) / inputs.values['VtbVts_abs'])):.2e}"
    '2.32e-03'
    """
    v = inputs.values
    x = (v["m_t_MSbar"] / v["m_W"]) ** 2
    f = x * (1 + x * (jnp.log(x) - 1)) / (1 - x) ** 2
    return 3 * v["m_W"] ** 2 * _loop(quarks, inputs) * f


def scalar_of_mixing(quarks: str, inputs: Inputs) -> Scalar:
    """C over s_theta: what the loop of W and top makes of the coupling of the Higgs to the top."""
    v = inputs.values
    vev = 1 / jnp.sqrt(jnp.sqrt(2.0) * v["GF"])
    heavy, _ = inputs.quark_masses(quarks)
    return 3 * v["m_t_MSbar"] ** 2 * heavy / vev * _loop(quarks, inputs)


def _loop(quarks: str, inputs: Inputs) -> Scalar:
    """sqrt2 G_F/(16 pi^2) times the CKM factor, real and negative in b -> s."""
    row = get_quarks(quarks)
    ckm = inputs.number(row.ckm) * (-1 if quarks == USUAL_QUARKS else 1)
    if row.phase:
        ckm = ckm * jnp.exp(1j * inputs.number(row.phase))
    return jnp.sqrt(2.0) * inputs.values["GF"] / (16 * jnp.pi**2) * ckm


def _needs(couplings: tuple[str, ...]) -> Rules:
    """A mass above 0 that some decay of the transition reaches, and a coupling."""

    def rules(ranges: Ranges, fit: bool) -> Refusal | None:
        if "m" not in ranges:
            return Refusal("m", "the mass 'm' of X is missing", "give it in GeV, e.g. m = 2.1")
        if lowest(ranges, "m") <= 0:
            return Refusal("m", "the mass 'm' of X is or can be 0 or below", "keep it above 0")
        if fit and ranges["m"][0] != ranges["m"][1]:
            return Refusal(
                "m",
                "a line is in one q2 bin, and its rate jumps where a fitted 'm' enters the next",
                "fix m, or fit the model resonance with a width",
            )
        quarks = ranges["quarks"][0] if "quarks" in ranges else USUAL_QUARKS
        end = _heaviest(quarks)
        if lowest(ranges, "m") >= end:
            return Refusal(
                "m", f"no decay of {quarks} is open at this mass 'm'", f"below {end:.4g} GeV"
            )
        if not any(name in ranges for name in couplings):
            return Refusal("m", "no coupling of X is given", f"one of {', '.join(couplings)}")
        return None

    return rules


def _heaviest(quarks: str) -> float:
    """The heaviest X [GeV] that a decay of the transition can make."""
    known = numbers("default")
    of = [m for m in MODES.values() if m.quarks == quarks]
    return max(known[m.m_B].value - known[m.m_K].value for m in of)


def _with_loop(ranges: Ranges, fit: bool) -> Refusal | None:
    quarks = ranges["quarks"][0] if "quarks" in ranges else USUAL_QUARKS
    if "gaW" in ranges and quarks not in _LOOPS:
        return Refusal("gaW", f"no loop of the top is known in {quarks}", ", ".join(_LOOPS))
    return None


def _one_of_each(ranges: Ranges, fit: bool) -> Refusal | None:
    for x in "VA":
        if f"g{x}" in ranges and f"h{x}" in ranges:
            return Refusal(f"h{x}", f"'g{x}' and 'h{x}' = g{x}/m are both given", "keep one")
    return None


refuse_alp = first_of(real("m", "gaW"), lifetimes(CTAU), _needs(_OF_ALP), _with_loop)


def _sine(ranges: Ranges, fit: bool) -> Refusal | None:
    if largest(ranges, "s_theta") > 1:
        return Refusal("s_theta", "'s_theta' is or can be beyond 1", "a sine: -1 to 1")
    return None


refuse_dark_higgs = first_of(real("m", "s_theta"), _sine, lifetimes(CTAU), _needs(_OF_HIGGS))
refuse_light_zprime = first_of(real("m"), lifetimes(CTAU), _needs(_OF_ZPRIME), _one_of_each)
