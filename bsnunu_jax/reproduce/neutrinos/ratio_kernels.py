"""R_K and R_K* as a contraction: what of form factors and electroweak inputs enters is two numbers.

Both chiralities of the quark current add up in R_K = V and in R_K* = (1 - eta)/2 V + (1 + eta)/2 A,
with V, A = sum |C_L +- C_R|^2 over flavours and chiralities of the neutrino, in units of the SM:
Eqs. (10)-(12) of arXiv:2309.12741 in another order. Numpy, for millions of points.
"""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.inputs import Inputs, Nuisances
from bsnunu_jax.inputs.sets import form_factor_set
from bsnunu_jax.observables.branching import branching_fraction, eta
from bsnunu_jax.report.figures.coupling_regions import Cuts
from bsnunu_jax.reproduce.settings import Settings
from bsnunu_jax.states import Neutrinos

Numbers = np.ndarray
# The entries of a symmetric matrix in flavour space, and how often each is there.
ENTRIES = ("ee", "mumu", "tautau", "emu", "etau", "mutau")
DIAGONAL, WEIGHTS = np.array([1.0, 1, 1, 0, 0, 0]), np.array([1.0, 1, 1, 2, 2, 2])
DRAWS = 2000


@dataclass(frozen=True)
class RatioKernels:
    """R_K and R_K* for given inputs; both numbers may be arrays, one entry a draw.

    Attributes:
        eta: F_-/F_+ of Eq. (11) of arXiv:2309.12741.
        C_SM: C_L^SM of Eq. (9).
    """

    eta: float | Numbers
    C_SM: float | Numbers

    @property
    def S(self) -> float | Numbers:
        """3 |C_L^SM|^2, the SM value of V and A."""
        return 3 * self.C_SM**2

    def of_squares(self, V: Numbers, A: Numbers) -> tuple[Numbers, Numbers]:
        """(R_K, R_K*) of V and A in units of the SM."""
        return V, (1 - self.eta) / 2 * V + (1 + self.eta) / 2 * A

    def full(self, CL: Numbers, CR: Numbers, CLp: Numbers, CRp: Numbers) -> tuple[Numbers, Numbers]:
        """(R_K, R_K*) of complex matrices, shapes (..., 3, 3)."""
        CL = CL + self.C_SM * np.eye(3)
        V, A = (
            np.sum(abs(CL + s * CR) ** 2 + abs(CLp + s * CRp) ** 2, axis=(-2, -1)) / self.S
            for s in (1, -1)
        )
        return self.of_squares(V, A)

    def symmetric(
        self, CL: Numbers, CR: Numbers, *, primed: bool = False
    ) -> tuple[Numbers, Numbers]:
        """(R_K, R_K*) of real `ENTRIES`, shapes (..., 6); primed: of right-handed neutrinos."""
        CL = CL if primed else CL + self.C_SM * DIAGONAL
        V, A = (((CL + s * CR) ** 2 @ WEIGHTS) / self.S for s in (1, -1))
        return self.of_squares(V + 1, A + 1) if primed else self.of_squares(V, A)

    def plane(self, tautau: Numbers, off: Numbers, weight: float = 2) -> tuple[Numbers, Numbers]:
        """(R_K, R_K*) of C_R^tautau and `weight` equal off-diagonal C_R."""
        square, linear = (tautau**2 + weight * off**2) / self.S, 2 * tautau / (3 * self.C_SM)
        return 1 + linear + square, 1 - self.eta * linear + square


@dataclass(frozen=True)
class Drawn:
    """The SM at the central inputs and at draws of them.

    Attributes:
        central: kernels at the central inputs.
        draws: kernels at the draws, arrays.
        BR: SM branching fractions by mode, at the central inputs.
        BR_draws: the same at the draws.
    """

    central: RatioKernels
    draws: RatioKernels
    BR: dict[str, float]
    BR_draws: dict[str, Numbers]


def drawn(settings: Settings) -> Drawn:
    """The SM state of the settings; call through `settings.once`."""

    def at(inputs: Inputs) -> dict[str, Array]:
        modes = {m: branching_fraction(m, Neutrinos(), inputs) for m in ("B+->K+", "B0->K*0")}
        return modes | {"eta": eta(inputs), "C_SM": inputs.C_L_SM}

    found = settings.drawn(at, "ratio kernels", DRAWS)
    eta_, C_SM = found.pop("eta"), found.pop("C_SM")
    return Drawn(
        RatioKernels(float(eta_[0]), float(C_SM[0])),
        RatioKernels(eta_[1:], C_SM[1:]),
        {k: float(v[0]) for k, v in found.items()},
        {k: v[1:] for k, v in found.items()},
    )


def eta_draws(settings: Settings) -> dict[str, Numbers]:
    """Draws of eta with the correlations of the B -> K* form factors and, wrongly, without."""
    transition = "B->K*"
    inputs = settings.inputs
    covariance = form_factor_set(transition, dict(inputs.sets)[transition]).covariance
    sigma = jnp.asarray(np.sqrt(np.diag(covariance)))
    nuisances = Nuisances(inputs, (transition,))
    z = nuisances.draw(settings.key("eta"), DRAWS)

    @jax.jit
    @jax.vmap
    def of(shift: Float[Array, " n"]) -> Array:
        central = inputs.form_factors[transition]
        moved = eqx.tree_at(lambda f: f.coefficients, central, central.coefficients + shift)
        return eta(eqx.tree_at(lambda i: i.form_factors[transition], inputs, moved))

    shifts = {"correlated": z @ nuisances.roots[transition].T, "uncorrelated": z * sigma[None, :]}
    return {name: np.asarray(of(shift)) for name, shift in shifts.items()}


def cuts(settings: Settings) -> Cuts:
    """The cuts of the settings as figures take them."""
    c = settings.constraints
    return Cuts(c.R_K["new"], c.R_K["average"], c.R_Kstar["loose"], c.R_Kstar["tight"])


def generator(settings: Settings, name: str) -> np.random.Generator:
    """Numpy's random numbers that seed and name determine."""
    return np.random.default_rng(np.asarray(jax.random.key_data(settings.key(name))))
