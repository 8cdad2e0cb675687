"""M(X_s) of B -> X_s + invisible from the motion of the b quark: two models, for shapes alone.

A free b quark would give M(X_s) = m_s. What is below a cut is all Fermi motion, which neither model
knows well: below about 1.1 GeV resonances make up everything, and a fraction is good to 30 % at
1 GeV and to a factor of 2 at 0.6 GeV. Use them for the q2 shape of what lies above, with p_F, or
Lambda and mu_pi^2, as nuisances.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from bsnunu_jax.foundation.arrays import Scalar, as_scalar
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.rates import of_rows
from bsnunu_jax.rates.baryons import free_quark
from bsnunu_jax.states import InvisibleState

# In momenta and in q2: 1e-4 of a fraction, with its kinks where the cut leaves the phase space.
MOTION_NODES = 64
# Momenta beyond this many p_F have weight e^-30.
_TAIL = 5.5


class FermiMotion(eqx.Module):
    """Altarelli et al.: B = b + spectator with Gaussian momenta, the mass of b what energy leaves.

    phi(p) = 4/(sqrt(pi) p_F^3) exp(-p^2/p_F^2), W^2 = m_B^2 + m_sp^2 - 2 m_B E_sp; a quark decay in
    motion has M(X)^2 uniformly between two edges.

    Attributes:
        m_B: mass of the meson [GeV].
        m_s, m_sp: masses of s and of the spectator [GeV].
        p_F: width of the momenta [GeV].
    """

    m_B: Scalar = eqx.field(converter=as_scalar)
    m_s: Scalar = eqx.field(converter=as_scalar)
    m_sp: Scalar = eqx.field(converter=as_scalar)
    p_F: Scalar = eqx.field(converter=as_scalar)

    @property
    def q2_max(self) -> Scalar:
        """Largest q2 [GeV^2]."""
        return (self.m_B - self.m_sp - self.m_s) ** 2

    def below(self, cut: ArrayLike, state: InvisibleState, inputs: Inputs, q2: ArrayLike) -> Scalar:
        """dGamma/dq2 [GeV^-1] with M(X_s) below the cut [GeV], inf for all of it, at one q2."""
        x, weights = np.polynomial.legendre.leggauss(MOTION_NODES)
        energy_end = (self.m_B**2 + self.m_sp**2 - self.m_s**2) / (2 * self.m_B)
        p_end = jnp.minimum(_TAIL * self.p_F, jnp.sqrt(energy_end**2 - self.m_sp**2))
        invariants, q2, cut = state.invariants(inputs), as_scalar(q2), as_scalar(cut)
        # Both branches of a `where` are differentiated: the discarded one must be finite.
        everything = jnp.isinf(cut)
        cut2 = jnp.where(everything, 1.0, cut) ** 2

        def at(p: Scalar) -> Scalar:
            energy = jnp.sqrt(p**2 + self.m_sp**2)
            W = jnp.sqrt(self.m_B**2 + self.m_sp**2 - 2 * self.m_B * energy)
            E_b = self.m_B - energy
            rate = of_rows.contract(invariants, of_rows.kernels(free_quark(W, self.m_s), state, q2))
            E_q = (W**2 + q2 - self.m_s**2) / (2 * W)
            p2 = E_q**2 - q2
            p_q = jnp.where(p2 > 0, jnp.sqrt(jnp.where(p2 > 0, p2, 1.0)), 0.0)
            lower = self.m_B**2 + q2 - 2 * self.m_B * (E_b * E_q + p * p_q) / W
            length = 4 * self.m_B * p * p_q / W
            there = length > 0
            share = (cut2 - lower) / jnp.where(there, length, 1.0)
            inside = jnp.where(everything, 1.0, jnp.where(there, jnp.clip(share, 0.0, 1.0), 0.0))
            density = 4 * p**2 * jnp.exp(-((p / self.p_F) ** 2)) / self.p_F**3 / jnp.sqrt(jnp.pi)
            return density * W / E_b * rate * inside

        p = p_end * (x + 1) / 2
        return p_end / 2 * (jnp.asarray(weights) @ jax.vmap(at)(p))


class ShapeFunction(eqx.Module):
    """Leading twist of the heavy-quark expansion: F(w) = w^a e^(-b w) of w, the P_+ of X.

    b = Lambda/v, a = Lambda^2/v - 1 with v = mu_pi^2/3: mean Lambda and variance v. The quark has
    m_b = m_B - w and X has M^2 = w (m_B - q2/(m_B - w)).

    Attributes:
        m_B: mass of the meson [GeV].
        Lambda: m_B - m_b [GeV].
        mu_pi2: mu_pi^2 [GeV^2], below 3 Lambda^2.
    """

    m_B: Scalar = eqx.field(converter=as_scalar)
    Lambda: Scalar = eqx.field(converter=as_scalar)
    mu_pi2: Scalar = eqx.field(converter=as_scalar)

    @property
    def q2_max(self) -> Scalar:
        """Largest q2 [GeV^2]."""
        return self.m_B**2

    def below(self, cut: ArrayLike, state: InvisibleState, inputs: Inputs, q2: ArrayLike) -> Scalar:
        """dGamma/dq2 [GeV^-1] with M(X_s) below the cut [GeV], inf for all of it, at one q2."""
        x, weights = np.polynomial.legendre.leggauss(MOTION_NODES)
        invariants, q2, m_B = state.invariants(inputs), as_scalar(q2), self.m_B
        v = self.mu_pi2 / 3
        a, b = self.Lambda**2 / v - 1, self.Lambda / v
        norm = (a + 1) * jnp.log(b) - jax.scipy.special.gammaln(a + 1)
        end = jnp.minimum(self._largest(as_scalar(cut), q2), m_B - jnp.sqrt(q2))

        def at(w: Scalar) -> Scalar:
            kernels = of_rows.kernels(free_quark(m_B - w, 0.0), state, q2)
            return jnp.exp(norm + a * jnp.log(w) - b * w) * of_rows.contract(invariants, kernels)

        return end / 2 * (jnp.asarray(weights) @ jax.vmap(at)(end * (x + 1) / 2))

    def _largest(self, cut: Scalar, q2: Scalar) -> Scalar:
        """The w whose X has the mass of the cut: w^2 m_B - w (m_B^2 - q2 + cut^2) + m_B cut^2."""
        finite = jnp.isfinite(cut)
        c2 = jnp.where(finite, cut, 1.0) ** 2
        half = (self.m_B**2 - q2 + c2) / 2
        root2 = half**2 - (self.m_B * jnp.sqrt(c2)) ** 2
        there = finite & (root2 > 0)
        found = self.m_B * c2 / (half + jnp.sqrt(jnp.where(there, root2, 1.0)))
        return jnp.where(there, found, self.m_B)


def fraction_below(
    motion: FermiMotion | ShapeFunction, cut: ArrayLike, state: InvisibleState, inputs: Inputs
) -> Scalar:
    """The fraction of B -> X_s + state with M(X_s) below the cut [GeV].

    >>> from bsnunu_jax import Neutrinos, load_inputs
    >>> motion = FermiMotion(m_B=5.28, m_s=0.1, m_sp=0.15, p_F=0.41)
    >>> f"{float(fraction_below(motion, 1.0, Neutrinos(), load_inputs())):.2f}"
    '0.37'
    """
    q2, weights = state.total_rule(motion.q2_max, MOTION_NODES)

    def total(cut: ArrayLike) -> Scalar:
        return weights @ jax.vmap(lambda s: motion.below(cut, state, inputs, s))(q2)

    return total(cut) / total(jnp.inf)
