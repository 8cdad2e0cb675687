r"""D0 -> phi phi and D0 -> pi0 phi phi with a real scalar phi.

L = (1/2) [C_S (ubar c) + C_P (ubar i gamma_5 c)] phi^2 + h.c.; C and the quark masses are at m_c,
only C/m_c enters. The SM rates, D0 -> nu nubar and D0 -> pi0 nu nubar, are taken as 0.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.hadrons.kinematics import kallen, q2_max, t_0_optimal, z_expansion
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.numerics.fixed_nodes import with_fixed_nodes
from bsnunu_jax.numerics.quadrature import NODES, PAIR_NODES, pair_rule
from bsnunu_jax.states.sectors import DarkScalar

_Point = tuple[DarkScalar, Inputs]

# (a0, a1, a2) of f_0 in arXiv:1706.03017, as in flavio 2.7.1.
_SIGMA = np.array([0.0355, 0.3909, 0.9188])
_CORRELATION = np.array([[1, 0.928, 0.827], [0.928, 1, 0.964], [0.827, 0.964, 1]])
_ROOT = _SIGMA[:, None] * np.linalg.cholesky(_CORRELATION)


def form_factor_f0(inputs: Inputs, q2: Array) -> Array:
    """f_0 of D -> pi at q2 [GeV^2], BSZ expansion of arXiv:1503.05534.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> f"{float(form_factor_f0(load_inputs(), jnp.asarray(1.0))):.4f}"
    '0.7290'
    """
    v = inputs.values
    central = jnp.stack([v[f"D_pi_a{k}_f0"] for k in range(3)])
    a = central + _ROOT @ jnp.stack([v[f"D_pi_z{k}"] for k in range(3)])
    m_D, m_pi = v["m_D_0"], v["m_pi_plus"]
    t_0 = t_0_optimal(m_D, m_pi)
    dz = z_expansion(q2, m_D, m_pi, t_0) - z_expansion(0 * q2, m_D, m_pi, t_0)
    return (a[0] + dz * (a[1] + dz * a[2])) / (1 - q2 / v["D_pi_pole_f0"] ** 2)


def branching_fraction_invisible(dark: DarkScalar, inputs: Inputs) -> Scalar:
    """BR(D0 -> phi phi); 0 for m_phi > m_D/2.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> dark = DarkScalar(0.5, C_uc_P=0.25e-6 * 1.273)
    >>> f"{float(branching_fraction_invisible(dark, load_inputs())):.1e}"
    '9.5e-05'
    """
    v = inputs.values
    m_D, beta = v["m_D_0"], _velocity(dark, v["m_D_0"] ** 2)
    amplitude = v["f_D"] * m_D**2 / (v["m_c_mc_MSbar"] + v["m_u_mc_MSbar"])
    square = jnp.real(dark.C_uc_P * jnp.conj(dark.C_uc_P))
    return inputs.lifetime("tau_D_0") * beta * square * amplitude**2 / (32 * jnp.pi * m_D)


def dbr_dq2_pion(dark: DarkScalar, inputs: Inputs, q2: Array) -> Array:
    """dBR(D0 -> pi0 phi phi)/dq2 [GeV^-2] at q2 [GeV^2]; 0 outside the phase space."""
    v = inputs.values
    m_D, m_pi = v["m_D_0"], v["m_pi_0"]
    inside = q2 < q2_max(m_D, m_pi)
    q2 = jnp.where(inside, q2, 0.0)
    root = jnp.where(inside, jnp.sqrt(kallen(q2, m_D, m_pi)), 0.0)
    amplitude = (m_D**2 - m_pi**2) / (v["m_c_mc_MSbar"] - v["m_u_mc_MSbar"])
    square = jnp.real(dark.C_uc_S * jnp.conj(dark.C_uc_S))
    hadronic = root * (amplitude * form_factor_f0(inputs, q2)) ** 2 * square
    # 1/2: the share of ubar u in the pi0.
    rate = 0.5 * hadronic * _velocity(dark, q2) / (512 * jnp.pi**3 * m_D**3)
    return inputs.lifetime("tau_D_0") * rate


def branching_fraction_pion(dark: DarkScalar, inputs: Inputs) -> Scalar:
    """BR(D0 -> pi0 phi phi); 0 for m_phi > (m_D - m_pi)/2.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> dark = DarkScalar(0.5, C_uc_S=2.06e-6 * 1.273)
    >>> f"{float(branching_fraction_pion(dark, load_inputs())):.1e}"
    '2.0e-04'
    """

    def integral(rule: _Point, point: _Point) -> Scalar:
        m, values = rule[0].m, rule[1].values
        end = q2_max(values["m_D_0"], values["m_pi_0"])
        q2, weights = pair_rule(m, m, end, round(PAIR_NODES * NODES))
        return weights @ dbr_dq2_pion(*point, q2)

    return with_fixed_nodes(integral, (dark, inputs))


def _velocity(dark: DarkScalar, q2: Array) -> Array:
    """sqrt(1 - 4 m_phi^2/q2), 0 below the threshold."""
    is_open = q2 > 4 * dark.m**2
    # Both branches of a `where` are differentiated.
    ratio = 4 * dark.m**2 / jnp.where(is_open, q2, 8 * dark.m**2 + 1.0)
    return jnp.where(is_open, jnp.sqrt(1 - ratio), 0.0)
