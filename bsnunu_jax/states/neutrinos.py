"""Massless neutrinos with flavour: C_L, C_R and the right-handed C_L', C_R' of Eq. (7)."""

from abc import abstractmethod
from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import ArrayLike
from jaxtyping import Array, Complex

from bsnunu_jax.foundation.arrays import Scalar, squared
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import QUARKS, USUAL_QUARKS, get_quarks
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.states.base import MasslessPair

FLAVOURS = ("e", "mu", "tau")
MATRICES = ("CL", "CR", "CLp", "CRp")
COEFFICIENTS = tuple(f"{m}_{i}{j}" for m in MATRICES for i in FLAVOURS for j in FLAVOURS)
# Of the transitions that have an SM coefficient, b -> s first.
_QUARKS = tuple(sorted((q for q in QUARKS.values() if q.sm), key=lambda q: q.name != USUAL_QUARKS))


def coefficient(quarks: str, matrix: str, i: str, j: str) -> str:
    """The name of a coefficient, i the barred neutrino.

    >>> coefficient("b->s", "CL", "e", "tau"), coefficient("b->d", "CL", "e", "tau")
    ('CL_etau', 'CL_bd_etau')
    """
    return "_".join(filter(None, (matrix, get_quarks(quarks).letters, i + j)))


_INDEX = {
    coefficient(q.name, m, a, b): (q.name, m, i, j)
    for q in _QUARKS
    for m in MATRICES
    for i, a in enumerate(FLAVOURS)
    for j, b in enumerate(FLAVOURS)
}
# All of them: CL_tautau of b -> s, CL_bd_tautau of b -> d.
ALL_COEFFICIENTS = tuple(_INDEX)


# By quark transition and by the name of the matrix.
Coefficients = dict[str, dict[str, Array]]
# C_L, C_R, C_L', C_R'.
Matrices = tuple[Array, Array, Array, Array]


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


class Elsewhere:
    """Massless neutrinos in other quark transitions than b -> s: the SM, and what is added there.

    Their invariants are called "b->d vector", "b->d axial", ...
    """

    elsewhere: Coefficients

    @abstractmethod
    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """Those of b -> s."""

    @abstractmethod
    def mixing_invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """Those of b -> s."""

    @abstractmethod
    def dark_rows(self, q2: Scalar) -> Mapping[str, Mapping[str, Scalar]]:
        """Those of b -> s."""

    def matrices_in(self, quarks: str, inputs: Inputs) -> Matrices:
        """C_L with the SM, C_R, C_L', C_R' of another transition, of which N_0 is known."""
        given = getattr(self, "elsewhere", {}).get(quarks, {})
        CL, CR, CLp, CRp = (given.get(name, jnp.asarray(_ZERO)) for name in MATRICES)
        sm = jnp.diag(jnp.broadcast_to(inputs.sm_coefficient(quarks), 3))
        return CL + sm, CR, CLp, CRp

    def invariants_in(self, quarks: str, inputs: Inputs) -> dict[str, Scalar]:
        """Of one transition; none where the SM is taken as 0."""
        if quarks == USUAL_QUARKS:
            return self.invariants(inputs)
        if not get_quarks(quarks).sm:
            return {}
        return invariants_of(quarks, self.matrices_in(quarks, inputs), inputs)

    def mixing_invariants_in(self, quarks: str, inputs: Inputs) -> dict[str, Scalar]:
        """See `base.mixing_invariants_in`."""
        if quarks == USUAL_QUARKS:
            return self.mixing_invariants(inputs)
        if not get_quarks(quarks).sm:
            return {}
        found = _mixing(inputs.normalisation(quarks), *self.matrices_in(quarks, inputs))
        return {f"{quarks} {name}": value for name, value in found.items()}

    def rows_in(self, quarks: str, q2: Scalar) -> Mapping[str, Mapping[str, Scalar]]:
        """Transverse current of a massless chiral pair; nothing where the SM is taken as 0."""
        if quarks == USUAL_QUARKS:
            return self.dark_rows(q2)
        if not get_quarks(quarks).sm:
            return {}
        return {f"{quarks} {name}": rows for name, rows in _transverse(q2).items()}


class Neutrinos(Elsewhere, MasslessPair, eqx.Module):
    """New-physics coefficients of H = -N_0 sum C^{ij} O^{ij}; the SM is added inside.

    The operators are those of Eqs. (7)-(8) of arXiv:2309.12741, e.g.
    O_L^{ij} = (s_L gamma_mu b_L)(nubar_i gamma^mu (1 - gamma_5) nu_j); the primed ones have
    right-handed neutrinos. The first index is the barred neutrino: flavio's and WCxf's names are
    transposed, C_L^{ij} = CL_bsnu{j}nu{i}. Dimensionless, complex, shape (3, 3) in (e, mu, tau).

    Coefficients of another quark transition, in units of its own N_0, are in `elsewhere`, by its
    name and that of the matrix: {"b->d": {"CL": ...}}. The SM is there in every transition.
    """

    CL: Complex[Array, "3 3"]
    CR: Complex[Array, "3 3"]
    CLp: Complex[Array, "3 3"]
    CRp: Complex[Array, "3 3"]
    elsewhere: Coefficients

    def __init__(
        self,
        CL: ArrayLike = 0,
        CR: ArrayLike = 0,
        CLp: ArrayLike = 0,
        CRp: ArrayLike = 0,
        elsewhere: Mapping[str, Mapping[str, ArrayLike]] | None = None,
    ) -> None:
        """Coefficients as 3x3 matrices, or 0 for none, see `flavour_matrix`.

        Raises:
            InputError: for anything else.
        """
        self.CL, self.CR, self.CLp, self.CRp = (
            flavour_matrix(name, c) for name, c in zip(MATRICES, (CL, CR, CLp, CRp), strict=True)
        )
        self.elsewhere = {}
        for quarks, matrices in (elsewhere or {}).items():
            _check_elsewhere(quarks, matrices)
            self.elsewhere[quarks] = {m: flavour_matrix(m, c) for m, c in matrices.items()}

    @classmethod
    def named(cls, coefficients: Mapping[str, ArrayLike]) -> "Neutrinos":
        """Set single entries by name, e.g. {"CR_tautau": -11.0, "CR_mutau": 4.0}.

        Raises:
            InputError: for an unknown name.

        >>> complex(Neutrinos.named({"CR_tautau": -11.0}).CR[2, 2])
        (-11+0j)
        """
        zero = jnp.asarray(_ZERO)
        found: dict[str, dict[str, Array]] = {USUAL_QUARKS: dict.fromkeys(MATRICES, zero)}
        for name, value in coefficients.items():
            if name not in _INDEX:
                others = " and ".join(f"CL_{q.letters}_ij" for q in _QUARKS if q.letters)
                raise InputError(
                    f"unknown coefficient {name!r}",
                    allowed="neutrinos: CL_ij, CR_ij, CLp_ij, CRp_ij with i, j in e, mu, tau, and "
                    f"{others} likewise",
                )
            if np.shape(value) or not _of_numbers(value):
                raise InputError(f"{name} = {value!r} is no number")
            quarks, matrix, i, j = _INDEX[name]
            matrices = found.setdefault(quarks, {})
            matrices[matrix] = matrices.get(matrix, zero).at[i, j].set(value)
        return cls(**found.pop(USUAL_QUARKS), elsewhere=found)

    @property
    def all_quarks(self) -> tuple[str, ...]:
        """Where there is more than the SM; a traced coefficient may be."""
        matrices = [getattr(self, name) for name in MATRICES]
        here = any(isinstance(m, Tracer) or np.any(np.asarray(m) != 0) for m in matrices)
        return (*((USUAL_QUARKS,) if here else ()), *self.elsewhere)

    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """N_0^2 sum |C_L +- C_R|^2 over flavours and chiralities, with C_L^SM on the diagonal."""
        CL = self.CL + inputs.C_L_SM * jnp.eye(3)
        return _vector_axial(inputs.N_0, CL, self.CR, self.CLp, self.CRp)

    def mixing_invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """See `base.mixing_invariants_in`: C^{ij} C^{ji}, the pair nu_i nubar_j comes from both."""
        CL = self.CL + inputs.C_L_SM * jnp.eye(3)
        return _mixing(inputs.N_0, CL, self.CR, self.CLp, self.CRp)

    def dark_rows(self, q2: Scalar) -> dict[str, dict[str, Scalar]]:
        """A massless chiral pair: transverse current only, weight 2 q2/3."""
        return _transverse(q2)


_ZERO = np.zeros((3, 3), dtype=complex)


def _check_elsewhere(quarks: str, matrices: Mapping[str, ArrayLike]) -> None:
    """Refuse transitions whose coefficients have no normalisation, and unknown matrices."""
    known = [q.name for q in _QUARKS if q.name != USUAL_QUARKS]
    if quarks not in known:
        raise InputError(
            f"coefficients of neutrinos in {quarks!r}", allowed=f"known in {', '.join(known)}"
        )
    for name in matrices:
        if name not in MATRICES:
            raise InputError(f"unknown matrix {name!r}", allowed=f"one of {', '.join(MATRICES)}")


def invariants_of(quarks: str, matrices: Matrices, inputs: Inputs) -> dict[str, Scalar]:
    """Those of such matrices in another transition than b -> s."""
    found = _vector_axial(inputs.normalisation(quarks), *matrices)
    return {f"{quarks} {name}": value for name, value in found.items()}


def _vector_axial(N_0: Scalar, CL: Array, CR: Array, CLp: Array, CRp: Array) -> dict[str, Scalar]:
    """N_0^2 sum |C_L +- C_R|^2 over flavours and chiralities."""
    vector = jnp.sum(squared(CL + CR)) + jnp.sum(squared(CLp + CRp))
    axial = jnp.sum(squared(CL - CR)) + jnp.sum(squared(CLp - CRp))
    return {"vector": N_0**2 * vector, "axial": N_0**2 * axial}


def _mixing(N_0: Scalar, CL: Array, CR: Array, CLp: Array, CRp: Array) -> dict[str, Scalar]:
    """N_0^2 sum Re C^{ij} C^{ji} of C_L +- C_R; the axial quark current has the other C parity."""

    def of(sign: int) -> Scalar:
        left, right = CL + sign * CR, CLp + sign * CRp
        return N_0**2 * jnp.sum((left * left.T + right * right.T).real)

    return {"vector": of(1), "axial": -of(-1)}


def _transverse(q2: Scalar) -> dict[str, dict[str, Scalar]]:
    return {"vector": {"V": 2 * q2 / 3}, "axial": {"A": 2 * q2 / 3}}
