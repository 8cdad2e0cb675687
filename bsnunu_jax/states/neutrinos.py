"""Massless neutrinos with flavour: C_L, C_R and the right-handed C_L', C_R' of Eq. (7)."""

from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import ArrayLike
from jaxtyping import Array, Complex

from bsnunu_jax.foundation.arrays import Scalar, squared
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.states.base import MasslessPair

FLAVOURS = ("e", "mu", "tau")
MATRICES = ("CL", "CR", "CLp", "CRp")
COEFFICIENTS = tuple(f"{m}_{i}{j}" for m in MATRICES for i in FLAVOURS for j in FLAVOURS)
_INDEX = {
    f"{m}_{a}{b}": (m, i, j)
    for m in MATRICES
    for i, a in enumerate(FLAVOURS)
    for j, b in enumerate(FLAVOURS)
}


def _of_numbers(given: ArrayLike) -> bool:
    """Whether it is traced, or its entries are numbers, not text."""
    return isinstance(given, Tracer) or np.asarray(given).dtype.kind in "biufc"


def flavour_matrix(name: str, given: ArrayLike) -> Complex[Array, "3 3"]:
    """A matrix of flavours from one of shape (3, 3), or from the number 0.

    Another number could mean the diagonal, all entries or one of them. A traced one is none of
    which 0 could be told.

    Raises:
        InputError: for another number, another shape, or what is no array of numbers.
    """
    try:
        shape = jnp.shape(given)
        if not _of_numbers(given):
            raise TypeError
        found = jnp.asarray(given, dtype=complex)
    except (TypeError, ValueError):
        raise InputError(
            f"{name} = {given!r} is no array of numbers", allowed="give shape (3, 3), or 0"
        ) from None
    if shape not in ((), (3, 3)):
        raise InputError(f"{name} has shape {shape}", allowed="give shape (3, 3), or 0")
    if shape == () and (isinstance(given, Tracer) or given != 0):
        raise InputError(
            f"{name} is a number and not a matrix of flavours",
            allowed=f"give shape (3, 3): {name} = jnp.eye(3) * c for equal flavours",
        )
    return jnp.broadcast_to(found, (3, 3))


class Neutrinos(MasslessPair, eqx.Module):
    """New-physics coefficients of H = -N_0 sum C^{ij} O^{ij}; the SM is added inside.

    The operators are those of Eqs. (7)-(8) of arXiv:2309.12741, e.g.
    O_L^{ij} = (s_L gamma_mu b_L)(nubar_i gamma^mu (1 - gamma_5) nu_j); the primed ones have
    right-handed neutrinos. The first index is the barred neutrino: flavio's and WCxf's names are
    transposed, C_L^{ij} = CL_bsnu{j}nu{i}. Dimensionless, complex, shape (3, 3) in (e, mu, tau).
    """

    CL: Complex[Array, "3 3"]
    CR: Complex[Array, "3 3"]
    CLp: Complex[Array, "3 3"]
    CRp: Complex[Array, "3 3"]

    def __init__(
        self, CL: ArrayLike = 0, CR: ArrayLike = 0, CLp: ArrayLike = 0, CRp: ArrayLike = 0
    ) -> None:
        """Coefficients as 3x3 matrices, or 0 for none, see `flavour_matrix`.

        Raises:
            InputError: for anything else.
        """
        self.CL, self.CR, self.CLp, self.CRp = (
            flavour_matrix(name, c) for name, c in zip(MATRICES, (CL, CR, CLp, CRp), strict=True)
        )

    @classmethod
    def named(cls, coefficients: Mapping[str, ArrayLike]) -> "Neutrinos":
        """Set single entries by name, e.g. {"CR_tautau": -11.0, "CR_mutau": 4.0}.

        Raises:
            InputError: for an unknown name.

        >>> complex(Neutrinos.named({"CR_tautau": -11.0}).CR[2, 2])
        (-11+0j)
        """
        matrices = {m: jnp.zeros((3, 3), dtype=complex) for m in MATRICES}
        for name, value in coefficients.items():
            if name not in _INDEX:
                raise InputError(
                    f"unknown coefficient {name!r}",
                    allowed="neutrinos: CL_ij, CR_ij, CLp_ij, CRp_ij with i, j in e, mu, tau",
                )
            if np.shape(value) or not _of_numbers(value):
                raise InputError(f"{name} = {value!r} is no number")
            matrix, i, j = _INDEX[name]
            matrices[matrix] = matrices[matrix].at[i, j].set(value)
        return cls(**matrices)

    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """N_0^2 sum |C_L +- C_R|^2 over flavours and chiralities, with C_L^SM on the diagonal."""
        CL = self.CL + inputs.C_L_SM * jnp.eye(3)
        vector = jnp.sum(squared(CL + self.CR)) + jnp.sum(squared(self.CLp + self.CRp))
        axial = jnp.sum(squared(CL - self.CR)) + jnp.sum(squared(self.CLp - self.CRp))
        return {"vector": inputs.N_0**2 * vector, "axial": inputs.N_0**2 * axial}

    def dark_rows(self, q2: Scalar) -> dict[str, dict[str, Scalar]]:
        """A massless chiral pair: transverse current only, weight 2 q2/3."""
        return {"vector": {"V": 2 * q2 / 3}, "axial": {"A": 2 * q2 / 3}}
