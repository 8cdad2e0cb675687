r"""What a vector mediator adds to the rate of SM neutrinos, interference included.

The coefficient C(q2) = a + b pi(q2), with a that of the SM (and of `Neutrinos` beside it) and b the
contact limit of the mediator, gives |a|^2 + |b|^2 |pi|^2 + 2 Re(a b^*) Re pi + 2 Im(a b^*) Im pi;
Re pi = (1 - q2/M^2) |pi|^2 and Im pi = (Gamma/M) |pi|^2. The first term is that of `Neutrinos`, a
state of its own; the other three are this state, which may have a negative rate.
"""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Complex, Float

from bsnunu_jax.foundation.arrays import Scalar, squared
from bsnunu_jax.hadrons.transitions import USUAL_QUARKS, get_quarks
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.numerics import propagator
from bsnunu_jax.states.base import BinRule, Rule
from bsnunu_jax.states.mediated import check_mediator
from bsnunu_jax.states.neutrinos import Neutrinos, flavour_matrix

# Names of |b|^2, 2 Re(a b^*) and 2 Im(a b^*).
_PARTS = ("mediated", "real", "imaginary")
# See `Resonance`.
_MORE, _MORE_IN_BINS = 2, 16


class MediatedNeutrinos(eqx.Module):
    """What a vector mediator adds to massless neutrinos, whose own coefficients are in `beside`.

    Attributes:
        CL, CR: b of C_L and C_R, shape (3, 3), in units of N_0 of the transition.
        M, width: of the mediator [GeV].
        beside: the coefficients that it interferes with; the SM is added inside.
        quarks: the quark transition (static).
        antihermitian: as a K_L sees it (static), see `conjugate`.

    >>> from bsnunu_jax import branching_fraction, load_inputs
    >>> heavy = MediatedNeutrinos(jnp.zeros((3, 3)), -11.0 * jnp.diag(jnp.array([0, 0, 1])), 1e9, 0)
    >>> states = [Neutrinos(), heavy], Neutrinos.named({"CR_tautau": -11.0})
    >>> a, b = (float(branching_fraction("B0->K*0", s, load_inputs())) for s in states)
    >>> round(a / b, 12)
    1.0
    """

    has_spectrum: ClassVar[bool] = True
    vanishes_at_limits: ClassVar[bool] = False

    CL: Complex[Array, "3 3"]
    CR: Complex[Array, "3 3"]
    M: Scalar
    width: Scalar
    beside: Neutrinos
    quarks: str = eqx.field(static=True)
    antihermitian: bool = eqx.field(static=True)
    folded: bool = eqx.field(static=True)

    def __init__(
        self,
        CL: ArrayLike,
        CR: ArrayLike,
        M: ArrayLike,
        width: ArrayLike,
        beside: Neutrinos | None = None,
        quarks: str = USUAL_QUARKS,
        *,
        antihermitian: bool = False,
        folded: bool = False,
    ) -> None:
        """Contact limits as matrices of flavours; a width of 0 where M^2 is in no phase space.

        Raises:
            InputError: for another shape, a mass that is not above 0 or a width below 0.
        """
        check_mediator(M, width)
        self.CL, self.CR = flavour_matrix("CL", CL), flavour_matrix("CR", CR)
        self.M, self.width = (jnp.asarray(x, dtype=float) for x in (M, width))
        self.beside = Neutrinos() if beside is None else beside
        self.quarks, self.antihermitian, self.folded = (
            get_quarks(quarks).name,
            antihermitian,
            folded,
        )

    def _with(self, **changed: bool) -> "MediatedNeutrinos":
        given = {"antihermitian": self.antihermitian, "folded": self.folded} | changed
        return MediatedNeutrinos(
            self.CL, self.CR, self.M, self.width, self.beside, self.quarks, **given
        )

    def conjugate(self) -> "MediatedNeutrinos":
        """What a K_L sees: (C^ij - C^ji*)/2 of both amplitudes, which have the same propagator."""
        return self._with(antihermitian=True)

    @property
    def in_integrals(self) -> "MediatedNeutrinos":
        """What the rules integrate: |pi|^2 is part of their weights."""
        return self._with(folded=True)

    def matrices(self, inputs: Inputs) -> tuple[Scalar, tuple[Array, Array], tuple[Array, Array]]:
        """N_0, and a and b of C_L and C_R."""
        row = get_quarks(self.quarks)
        if self.quarks == USUAL_QUARKS:
            N_0, sm = inputs.N_0, inputs.C_L_SM * jnp.eye(3)
            a = self.beside.CL + sm, self.beside.CR
        else:
            N_0 = inputs.normalisation(self.quarks)
            CL, CR, *_ = self.beside.matrices_in(self.quarks, inputs)
            a = CL, CR
        b = self.CL, self.CR
        if not self.antihermitian:
            return N_0, a, b
        phase = jnp.exp(1j * inputs.number(row.phase))
        aL, aR, bL, bR = (_antihermitian(phase * C) for C in (*a, *b))
        return N_0, (aL, aR), (bL, bR)

    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """N_0^2 times the three sums over flavours, of C_L + C_R and of C_L - C_R."""
        N_0, (aL, aR), (bL, bR) = self.matrices(inputs)
        found: dict[str, Scalar] = {}
        for name, sign in (("vector", 1), ("axial", -1)):
            of = parts(aL + sign * aR, bL + sign * bR)
            found |= {f"{part} {name}": N_0**2 * x for part, x in of.items()}
        return found

    def mixing_invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """See `base.mixing_invariants_in`: both mesons have the same propagator, its phase drops.

        C^{ij} C^{ji*} of the two amplitudes leaves b b^T |pi|^2 and 2 a b^T Re pi.
        """
        N_0, (aL, aR), (bL, bR) = self.matrices(inputs)
        found: dict[str, Scalar] = {}
        for name, sign in (("vector", 1), ("axial", -1)):
            a, b = aL + sign * aR, bL + sign * bR
            of = jnp.sum((b * b.T).real), 2 * jnp.sum((a * b.T).real)
            found |= {
                f"{part} {name}": sign * N_0**2 * x for part, x in zip(_PARTS[:2], of, strict=True)
            }
        return found

    def dark_rows(self, q2: Scalar) -> dict[str, dict[str, Scalar]]:
        """A massless chiral pair through the propagator."""
        peak = jnp.ones_like(q2) if self.folded else propagator.squared(q2, self.M, self.width)
        transverse = 2 * q2 / 3 * peak
        real, imaginary = 1 - q2 / self.M**2, self.width / self.M
        weights = transverse, real * transverse, imaginary * transverse
        return {
            f"{part} {name}": {row: weight}
            for name, row in (("vector", "V"), ("axial", "A"))
            for part, weight in zip(_PARTS, weights, strict=True)
        }

    def total_rule(self, q2_max: Scalar, nodes: int) -> Rule:
        """One bin with twice the nodes."""
        edges = jnp.stack([jnp.zeros_like(q2_max), q2_max])
        q2, weights = propagator.massless_rule(edges, q2_max, self.M, self.width, _MORE * nodes)
        return q2[0], weights[0]

    def bin_rule(self, edges: Float[Array, " edges"], q2_max: Scalar, nodes: int) -> BinRule:
        """See `propagator.massless_rule`."""
        more = nodes + _MORE_IN_BINS
        return propagator.massless_rule(edges, q2_max, self.M, self.width, more)


def parts(a: Array, b: Array) -> dict[str, Scalar]:
    """What a mediator adds to |a|^2: |b|^2, 2 Re(a b^*) and 2 Im(a b^*), summed over flavours."""
    product = jnp.sum(a * jnp.conj(b))
    found = jnp.sum(squared(b)), 2 * product.real, 2 * product.imag
    return dict(zip(_PARTS, found, strict=True))


def _antihermitian(C: Array) -> Array:
    return (C - jnp.conj(C).T) / 2
