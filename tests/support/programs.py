"""Rates as compiled programs that cases share: states, inputs and q2 are arguments.

A test over masses or couplings then compiles one program for a mode and a kind of state, not one
for every case, and not one for every operation as without `jax.jit`.
"""

from functools import partial

import jax

from bsnunu_jax.observables import branching
from bsnunu_jax.rates import kernels as rates


@partial(jax.jit, static_argnums=0)
def kernels(mode, state, inputs, q2):
    """`rates.kernels` at many q2."""
    return jax.vmap(lambda s: rates.kernels(mode, state, inputs, s))(q2)


@partial(jax.jit, static_argnums=0)
def spectrum(mode, state, inputs, q2):
    """`rates.dgamma_dq2` at many q2."""
    return jax.vmap(lambda s: rates.dgamma_dq2(mode, state, inputs, s))(q2)


@partial(jax.jit, static_argnums=0)
def dbr_dq2(mode, states, inputs, q2):
    """`branching.dbr_dq2` at many q2."""
    return jax.vmap(lambda s: branching.dbr_dq2(mode, states, inputs, s))(q2)


@partial(jax.jit, static_argnums=0)
def longitudinal_fraction_at(mode, states, inputs, q2):
    """`branching.longitudinal_fraction_at` at many q2."""
    return jax.vmap(lambda s: branching.longitudinal_fraction_at(mode, states, inputs, s))(q2)


integrated_kernels = jax.jit(rates.integrated_kernels, static_argnums=0, static_argnames="nodes")
binned_kernels = jax.jit(rates.binned_kernels, static_argnums=0, static_argnames="nodes")
dgamma_dq2 = jax.jit(rates.dgamma_dq2, static_argnums=0)
gamma = jax.jit(rates.gamma, static_argnums=0)
gamma_bins = jax.jit(rates.gamma_bins, static_argnums=0, static_argnames="nodes")
branching_fraction = jax.jit(branching.branching_fraction, static_argnums=0)
