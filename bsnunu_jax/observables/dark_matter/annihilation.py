r"""phi phi -> K+ K-, K0 K0bar, eta eta through (sbar s) phi^2, in chiral perturbation theory.

L = (1/2) C_ss (sbar s) phi^2 shifts the strange mass: M = d m_P^2/d m_s x C_ss with m_K^2 =
B (m_s + m_ud) and m_eta^2 = (2 B/3)(2 m_s + m_ud), hence B C_ss for the kaons and (4/3) B C_ss for
the eta, constant at leading order. Pions need (ubar u) and (dbar d). The next orders and the
resonances f_0(980), f_0(1370) are missing: the channels open at sqrt(s) = 1 GeV, where leading
order has no controlled error.

The energy that annihilation puts into the plasma of recombination, as Planck bounds it, is p_ann =
f_eff <sigma v>/m at rest, for a particle that is its own antiparticle. f_eff depends on the spectra
of what kaons and etas decay into: it is an argument here and 1 in the observable, an upper limit of
p_ann. The number of `p_ann_Planck` is from memory, unverified: it enters no likelihood.
"""

from dataclasses import dataclass

import jax.numpy as jnp
from jax.typing import ArrayLike

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.states.sectors import DarkScalar

HBAR_C = 1.973269804e-14  # GeV cm, CODATA 2018
SPEED_OF_LIGHT = 2.99792458e10  # cm/s
# What 1 GeV^-2 is: 2.4e-26 cm^3/s = 2.06e-9 GeV^-2.
CM3_PER_S = HBAR_C**2 * SPEED_OF_LIGHT


@dataclass(frozen=True)
class Channel:
    """A pair of mesons.

    Attributes:
        name: the pair.
        mass: key of the meson's mass in `Inputs.values`.
        weight: S_f |M|^2 in units of (B C_ss)^2, with S_f = 1/2 for identical particles.
    """

    name: str
    mass: str
    weight: float


CHANNELS = (
    Channel("K+K-", "m_K_plus", 1.0),
    Channel("K0K0bar", "m_K_0", 1.0),
    Channel("eta eta", "m_eta", 0.5 * (4 / 3) ** 2),
)


def amplitude(dark: DarkScalar, inputs: Inputs) -> Scalar:
    """B C_ss, the dimensionless amplitude of phi phi -> K+ K-."""
    return inputs.values["ChPT_B"] * dark.C_ss


def cross_section(dark: DarkScalar, inputs: Inputs, s: ArrayLike) -> Scalar:
    """sigma(phi phi -> K K, eta eta) [GeV^-2] at s [GeV^2] > 4 m_phi^2; 0 if all are closed.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> f"{float(cross_section(DarkScalar(0.6, C_ss=1e-4), load_inputs(), 1.6)):.2e}"
    '4.72e-09'
    """
    s = jnp.asarray(s, dtype=float)
    flux = jnp.sqrt(1 - 4 * dark.m**2 / s)
    total = sum(c.weight * _velocity(4 * inputs.values[c.mass] ** 2 / s) for c in CHANNELS)
    return amplitude(dark, inputs) ** 2 * total / (16 * jnp.pi * s * flux)


def at_rest(dark: DarkScalar, inputs: Inputs) -> Scalar:
    """sigma v [GeV^-2] for v -> 0: the s wave of today and of recombination; 0 below m_K.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> from bsnunu_jax.observables.dark_matter.annihilation import CM3_PER_S
    >>> f"{CM3_PER_S * float(at_rest(DarkScalar(0.6, C_ss=1e-4), load_inputs())):.2e}"
    '3.42e-26'
    """
    total = sum(c.weight * _velocity((inputs.values[c.mass] / dark.m) ** 2) for c in CHANNELS)
    return amplitude(dark, inputs) ** 2 * total / (32 * jnp.pi * dark.m**2)


def _velocity(z: Scalar) -> Scalar:
    """sqrt(1 - z), 0 with slope 0 for a closed channel."""
    is_open = z < 1
    return jnp.where(is_open, jnp.sqrt(jnp.where(is_open, 1 - z, 1.0)), 0.0)


def annihilation_parameter(dark: DarkScalar, inputs: Inputs, f_eff: ArrayLike = 1.0) -> Scalar:
    """p_ann [cm^3/s/GeV]; 0 below m_K, where nothing annihilates at rest.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> f"{float(annihilation_parameter(DarkScalar(0.6, C_ss=1e-4), load_inputs(), 0.1)):.1e}"
    '5.7e-27'
    """
    return jnp.asarray(f_eff) * CM3_PER_S * at_rest(dark, inputs) / dark.m


def largest_efficiency(dark: DarkScalar, inputs: Inputs) -> Scalar:
    """f_eff at which p_ann reaches Planck's limit (unverified); inf below m_K."""
    return inputs.values["p_ann_Planck"] / annihilation_parameter(dark, inputs)
