r"""Vector-like quarks Q, D and a real scalar phi: coefficients after Q and D are integrated out.

    L = y_q^p qbar_Lp Q_R phi + y_d^p Dbar_L d_Rp phi + y_1 Qbar_L D_R H + h.c. - m_Q Qbar Q - m_D
    Dbar D,   <H> = v/sqrt(2),   q_p = ((V^dagger u)_p, d_p)

is the Lagrangian of arXiv:2403.12485 with the sign of y_1 for which its formulas hold (its
own sign in L gives -y_1). Then

    L_eff = (1/2) [C^S_ij (dbar_i d_j) + C^P_ij (dbar_i i gamma_5 d_j)] phi^2,

    C^S_ij + i C^P_ij = sqrt(2) y_q^i y_d^j y_1 v/(m_Q m_D)
                        + y_q^i y_q^j* m_j/m_Q^2 + y_d^i* y_d^j m_i/m_D^2,

the same for up quarks with V y_q in place of y_q and without y_d. Corrections are v^2/m_Q^2. y_2
Qbar_R D_L H enters at that order. Nothing runs: y_1 and the quark masses belong to the scale of the
coefficients, 4.8 GeV for bs, 2 GeV for ss; from 1 TeV to 4.2 GeV a scalar operator grows by 1.64.
"""

import equinox as eqx
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Complex

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.inputs import Inputs

ComplexScalar = Complex[Array, ""]
_QUARKS = {"s": 0, "b": 1}


class Couplings(eqx.Module):
    """Masses of Q and D [GeV] and Yukawa couplings; those of the first generation are 0.

    Attributes:
        y_q: couplings of s_L and b_L, shape (2,).
        y_d: couplings of s_R and b_R, shape (2,).
    """

    m_Q: Scalar
    m_D: Scalar
    y_q: Complex[Array, "2"]
    y_d: Complex[Array, "2"]
    y_1: ComplexScalar


def vacuum_expectation(inputs: Inputs) -> Scalar:
    """v = (sqrt(2) GF)^(-1/2) [GeV]."""
    return (jnp.sqrt(2.0) * inputs.values["GF"]) ** -0.5


def mixing_strength(c: Couplings, inputs: Inputs) -> ComplexScalar:
    """y_1 v/(sqrt(2) m_Q m_D) [GeV^-1]."""
    return c.y_1 * vacuum_expectation(inputs) / (jnp.sqrt(2.0) * c.m_Q * c.m_D)


def chirality_flip(
    c: Couplings, inputs: Inputs, i: str, j: str, *, mass_terms: bool = True
) -> ComplexScalar:
    """C^S_ij + i C^P_ij [GeV^-1], the coefficient of (1/2)(dbar_Li d_Rj) phi^2; i, j of "s", "b".

    Args:
        mass_terms: include those with the mass of a light quark.
    """
    a, b = _QUARKS[i], _QUARKS[j]
    found = 2 * mixing_strength(c, inputs) * c.y_q[a] * c.y_d[b]
    if mass_terms:
        masses = inputs.role("m_s"), inputs.role("m_b")
        found += c.y_q[a] * jnp.conj(c.y_q[b]) * masses[b] / c.m_Q**2
        found += jnp.conj(c.y_d[a]) * c.y_d[b] * masses[a] / c.m_D**2
    return found


def down_coefficients(
    c: Couplings, inputs: Inputs, i: str, j: str, *, mass_terms: bool = True
) -> tuple[ComplexScalar, ComplexScalar]:
    """C^S_ij and C^P_ij [GeV^-1] of down quarks."""
    to_right = chirality_flip(c, inputs, i, j, mass_terms=mass_terms)
    to_left = jnp.conj(chirality_flip(c, inputs, j, i, mass_terms=mass_terms))
    return (to_right + to_left) / 2, (to_right - to_left) / 2j


def up_charm_coefficients(c: Couplings, inputs: Inputs) -> tuple[ComplexScalar, ComplexScalar]:
    """C^S_uc and C^P_uc [GeV^-1] at m_c."""
    v = inputs.values
    rows = ckm_up_charm(inputs)
    u, charm = rows @ c.y_q
    product = u * jnp.conj(charm) / (2 * c.m_Q**2)
    m_u, m_c = v["m_u_mc_MSbar"], v["m_c_mc_MSbar"]
    return product * (m_u + m_c), product * (m_c - m_u) / 1j


def ckm_up_charm(inputs: Inputs) -> Complex[Array, "2 2"]:
    """V of u, c and s, b from |V_us|, |V_ub|, |V_cb| and gamma, standard phases."""
    v = inputs.values
    s13 = v["Vub"]
    c13 = jnp.sqrt(1 - s13**2)
    s12, s23 = v["Vus"] / c13, v["Vcb"] / c13
    c12, c23 = jnp.sqrt(1 - s12**2), jnp.sqrt(1 - s23**2)
    phase = jnp.exp(1j * v["gamma"])
    return jnp.array(
        [[s12 * c13, s13 * jnp.conj(phase)], [c12 * c23 - s12 * s23 * s13 * phase, s23 * c13]]
    )


def dipole(c: Couplings, inputs: Inputs) -> tuple[ComplexScalar, ComplexScalar]:
    """New C_7 and C_7' of b -> s gamma from the loop of phi and Q, D, at leading order, m_phi = 0.

    L = C_R (sbar sigma P_R b) F with C_R = e Q_d/(64 pi^2) y_q^s y_d^b (M^-1)_QD; the overall sign
    depends on that of the covariant derivative. Of order 1e-3, 0.3 % of the SM: no constraint.
    """
    unit = 4 * inputs.values["GF"] / jnp.sqrt(2.0) * inputs.values["VtbVts_abs"]
    strength = mixing_strength(c, inputs) / (-3 * 4 * inputs.role("m_b") * unit)
    return (strength * c.y_q[0] * c.y_d[1], jnp.conj(strength * c.y_q[1] * c.y_d[0]))


def strange_product(C_ss: ArrayLike, c: Couplings, inputs: Inputs) -> ComplexScalar:
    """y_1 that gives C^S_ss its value through the leading term, real."""
    per_y1 = 2 * vacuum_expectation(inputs) / (jnp.sqrt(2.0) * c.m_Q * c.m_D)
    return jnp.asarray(C_ss / (per_y1 * jnp.real(c.y_q[0] * c.y_d[0])) + 0j)
