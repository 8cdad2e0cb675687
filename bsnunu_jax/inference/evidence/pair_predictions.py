"""Predictions of the SM and a pair whose kernels come from outside: nothing is integrated."""

from functools import cached_property
from typing import Any, ClassVar

import equinox as eqx
from jaxtyping import Array, Float

from bsnunu_jax.experiments.predictions import Predictions
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import ANNIHILATIONS, MODES
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.rates.forms import Kernels

Scalar = Float[Array, ""]
_BR = {f"BR({m}inv)": m for m in MODES} | {f"BR({m})": m for m in ANNIHILATIONS}
_RATIOS = {"R_K_nunu": "B+->K+", "R_Kstar_nunu": "B0->K*0"}


class Strength(eqx.Module):
    """A pair whose only invariant is its strength; kernels come from outside."""

    has_spectrum: ClassVar[bool] = True
    vanishes_at_limits: ClassVar[bool] = False

    strength: Scalar

    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        return {"pair": self.strength}

    def _refuse(self, *_: Any) -> Any:
        raise InputError("the kernels of this state are tabulated")

    dark_rows = total_rule = bin_rule = _refuse


class Tabulated(Predictions):
    """Predictions whose every number comes from tabulated kernels."""

    @cached_property
    def sm(self) -> Predictions:
        """Those of the SM with the same inputs."""
        return Tabulated(self.states[:1], self.inputs, self._sm_grams, self._sm_grams)

    def observable(self, name: str) -> Scalar:
        """A branching fraction, or a ratio to the SM.

        Raises:
            InputError: for any other observable.
        """
        if name in _BR:
            return self.branching_fraction(_BR[name])
        if name in _RATIOS:
            mode = _RATIOS[name]
            return self.branching_fraction(mode) / self.sm.branching_fraction(mode)
        raise InputError(f"{name!r} is not tabulated")


def constant(kernels: Kernels) -> Any:
    """Kernels that are what they are, in the place of a Gram matrix."""
    return lambda inputs: kernels
