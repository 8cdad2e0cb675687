"""What the figures cut at: the constraints of the paper, or those of 2026."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.packaged import packaged
from bsnunu_jax.inputs import Inputs, load_inputs
from bsnunu_jax.observables.branching import branching_fraction
from bsnunu_jax.states import Neutrinos

Range = tuple[float, float]


@dataclass(frozen=True)
class Constraints:
    """One set of constraints.

    Attributes:
        name: paper or 2026.
        inputs: the preset that goes with it.
        R_K: ranges of R_K_nunu: new (Belle II 2023) and average.
        R_Kstar: upper limits on R_Kstar_nunu: loose and tight.
        window: ranges of BR_NP(B+->K+inv): new and average.
        limits: upper limits on branching fractions, by observable.
        raw: the entries with their sources.
    """

    name: str
    inputs: Inputs
    R_K: Mapping[str, Range]
    R_Kstar: Mapping[str, float]
    window: Mapping[str, Range]
    limits: Mapping[str, float]
    raw: Mapping[str, Any]


@cache
def constraints(name: str) -> Constraints:
    """The set called paper or 2026.

    Raises:
        InputError: for another name.

    >>> constraints("paper").R_K["new"]
    (3.6, 7.0)
    """
    every = packaged("reproduce", "constraints.yaml")
    if name not in every:
        raise InputError(f"no constraints {name!r}", allowed=f"one of {', '.join(every)}")
    raw = every[name]
    inputs = load_inputs(raw["preset"])
    limits = {k: float(v["limit"]) for k, v in raw["limits"].items()}
    R_Kstar = {k: float(v["limit"]) for k, v in raw["R_Kstar"].items()}
    if "BR" not in raw:
        R_K, window = _ranges(raw["R_K"]), _ranges(raw["NP_window"])
        return Constraints(name, inputs, R_K, R_Kstar, window, limits, raw)
    sm = {m: float(branching_fraction(m, Neutrinos(), inputs)) for m in ("B+->K+", "B0->K*0")}
    br, of_sm = _ranges(raw["BR"]), sm["B+->K+"]
    R_Kstar["tight"] = limits["BR(B0->K*0inv)"] / sm["B0->K*0"]
    return Constraints(
        name,
        inputs,
        {k: (low / of_sm, high / of_sm) for k, (low, high) in br.items()},
        R_Kstar,
        {k: (low - of_sm, high - of_sm) for k, (low, high) in br.items()},
        limits,
        raw,
    )


def _ranges(raw: Mapping[str, Any]) -> dict[str, Range]:
    return {k: (float(v["low"]), float(v["high"])) for k, v in raw.items()}
