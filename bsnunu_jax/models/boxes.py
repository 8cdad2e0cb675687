r"""Bs mixing from boxes of two scalar leptoquarks and two leptons.

Of L = sum_i (y_{ki}^A qbar_k P l_i) S_A + h.c. two scalars A, B are left at each lepton line: with
massless leptons and quarks at rest

    C = -(1/128 pi^2) sum_AB X_AB X_BA ln(M_A^2/M_B^2)/(M_A^2 - M_B^2),  X_AB = sum_i y_si^A y_bi^B*

of L = C (sbar gamma_mu P b)^2, P that of the quarks; 1/M^2 for equal masses. Conjugated quarks,
(lbar^c_i P q_k) y_{ki}, have X_AB = sum_i y_bi^A y_si^B*. One scalar that couples to one component
of the lepton has C = -X^2/(128 pi^2 M^2); every component of a multiplet that couples down quarks
to a lepton of its own is one more term.

Vectors have no such number: their longitudinal parts make the box of massless leptons quadratically
divergent, unless sum_i y_si y_bi^* vanishes, which needs the other particles of a gauge theory.
"""

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Complex

from bsnunu_jax.foundation.arrays import Scalar


def exchange(square_1: Array, square_2: Array) -> Array:
    """ln(a/b)/(a - b) of squares of masses, smooth at a = b.

    >>> [round(float(exchange(jnp.asarray(4.0), jnp.asarray(b))), 4) for b in (4.0, 4.0001, 1.0)]
    [0.25, 0.25, 0.4621]
    """
    # With a = g exp(d), b = g exp(-d) it is d/(g sinh d).
    d = jnp.log(square_1 / square_2) / 2
    small = jnp.abs(d) < 1e-3
    safe = jnp.where(small, 1.0, d)
    ratio = jnp.where(small, 1 - d**2 / 6 + 7 * d**4 / 360, safe / jnp.sinh(safe))
    return ratio / jnp.sqrt(square_1 * square_2)


def coefficient(
    light: Complex[Array, "scalars leptons"],
    heavy: Complex[Array, "scalars leptons"],
    masses: Array,
) -> Complex[Array, ""]:
    """C_VLL or C_VRR [GeV^-2] of scalars with one component of the lepton doublet.

    Args:
        light: y_si of sbar l, or y_si^* of the conjugated quark.
        heavy: y_bi, or y_bi^*.
        masses: in GeV, shape (scalars,).

    >>> y = jnp.array([[0.1 + 0j]])
    >>> f"{float(coefficient(y, y, jnp.array([1000.0])).real):.3e}"
    '-7.916e-14'
    """
    X = light @ jnp.conj(heavy).T
    squares = masses**2
    pairs = X * X.T * exchange(squares[:, None], squares[None, :])
    return -jnp.sum(pairs) / (128 * jnp.pi**2)


def mean_mass(masses: Sequence[Scalar]) -> Scalar:
    """The geometric mean, the scale of a box of several masses at leading logarithms."""
    return jnp.exp(jnp.mean(jnp.log(jnp.stack(list(masses)))))
