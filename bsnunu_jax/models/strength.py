"""Lambda by its strength: the rate of one operator over that at Lambda = 1 TeV."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

SCALE = "Lambda"


@dataclass(frozen=True)
class Strength:
    """The rate of one operator is its strength Lambda^-q [TeV^-q] times that at Lambda = 1 TeV.

    Attributes:
        power: q.

    >>> float(Strength(4.0).strength(2.0)), float(Strength(4.0).scale(0.0625))
    (0.0625, 2.0)
    """

    power: float

    def strength(self, scale: Any) -> Any:
        """The rate over that at Lambda = 1 TeV; 0 for an infinite Lambda [TeV]."""
        return np.asarray(scale, dtype=float) ** -self.power

    def scale(self, strength: Any) -> Any:
        """Lambda [TeV] of a strength, infinite for 0."""
        with np.errstate(divide="ignore"):
            return np.asarray(strength, dtype=float) ** (-1 / self.power)


def no_strength(given: Mapping[str, Any]) -> Strength | None:
    """Of a model whose rates are no power of Lambda."""
    return None
