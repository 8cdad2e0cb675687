"""The model `resonance`: SM neutrinos and B -> K(*) X with an invisible X.

`BR` in place of `S` is the branching fraction of B+ -> K+ X, of B+ -> pi+ X, K+ -> pi+ X or
D0 -> pi0 X where `quarks` names another transition. It is the integral of the spectrum over the
phase space, whatever the width: what is typed is what is predicted, and it goes over into the
two-body branching fraction for width -> 0. Without `ctau` X is stable, or `BR` stands for the
product with the probability that it is not seen.
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jax.core import Tracer
from jax.typing import ArrayLike

from bsnunu_jax.hadrons.transitions import MODES, QUARKS, USUAL_QUARKS, get_mode
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.models.values import CTAU, Ranges, Refusal, Settings, lifetimes, lowest, real
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.states import InvisibleState, Neutrinos, Resonance, Scaled, TwoBody, Unstable

PARAMETERS = ("m", "width", "S", "P", "BR", CTAU)
# The first decay into a pseudoscalar of every quark transition, whose branching fraction is `BR`.
_OF_BR = {q: next(m.name for m in MODES.values() if (m.quarks, m.spin) == (q, "0")) for q in QUARKS}
SETTINGS: Settings = {"quarks": tuple(QUARKS)}


def build(parameters: Mapping[str, Any], inputs: Inputs) -> tuple[InvisibleState, ...]:
    """SM neutrinos and X; parameters that `refuse` lets pass."""
    p = dict(parameters)
    quarks = p.pop("quarks", USUAL_QUARKS)
    p = {k: v if isinstance(v, Tracer) else complex(v) for k, v in p.items()}
    m, width = (jnp.real(jnp.asarray(p.get(name, 0.0))) for name in ("m", "width"))
    line = not isinstance(p.get("width"), Tracer) and p.get("width", 0.0) == 0

    def particle(S: ArrayLike = 0.0, P: ArrayLike = 0.0) -> InvisibleState:
        return TwoBody(m, S, P, quarks) if line else Resonance(m, width, S, P, quarks)

    def found(*states: InvisibleState) -> tuple[InvisibleState, ...]:
        if CTAU in p:
            states = tuple(Unstable(s, jnp.real(jnp.asarray(p[CTAU]))) for s in states)
        return Neutrinos(), *states

    if "BR" not in p:
        return found(particle(S=p.get("S", 0.0), P=p.get("P", 0.0)))
    unit = particle(S=1.0)
    mode = _OF_BR[quarks]
    br = rates.lifetime(get_mode(mode), inputs) * rates.gamma(mode, unit, inputs)
    # In a closed channel no coupling does it: the rate stays 0.
    is_open = br > 0
    factor = jnp.where(is_open, jnp.real(p["BR"]) / jnp.where(is_open, br, 1.0), 0.0)
    return found(Scaled(unit, factor), *((particle(P=p["P"]),) if "P" in p else ()))


def _is_line(ranges: Ranges) -> bool:
    """A width of 0 at one mass: all of the rate is in one q2 bin, and stays there."""
    m, width = ranges["m"], ranges.get("width", (0.0, 0.0))
    return bool(m[0] == m[1] and width[0] == width[1])


def refuse(ranges: Ranges, fit: bool) -> Refusal | None:
    """m > 0, width and BR not below 0, S or BR; in fits a width > 0, or 0 at a fixed mass."""
    no_number = real("m", "width", "BR")(ranges, fit) or lifetimes(CTAU)(ranges, fit)
    if no_number:
        return no_number
    if "m" not in ranges:
        return Refusal("m", "the mass 'm' of X is missing", "give it in GeV, e.g. m = 2.1")
    if lowest(ranges, "m") <= 0:
        return Refusal("m", "the mass 'm' of X can be 0 or below", "keep it above 0")
    if fit and lowest(ranges, "width") <= 0 and not _is_line(ranges):
        return Refusal(
            "width",
            "a peak narrower than a q2 bin needs a width > 0 in fits",
            "fix e.g. width: 0.1 (GeV), or m too: a line then stays in one bin",
        )
    if lowest(ranges, "width") < 0:
        return Refusal("width", "'width' is below 0", "0 is the two-body decay")
    if "S" in ranges and "BR" in ranges:
        return Refusal("BR", "'BR' and 'S' both set the rate of B -> K X", "keep one")
    if lowest(ranges, "BR") < 0:
        return Refusal("BR", "'BR' can be below 0", "keep it at 0 or above")
    return None
