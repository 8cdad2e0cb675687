"""Observables of scalar dark matter: relic density and annihilation."""

from collections.abc import Callable

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.observables.dark_matter.annihilation import (
    CM3_PER_S,
    annihilation_parameter,
    at_rest,
)
from bsnunu_jax.observables.dark_matter.relic_density import omega_h2
from bsnunu_jax.observables.dark_matter.thermal import thermal_average
from bsnunu_jax.observables.observable import Observable, observable, of_sector
from bsnunu_jax.states.sectors import DarkScalar

# Where `sigmav` is taken: about freeze-out.
X_FREEZE_OUT = 20.0


def dark_observables() -> list[Observable]:
    """Relic density, <sigma v> [cm^3/s] at x = 20 and at rest, p_ann.

    Without dark matter in the model they are nan.
    """
    functions: dict[str, Callable[[DarkScalar, Inputs], Scalar]] = {
        "Omega_h2": omega_h2,
        "sigmav": lambda d, i: CM3_PER_S * thermal_average(d, i, X_FREEZE_OUT),
        "sigmav_0": lambda d, i: CM3_PER_S * at_rest(d, i),
        "p_ann": annihilation_parameter,
    }
    return [
        observable(name, of_sector("dark", function, otherwise=float("nan")))
        for name, function in functions.items()
    ]
