"""Branching fractions, spectra and ratios of decays with invisible particles."""

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import get_decay, get_mode
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.numerics.quadrature import NODES
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.states import Neutrinos, States, each_state


def branching_fraction(mode: str, states: States, inputs: Inputs) -> Scalar:
    """BR(mode), total, SM neutrinos included.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> from bsnunu_jax.states import Neutrinos
    >>> br = branching_fraction("B+->K+", [Neutrinos()], load_inputs())
    >>> f"{float(br):.2e}"
    '4.97e-06'
    """
    tau = rates.lifetime(get_decay(mode), inputs)
    return tau * sum(rates.gamma(mode, state, inputs) for state in each_state(states))


def branching_fraction_np(mode: str, states: States, inputs: Inputs) -> Scalar:
    """BR_NP = BR - BR_SM: the new part, interference included; 0 below 1e-14 of BR_SM."""
    sm = branching_fraction(mode, [Neutrinos()], inputs)
    new = branching_fraction(mode, states, inputs) - sm
    # Of a closed channel rounding would be left.
    return jnp.where(jnp.abs(new) > _ROUNDING * sm, new, 0.0)


def dbr_dq2(mode: str, states: States, inputs: Inputs, q2: ArrayLike) -> Scalar:
    """dBR/dq2 [GeV^-2] at one q2 [GeV^2]; exactly 0 outside the phase space, NaN at NaN."""
    tau = rates.lifetime(get_mode(mode), inputs)
    return tau * sum(rates.dgamma_dq2(mode, state, inputs, q2) for state in each_state(states))


def branching_fraction_bins(
    mode: str, states: States, inputs: Inputs, edges: Float[Array, " edges"], *, nodes: int = NODES
) -> Float[Array, " bins"]:
    """BR integrated over bins of q2 (edges in GeV^2), with this many nodes a bin.

    Raises:
        InputError: for edges that are no increasing numbers, two or more; of traced ones only the
            shape is known.
    """
    edges = checked_edges(edges, nodes)
    tau = rates.lifetime(get_mode(mode), inputs)
    found = jnp.zeros(edges.size - 1)
    for state in each_state(states):
        found += rates.gamma_bins(mode, state, inputs, edges, nodes=nodes)
    return tau * found


def ratio_to_sm(mode: str, states: States, inputs: Inputs) -> Scalar:
    """R = BR/BR_SM, Eqs. (3) and (5) of arXiv:2309.12741."""
    return branching_fraction(mode, states, inputs) / branching_fraction(
        mode, [Neutrinos()], inputs
    )


def longitudinal_fraction(mode: str, states: States, inputs: Inputs) -> Scalar:
    """F_L of the K*, integrated over q2."""
    longitudinal = sum(
        rates.contract(
            rates.invariants(mode, s, inputs),
            rates.integrated_kernels(mode, s, inputs, longitudinal=True),
        )
        for s in each_state(states)
    )
    total = sum((rates.gamma(mode, s, inputs) for s in each_state(states)), start=jnp.asarray(0.0))
    return longitudinal / total


def longitudinal_fraction_at(mode: str, states: States, inputs: Inputs, q2: ArrayLike) -> Scalar:
    """F_L of the K* at one q2 [GeV^2]; 0 outside the phase space."""
    longitudinal = sum(
        rates.contract(
            rates.invariants(mode, s, inputs), rates.kernels(mode, s, inputs, q2, longitudinal=True)
        )
        for s in each_state(states)
    )
    total = sum(rates.dgamma_dq2(mode, s, inputs, q2) for s in each_state(states))
    return jnp.where(total > 0, longitudinal / jnp.where(total > 0, total, 1.0), 0.0)


def eta(inputs: Inputs, mode: str = "B0->K*0") -> Scalar:
    """Eta = F_-/F_+ of Eq. (11) of arXiv:2309.12741: axial against vector rate of B -> K* nu nu."""
    kernel = rates.integrated_kernels(mode, Neutrinos(), inputs)
    return (kernel["axial"] - kernel["vector"]) / (kernel["axial"] + kernel["vector"])


_ROUNDING = 1e-14


def checked_edges(given: ArrayLike, nodes: int) -> Float[Array, " edges"]:
    """Edges of bins [GeV^2] as an array.

    Raises:
        InputError: unless they are two or more increasing numbers; of traced ones only the shape is
            known; or if there are no nodes.
    """
    try:
        edges = jnp.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"edges {given!r} are no numbers", allowed=_EDGES) from None
    if edges.ndim != 1 or edges.size < 2:
        raise InputError(f"edges of shape {edges.shape}", allowed=_EDGES)
    if not isinstance(edges, Tracer):
        known = np.asarray(edges)
        if not (np.isfinite(known).all() and (np.diff(known) > 0).all()):
            raise InputError(
                f"edges {known.tolist()} are not finite and increasing", allowed=_EDGES
            )
    if not isinstance(nodes, int) or nodes < 1:
        raise InputError(f"{nodes!r} nodes", allowed="a whole number from 1 on")
    return edges


_EDGES = "give two or more increasing numbers in GeV^2, shape (n,)"
