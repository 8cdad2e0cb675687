"""b -> s + invisible of free quarks, and what is known of its corrections.

The rows are those of a free quark, at the pole masses. Of V and A currents with massless neutrinos
the total has the corrections of b -> u l nu (arXiv:1503.04849, Eq. (4.8), as flavio 2.7.1 has it):
kappa = 1 - (2 alpha_s/3 pi)(pi^2 - 25/4) at one loop, and 1 + (lambda_1 - 9 lambda_2)/(2 m_b^2).
For scalars and tensors, and for massive pairs, nothing is known beyond the leading order here: they
get kappa as it is, with an uncertainty of 20 to 30 %.
"""

import equinox as eqx
import jax.numpy as jnp
from jax.typing import ArrayLike

from bsnunu_jax.foundation.arrays import Scalar, as_scalar
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.numerics.quadrature import NODES
from bsnunu_jax.rates import of_rows
from bsnunu_jax.rates.baryons import Baryons
from bsnunu_jax.states import InvisibleState
from bsnunu_jax.states.base import invariants_in

# Of massless chiral pairs: |C_L +- C_R|^2 of `Neutrinos` and of the set of EOS.
_CURRENTS = ("vector", "axial")


class Corrections(eqx.Module):
    """Beyond the leading order of massless neutrinos; without arguments there are none.

    Attributes:
        alpha_s: the strong coupling at about m_b.
        lambda_1, lambda_2: matrix elements of the heavy-quark expansion [GeV^2].
    """

    alpha_s: Scalar = eqx.field(converter=as_scalar, default=0.0)
    lambda_1: Scalar = eqx.field(converter=as_scalar, default=0.0)
    lambda_2: Scalar = eqx.field(converter=as_scalar, default=0.0)

    @property
    def kappa(self) -> Scalar:
        """The one-loop factor of the total rate in terms of the pole mass.

        >>> f"{float(Corrections(alpha_s=0.22).kappa):.2f}"
        '0.83'
        """
        return 1 - 2 * self.alpha_s / (3 * jnp.pi) * (jnp.pi**2 - 25 / 4)

    def power(self, x: ArrayLike) -> Scalar:
        """m_b^2 times the 1/m_b^2 part of the spectrum in x = q2/m_b^2, the leading one's area 1.

        The leading part is 2 (1 - x)^2 (1 + 2 x) for m_s = 0, the spectrum beyond it
        (lambda_1/2) times that plus lambda_2 (3 - 45 x^2 + 30 x^3); see arXiv:1503.04849. At x = 1
        it is a distribution: only averages over much of the spectrum make sense.
        """
        x = jnp.asarray(x, dtype=float)
        leading = 2 * (1 - x) ** 2 * (1 + 2 * x)
        return self.lambda_1 / 2 * leading + self.lambda_2 * (3 - 45 * x**2 + 30 * x**3)

    @property
    def power_total(self) -> Scalar:
        """The integral of `power`: (lambda_1 - 9 lambda_2)/2 [GeV^2]."""
        return (self.lambda_1 - 9 * self.lambda_2) / 2


def dgamma_dq2(
    quark: Baryons,
    state: InvisibleState,
    inputs: Inputs,
    q2: ArrayLike,
    corrections: Corrections | None = None,
) -> Scalar:
    """Spectrum of b -> s + state [GeV^-1] at one q2 [GeV^2]; 0 outside the partons' phase space.

    Args:
        quark: of `free_quark`, pole masses.
        state: what recoils.
        inputs: the SM coefficient and N_0.
        q2: at which.
        corrections: of `Corrections`; the shape in 1/m_b^2 is that of m_s = 0, up to the endpoint.
    """
    given = corrections or Corrections()
    found = of_rows.kernels(quark, state, q2)
    end = of_rows.q2_max(quark)
    x = jnp.asarray(q2, dtype=float) / end
    inside = (x >= 0) & (x < 1)
    beyond = jnp.where(inside, given.power(jnp.where(inside, x, 0.0)), 0.0) / (quark.m_B**2 * end)
    if any(k in _CURRENTS for k in found):
        totals = of_rows.integrated_kernels(quark, state)
        found = {k: v + beyond * totals[k] if k in _CURRENTS else v for k, v in found.items()}
    return given.kappa * of_rows.contract(invariants_in(state, quark.quarks, inputs), found)


def gamma(
    quark: Baryons,
    state: InvisibleState,
    inputs: Inputs,
    corrections: Corrections | None = None,
    *,
    nodes: int = NODES,
) -> Scalar:
    """Rate of b -> s + state [GeV], the integral of `dgamma_dq2`."""
    given = corrections or Corrections()
    found = of_rows.integrated_kernels(quark, state, nodes=nodes)
    factor = 1 + given.power_total / quark.m_B**2
    kernels = {k: factor * v if k in _CURRENTS else v for k, v in found.items()}
    return given.kappa * of_rows.contract(invariants_in(state, quark.quarks, inputs), kernels)
