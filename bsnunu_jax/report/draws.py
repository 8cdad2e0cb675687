"""Posterior draws under the names that are reported, chain by chain."""

import re

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

# Of parameters that are no pure numbers.
UNITS = dict.fromkeys(("m", "m1", "m2", "mN", "width"), "GeV") | dict.fromkeys(
    ("Lambda", "M", "MZp", "mQ", "mD"), "TeV"
)

_FLAVOURED = re.compile(r"C(?P<hand>[LR])(?P<prime>p?)_(?P<i>e|mu|tau)(?P<j>e|mu|tau)")
_UNIVERSAL = re.compile(r"c(?P<kind>[VST][LR])")

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
    others = [name for name in predictive.observables if name not in OBSERVABLES]
    return {name: np.asarray(predictive.observables[name]).reshape(chains, -1)
            for name in (*OBSERVABLES, *others)}  # fmt: skip


def label(parameter: Parameter) -> str:
    r"""LaTeX label in $, |..| if mirrored; made from the name if the card gives none.

    >>> from bsnunu_jax.inference.parameters import Uniform
    >>> label(Parameter("CR_mutau", Uniform(-30, 30), "C_R", mirror=True))
    '$|C_R|$'
    >>> label(Parameter("CLp_etau", Uniform(-30, 30), "CLp_etau"))
    "$C_L'{}^{e\\tau}$"
    """
    plain = parameter.latex in ("", parameter.name)  # a plain name is no LaTeX
    latex = _latex(parameter.name) if plain else parameter.latex
    return f"$|{latex}|$" if parameter.mirror else f"${latex}$"


def axis_label(parameter: Parameter, *, log10: bool = False) -> str:
    r"""The label with its unit, of the parameter or of its logarithm.

    >>> from bsnunu_jax.inference.parameters import LogUniform, Uniform
    >>> axis_label(Parameter("m", Uniform(0, 2), r"m_\phi"))
    '$m_\\phi$ [GeV]'
    >>> axis_label(Parameter("Lambda", LogUniform(1, 2), r"\Lambda"), log10=True)
    '$\\log_{10}(\\Lambda/\\mathrm{TeV})$'
    """
    unit, plain = UNITS.get(parameter.name), label(parameter)
    if not log10:
        return f"{plain} [{unit}]" if unit else plain
    if not unit:
        return rf"$\log_{{10}}${plain}"
    return rf"$\log_{{10}}({plain.strip('$')}/\mathrm{{{unit}}})$"


def _latex(name: str) -> str:
    """LaTeX of a coefficient's name, or the name in upright letters."""
    if found := _FLAVOURED.fullmatch(name):
        flavours = re.sub("(mu|tau)", r"\\\1", found["i"] + found["j"])
        prime = "'{}" if found["prime"] else ""
        return f"C_{found['hand']}{prime}^{{{flavours}}}"
    if found := _UNIVERSAL.fullmatch(name):
        return f"c_{{{found['kind']}}}"
    return rf"\mathrm{{{name}}}".replace("_", r"\_")
