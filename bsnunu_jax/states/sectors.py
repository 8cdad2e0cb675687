"""What one point of a model consists of: the invisible final states and what is correlated."""

from collections.abc import Iterator

import equinox as eqx
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Complex, Float

from bsnunu_jax.states import InvisibleState, States, each_state
from bsnunu_jax.states.neutrinos import flavour_matrix

Matrix = Complex[Array, "3 3"]


class ChargedLeptons(eqx.Module):
    """New-physics C_9, C_10, C_9', C_10' of b -> s l_i l_j, shape (3, 3) in (e, mu, tau).

    H = -N_0 sum C^{ij} O^{ij} with O_9^{ij} = (s_L gamma_mu b_L)(lbar_i gamma^mu l_j), O_10 with
    gamma_5 and primes with s_R, b_R; the first index is the barred lepton, flavio's names are
    transposed (C_9^{ij} = C9_bs{j}{i}). The SM is added where it is needed.
    """

    C9: Matrix
    C10: Matrix
    C9p: Matrix
    C10p: Matrix

    def __init__(
        self, C9: ArrayLike = 0, C10: ArrayLike = 0, C9p: ArrayLike = 0, C10p: ArrayLike = 0
    ) -> None:
        """Coefficients as 3x3 matrices, or 0 for none.

        Raises:
            InputError: for anything else.
        """
        self.C9, self.C10 = flavour_matrix("C9", C9), flavour_matrix("C10", C10)
        self.C9p, self.C10p = flavour_matrix("C9p", C9p), flavour_matrix("C10p", C10p)


class ChargedCurrent(eqx.Module):
    """New-physics C_VL^{ij} of b -> c l_i nu_j, shape (3, 3), first index the charged lepton.

    L = -(4 GF/sqrt2) Vcb (delta_ij + C_VL^{ij}) (cbar gamma_mu P_L b)(lbar_i gamma^mu P_L nu_j).
    """

    CVL: Matrix

    def __init__(self, CVL: ArrayLike = 0) -> None:
        """The matrix, or 0 for none.

        Raises:
            InputError: for anything else.
        """
        self.CVL = flavour_matrix("CVL", CVL)


class BsMixing(eqx.Module):
    """L = C_VLL O_VLL + C_VRR O_VRR + C_VLR O_VLR + C_SLR O_SLR [GeV^-2] at the scale mu [GeV].

    O_VXY = (sbar gamma_mu P_X b)(sbar gamma^mu P_Y b), O_SLR = (sbar P_L b)(sbar P_R b).
    """

    C_VLL: Complex[Array, ""]
    C_VRR: Complex[Array, ""]
    C_VLR: Complex[Array, ""]
    C_SLR: Complex[Array, ""]
    mu: Float[Array, ""]

    def __init__(
        self,
        C_VLL: ArrayLike = 0,
        C_VRR: ArrayLike = 0,
        C_VLR: ArrayLike = 0,
        mu: ArrayLike = 1000.0,
        C_SLR: ArrayLike = 0,
    ) -> None:
        """Scalars."""
        self.C_VLL, self.C_VRR, self.C_VLR, self.C_SLR = (
            jnp.asarray(c, dtype=complex) for c in (C_VLL, C_VRR, C_VLR, C_SLR)
        )
        self.mu = jnp.asarray(mu, dtype=float)


class DarkScalar(eqx.Module):
    """A real scalar dark matter particle phi of mass m [GeV] and its couplings to light quarks.

    L = (1/2) C_ss (sbar s) phi^2 + (1/2) [C_uc_S (ubar c) + C_uc_P (ubar i gamma_5 c)] phi^2 + h.c.
    of the last two: C_ss is real. C_ss is at 2 GeV, where the condensate of `ChPT_B` is, C_uc_S and
    C_uc_P at m_c.
    """

    m: Float[Array, ""]
    C_ss: Float[Array, ""]
    C_uc_S: Complex[Array, ""]
    C_uc_P: Complex[Array, ""]

    def __init__(
        self, m: ArrayLike, C_ss: ArrayLike = 0, C_uc_S: ArrayLike = 0, C_uc_P: ArrayLike = 0
    ) -> None:
        """Scalars; coefficients in GeV^-1."""
        self.m, self.C_ss = jnp.asarray(m, dtype=float), jnp.asarray(C_ss, dtype=float)
        self.C_uc_S, self.C_uc_P = (jnp.asarray(c, dtype=complex) for c in (C_uc_S, C_uc_P))


class Sectors(eqx.Module):
    """Everything that observables read of a model at one point.

    Iterating gives the invisible states, whose rates add: `Sectors` does wherever a sequence of
    states does.

    Attributes:
        invisible: what recoils against the kaon.
        charged: coefficients of b -> s l l'.
        current: coefficients of b -> c l nu.
        mixing: coefficients of Bs mixing.
        dark: scalar dark matter, if the model has it.
    """

    invisible: tuple[InvisibleState, ...]
    charged: ChargedLeptons = eqx.field(default_factory=ChargedLeptons)
    current: ChargedCurrent = eqx.field(default_factory=ChargedCurrent)
    mixing: BsMixing = eqx.field(default_factory=BsMixing)
    dark: DarkScalar | None = None

    def __iter__(self) -> Iterator[InvisibleState]:
        """The invisible states."""
        return iter(self.invisible)

    def __len__(self) -> int:
        """Number of invisible states."""
        return len(self.invisible)

    def __getitem__(self, index: int) -> InvisibleState:
        """One invisible state."""
        return self.invisible[index]


def sectors_of(states: States) -> Sectors:
    """States alone as `Sectors` without anything correlated; `Sectors` as they are.

    >>> from bsnunu_jax.states import Neutrinos
    >>> len(sectors_of(Neutrinos()))
    1
    """
    return states if isinstance(states, Sectors) else Sectors(each_state(states))
