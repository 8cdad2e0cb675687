"""Observables of scalar dark matter: relic density, annihilation, invisible decays of the D0."""

from collections.abc import Callable

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.observables import charm
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
    """Relic density, <sigma v> [cm^3/s] at x = 20 and at rest, p_ann, D0 -> (pi0) inv.

    Without dark matter in the model the first four are nan, the D0 decays 0.
    """
    functions: dict[str, Callable[[DarkScalar, Inputs], Scalar]] = {
        "Omega_h2": omega_h2,
        "sigmav": lambda d, i: CM3_PER_S * thermal_average(d, i, X_FREEZE_OUT),
        "sigmav_0": lambda d, i: CM3_PER_S * at_rest(d, i),
        "p_ann": annihilation_parameter,
        "BR(D0->inv)": charm.branching_fraction_invisible,
        "BR(D0->pi0inv)": charm.branching_fraction_pion,
    }
    nothing = {name: 0.0 if name.startswith("BR") else float("nan") for name in functions}
    return [
        observable(name, of_sector("dark", function, otherwise=nothing[name]))
        for name, function in functions.items()
    ]
