"""Integrals over q2 by adaptive quadrature, and states to integrate the rates of."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import quad_vec

from bsnunu_jax.hadrons import kinematics
from bsnunu_jax.hadrons.transitions import MODES, REPORTED
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.states import Neutrinos, Universal

VECTOR_MODES = tuple(name for name in REPORTED if MODES[name].vector)

# Charges differ in masses alone: where every mode costs a compilation, one of each spin is enough.
ONE_OF_EACH_SPIN = ("B+->K+", "B0->K*0")

# Every invariant that a massless pair can have, so that all rows but the interferences count.
ALL_ROWS = Universal(cVL=6.4 + 0.3j, cVR=1.2 - 0.8j, cSL=2.1, cSR=-0.7j, cTL=1.5 + 0.4j)


def endpoint(inputs: Inputs, mode: str) -> float:
    decay = MODES[mode]
    return float(kinematics.q2_max(inputs.values[decay.m_B], inputs.values[decay.m_K]))


def integrals(
    function: Callable[[jax.Array], jax.Array], low: float, high: float, scale: np.ndarray
) -> np.ndarray:
    """Adaptive Gauss-Kronrod in q2 itself, each component to 1e-12 of `scale`."""
    found, error, info = quad_vec(
        lambda q2: np.asarray(function(jnp.asarray(q2))) / scale,
        low,
        high,
        epsabs=1e-12,
        epsrel=0,
        norm="max",
        limit=5000,
        full_output=True,
    )
    assert info.success
    assert error < 1e-12
    return found * scale


def random_neutrinos(rng: np.random.Generator, scale: float = 5.0) -> Neutrinos:
    return Neutrinos(*(scale * (rng.normal(size=(4, 3, 3)) + 1j * rng.normal(size=(4, 3, 3)))))
