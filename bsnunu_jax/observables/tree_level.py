"""The tree-level part of B+ -> K+ nu nubar and the like: B+ -> tau+ nu with tau+ -> K+ nubar.

The tau is on its shell. It is no b -> s or b -> d transition and no part of BR(B+->K+inv) here: a
number of its own, which `predict --tree-tau` adds. In the narrow-width limit it does not interfere
with the rest (arXiv:0908.1174).
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import jax.numpy as jnp
from jax.typing import ArrayLike

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import MODES, Mode, Tree, get_decay
from bsnunu_jax.inputs import Inputs

# Those that have it.
TREE_MODES: tuple[str, ...] = tuple(name for name, mode in MODES.items() if mode.tree)
# What it has the final state of, and what it is called.
PARTS: Mapping[str, str] = MappingProxyType(
    {
        f"{of}({mode}inv)": f"{called}({mode}inv)"
        for mode in TREE_MODES
        for of, called in (("BR", "BR_tree"), ("dBR/dq2", "dBR_tree/dq2"))
    }
)


class _Parts(NamedTuple):
    """Branching fractions with hadrons of helicity 0 and 1, and the end of the spectrum [GeV^2]."""

    longitudinal: Scalar
    transverse: Scalar
    end: Scalar


def branching_fraction(mode: str, inputs: Inputs) -> Scalar:
    """BR(B+ -> tau+ nu) x BR(tau+ -> hadron nubar), K+, K*+, pi+ or rho+.

    Raises:
        InputError: for a mode without it, or if the preset lacks a decay constant, a CKM element,
            m_tau or tau_tau.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> [f"{float(branching_fraction(mode, load_inputs())):.2e}" for mode in TREE_MODES]
    ['5.76e-07', '9.80e-07', '8.81e-06', '2.14e-05']
    """
    parts = _parts(mode, inputs)
    return parts.longitudinal + parts.transverse


def dbr_dq2(mode: str, inputs: Inputs, q2: ArrayLike) -> Scalar:
    """Its q2 spectrum [GeV^-2], linear up to (m_B^2 - m_tau^2)(m_tau^2 - m_K^2)/m_tau^2.

    The spinless B fixes the helicity of the tau: hadrons of helicity 0 go forward and take the
    energy, so that their part falls to 0 at the end; transverse ones go backward, it rises from 0.
    """
    parts, q2 = _parts(mode, inputs), jnp.asarray(q2, dtype=float)
    x = q2 / parts.end
    density = 2 / parts.end * (parts.longitudinal * (1 - x) + parts.transverse * x)
    return jnp.where((x >= 0) & (x < 1), density, 0.0)


def left_out(observables: Iterable[str], inputs: Inputs, remedy: str = "") -> list[str]:
    """A line for every mode of these whose tree-level part is larger than its SM rate.

    `remedy` is said where the inputs have all that the part needs.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> left_out(["BR(B+->K+inv)", "BR(B+->pi+inv)"], load_inputs())
    ['B+ -> tau nu, tau -> pi+ nu at tree level, BR 8.8e-06: not included']
    """
    lines = []
    asked = {PARTS.get(name, "").partition("(")[2] for name in observables}
    for decay, tree in map(_tree, TREE_MODES):
        if not tree.larger or f"{decay.name}inv)" not in asked:
            continue
        part = f"B+ -> tau nu, tau -> {decay.meson} nu at tree level"
        if lacking := _lacks(tree, inputs):
            lines.append(f"{part}: not included (preset {inputs.preset!r} has no {lacking})")
        else:
            size = float(branching_fraction(decay.name, inputs))
            lines.append(f"{part}, BR {size:.1e}: not included{remedy}")
    return lines


def _parts(mode: str, inputs: Inputs) -> _Parts:
    decay, tree = _tree(mode)
    if lacking := _lacks(tree, inputs):
        raise InputError(
            f"preset {inputs.preset!r} has no {lacking}",
            where="tree-level tau contribution",
            allowed="use the presets default, paper, hpqcd or flavio",
        )
    v = inputs.values
    (f_B, f_K), (V_B, V_K) = (
        [v[name] for name in names] for names in (tree.decay_constants, tree.ckm)
    )
    m_B, m_K, m_tau = v[decay.m_B], v[decay.m_K], v["m_tau"]
    y = m_K**2 / m_tau**2
    to_tau = V_B**2 * f_B**2 * m_B * (1 - m_tau**2 / m_B**2) ** 2 * m_tau**2
    to_hadron = V_K**2 * f_K**2 * m_tau**3 * (1 - y) ** 2
    lifetimes = inputs.lifetime(decay.tau_B) * inputs.lifetime("tau_tau")
    longitudinal = v["GF"] ** 4 * to_tau * to_hadron / (8 * jnp.pi * 16 * jnp.pi) * lifetimes
    end = (m_B**2 - m_tau**2) * (1 - y)
    return _Parts(longitudinal, longitudinal * (2 * y if decay.vector else 0 * y), end)


def _tree(mode: str) -> tuple[Mode, Tree]:
    decay = get_decay(mode)
    if not isinstance(decay, Mode) or decay.tree is None:
        raise InputError(
            f"{mode} has no tree-level part", allowed=f"one of {', '.join(TREE_MODES)}"
        )
    return decay, decay.tree


def _lacks(tree: Tree, inputs: Inputs) -> str | None:
    """A number that is needed and not there."""
    needed = (*tree.decay_constants, *tree.ckm, "m_tau", "tau_tau")
    return next((name for name in needed if name not in inputs.values), None)
