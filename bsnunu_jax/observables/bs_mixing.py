"""Bs mixing: M12 of the SM and of new physics, Delta M_s and its phase.

M12 = <Bs|H|Bsbar>/(2 M), so M12 = -sum C <O> of L = sum C O at 4.2 GeV, where the bag parameters
are given. The SM is H = GF^2 mW^2 (VtbVts*)^2 S_0(x_t) eta_B/(4 pi^2) O_VLL with a real VtbVts*.
"""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Complex

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.inputs.running import SLR, VLL, VLR, factor, over_thresholds
from bsnunu_jax.observables.observable import Observable, observable
from bsnunu_jax.states import States
from bsnunu_jax.states.sectors import BsMixing, sectors_of

# Scale of the bag parameters and of eta_B [GeV].
MU = 4.2


def run(c: BsMixing, mu: ArrayLike, inputs: Inputs) -> BsMixing:
    """The coefficients at mu [GeV], leading order; O_VLR mixes into O_SLR."""

    def step(eta: Scalar, b_0: float) -> Array:
        vector, scalar = eta ** (VLR / b_0), eta ** (SLR / b_0)
        mixed = 2 / 3 * (vector - scalar)
        return jnp.stack([jnp.stack([vector, jnp.zeros_like(vector)]), jnp.stack([mixed, scalar])])

    equal = factor(VLL, c.mu, mu, inputs)
    other = over_thresholds(step, c.mu, mu, inputs) @ jnp.stack([c.C_VLR, c.C_SLR])
    return BsMixing(equal * c.C_VLL, equal * c.C_VRR, other[0], mu, other[1])


def matrix_elements(inputs: Inputs) -> tuple[Scalar, Scalar, Scalar]:
    """<O_VLL>, <O_VLR>, <O_SLR> over 2 M at 4.2 GeV [GeV^3]; that of O_VRR is the first.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> [round(float(x), 4) for x in matrix_elements(load_inputs("flavio"))]
    [0.0784, -0.1403, 0.1291]
    """
    v = inputs.values
    unit = v["m_B_s"] * v["f_Bs"] ** 2
    r = (v["m_B_s"] / (v["mb_MSbar_4p2"] + v["ms_MSbar_4p2"])) ** 2
    return unit * v["B1_Bs"] / 3, -unit * r * v["B5_Bs"] / 6, unit * r * v["B4_Bs"] / 4


def S_0(x: ArrayLike) -> Scalar:
    """The box function of Inami and Lim at x = m_t^2/m_W^2."""
    x = jnp.asarray(x, dtype=float)
    rational = (4 * x - 11 * x**2 + x**3) / (4 * (1 - x) ** 2)
    return rational - 3 * x**3 * jnp.log(x) / (2 * (1 - x) ** 3)


def M12_SM(inputs: Inputs) -> Scalar:
    """M12 of the SM [GeV], real and positive in these phases.

    >>> from bsnunu_jax.inputs import load_inputs
    >>> f"{float(M12_SM(load_inputs('flavio'))):.2e}"
    '5.71e-12'
    """
    v = inputs.values
    box = S_0((v["m_t_MSbar"] / v["m_W"]) ** 2)
    C = (v["GF"] * v["m_W"] * v["VtbVts_abs"] / (2 * jnp.pi)) ** 2 * box * v["eta_B"]
    return C * matrix_elements(inputs)[0]


def M12_NP(states: States, inputs: Inputs) -> Complex[Array, ""]:
    """New physics in M12 [GeV]."""
    c = run(sectors_of(states).mixing, MU, inputs)
    VLL_, VLR_, SLR_ = matrix_elements(inputs)
    return -((c.C_VLL + c.C_VRR) * VLL_ + c.C_VLR * VLR_ + c.C_SLR * SLR_)


def ratio(states: States, inputs: Inputs) -> Complex[Array, ""]:
    """M12/M12_SM."""
    return 1 + M12_NP(states, inputs) / M12_SM(inputs)


def delta_m(states: States, inputs: Inputs) -> Scalar:
    """Delta M_s = 2 |M12| [ps^-1]."""
    per_ps = 1e-12 / inputs.values["hbar"]
    return 2 * M12_SM(inputs) * per_ps * delta_m_ratio(states, inputs)


def delta_m_ratio(states: States, inputs: Inputs) -> Scalar:
    """Delta M_s over its SM value."""
    return jnp.abs(ratio(states, inputs))


def phase(states: States, inputs: Inputs) -> Scalar:
    """arg(M12/M12_SM) [rad], which adds to phi_s = -2 beta_s."""
    return jnp.angle(ratio(states, inputs))


def mixing_observables() -> list[Observable]:
    """Observables of Bs mixing.

    >>> [o.name for o in mixing_observables()]
    ['DeltaMs', 'r_DeltaMs', 'phi_s_NP']
    """
    functions = {"DeltaMs": delta_m, "r_DeltaMs": delta_m_ratio, "phi_s_NP": phase}
    return [observable(name, function) for name, function in functions.items()]
