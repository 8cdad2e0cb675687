"""The tree-level part of B+ -> K+ nu nubar: B+ -> tau+ nu with tau+ -> K+ nubar, tau on its shell.

It is no b -> s transition and no part of BR(B+->K+inv) here: a number of its own, which `predict
--tree-tau` adds. In the narrow-width limit it does not interfere with the rest (arXiv:0908.1174).
"""

import jax.numpy as jnp
from jax.typing import ArrayLike

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inputs import Inputs

_NEEDED = ("f_Bplus", "f_Kplus", "Vub", "Vus", "m_tau", "tau_tau")


def branching_fraction(inputs: Inputs) -> Scalar:
    """BR(B+ -> tau+ nu) x BR(tau+ -> K+ nubar).

    Raises:
        InputError: if the preset lacks f_Bplus, f_Kplus, Vub, Vus, m_tau or tau_tau.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> f"{float(branching_fraction(load_inputs())):.2e}"
    '5.76e-07'
    """
    v = _values(inputs)
    m_B, m_K, m_tau = v["m_B_plus"], v["m_K_plus"], v["m_tau"]
    to_tau = v["Vub"] ** 2 * v["f_Bplus"] ** 2 * m_B * (1 - m_tau**2 / m_B**2) ** 2 * m_tau**2
    to_kaon = v["Vus"] ** 2 * v["f_Kplus"] ** 2 * m_tau**3 * (1 - m_K**2 / m_tau**2) ** 2
    lifetimes = inputs.lifetime("tau_B_plus") * inputs.lifetime("tau_tau")
    return v["GF"] ** 4 * to_tau * to_kaon / (8 * jnp.pi * 16 * jnp.pi) * lifetimes


def dbr_dq2(inputs: Inputs, q2: ArrayLike) -> Scalar:
    """Its q2 spectrum [GeV^-2]: falls linearly to 0 at (m_B^2 - m_tau^2)(m_tau^2 - m_K^2)/m_tau^2.

    The tau helicity is fixed by the spinless B: kaons go forward and take the energy.
    """
    v, q2 = _values(inputs), jnp.asarray(q2, dtype=float)
    m_tau2 = v["m_tau"] ** 2
    end = (v["m_B_plus"] ** 2 - m_tau2) * (m_tau2 - v["m_K_plus"] ** 2) / m_tau2
    inside = (q2 >= 0) & (q2 < end)
    return jnp.where(inside, branching_fraction(inputs) * 2 / end * (1 - q2 / end), 0.0)


def _values(inputs: Inputs) -> dict[str, Scalar]:
    for name in _NEEDED:
        if name not in inputs.values:
            raise InputError(
                f"preset {inputs.preset!r} has no {name}",
                where="tree-level tau contribution",
                allowed="use the presets default, paper, hpqcd or flavio",
            )
    return inputs.values
