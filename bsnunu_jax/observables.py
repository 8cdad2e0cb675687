"""Observables by name: branching fractions, spectra, ratios, K* polarisation.

An observable is a function of (states, inputs) or, for spectra, of (states, inputs, q2). `states`
is the invisible final state of a model or a sequence of them; their rates add.
"""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial
from types import MappingProxyType

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from bsnunu_jax import rates, spectra, tree_level
from bsnunu_jax.bs_mixing import mixing_observables
from bsnunu_jax.charged_observables import ALIASES as CHARGED_ALIASES
from bsnunu_jax.charged_observables import charged_observables
from bsnunu_jax.dark_observables import dark_observables
from bsnunu_jax.errors import InputError
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.invisible import Neutrinos, States, each_state
from bsnunu_jax.modes import ANNIHILATIONS, MODES, get_decay, get_mode
from bsnunu_jax.observable import Observable as Observable
from bsnunu_jax.quadrature import NODES

Scalar = Float[Array, ""]


def branching_fraction(mode: str, states: States, inputs: Inputs) -> Scalar:
    """BR(mode), total, SM neutrinos included.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> from bsnunu_jax.invisible import Neutrinos
    >>> br = branching_fraction("B+->K+", [Neutrinos()], load_inputs())
    >>> f"{float(br):.2e}"
    '4.97e-06'
    """
    tau = inputs.lifetime(get_decay(mode).tau_B)
    return tau * sum(rates.gamma(mode, state, inputs) for state in each_state(states))


def branching_fraction_np(mode: str, states: States, inputs: Inputs) -> Scalar:
    """BR_NP = BR - BR_SM: the new part, interference included; 0 below 1e-14 of BR_SM."""
    sm = branching_fraction(mode, [Neutrinos()], inputs)
    new = branching_fraction(mode, states, inputs) - sm
    # Of a closed channel rounding would be left.
    return jnp.where(jnp.abs(new) > _ROUNDING * sm, new, 0.0)


def dbr_dq2(mode: str, states: States, inputs: Inputs, q2: ArrayLike) -> Scalar:
    """dBR/dq2 [GeV^-2] at one q2 [GeV^2]; exactly 0 outside the phase space, NaN at NaN."""
    tau = inputs.lifetime(get_mode(mode).tau_B)
    return tau * sum(rates.dgamma_dq2(mode, state, inputs, q2) for state in each_state(states))


def branching_fraction_bins(
    mode: str, states: States, inputs: Inputs, edges: Float[Array, " edges"], *,
    nodes: int = NODES,
) -> Float[Array, " bins"]:  # fmt: skip
    """BR integrated over bins of q2 (edges in GeV^2), with this many nodes a bin.

    Raises:
        InputError: for edges that are no increasing numbers, two or more; of traced ones only the
            shape is known.
    """
    edges = _edges(edges)
    if not isinstance(nodes, int) or nodes < 1:
        raise InputError(f"{nodes!r} nodes", allowed="a whole number from 1 on")
    tau = inputs.lifetime(get_mode(mode).tau_B)
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
            s.invariants(inputs), rates.integrated_kernels(mode, s, inputs, longitudinal=True)
        )
        for s in each_state(states)
    )
    total = sum((rates.gamma(mode, s, inputs) for s in each_state(states)), start=jnp.asarray(0.0))
    return longitudinal / total


def longitudinal_fraction_at(mode: str, states: States, inputs: Inputs, q2: ArrayLike) -> Scalar:
    """F_L of the K* at one q2 [GeV^2]; 0 outside the phase space."""
    longitudinal = sum(
        rates.contract(s.invariants(inputs), rates.kernels(mode, s, inputs, q2, longitudinal=True))
        for s in each_state(states)
    )
    total = sum(rates.dgamma_dq2(mode, s, inputs, q2) for s in each_state(states))
    return jnp.where(total > 0, longitudinal / jnp.where(total > 0, total, 1.0), 0.0)


def eta(inputs: Inputs, mode: str = "B0->K*0") -> Scalar:
    """Eta = F_-/F_+ of Eq. (11) of arXiv:2309.12741: axial against vector rate of B -> K* nu nu."""
    kernel = rates.integrated_kernels(mode, Neutrinos(), inputs)
    return (kernel["axial"] - kernel["vector"]) / (kernel["axial"] + kernel["vector"])


def _edges(given: ArrayLike) -> Float[Array, " edges"]:
    try:
        edges = jnp.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"edges {given!r} are no numbers", allowed=_EDGES) from None
    if edges.ndim != 1 or edges.size < 2:
        raise InputError(f"edges of shape {edges.shape}", allowed=_EDGES)
    if not isinstance(edges, Tracer):
        known = np.asarray(edges)
        if not (np.isfinite(known).all() and (np.diff(known) > 0).all()):
            raise InputError(f"edges {known.tolist()} are not finite and increasing",
                             allowed=_EDGES)  # fmt: skip
    return edges


_EDGES = "give two or more increasing numbers in GeV^2, shape (n,)"
_ROUNDING = 1e-14
_RATE = "a rate that is not 0"


def _catalogue() -> dict[str, Observable]:
    found = []
    for name, mode in MODES.items():
        label, tex = f"{name}inv", mode.latex + r"\,\mathrm{inv}"

        def bind(function: Callable[..., Scalar], mode_name: str = name) -> Callable[..., Scalar]:
            return lambda *args: function(mode_name, *args)

        found += [
            Observable(f"BR({label})", bind(branching_fraction), rf"\mathcal{{B}}({tex})",
                       mode=name, description="branching fraction, SM included"),
            Observable(f"BR_NP({label})", bind(branching_fraction_np),
                       rf"\mathcal{{B}}_\mathrm{{NP}}({tex})", mode=name,
                       description="branching fraction minus its SM value"),
            Observable(f"dBR/dq2({label})", bind(dbr_dq2), rf"d\mathcal{{B}}({tex})/dq^2",
                       "GeV^-2", name, True, "differential branching fraction"),
            Observable(f"dGammatilde/dq2({label})", bind(spectra.normalised_spectrum),
                       rf"d\tilde\Gamma({tex})/dq^2", "GeV^-2", name, True,
                       "spectrum over total rate, Eq. (22) of arXiv:2309.12741", _RATE),
        ]  # fmt: skip
        if mode.vector:
            found += [
                Observable(f"F_L({label})", bind(longitudinal_fraction), rf"F_L({tex})", mode=name,
                           description="longitudinal K* fraction, integrated over q2"),
                Observable(f"dF_L({label})", bind(longitudinal_fraction_at), rf"F_L({tex})(q^2)",
                           "1", name, True, "longitudinal K* fraction at q2"),
            ]  # fmt: skip
    for name, decay in ANNIHILATIONS.items():
        found += [
            Observable(f"BR({name})", partial(branching_fraction, name),
                       rf"\mathcal{{B}}({decay.latex})", mode=name,
                       description="branching fraction; 0 in the SM with massless neutrinos"),
            Observable(f"BR_NP({name})", partial(branching_fraction_np, name),
                       rf"\mathcal{{B}}_\mathrm{{NP}}({decay.latex})", mode=name,
                       description="the same"),
        ]  # fmt: skip
    seen = spectra.ITA_MODE
    found += [
        Observable(f"dGammatilde_eff/dq2({seen}inv)", spectra.efficiency_weighted_at,
                   r"d\tilde\Gamma_\epsilon/dq^2", "GeV^-2", seen, True,
                   "the same with Belle II's efficiency: histogram of Fig. 8, bin of q2", _RATE),
        Observable("omega", spectra.omega, r"\omega", mode=seen,
                   description="Belle II's efficiency for the SM over that for the new part",
                   needs=f"new physics in {seen} that is seen beside the SM"),
    ]  # fmt: skip
    found += [
        Observable("R_K_nunu", lambda *a: ratio_to_sm("B+->K+", *a), r"R_K^{\nu\nu}",
                   mode="B+->K+", description="BR(B+->K+inv) over its SM value"),
        Observable("R_Kstar_nunu", lambda *a: ratio_to_sm("B0->K*0", *a), r"R_{K^*}^{\nu\nu}",
                   mode="B0->K*0", description="BR(B0->K*0inv) over its SM value"),
        Observable("eta", lambda _states, inputs: eta(inputs), r"\eta",
                   mode="B0->K*0", description="F_-/F_+ of Eq. (11) of arXiv:2309.12741"),
    ]  # fmt: skip
    tree = r"B^+ \to \tau^+(K^+\bar\nu)\,\nu"
    found += [
        Observable("BR_tree(B+->K+inv)",
                   lambda _states, inputs: tree_level.branching_fraction(inputs),
                   rf"\mathcal{{B}}({tree})", mode="B+->K+",
                   description="B+ -> tau nu (-> K+ nu) nu, not part of BR(B+->K+inv)"),
        Observable("dBR_tree/dq2(B+->K+inv)", lambda _states, *a: tree_level.dbr_dq2(*a),
                   rf"d\mathcal{{B}}({tree})/dq^2", "GeV^-2", "B+->K+", True,
                   "its spectrum"),
    ]  # fmt: skip
    return {o.name: o for o in [*found, *_beside()]}


def _beside() -> list[Observable]:
    """Those of other sectors than b -> s + missing energy."""
    return [*charged_observables(), *mixing_observables(), *dark_observables()]


OBSERVABLES: Mapping[str, Observable] = MappingProxyType(_catalogue())

# What only models with more than invisible states move.
CORRELATED = frozenset(o.name for o in _beside())

# Values of a quantity that a model moves differ from the SM's by more.
_RELATIVE, _ABSOLUTE = 1e-9, 1e-16


def equals_sm(values: np.ndarray, sm: np.ndarray) -> bool:
    """True if values are those of the SM with the same inputs, but for rounding."""
    return bool(np.allclose(values, sm, _RELATIVE, _ABSOLUTE))


# flavio's names that mean the same thing.
ALIASES: Mapping[str, str] = MappingProxyType({
    f"{kind}({peer})": f"{ours}({mode}inv)"
    for peer, mode in {
        "B+->Knunu": "B+->K+", "B0->Knunu": "B0->K0",
        "B+->K*nunu": "B+->K*+", "B0->K*nunu": "B0->K*0",
    }.items()
    for kind, ours in {"BR": "BR", "dBR/dq2": "dBR/dq2", "FL": "dF_L", "<FL>": "F_L"}.items()
    if not (kind.endswith(("FL", "FL>")) and "K*" not in peer)
} | dict(CHARGED_ALIASES))  # fmt: skip


def get_observable(name: str) -> Observable:
    """The observable called `name`, in our or in flavio's spelling; blanks do not matter.

    Raises:
        InputError: for an unknown name.

    >>> get_observable("BR(B+->Knunu)").name
    'BR(B+->K+inv)'
    """
    key = re.sub(r"\s", "", name)
    key = ALIASES.get(key, key)
    if key not in OBSERVABLES:
        near = get_close_matches(key, [*OBSERVABLES, *ALIASES], 2, 0.8)
        meant = f"perhaps {' or '.join(near)}; " if near else ""
        raise InputError(
            f"unknown observable {name!r}",
            allowed=f"{meant}see `bsnunu list observables` for the names",
        )
    return OBSERVABLES[key]
