"""Posterior draws under the names that are reported, chain by chain."""

import re

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.hadrons.transitions import REPORTED
from bsnunu_jax.inference.problem.parameters import Parameter
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.programs import program
from bsnunu_jax.inference.sampling.nuts import Chains
from bsnunu_jax.inference.sampling.predictive import Predictive
from bsnunu_jax.models import quantity
from bsnunu_jax.models.quantities import Quantity, spelled, unit_latex
from bsnunu_jax.observables.catalogue import RATIOS

# In the order of the reports.
OBSERVABLES = (*(f"BR({mode}inv)" for mode in REPORTED), *RATIOS)

Draws = Float[np.ndarray, "chains draws"]


def unfolded(problem: Problem, chains: Chains) -> dict[str, Draws]:
    """Fitted parameters as sampled, mirrored ones with their sign."""
    values = np.asarray(_values(problem, jnp.asarray(chains.theta)))
    return {p.name: values[..., i] for i, p in enumerate(problem.parameters)}


@program
def _values(problem: Problem, theta: Float[Array, "chains draws size"]) -> Array:
    return jax.vmap(jax.vmap(problem.values))(theta)


def reported(problem: Problem, chains: Chains) -> dict[str, Draws]:
    """Fitted parameters as reported, mirrored ones folded."""
    values = unfolded(problem, chains)
    return {
        p.name: np.abs(v) if p.mirror else v
        for p, v in zip(problem.parameters, values.values(), strict=True)
    }


def predicted(predictive: Predictive, chains: int) -> dict[str, Draws]:
    """BRs and ratios of predictive draws that were stacked chain after chain."""
    others = [name for name in predictive.observables if name not in OBSERVABLES]
    return {
        name: np.asarray(predictive.observables[name]).reshape(chains, -1)
        for name in (*OBSERVABLES, *others)
    }


def label(parameter: Parameter) -> str:
    r"""LaTeX label in $, |..| if mirrored; made from the name if the card gives none.

    >>> from bsnunu_jax.inference.problem.parameters import Uniform
    >>> label(Parameter("CR_mutau", Uniform(-30, 30), "C_R", mirror=True))
    '$|C_R|$'
    >>> label(Parameter("CLp_etau", Uniform(-30, 30), "CLp_etau"))
    "$C_L'{}^{e\\tau}$"
    """
    latex = parameter.latex or parameter.name
    if latex == parameter.name and len(parameter.name) > 1:  # a plain name is no LaTeX
        known = quantity(parameter.name)
        latex = known.latex if known else spelled(parameter.name)
    return f"$|{latex}|$" if parameter.mirror else f"${latex}$"


def axis_label(parameter: Parameter, *, log10: bool = False) -> str:
    r"""The label with its unit, of the parameter or of its logarithm.

    >>> from bsnunu_jax.inference.problem.parameters import LogUniform, Uniform
    >>> axis_label(Parameter("m", Uniform(0, 2), r"m_\phi", unit="GeV"))
    '$m_\\phi$ [GeV]'
    >>> axis_label(Parameter("Lambda", LogUniform(1, 2), r"\Lambda", unit="TeV"), log10=True)
    '$\\log_{10}(\\Lambda/\\mathrm{TeV})$'
    """
    unit, plain = parameter.unit, label(parameter)
    if not log10:
        return with_unit(plain, unit)
    if not unit:
        return rf"$\log_{{10}}${plain}"
    inside = re.sub(r"\^(-?\d+)", r"^{\1}", unit)
    return rf"$\log_{{10}}({plain.strip('$')}/\mathrm{{{inside}}})$"


def quantity_label(quantity: Quantity) -> str:
    """The label with its unit of a parameter that is held."""
    return with_unit(f"${quantity.latex}$", quantity.unit)


def with_unit(text: str, unit: str) -> str:
    """A label with its unit in brackets, if it has one.

    >>> with_unit("C", "TeV^-2")
    'C [TeV$^{-2}$]'
    """
    return f"{text} [{unit_latex(unit)}]" if unit else text
