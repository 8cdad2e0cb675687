"""From named couplings, four-fermion ones K at a heavy scale, to coefficients of the Hamiltonian.

L = K (sbar gamma_mu P_X b)(lbar_i gamma^mu P_Y l_j) of L = -H with
H = -(4 GF/sqrt2) VtbVts* alpha/(4 pi) sum C O means C = Pi K for neutrinos and
C_9 = Pi K, C_10 = -+ Pi K for charged leptons (P_L, P_R), Pi = pi/(sqrt2 alpha GF VtbVts*).
Vector operators do not run in QCD. Phases: quarks are rephased so that VtbVts* is real and
negative; a phase of a coupling is one relative to it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.hadrons.transitions import USUAL_QUARKS, get_quarks
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.states.neutrinos import flavour_matrix
from bsnunu_jax.states.sectors import ChargedCurrent, ChargedLeptons

Matrix = Complex[Array, "3 3"]
LEPTONS = ("e", "mu", "tau")
# GeV^-2 in one TeV^-2.
PER_TEV2 = 1e-6


def value(parameters: Mapping[str, Any], name: str) -> Complex[Array, ""]:
    """A complex coupling, 0 if it is not given."""
    return jnp.asarray(parameters.get(name, 0.0), dtype=complex)


def real_value(parameters: Mapping[str, Any], name: str, default: float = 0.0) -> Float[Array, ""]:
    """A real parameter."""
    return jnp.real(jnp.asarray(parameters.get(name, default), dtype=complex))


def array(
    parameters: Mapping[str, Any], names: Sequence[Sequence[str]]
) -> Complex[Array, "rows columns"]:
    """The couplings of these names; names that are no parameters give 0."""
    return jnp.stack([jnp.stack([value(parameters, n) for n in row]) for row in names])


def flavours(stem: str) -> tuple[tuple[str, ...], ...]:
    """The names stem_ij of a matrix in (e, mu, tau)."""
    return tuple(tuple(f"{stem}_{i}{j}" for j in LEPTONS) for i in LEPTONS)


def flat(names: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The names row by row."""
    return tuple(name for row in names for name in row)


def VtbVts(inputs: Inputs) -> Scalar:
    """Vtb Vts*, real and negative in the phases used here."""
    return -inputs.values["VtbVts_abs"]


def Pi(inputs: Inputs) -> Scalar:
    """pi/(sqrt2 alpha GF VtbVts*) [GeV^2], with the alpha of the Hamiltonian; negative.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> f"{float(Pi(load_inputs('flavio'))):.2e}"
    '-6.11e+08'
    """
    alpha, G = inputs.role("alpha_hamiltonian"), inputs.values["GF"]
    return jnp.pi / (jnp.sqrt(2.0) * alpha * G * VtbVts(inputs))


def ckm(inputs: Inputs) -> Matrix:
    """The CKM matrix from |Vus|, |Vub|, |Vcb| and the angle gamma of the unitarity triangle.

    Standard phases, but the s quark is rephased so that VtbVts* is real and negative. Unitary:
    its |VtbVts*| is not that of the preset, which is an input of its own.
    """
    s12, s13, s23 = angles = mixing_angles(inputs)
    c12, c23 = jnp.sqrt(1 - s12**2), jnp.sqrt(1 - s23**2)
    # gamma = arg(-Vud Vub*/(Vcd Vcb*)) = delta - arg(s12 c23 + c12 s23 s13 exp(i delta)).
    gamma = inputs.values["gamma"]
    V = standard_ckm(angles, gamma + jnp.arcsin(c12 * s23 * s13 / (s12 * c23) * jnp.sin(gamma)))
    return V.at[:, 1].multiply(-jnp.conj(V[2, 1]) / jnp.abs(V[2, 1]))


def mixing_angles(inputs: Inputs) -> tuple[Scalar, Scalar, Scalar]:
    """Sines of theta_12, theta_13 and theta_23 from |Vus|, |Vub| and |Vcb|."""
    s13 = inputs.values["Vub"]
    c13 = jnp.sqrt(1 - s13**2)
    return inputs.values["Vus"] / c13, s13, inputs.values["Vcb"] / c13


def standard_ckm(sines: tuple[Scalar, Scalar, Scalar], delta: Scalar) -> Matrix:
    """The CKM matrix in standard phases."""
    s12, s13, s23 = sines
    c12, c13, c23 = (jnp.sqrt(1 - s**2) for s in sines)
    e = jnp.exp(1j * delta)
    return jnp.stack(
        [
            jnp.stack([c12 * c13 + 0j, s12 * c13 + 0j, s13 / e]),
            jnp.stack(
                [-s12 * c23 - c12 * s23 * s13 * e, c12 * c23 - s12 * s23 * s13 * e, s23 * c13 + 0j]
            ),
            jnp.stack(
                [s12 * s23 - c12 * c23 * s13 * e, -c12 * s23 - s12 * c23 * s13 * e, c23 * c13 + 0j]
            ),
        ]
    )


def coefficient_of(quarks: str, inputs: Inputs) -> Scalar:
    """C_L of K = 1 GeV^-2 in a quark transition; `Pi` in b -> s.

    Of b -> d a phase is one relative to V_tb V_td*, of s -> d V_us and V_ud are real.
    """
    row = get_quarks(quarks)
    phase = jnp.exp(-1j * inputs.number(row.phase)) if row.phase else jnp.ones(())
    sign = -1 if quarks == USUAL_QUARKS else 1
    return sign * phase / (2 * inputs.normalisation(quarks))


def neutrino_coefficient(K: Array, inputs: Inputs) -> Array:
    """C_L, C_R (nu_L) or C_L', C_R' (nu_R) of K [GeV^-2]."""
    return Pi(inputs) * K


def charged_leptons(
    inputs: Inputs,
    *,
    LL: Matrix | float = 0.0,
    LR: Matrix | float = 0.0,
    RL: Matrix | float = 0.0,
    RR: Matrix | float = 0.0,
) -> ChargedLeptons:
    """C_9 .. C_10' of K_XY [GeV^-2], X the chirality of the quarks, Y that of the leptons."""
    pi = Pi(inputs)
    left = flavour_matrix("LL", LL), flavour_matrix("LR", LR)
    right = flavour_matrix("RL", RL), flavour_matrix("RR", RR)
    return ChargedLeptons(
        C9=pi * (left[0] + left[1]),
        C10=pi * (left[1] - left[0]),
        C9p=pi * (right[0] + right[1]),
        C10p=pi * (right[1] - right[0]),
    )


def charged_current(K: Matrix, inputs: Inputs) -> ChargedCurrent:
    """C_VL of L = K^{ij} (cbar gamma_mu P_L b)(lbar_i gamma^mu P_L nu_j), K in GeV^-2."""
    G = inputs.values["GF"]
    return ChargedCurrent(-jnp.sqrt(2.0) * K / (4 * G * inputs.values["Vcb"]))
