"""Normalised q2 spectra, and how they look through the efficiency of Belle II's inclusive tag.

Eq. (22) of arXiv:2309.12741 and the histogram of its Fig. 8; the efficiency weight omega of
arXiv:2403.12485. A ratio over something that vanishes is inf, with gradient 0.
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.inputs.tables import load_yaml
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.states import Neutrinos, States, each_state

# The decay of `ita_efficiency`.
ITA_MODE = "B+->K+"
# Seen new physics below this fraction of the SM's is the rounding of a difference.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Efficiency:
    """Selection efficiency in bins of true q2.

    Attributes:
        edges: edges of the bins [GeV^2], shape (bins + 1,).
        values: efficiencies, shape (bins,).
    """

    edges: Float[np.ndarray, " edges"]
    values: Float[np.ndarray, " bins"]


@cache
def ita_efficiency() -> Efficiency:
    """Belle II's inclusive tag of B+ -> K+ inv in bins of 2 GeV^2, from its number densities.

    >>> float(ita_efficiency().values[0])
    0.164
    """
    data = resources.files("bsnunu_jax.inputs") / "data" / "belle2_ita_efficiency.yaml"
    raw = load_yaml(data.read_text())
    return Efficiency(np.array(raw["q2_edges"]), np.array(raw["efficiency"]))


def normalised_spectrum(mode: str, states: States, inputs: Inputs, q2: ArrayLike) -> Scalar:
    """(dGamma/dq2)/Gamma [GeV^-2] at one q2 [GeV^2], SM included: Eq. (22) of arXiv:2309.12741.

    inf if the total rate is 0.

    Raises:
        InputError: for a two-body state, whose rate is a line.

    >>> from bsnunu_jax import load_inputs
    >>> f"{float(normalised_spectrum('B+->K+', Neutrinos(), load_inputs(), 5.0)):.4f}"
    '0.0579'
    """
    found = each_state(states)
    spectrum = sum((rates.dgamma_dq2(mode, s, inputs, q2) for s in found), start=jnp.zeros(()))
    return _over(spectrum, sum((rates.gamma(mode, s, inputs) for s in found), start=jnp.zeros(())))


def efficiency_weighted_spectrum(states: States, inputs: Inputs) -> Float[Array, " bins"]:
    """Histogram of B+ -> K+ inv in the bins of `ita_efficiency` [GeV^-2], of area 1.

    As in Fig. 8 of arXiv:2309.12741: (dGamma/dq2)_i eps_i/sum_j width_j (dGamma/dq2)_j eps_j with
    the spectrum at the centres of the bins, SM included.

    Raises:
        InputError: for a two-body state, whose rate is a line.
    """
    efficiency, found = ita_efficiency(), each_state(states)
    low, high = efficiency.edges[:-1], efficiency.edges[1:]

    def spectrum(q2: Scalar) -> Scalar:
        terms = (rates.dgamma_dq2(ITA_MODE, s, inputs, q2) for s in found)
        return sum(terms, start=jnp.zeros(()))

    seen = jax.vmap(spectrum)(jnp.asarray((low + high) / 2)) * efficiency.values
    return _over(seen, (high - low) @ seen)


def efficiency_weighted_at(states: States, inputs: Inputs, q2: ArrayLike) -> Scalar:
    """`efficiency_weighted_spectrum` in the bin that contains q2 [GeV^2], 0 outside of all."""
    edges = ita_efficiency().edges
    inside = (edges[:-1] <= jnp.asarray(q2)) & (jnp.asarray(q2) < edges[1:])
    histogram = efficiency_weighted_spectrum(states, inputs)
    return jnp.sum(jnp.where(inside, histogram, 0.0))


def omega(states: States, inputs: Inputs) -> Scalar:
    """sum_i Gt_SM,i eps_i/sum_i Gt_NP,i eps_i for B+ -> K+ inv, as in arXiv:2403.12485.

    Gt are bin rates over their sum, NP is the rate of all states minus that of the SM: omega is the
    selection efficiency of the SM over that of the new part, whose BR must be omega (BR_exp -
    BR_SM) to give as many events as BR_exp would have with the SM spectrum. inf if the new part is
    0 or passes no selection.

    >>> from bsnunu_jax import ScalarPair, load_inputs
    >>> states = [Neutrinos(), ScalarPair(0.7, S=1e-8)]
    >>> f"{float(omega(states, load_inputs())):.3f}"
    '1.694'
    """
    edges = jnp.asarray(ita_efficiency().edges)
    efficiency = jnp.asarray(ita_efficiency().values)

    def bins(states: States) -> Float[Array, " bins"]:
        terms = (rates.gamma_bins(ITA_MODE, s, inputs, edges) for s in each_state(states))
        return sum(terms, start=jnp.zeros(efficiency.size))

    sm = bins(Neutrinos())
    new = bins(states) - sm
    sm_seen, new_seen = efficiency @ sm, efficiency @ new
    return _over(sm_seen * jnp.sum(new), new_seen * jnp.sum(sm), _ROUNDING * sm_seen * jnp.sum(sm))


def _over(numerator: Array, denominator: Scalar, negligible: ArrayLike = 0.0) -> Array:
    """The ratio, inf where the denominator is negligible."""
    nothing = jnp.abs(denominator) <= negligible
    return jnp.where(nothing, jnp.inf, numerator / jnp.where(nothing, 1.0, denominator))
