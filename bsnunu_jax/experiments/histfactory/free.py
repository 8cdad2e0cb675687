"""Parameters of a workspace that no normal constrains: free ones, and those that counts constrain.

A free normalisation (normfactor) or bin (shapefactor) is flat between its bounds; a bin of a
shapesys is so too, and Poisson(auxiliary count | factor x parameter) constrains it: its auxiliary
counts are data. The coordinate z is 0 at the initial value,

    parameter = low + (high - low) Phi(offset + z),

so that offset + z is standard normal a priori: ln of its density over that of a standard normal z
is `log_prior`, which samplers add and best fits do not; they leave the -z^2/2 out.
"""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr
from jaxtyping import Array, Float
from scipy.special import ndtri

from bsnunu_jax.experiments.histfactory.parameters import Parameters
from bsnunu_jax.experiments.quoted.marginal_poisson import poisson
from bsnunu_jax.foundation.errors import InputError

Scalar = Float[Array, ""]
# Of the range: an initial value that is a bound begins so far inside.
_INSIDE = 1e-6


@dataclass(frozen=True, eq=False)
class Free:
    """Parameters that are free between bounds, arrays of shape (n,).

    Attributes:
        at: their places in the vector of the workspace.
        low, high: bounds.
        offset: normal quantile of the initial values.
        counted: indices, among them, of those with an auxiliary count.
        auxdata: their counts.
        scale: expected counts where the parameter is 1.
    """

    at: np.ndarray
    low: np.ndarray
    high: np.ndarray
    offset: np.ndarray
    counted: np.ndarray
    auxdata: np.ndarray
    scale: np.ndarray

    def __len__(self) -> int:
        return len(self.at)

    def values(self, z: Float[Array, " n"]) -> Float[Array, " n"]:
        """The parameters at these coordinates."""
        found: Array = self.low + (self.high - self.low) * ndtr(self.offset + z)
        return found

    def log_prior(self, z: Float[Array, " n"]) -> Scalar:
        """ln of the flat prior in z over a standard normal, but for a constant."""
        return -jnp.sum(self.offset * z)

    def expected(self, z: Float[Array, " n"]) -> Float[Array, " counted"]:
        """Auxiliary counts that are expected."""
        return self.values(z)[self.counted] * self.scale

    def log_auxiliary(self, z: Float[Array, " n"], counts: Float[Array, " counted"]) -> Scalar:
        """ln of the Poisson terms."""
        return poisson(counts, self.expected(z))


def free_parameters(parameters: Parameters, where: str) -> Free | None:
    """Those of a workspace that are not fixed and have no normal constraint; None for none.

    Raises:
        InputError: for one that starts outside of its bounds.
    """
    at: list[int] = []
    counted, auxdata, scale = [], [], []
    for s in parameters.sets:
        if s.constraint == "normal":
            continue
        first = parameters.slices[s.name].start
        for i in np.flatnonzero(~s.fixed & ~s.without_error):
            low, high = s.bounds[i]
            if not (low <= s.inits[i] <= high and low < high):
                raise InputError(
                    f"parameter {s.name!r} ({s.type}) starts at {s.inits[i]:g}, its bounds are "
                    f"{low:g} and {high:g}",
                    where=where,
                    allowed="a start between them, or fixed: true in the measurement",
                )
            if s.constraint == "poisson":
                counted.append(len(at))
                auxdata.append(s.auxdata[i])
                scale.append(s.scale[i])
            at.append(first + int(i))
    if not at:
        return None
    low, high = parameters.bounds[at].T
    inside = (parameters.inits[at] - low) / (high - low)
    return Free(
        np.array(at),
        low,
        high,
        ndtri(np.clip(inside, _INSIDE, 1 - _INSIDE)),
        np.array(counted, dtype=int),
        np.array(auxdata, dtype=float),
        np.array(scale, dtype=float),
    )
