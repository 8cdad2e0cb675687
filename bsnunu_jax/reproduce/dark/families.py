"""The operators of arXiv:2309.12741 with a pair of scalars, fermions or vectors."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from bsnunu_jax.inputs import Inputs
from bsnunu_jax.models import get_model
from bsnunu_jax.models.pairs import PAIRS
from bsnunu_jax.states import InvisibleState


@dataclass(frozen=True)
class Family:
    """Operators of one kind of pair.

    Attributes:
        model: name of the pair model.
        particle: for people.
        mass: LaTeX of the mass.
        operators: those of Eqs. (18), (19) or (20).
        powers: q of BR_NP ~ Lambda^-q at a fixed mass.
        latex: of the operators.
    """

    model: str
    particle: str
    mass: str
    operators: tuple[str, ...]
    powers: np.ndarray
    latex: tuple[str, ...]

    def pairs(self, m: Any, inputs: Inputs) -> list[InvisibleState]:
        """The pair of every operator at a mass [GeV] and Lambda = 1 TeV."""
        build = get_model(self.model).build
        return [build({"m": m, "operator": o, "Lambda": 1.0}, inputs)[1] for o in self.operators]


def _family(model: str, particle: str, field: str, operators: str) -> Family:
    powers, names = PAIRS[model].powers, tuple(operators.split())
    return Family(
        model,
        particle,
        rf"m_{field}",
        names,
        np.array([2.0 * powers[o] for o in names]),
        tuple(rf"\mathcal{{O}}_{{q{field}{o[1:]}}}^{{{o[0]}}}" for o in names),
    )


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "scalar": _family("scalar-pair", "scalar", r"\phi", "S V"),
        "fermion": _family("fermion-pair", "fermion", r"\chi", "S1 S2 V1 V2 T1 T2"),
        "vector": _family("vector-pair", "vector", "X", "S T1 T2 V2 V3 V4 V5 V6"),
    }
)
