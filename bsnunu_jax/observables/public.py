"""The observables that the package exports, jitted: a first call compiles one program.

Whatever is traced or recorded inside the package calls the functions themselves.
"""

from jaxtyping import Array, Float

from bsnunu_jax.inputs import Inputs
from bsnunu_jax.numerics.jitted import jitted, number
from bsnunu_jax.numerics.quadrature import NODES
from bsnunu_jax.observables import branching, spectra
from bsnunu_jax.states import States

branching_fraction = jitted(branching.branching_fraction)
branching_fraction_np = jitted(branching.branching_fraction_np)
ratio_to_sm = jitted(branching.ratio_to_sm)
longitudinal_fraction = jitted(branching.longitudinal_fraction)
eta = jitted(branching.eta)
omega = jitted(spectra.omega)
efficiency_weighted_spectrum = jitted(spectra.efficiency_weighted_spectrum)
_bins = jitted(branching.branching_fraction_bins)
dbr_dq2 = jitted(branching.dbr_dq2, q2=number)
longitudinal_fraction_at = jitted(branching.longitudinal_fraction_at, q2=number)
normalised_spectrum = jitted(spectra.normalised_spectrum, q2=number)


def branching_fraction_bins(
    mode: str, states: States, inputs: Inputs, edges: Float[Array, " edges"], *, nodes: int = NODES
) -> Float[Array, " bins"]:
    """See `branching.branching_fraction_bins`; edges are looked at before they are traced."""
    return _bins(mode, states, inputs, branching.checked_edges(edges, nodes), nodes=nodes)
