"""The observables that the package exports, jitted: a first call compiles one program.

Whatever is traced or recorded inside the package calls the functions themselves.
"""

from jax.typing import ArrayLike
from jaxtyping import Array, Float

from bsnunu_jax.inputs import Inputs
from bsnunu_jax.numerics.jitted import jitted, number
from bsnunu_jax.numerics.quadrature import NODES
from bsnunu_jax.observables import branching, spectra
from bsnunu_jax.states import States

Scalar = Float[Array, ""]

branching_fraction = jitted(branching.branching_fraction)
branching_fraction_np = jitted(branching.branching_fraction_np)
ratio_to_sm = jitted(branching.ratio_to_sm)
longitudinal_fraction = jitted(branching.longitudinal_fraction)
eta = jitted(branching.eta)
omega = jitted(spectra.omega)
efficiency_weighted_spectrum = jitted(spectra.efficiency_weighted_spectrum)
_bins = jitted(branching.branching_fraction_bins)
_dbr_dq2 = jitted(branching.dbr_dq2)
_longitudinal_fraction_at = jitted(branching.longitudinal_fraction_at)
_normalised_spectrum = jitted(spectra.normalised_spectrum)


def branching_fraction_bins(
    mode: str, states: States, inputs: Inputs, edges: Float[Array, " edges"], *, nodes: int = NODES
) -> Float[Array, " bins"]:
    """See `branching.branching_fraction_bins`; edges are looked at before they are traced."""
    return _bins(mode, states, inputs, branching.checked_edges(edges, nodes), nodes=nodes)


def dbr_dq2(mode: str, states: States, inputs: Inputs, q2: ArrayLike) -> Scalar:
    """See `branching.dbr_dq2`."""
    return _dbr_dq2(mode, states, inputs, number(q2))


def longitudinal_fraction_at(mode: str, states: States, inputs: Inputs, q2: ArrayLike) -> Scalar:
    """See `branching.longitudinal_fraction_at`."""
    return _longitudinal_fraction_at(mode, states, inputs, number(q2))


def normalised_spectrum(mode: str, states: States, inputs: Inputs, q2: ArrayLike) -> Scalar:
    """See `spectra.normalised_spectrum`."""
    return _normalised_spectrum(mode, states, inputs, number(q2))
