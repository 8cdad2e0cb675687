"""Four modes with charged leptons as exact quadratic forms of C_R = C_9' = -C_10'."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.inputs import Inputs
from bsnunu_jax.inputs.nuisances import DEFAULT_GROUPS
from bsnunu_jax.numerics.quadratic import Quadratic, quadratic
from bsnunu_jax.observables import charged_leptons as charged
from bsnunu_jax.observables.branching import eta
from bsnunu_jax.reproduce.neutrinos.ratio_kernels import RatioKernels
from bsnunu_jax.reproduce.settings import Settings
from bsnunu_jax.states.sectors import ChargedLeptons

K_TAUTAU, BS_TAUTAU = "BR(B+->K+tau+tau-)", "BR(Bs->tau+tau-)"
K_MUTAU, BS_MUTAU = "BR(B+->K+mu-tau+)", "BR(Bs->mu-tau+)"
CONSERVING, VIOLATING = (K_TAUTAU, BS_TAUTAU), (K_MUTAU, BS_MUTAU)
MODES = (*VIOLATING, *CONSERVING)
# LHCb's limit on Bs -> mu tau is on the sum of both charges, equal for a symmetric C_R.
CHARGES = {K_MUTAU: 1, BS_MUTAU: 2, K_TAUTAU: 1, BS_TAUTAU: 1}
GROUPS = (*DEFAULT_GROUPS, "Bs", "charged")
DRAWS = 500


@dataclass(frozen=True)
class Quadratics:
    """Rates for some inputs: branching fractions are c0 + c1 C + c2 C^2.

    Attributes:
        kernels: R_K and R_K* for the same inputs.
        tautau: coefficients (c0, c1, c2) of C = C_R^tautau, by mode.
        mutau: the factor of |C_R^taumu|^2, by mode.
    """

    kernels: RatioKernels
    tautau: dict[str, tuple[Any, Any, Any]]
    mutau: dict[str, Any]

    def conserving(self, mode: str, tautau: Any) -> Any:
        """BR of tau+ tau-."""
        c0, c1, c2 = self.tautau[mode]
        return c0 + c1 * tautau + c2 * tautau**2

    def violating(self, mode: str, taumu: Any) -> Any:
        """BR of mu- tau+, one charge."""
        return self.mutau[mode] * taumu**2

    def turning(self, mode: str) -> Any:
        """C_R^tautau of the smallest BR."""
        _, c1, c2 = self.tautau[mode]
        return -c1 / (2 * c2)


def exact(tautau: Float[Array, ""], off: Float[Array, ""], inputs: Inputs) -> dict[str, Array]:
    """BR of `MODES` with C_R^tautau and C_R^mutau = C_R^taumu."""
    C_R = jnp.zeros((3, 3)).at[2, 2].set(tautau).at[1, 2].set(off).at[2, 1].set(off)
    c = ChargedLeptons(C9p=C_R, C10p=-C_R)
    return {
        K_MUTAU: charged.branching_fraction("B+->K+", "mu", "tau", c, inputs),
        BS_MUTAU: charged.branching_fraction_bs("mu", "tau", c, inputs),
        K_TAUTAU: charged.branching_fraction("B+->K+", "tau", "tau", c, inputs),
        BS_TAUTAU: charged.branching_fraction_bs("tau", "tau", c, inputs),
    }


def quadratics(settings: Settings) -> tuple[Quadratics, Quadratics]:
    """At the central inputs and at draws of them; call through `settings.once`."""

    def at(inputs: Inputs) -> tuple[Quadratic, Array, Array]:
        rates = quadratic(lambda c: exact(c[0], c[0], inputs), jnp.zeros(1))
        return rates, eta(inputs), inputs.C_L_SM

    found = settings.drawn(at, "charged", DRAWS, GROUPS)
    return _quadratics(found, np.s_[0]), _quadratics(found, np.s_[1:])


def _quadratics(found: Any, at: Any) -> Quadratics:
    rates, eta_, C_SM = found
    tautau = {
        mode: (
            rates.value[mode][at],
            rates.slope[mode][..., 0][at],
            rates.hessian[mode][..., 0, 0][at] / 2,
        )
        for mode in CONSERVING
    }
    mutau = {mode: rates.hessian[mode][..., 0, 0][at] / 2 for mode in VIOLATING}
    return Quadratics(RatioKernels(eta_[at], C_SM[at]), tautau, mutau)
