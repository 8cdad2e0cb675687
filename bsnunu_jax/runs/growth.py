"""By how much the data of a forecast grow, as the command line states it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bsnunu_jax.experiments.measurement import Hypothetical, Measurement
from bsnunu_jax.foundation.errors import InputError, shown
from bsnunu_jax.foundation.plain_numbers import real_number
from bsnunu_jax.foundation.plain_text import counted


def read_numbers(text: str, where: str) -> tuple[float, ...]:
    """Numbers between commas.

    Raises:
        InputError: for anything else.

    >>> read_numbers("5,50", "--luminosity")
    (5.0, 50.0)
    """
    try:
        return tuple(real_number(x) for x in text.split(","))
    except ValueError as error:
        what = str(error).replace("is not a number", "is no list of numbers")
        raise InputError(f"{shown(text)} {what}", where=where, allowed="e.g. 5,50") from None


@dataclass(frozen=True)
class Growth:
    """How data grow: to luminosities, or together by factors."""

    values: Sequence[float]
    together: bool

    @property
    def name(self) -> str:
        """Of the number that says how much."""
        return "factor" if self.together else "luminosity"

    @property
    def counted(self) -> str:
        """How many of them."""
        return counted(len(self.values), self.name, "" if self.together else "luminosities")


def growth_of(
    measurements: Sequence[Measurement], luminosities: Sequence[float], factors: Sequence[float]
) -> Growth:
    """What is asked for; forecasts that state no luminosity stay as they are if nothing is.

    Raises:
        InputError: for both, or for none where data could grow.
    """
    if luminosities and factors:
        raise InputError("data grow in one way", where="--factor", allowed="or --luminosity")
    if luminosities or factors:
        return Growth(luminosities or factors, bool(factors))
    stays = [isinstance(m, Hypothetical) and m.luminosity is None for m in measurements]
    if not all(stays):
        raise InputError(
            "no luminosity is given", where="--luminosity", allowed="e.g. 5,50; or --factor 10"
        )
    return Growth((1.0,), True)


def check(growth: Growth, systematics: float) -> None:
    """Refuse numbers that are none.

    Raises:
        InputError: naming the option.
    """
    unit = ", in 1/ab" if growth.name == "luminosity" else ""
    for x in growth.values:
        if not (np.isfinite(x) and x > 0):
            raise InputError(
                f"{x:g} is no {growth.name}", where=f"--{growth.name}", allowed=f"above 0{unit}"
            )
    if not (np.isfinite(systematics) and systematics >= 0):
        raise InputError(
            f"{systematics:g} is no factor of systematics",
            where="--systematics",
            allowed="0 or above",
        )
