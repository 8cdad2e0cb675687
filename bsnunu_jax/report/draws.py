"""Posterior draws under the names that are reported, chain by chain."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from bsnunu_jax.inference.nuts import Chains
from bsnunu_jax.inference.parameters import Parameter
from bsnunu_jax.inference.predictive import Predictive
from bsnunu_jax.inference.problem import Problem
from bsnunu_jax.modes import MODES

# In the order of the reports.
OBSERVABLES = (*(f"BR({mode}inv)" for mode in MODES), "R_K_nunu", "R_Kstar_nunu")

Draws = Float[np.ndarray, "chains draws"]


def unfolded(problem: Problem, chains: Chains) -> dict[str, Draws]:
    """Fitted parameters as sampled, mirrored ones with their sign."""
    values = np.asarray(jax.jit(jax.vmap(jax.vmap(problem.values)))(jnp.asarray(chains.theta)))
    return {p.name: values[..., i] for i, p in enumerate(problem.parameters)}


def reported(problem: Problem, chains: Chains) -> dict[str, Draws]:
    """Fitted parameters as reported, mirrored ones folded."""
    values = unfolded(problem, chains)
    return {p.name: np.abs(v) if p.mirror else v
            for p, v in zip(problem.parameters, values.values(), strict=True)}  # fmt: skip


def predicted(predictive: Predictive, chains: int) -> dict[str, Draws]:
    """BRs and ratios of predictive draws that were stacked chain after chain."""
    return {name: np.asarray(predictive.observables[name]).reshape(chains, -1)
            for name in OBSERVABLES}  # fmt: skip


def label(parameter: Parameter) -> str:
    """LaTeX label in $, |..| if mirrored.

    >>> from bsnunu_jax.inference.parameters import Uniform
    >>> label(Parameter("CR_mutau", Uniform(-30, 30), "C_R", mirror=True))
    '$|C_R|$'
    """
    if parameter.latex in ("", parameter.name):  # a plain name is no LaTeX
        return f"|{parameter.name}|" if parameter.mirror else parameter.name
    return f"$|{parameter.latex}|$" if parameter.mirror else f"${parameter.latex}$"
