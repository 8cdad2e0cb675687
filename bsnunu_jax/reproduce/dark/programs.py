"""The compiled halves of the rates of pairs: hadronic rows, dark rows, and rules of integration."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from bsnunu_jax.hadrons.transitions import MODES
from bsnunu_jax.inputs import Inputs, Nuisances
from bsnunu_jax.models import get_model
from bsnunu_jax.numerics import quadrature
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.reproduce.dark.families import FAMILIES
from bsnunu_jax.states import Neutrinos
from bsnunu_jax.states.base import MasslessPair

Scalar = Float[Array, ""]
ROWS = ("S", "V0", "V", "A", "E", "F")
# What K and K* see.
_SEEN = {False: ("S", "V0", "V", "E"), True: ("V", "A", "E", "F")}
_NODES = round(quadrature.PAIR_NODES * quadrature.NODES)
BIN_NODES = quadrature.BIN_NODES + quadrature.MORE_BIN_NODES


class EachRow(MasslessPair):
    """A final state whose kernels are the hadronic rows times their phase space."""

    def invariants(self, inputs: Inputs) -> dict[str, Scalar]:
        """One a row."""
        return dict.fromkeys(ROWS, jnp.ones(()))

    def dark_rows(self, q2: Scalar) -> dict[str, dict[str, Scalar]]:
        """Every row by itself."""
        return {row: {row: jnp.ones(())} for row in ROWS}


def rows_of(mode: str) -> list[int]:
    """Indices in `ROWS` of what the mode sees."""
    return [ROWS.index(r) for r in _SEEN[MODES[mode].vector]]


@eqx.filter_jit
def hadronic(
    transition: str, nuisances: Nuisances, z: ArrayLike, q2: ArrayLike, masses: ArrayLike
) -> Float[Array, "lanes n rows"]:
    """Kernels of `EachRow`, lane by lane."""
    decay = next(m for m in MODES.values() if m.transition == transition)
    names, (m_B, m_K) = _SEEN[decay.vector], jnp.asarray(masses)

    def lane(z: Array, q2: Array) -> Array:
        shifted = nuisances.shift(z)
        values = shifted.values | {decay.m_B: m_B, decay.m_K: m_K}
        inputs = eqx.tree_at(lambda i: i.values, shifted, values)

        def at(s: Scalar) -> Array:
            found = rates.kernels(decay.name, EachRow(), inputs, s)
            return jnp.stack([found[n] for n in names])

        return jax.vmap(at)(q2)

    return jax.vmap(lane)(jnp.asarray(z), jnp.asarray(q2))


@eqx.filter_jit
def dark(family: str, inputs: Inputs, m: ArrayLike, q2: ArrayLike) -> Float[Array, "n ops rows"]:
    """Invariants x dark rows of every operator."""
    build, operators = get_model(FAMILIES[family].model).build, FAMILIES[family].operators

    def at(m: Scalar, q2: Scalar) -> Array:
        found = []
        for operator in operators:
            _, state = build({"m": m, "operator": operator, "Lambda": 1.0}, inputs)
            strength = state.invariants(inputs)
            sums = dict.fromkeys(ROWS, jnp.zeros(()))
            for invariant, rows in state.dark_rows(q2).items():
                for row, weight in rows.items():
                    sums[row] = sums[row] + strength[invariant] * weight
            found.append(jnp.stack([sums[row] for row in ROWS]))
        return jnp.stack(found)

    return jax.vmap(at)(jnp.asarray(m), jnp.asarray(q2))


@jax.jit
def pair_rule(m: Array, q2_max: Array) -> tuple[Array, Array]:
    """Nodes and weights [GeV^2] of every mass, shape (masses, nodes)."""
    return jax.vmap(lambda m: quadrature.pair_rule(m, m, q2_max, _NODES))(m)


@jax.jit
def pair_bins(m: Array, edges: Array, q2_max: Array) -> tuple[Array, Array]:
    """The same bin by bin, shape (masses, bins, nodes)."""
    return jax.vmap(lambda m: quadrature.pair_bin_rule(edges, m, m, q2_max, BIN_NODES))(m)


@jax.jit
def sm_dark(q2: Array) -> dict[str, dict[str, Array]]:
    """Dark rows of the SM at points of q2 [GeV^2]."""
    return jax.vmap(Neutrinos().dark_rows)(q2)


def couplings(nuisances: Nuisances, z: np.ndarray) -> dict[str, np.ndarray]:
    """Invariants of the SM and lifetimes [GeV^-1] at draws."""

    @jax.jit
    def at(z: Array) -> dict[str, Array]:
        inputs = nuisances.shift(z)
        times = {m.tau_B: inputs.lifetime(m.tau_B) for m in MODES.values()}
        return times | Neutrinos().invariants(inputs)

    return {k: np.asarray(v) for k, v in jax.vmap(at)(jnp.asarray(z)).items()}
