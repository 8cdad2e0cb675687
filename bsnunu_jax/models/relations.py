"""The model `neutrinos`, and relations between its coefficients in b -> s, b -> d and s -> d.

Each coefficient is in units of its own CKM factor, V_tb V_tq^* or V_ts^* V_td. New physics in the
quark doublets that follows the Yukawa coupling of the top (`mfv`) has the same there, C^ij. If it
is that of the third family, Q_3 -> V_tb b + x (V_ts s + V_td d) (`u2`), it is C^ij x^* in b -> s
and b -> d and C^ij |x|^2 in s -> d; x = 1 is `mfv`, and x = 0 leaves the b quark alone. C is
hermitian. Of right-handed quarks there is no relation.
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jax.typing import ArrayLike

from bsnunu_jax.hadrons.transitions import QUARKS, USUAL_QUARKS
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.models.values import Ranges, Refusal, Settings, real
from bsnunu_jax.states import Neutrinos
from bsnunu_jax.states.neutrinos import ALL_COEFFICIENTS, FLAVOURS

SETTINGS: Settings = {"relation": ("none", "mfv", "u2")}
_MIXING = ("x", "argx")
PARAMETERS = (*ALL_COEFFICIENTS, *_MIXING)
# Matrices of left-handed quarks, and where they follow.
_RELATED = ("CL", "CLp")
_FROM_B = {"b->s": True, "b->d": True, "s->d": False}


def build(parameters: Mapping[str, Any], inputs: Inputs) -> tuple[Neutrinos]:
    """The neutrinos; parameters that `refuse` lets pass."""
    p = dict(parameters)
    relation = p.pop("relation", "none")
    x, angle = p.pop("x", 1.0), p.pop("argx", 0.0)
    given = Neutrinos.named(p)
    if relation == "none":
        return (given,)
    used = [m for m in _RELATED if any(name.startswith(f"{m}_") for name in p)]
    common = {m: getattr(given, m) for m in used}
    x = jnp.asarray(x, dtype=complex) * jnp.exp(1j * jnp.real(jnp.asarray(angle)))
    size = {q: jnp.conj(x) if from_b else jnp.abs(x) ** 2 for q, from_b in _FROM_B.items()}
    here: dict[str, ArrayLike] = {m: getattr(given, m) for m in ("CR", "CRp")}
    here |= {m: size[USUAL_QUARKS] * c for m, c in common.items()}
    elsewhere = {
        q: given.elsewhere.get(q, {}) | {m: size[q] * c for m, c in common.items()}
        for q in _FROM_B
        if q != USUAL_QUARKS
    }
    return (Neutrinos(**here, elsewhere=elsewhere),)


def refuse(ranges: Ranges, fit: bool) -> Refusal | None:
    """A relation has all that it needs, and nothing is given twice."""
    relation: Any = ranges.get("relation", ("none",))[0]
    if relation != "u2":
        for name in _MIXING:
            if name in ranges:
                return Refusal(name, f"{name!r} is of the relation u2", "set relation: u2")
    if relation == "none":
        return None
    if relation == "u2" and "x" not in ranges:
        return Refusal("x", "'x' of the relation u2 is missing", "1 is mfv, 0 the b quark alone")
    related = [n for n in ranges if n.partition("_")[0] in _RELATED]
    letters = [QUARKS[q].letters for q in _FROM_B if q != USUAL_QUARKS]
    for name in related:
        if any(f"_{word}_" in name for word in letters):
            what = f"{name!r} follows from the relation {relation}"
            return Refusal(name, what, "drop it, or the relation")
    if not related:
        what = f"the relation {relation} is about none of the coefficients given"
        return Refusal("relation", what, "give some of CL_ij, CLp_ij")
    for name in related:
        matrix, _, flavours = name.partition("_")
        turned = next(
            f"{matrix}_{j}{i}" for i in FLAVOURS for j in FLAVOURS if f"{i}{j}" == flavours
        )
        if turned not in ranges:
            what = f"{name!r} alone is no hermitian matrix, which the relation {relation} is about"
            return Refusal(name, what, f"give {turned} too, its complex conjugate")
    diagonal = [f"{m}_{i}{i}" for m in _RELATED for i in FLAVOURS]
    return real("argx", *diagonal)(ranges, fit)
