r"""The line shape of K* -> K pi: a P-wave Breit-Wigner with a width that runs.

    dGamma/dq2 dm^2 = dGamma/dq2 of a stable K* of mass m, times
    BW(m) = (1/pi) m_0 Gamma(m)/[(m^2 - m_0^2)^2 + m_0^2 Gamma(m)^2],
    Gamma(m) = Gamma_0 (k/k_0)^3 (m_0/m) (1 + k_0^2 R^2)/(1 + k^2 R^2)

with the momentum k of K and pi at mass m and their barrier radius R. It is exact for a constant
coupling times the barrier, form factors at m aside, whose dependence on m is not known.
"""

from collections.abc import Callable
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from bsnunu_jax.foundation.arrays import Scalar, as_scalar
from bsnunu_jax.hadrons.kinematics import kallen

T = TypeVar("T")
# Windows up to 1.6 GeV: 1e-10 of the fraction.
LINE_NODES = 48


class KstarShape(eqx.Module):
    """Mass, width, the daughters' masses [GeV] and the barrier radius [1/GeV].

    >>> shape = KstarShape(0.8955, 0.0473, 0.4937, 0.13957, 3.0)
    >>> f"{float(shape.fraction(0.8955 - 0.1, 0.8955 + 0.1)):.3f}"
    '0.846'
    """

    m_0: Scalar = eqx.field(converter=as_scalar)
    width: Scalar = eqx.field(converter=as_scalar)
    m_K: Scalar = eqx.field(converter=as_scalar)
    m_pi: Scalar = eqx.field(converter=as_scalar)
    radius: Scalar = eqx.field(converter=as_scalar)

    @property
    def threshold(self) -> Scalar:
        """m_K + m_pi [GeV]."""
        return self.m_K + self.m_pi

    def running_width(self, m: Float[Array, "..."]) -> Float[Array, "..."]:
        """Gamma(m) [GeV], 0 at and below the threshold."""
        m = jnp.asarray(m)
        k2, k2_0 = self._momentum2(m), self._momentum2(self.m_0)
        is_open = (m > self.threshold) & (k2 > 0)
        ratio = jnp.where(is_open, k2, k2_0) / k2_0
        barrier = (1 + k2_0 * self.radius**2) / (1 + ratio * k2_0 * self.radius**2)
        return jnp.where(is_open, self.width * ratio**1.5 * self.m_0 / m * barrier, 0.0)

    def density(self, m: Float[Array, "..."]) -> Float[Array, "..."]:
        """BW(m) [GeV^-2], per unit of m^2."""
        gamma = self.m_0 * self.running_width(m)
        return gamma / jnp.pi / ((m**2 - self.m_0**2) ** 2 + gamma**2)

    def rule(
        self, low: ArrayLike, high: ArrayLike, nodes: int = LINE_NODES
    ) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
        """Masses [GeV] and weights of int dm^2 BW(m) from low, or the threshold, to high.

        In the angle whose tangent is (m^2 - m_0^2)/(m_0 Gamma_0) the peak is flat; its square
        takes the root k^3 at the threshold.
        """
        scale = self.m_0 * self.width

        def angle(m: Scalar) -> Scalar:
            return jnp.arctan((m**2 - self.m_0**2) / scale)

        start = jnp.maximum(as_scalar(low), self.threshold)
        first = angle(start)
        length = jnp.maximum(angle(as_scalar(high)) - first, 0.0)
        x, weights = np.polynomial.legendre.leggauss(nodes)
        t = (x + 1) / 2
        theta = first + length * t**2
        m2 = self.m_0**2 + scale * jnp.tan(theta)
        slope = scale / jnp.cos(theta) ** 2 * length * t  # dm^2/dt over 2, weights of [-1, 1]
        m = jnp.sqrt(m2)
        return m, jnp.asarray(weights) * slope * self.density(m)

    def fraction(self, low: ArrayLike, high: ArrayLike) -> Scalar:
        """int BW dm^2 between two masses [GeV] of K pi."""
        return jnp.sum(self.rule(low, high)[1])

    def average(self, narrow: Callable[[Scalar], T], low: ArrayLike, high: ArrayLike) -> T:
        """int dm^2 BW(m) narrow(m): e.g. a rate as a function of the mass of the K* [GeV]."""
        m, weights = self.rule(low, high)
        return jax.tree.map(lambda v: jnp.tensordot(weights, v, 1), jax.vmap(narrow)(m))

    def _momentum2(self, m: Float[Array, "..."]) -> Float[Array, "..."]:
        return kallen(m**2, self.m_K, self.m_pi) / (4 * m**2)


def with_s_wave(rate: Scalar, s_wave: ArrayLike) -> Scalar:
    """The K pi rate in a window from its P wave: Gamma_P/(1 - F_S), F_S the share of the S wave."""
    return rate / (1 - as_scalar(s_wave))
