"""Observables of scalar dark matter: relic density, annihilation, invisible decays of the D0."""

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from bsnunu_jax.inputs import Inputs
from bsnunu_jax.observables import charm
from bsnunu_jax.observables.dark_matter.annihilation import at_rest
from bsnunu_jax.observables.dark_matter.cmb import annihilation_parameter
from bsnunu_jax.observables.dark_matter.relic_density import omega_h2
from bsnunu_jax.observables.dark_matter.thermal import thermal_average
from bsnunu_jax.observables.dark_matter.units import CM3_PER_S
from bsnunu_jax.observables.observable import Observable
from bsnunu_jax.states import States
from bsnunu_jax.states.sectors import DarkScalar, sectors_of

Scalar = Float[Array, ""]

# Where `sigmav` is taken: about freeze-out.
X_FREEZE_OUT = 20.0
_NEEDS = "a model with scalar dark matter and annihilation, e.g. vlq-dm with y1 not 0"


def _of_dark(
    function: Callable[[DarkScalar, Inputs], Scalar], otherwise: float
) -> Callable[[States, Inputs], Scalar]:
    def observable(states: States, inputs: Inputs) -> Scalar:
        dark = sectors_of(states).dark
        return jnp.asarray(otherwise) if dark is None else function(dark, inputs)

    return observable


def dark_observables() -> list[Observable]:
    """Relic density, <sigma v> [cm^3/s] at x = 20 and at rest, p_ann, D0 -> (pi0) inv.

    Without dark matter in the model the first four are nan, the D0 decays 0.
    """
    nan = float("nan")
    return [
        Observable(
            "Omega_h2",
            _of_dark(omega_h2, nan),
            r"\Omega h^2",
            needs=_NEEDS,
            dark=True,
            description="relic density of the dark scalar from thermal freeze-out",
        ),
        Observable(
            "sigmav",
            _of_dark(lambda d, i: CM3_PER_S * thermal_average(d, i, X_FREEZE_OUT), nan),
            r"\langle\sigma v\rangle",
            "cm^3/s",
            needs=_NEEDS,
            dark=True,
            description="thermal average of sigma v at T = m/20, about freeze-out",
        ),
        Observable(
            "sigmav_0",
            _of_dark(lambda d, i: CM3_PER_S * at_rest(d, i), nan),
            r"\langle\sigma v\rangle_0",
            "cm^3/s",
            needs=_NEEDS,
            dark=True,
            description="sigma v at rest; 0 below m_K",
        ),
        Observable(
            "p_ann",
            _of_dark(annihilation_parameter, nan),
            r"p_\mathrm{ann}",
            "cm^3/s/GeV",
            needs=_NEEDS,
            dark=True,
            description="f_eff sigma v/m at rest with f_eff = 1: CMB, an upper limit",
        ),
        Observable(
            "BR(D0->inv)",
            _of_dark(charm.branching_fraction_invisible, 0.0),
            r"\mathcal{B}(D^0 \to \mathrm{inv})",
            description="branching fraction to dark scalars; the SM part is left out",
        ),
        Observable(
            "BR(D0->pi0inv)",
            _of_dark(charm.branching_fraction_pion, 0.0),
            r"\mathcal{B}(D^0 \to \pi^0\,\mathrm{inv})",
            description="branching fraction with dark scalars; the SM part is left out",
        ),
    ]
