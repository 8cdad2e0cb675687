"""What the columns of a number density are."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments.predictions import Predictions


@dataclass(frozen=True)
class Spectrum:
    """Bins of true q2 of a mode.

    Attributes:
        edges: of the bins [GeV^2].
        polarisation: "longitudinal" or "transverse" vector mesons alone; "" for all.
    """

    mode: str
    edges: tuple[float, ...]
    polarisation: str = ""

    def bins(self, predictions: Predictions) -> Float[Array, " q2_bins"]:
        """BR in the bins."""
        part = (self.polarisation,) if self.polarisation else ()
        return predictions.bins(self.mode, np.array(self.edges), *part)
