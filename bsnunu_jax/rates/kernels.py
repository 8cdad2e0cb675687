"""dGamma/dq2 = hadronic rows x dark rows x phase space, and its integrals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons import kinematics
from bsnunu_jax.hadrons.rows import NAMES, ROWS, Rows, annihilation_rows
from bsnunu_jax.hadrons.transitions import Annihilation, Mode, get_decay, get_mode
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.numerics.fixed_nodes import with_fixed_nodes
from bsnunu_jax.numerics.quadrature import NODES
from bsnunu_jax.states.base import Around, InvisibleState, in_integrals, rows_in

_Point = tuple[InvisibleState, Inputs]
# Rows carry 1/q2 against a factor q2 of a massless pair: below this the ratio is taken [GeV^2].
_Q2_FLOOR = 1e-12


# A mode, and the edges of its q2 bins as bytes or None for the total.
Request = tuple[str, bytes | None]


@dataclass(frozen=True)
class Tabulated(Around):
    """`state` with `kernels`, which `rates` and `Predictions` take in place of a quadrature.

    Not a pytree: make it inside the traced function. Kernels that are not there are integrated.
    """

    state: InvisibleState
    kernels: Mapping[Request, Mapping[str, Any]]


def kernels(
    mode: str,
    state: InvisibleState,
    inputs: Inputs,
    q2: ArrayLike,
    *,
    longitudinal: bool = False,
    form_factors: Mapping[str, Scalar] | None = None,
) -> dict[str, Scalar]:
    """dGamma/dq2 of every invariant of the state taken as 1 [GeV^-1 over its unit], at one q2.

    Outside the phase space value and gradient are exactly 0; at a q2 of NaN they are NaN.
    `form_factors` are values at this q2 in place of those of the inputs.
    """
    decay, q2 = get_mode(mode), jnp.asarray(q2, dtype=float)
    m_B, m_K = inputs.number(decay.m_B), inputs.number(decay.m_K)
    quarks = inputs.quark_masses(decay.quarks)
    is_open, unknown = (q2 >= 0) & (q2 < kinematics.q2_max(m_B, m_K)), jnp.isnan(q2)
    # Both branches of a `where` are differentiated: the discarded one must not see a root of 0.
    q2 = jnp.where(is_open, q2 + jnp.where(q2 < _Q2_FLOOR, _Q2_FLOOR, 0.0), 1.0)
    if form_factors is None:
        form_factors = inputs.form_factors_of(decay.transition)(q2)
    hadronic = ROWS[decay.spin](q2, m_B, m_K, form_factors, *quarks, longitudinal=longitudinal)
    phase_space = decay.factor * jnp.sqrt(kinematics.kallen(q2, m_B, m_K))
    phase_space /= 256 * jnp.pi**3 * m_B**3
    if not longitudinal:
        _check_rows(decay, hadronic, state, q2)
    contracted = _contracted(decay, hadronic, state, q2)
    outside = jnp.where(unknown, jnp.nan, 0.0)
    return {k: jnp.where(is_open, phase_space * v, outside) for k, v in contracted.items()}


def _contracted(
    decay: Mode | Annihilation, hadronic: Rows, state: InvisibleState, q2: Scalar
) -> dict[str, Scalar]:
    """Hadronic rows x dark rows for every invariant that the hadrons can see."""
    found = {}
    for invariant, row_weights in rows_in(state, decay.quarks, q2).items():
        terms = [hadronic[row] * weight for row, weight in row_weights.items() if row in hadronic]
        if terms:
            found[invariant] = jnp.asarray(sum(terms))
    return found


def _check_rows(mode: Mode, hadronic: Rows, state: InvisibleState, q2: Scalar) -> None:
    """Refuse invariants that need form factors which are not there."""
    lacking = set(NAMES[mode.spin]) - set(hadronic)
    for invariant, rows in rows_in(state, mode.quarks, q2).items() if lacking else ():
        if not lacking.isdisjoint(rows):
            raise InputError(
                f"the form factors of {mode.name} in use lack those of {invariant}",
                allowed="name a set that has them",
            )


def annihilation_kernels(
    decay: Annihilation, state: InvisibleState, inputs: Inputs
) -> dict[str, Scalar]:
    """Gamma(B -> pair) of every invariant of the state taken as 1, all of it at q2 = m_B^2.

    A massless chiral pair has none (helicity); a line at another mass has none either.
    """
    if not state.has_spectrum:
        return {}
    m_B, f_B = inputs.number(decay.m_B), inputs.number(decay.f_B)
    hadronic = annihilation_rows(m_B, f_B, *inputs.quark_masses(decay.quarks))
    found = _contracted(decay, hadronic, state, m_B**2)
    return {k: v / (16 * jnp.pi * m_B) for k, v in found.items()}


def integrated_kernels(
    mode: str,
    state: InvisibleState,
    inputs: Inputs,
    *,
    nodes: int = NODES,
    longitudinal: bool = False,
) -> dict[str, Scalar]:
    """Kernels integrated over the phase space [GeV over the unit of the invariant].

    At fixed masses and form factors they turn a scan over coefficients into a contraction:
    Gamma = sum_k invariant_k x integrated kernel_k.
    """
    decay = get_decay(mode)
    if isinstance(state, Tabulated):
        known = None if longitudinal or nodes != NODES else state.kernels.get((mode, None))
        if known is not None:
            return dict(known)
        state = state.state
    if isinstance(decay, Annihilation):
        return annihilation_kernels(decay, state, inputs)

    def integral(rule: _Point, point: _Point) -> dict[str, Scalar]:
        q2, weights = rule[0].total_rule(q2_max(decay, rule[1]), nodes)
        folded = in_integrals(point[0]), point[1]
        values = jax.vmap(lambda s: kernels(mode, *folded, s, longitudinal=longitudinal))(q2)
        # Not sum(v * weights): of dot products over many points XLA makes one loop, 10x faster.
        return {k: weights @ v for k, v in values.items()}

    return _integrated(integral, (state, inputs))


def binned_kernels(
    mode: str,
    state: InvisibleState,
    inputs: Inputs,
    edges: Float[Array, " edges"],
    *,
    nodes: int = NODES,
) -> dict[str, Float[Array, " bins"]]:
    """Kernels integrated over bins of q2, edges in GeV^2; BIN_NODES nodes do for narrow bins."""
    decay = get_mode(mode)
    state = state.state if isinstance(state, Tabulated) else state
    edges = jnp.where(edges < 0, 0.0, edges)  # nothing lies below, and the rules end there

    def integral(rule: _Point, point: _Point) -> dict[str, Float[Array, " bins"]]:
        q2, weights = rule[0].bin_rule(edges, q2_max(decay, rule[1]), nodes)
        folded = in_integrals(point[0]), point[1]
        values = jax.vmap(jax.vmap(lambda s: kernels(mode, *folded, s)))(q2)
        return {k: jnp.einsum("bn,bn->b", v, weights) for k, v in values.items()}

    return _integrated(integral, (state, inputs))


def _integrated(
    integral: Callable[[_Point, _Point], dict[str, Array]], point: _Point
) -> dict[str, Array]:
    """The integral over the rule of this point."""
    if point[0].vanishes_at_limits:
        return with_fixed_nodes(integral, point)
    return integral(point, point)


def q2_max(decay: Mode, inputs: Inputs) -> Scalar:
    """Largest q2 of the mode [GeV^2]."""
    return kinematics.q2_max(inputs.number(decay.m_B), inputs.number(decay.m_K))


def contract(invariants: Mapping[str, Scalar], kernel: Mapping[str, Array]) -> Array:
    """sum_k invariant_k x kernel_k over the invariants that the mode can see."""
    return sum((invariants[k] * kernel[k] for k in kernel), start=jnp.asarray(0.0))


def dgamma_dq2(mode: str, state: InvisibleState, inputs: Inputs, q2: ArrayLike) -> Scalar:
    """Differential rate at one q2 [GeV^2] in GeV^-1; exactly 0 outside the phase space.

    Raises:
        InputError: for a two-body state, whose rate is a line.
    """
    if not state.has_spectrum:
        raise InputError(
            "a two-body decay has no q2 spectrum, its rate is a line at q2 = m^2",
            allowed="ask for totals or bins, or give a width > 0",
        )
    return contract(state.invariants(inputs), kernels(mode, state, inputs, q2))


def gamma(mode: str, state: InvisibleState, inputs: Inputs) -> Scalar:
    """Total rate in GeV."""
    return contract(state.invariants(inputs), integrated_kernels(mode, state, inputs))


def gamma_bins(
    mode: str,
    state: InvisibleState,
    inputs: Inputs,
    edges: Float[Array, " edges"],
    *,
    nodes: int = NODES,
) -> Float[Array, " bins"]:
    """Rate in bins of q2 (edges in GeV^2) in GeV."""
    kernel = binned_kernels(mode, state, inputs, edges, nodes=nodes)
    return contract(state.invariants(inputs), kernel)
