"""Rates of hadrons that are given as rows and masses, with any final state beside them.

The modes of the table of transitions come here from `kernels.py`; free quarks and baryons whose
spin is seen are hadrons of their own.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import signature
from typing import ParamSpec, Protocol, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons import kinematics
from bsnunu_jax.hadrons.rows import Rows
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.numerics.fixed_nodes import with_fixed_nodes
from bsnunu_jax.numerics.quadrature import NODES
from bsnunu_jax.rates.escape import Escaped
from bsnunu_jax.states import InvisibleState
from bsnunu_jax.states.base import in_integrals, invariants_in, rows_in

# Rows carry 1/q2 against a factor q2 of a massless pair: below this the ratio is taken [GeV^2].
_Q2_FLOOR = 1e-12
_NUMBERS = (jax.Array, np.ndarray, np.generic, float, complex, int)


class Hadrons(Protocol):
    """A pytree: masses of the decaying particle and of the one that is left [GeV], and its rows."""

    @property
    def name(self) -> str:
        """For messages."""
        ...

    @property
    def quarks(self) -> str:
        """The quark transition, "b->s" for instance."""
        ...

    @property
    def m_B(self) -> Scalar:
        """Mass of the decaying particle."""
        ...

    @property
    def m_K(self) -> Scalar:
        """Mass of what is left."""
        ...

    @property
    def factor(self) -> float | Scalar:
        """In the rate."""
        ...

    @property
    def complete(self) -> tuple[str, ...]:
        """Rows that are no zeros where `rows` lacks them: a state that sees one is refused."""
        ...

    def rows(self, q2: Scalar) -> Rows:
        """Rows at one q2 [GeV^2]."""
        ...


P = ParamSpec("P")
H = TypeVar("H", bound=Hadrons)
T = TypeVar("T")


def q2_max(hadrons: Hadrons) -> Scalar:
    """Largest q2 [GeV^2]."""
    return kinematics.q2_max(hadrons.m_B, hadrons.m_K)


def _alike(function: Callable[P, T]) -> Callable[P, T]:
    """Traced once for all hadrons and states that differ in numbers alone.

    States that are no pytrees of arrays go through the function as they are.
    """
    static = [name for name in signature(function).parameters if name == "nodes"]
    compiled = jax.jit(function, static_argnames=static)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        numbers = all(isinstance(x, _NUMBERS) for x in jax.tree.leaves(args))
        found: T = (compiled if numbers else function)(*args, **kwargs)
        return found

    return call


@_alike
def kernels(hadrons: Hadrons, state: InvisibleState, q2: ArrayLike) -> dict[str, Scalar]:
    """dGamma/dq2 of every invariant of the state taken as 1 [GeV^-1 over its unit], at one q2.

    Outside the phase space value and gradient are exactly 0; at a q2 of NaN they are NaN.

    Raises:
        InputError: for an invariant that needs form factors which are not there.
    """
    q2 = jnp.asarray(q2, dtype=float)
    m_B, end = hadrons.m_B, q2_max(hadrons)
    is_open, unknown = (q2 >= 0) & (q2 < end), jnp.isnan(q2)
    # Both branches of a `where` are differentiated: the discarded one must not see a root of 0.
    q2 = jnp.where(is_open, q2 + jnp.where(q2 < _Q2_FLOOR, _Q2_FLOOR, 0.0), end / 2)
    hadronic, dark = hadrons.rows(q2), rows_in(state, hadrons.quarks, q2)
    lacking = set(hadrons.complete) - set(hadronic)
    for invariant, row_weights in dark.items() if lacking else ():
        if not lacking.isdisjoint(row_weights):
            raise InputError(
                f"the form factors of {hadrons.name} in use lack those of {invariant}",
                allowed="a set that has them, from a file NAME.yaml if the package has none, or"
                " other operators",
            )
    found = contracted(hadronic, dark)
    root = jnp.sqrt(kinematics.kallen(q2, m_B, hadrons.m_K))
    phase_space = hadrons.factor * root
    phase_space /= 256 * jnp.pi**3 * m_B**3
    if isinstance(state, Escaped):
        phase_space *= state.share(q2, root / (2 * m_B))
    outside = jnp.where(unknown, jnp.nan, 0.0)
    return {k: jnp.where(is_open, phase_space * v, outside) for k, v in found.items()}


def contracted(hadronic: Rows, dark: Mapping[str, Mapping[str, Scalar]]) -> dict[str, Scalar]:
    """Hadronic rows x dark rows for every invariant that the hadrons can see."""
    found = {}
    for invariant, row_weights in dark.items():
        terms = [hadronic[row] * weight for row, weight in row_weights.items() if row in hadronic]
        if terms:
            found[invariant] = jnp.asarray(sum(terms))
    return found


def contract(invariants: Mapping[str, Scalar], kernel: Mapping[str, Array]) -> Array:
    """sum_k invariant_k x kernel_k over the invariants that the mode can see."""
    return sum((invariants[k] * kernel[k] for k in kernel), start=jnp.asarray(0.0))


@_alike
def integrated_kernels(
    hadrons: H, state: InvisibleState, *, nodes: int = NODES
) -> dict[str, Scalar]:
    """Kernels integrated over the phase space [GeV over the unit of the invariant]."""

    def integral(
        rule: tuple[InvisibleState, H], point: tuple[InvisibleState, H]
    ) -> dict[str, Scalar]:
        q2, weights = rule[0].total_rule(q2_max(rule[1]), nodes)
        folded = in_integrals(point[0])
        values = jax.vmap(lambda s: kernels(point[1], folded, s))(q2)
        # Not sum(v * weights): of dot products over many points XLA makes one loop, 10x faster.
        return {k: weights @ v for k, v in values.items()}

    return _integrated(integral, (state, hadrons))


@_alike
def binned_kernels(
    hadrons: H, state: InvisibleState, edges: Float[Array, " edges"], *, nodes: int = NODES
) -> dict[str, Float[Array, " bins"]]:
    """Kernels integrated over bins of q2, edges in GeV^2; BIN_NODES nodes do for narrow bins."""
    edges = jnp.where(edges < 0, 0.0, edges)  # nothing lies below, and the rules end there

    def integral(
        rule: tuple[InvisibleState, H], point: tuple[InvisibleState, H], edges: Array
    ) -> dict[str, Float[Array, " bins"]]:
        q2, weights = rule[0].bin_rule(edges, q2_max(rule[1]), nodes)
        folded = in_integrals(point[0])
        values = jax.vmap(jax.vmap(lambda s: kernels(point[1], folded, s)))(q2)
        return {k: jnp.einsum("bn,bn->b", v, weights) for k, v in values.items()}

    return _integrated(integral, (state, hadrons), edges)


def _integrated(integral: Callable[..., T], point: tuple[InvisibleState, H], *limits: Array) -> T:
    """The integral over the rule of this point."""
    if point[0].vanishes_at_limits:
        found: T = with_fixed_nodes(integral, point, *limits)
        return found
    return integral(point, point, *limits)


def dgamma_dq2(hadrons: Hadrons, state: InvisibleState, inputs: Inputs, q2: ArrayLike) -> Scalar:
    """Differential rate at one q2 [GeV^2] in GeV^-1; for a line its two-body rate there."""
    found = invariants_in(state, hadrons.quarks, inputs)
    return contract(found, kernels(hadrons, state, q2))


def gamma(hadrons: Hadrons, state: InvisibleState, inputs: Inputs, *, nodes: int = NODES) -> Scalar:
    """Total rate in GeV."""
    found = invariants_in(state, hadrons.quarks, inputs)
    return contract(found, integrated_kernels(hadrons, state, nodes=nodes))
