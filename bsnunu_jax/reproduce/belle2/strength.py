"""Signal strength from the published workspace: all channels, inclusive or hadronic tag alone.

Every fit is one lane of one program: the channels that count, the observed counts and what is held
are data. Channels that do not count leave the Poisson terms; systematics that act on them alone are
profiled at 0, so that the rest is the model without them. MC statistics: one parameter a bin
(`HistFactory.collapsed_log_density`), as exact as all of them in a profile.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import gammaln
from scipy.optimize import brentq

from bsnunu_jax.experiments.histfactory.workspace import read_workspace
from bsnunu_jax.experiments.records.record import WORKSPACE
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.fits.lanes import Ends, Lanes
from bsnunu_jax.reproduce.settings import Settings

# First letters of the channels of a tag.
TAGS = {
    "combined": ("A__", "B__", "C__", "D__", "sgn1_had"),
    "ITA": ("A__", "B__", "C__", "D__"),
    "HTA": ("sgn1_had",),
}
_DONE, _CONVERGED = 1e-7, 1e-4


@dataclass(frozen=True)
class Strength:
    """mu of some channels.

    Attributes:
        mu: best value, not bounded.
        up, down: total errors, where -2 ln L is up by 1.
        statistical: mu against Poisson fluctuations of all counts, each fit complete.
        frozen: error with all nuisances and MC statistics held at their best values.
        systematic: what the statistical error leaves of the mean total error, in quadrature.
        q_0, q_1: -2 ln L at no signal and at the SM, above the minimum.
        values, t: the curve of -2 ln L above its minimum, shape (n,).
        t_frozen: that with nuisances held.
    """

    mu: float
    up: float
    down: float
    statistical: float
    frozen: float
    q_0: float
    q_1: float
    values: np.ndarray
    t: np.ndarray
    t_frozen: np.ndarray

    @property
    def total(self) -> float:
        """Mean of the two errors."""
        return (self.up + self.down) / 2

    @property
    def systematic(self) -> float:
        """What is left of the total error."""
        return float(np.sqrt(self.total**2 - self.statistical**2))


class Strengths:
    """Fits of the signal strength to the complete workspace."""

    def __init__(self, settings: Settings) -> None:
        """Read the workspace."""
        assert settings.likelihood is not None
        self.model = read_workspace(settings.likelihood / WORKSPACE).model
        self.size = 1 + len(self.model.alphas) + len(self.model.observed)
        channels = [""] * len(self.model.observed)
        for (channel, _), b in zip(self.model.entries, self.model.bins, strict=True):
            channels[b] = channel
        self._counted = {
            tag: np.array([c.startswith(first) for c in channels], dtype=float)
            for tag, first in TAGS.items()
        }
        self._lanes = self._compiled()

    def of(self, tag: str, values: np.ndarray) -> Strength:
        """The fits of one tag, and the curves at these values of mu."""
        data, counted = self.model.observed, self._counted[tag]
        start = np.zeros(self.size)
        start[0] = 2.0
        best, lowest = self._fit(start, data, counted)

        def t(mu: float) -> float:
            return float(self._fit(best[0], data, counted, values=[mu])[1][0] - lowest[0])

        mu = float(best[0, 0])
        sides = [
            brentq(lambda d, sign=sign: t(mu + sign * d) - 1, 0.3, 5.0, xtol=1e-4)
            for sign in (1, -1)
        ]
        # Every count that is in moved by its root, up and down, and fitted anew.
        here = np.flatnonzero(counted)
        root = np.sqrt(np.maximum(data, 1.0))
        shifts = np.zeros((2, len(here), len(data)))
        shifts[0, np.arange(len(here)), here] = root[here]
        shifts[1] = -np.minimum(shifts[0], data)
        moved = np.concatenate(list(data + shifts))
        found = self._fit(best[0], moved, counted)[0][:, 0].reshape(2, -1)
        width = (shifts[0] - shifts[1]).sum(axis=1)
        slopes = (found[0] - found[1]) / width
        curve = self._fit(best[0], data, counted, values=values)[1] - lowest[0]
        held = self._fit(best[0], data, counted, values=values, held=True)[1] - lowest[0]
        step = 0.2
        bend = self._fit(best[0], data, counted, values=[mu + step, mu - step], held=True)[1]
        q_0, q_1 = t(0.0), t(1.0)
        return Strength(
            mu,
            sides[0],
            sides[1],
            float(np.sqrt((slopes**2 * data[here]).sum())),
            float(step / np.sqrt((bend - lowest[0]).mean())),
            q_0,
            q_1,
            values,
            curve,
            held,
        )

    def _fit(
        self,
        start: np.ndarray,
        data: np.ndarray,
        counted: np.ndarray,
        *,
        values: Any = None,
        held: bool = False,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Points and -2 ln L; mu is free without values, `held` keeps all else at the start."""
        n = max(len(np.atleast_2d(data)), 1 if values is None else len(values))
        starts = np.array(np.broadcast_to(start, (n, self.size)))
        if values is not None:
            starts[:, 0] = values
        stay = np.full(self.size, held)
        stay[0] = values is not None
        found: Ends = self._lanes(
            starts,
            (
                np.broadcast_to(data, (n, data.shape[-1])),
                np.broadcast_to(counted, (n, len(counted))),
            ),
            held=stay,
        )
        if not found.steepest.max() < _CONVERGED:
            raise InputError("a fit of the signal strength did not converge")
        return found.point, found.objective

    def _compiled(self) -> Lanes:
        model, split = self.model, 1 + len(self.model.alphas)

        def objective(x: jax.Array, lane: tuple[jax.Array, jax.Array]) -> jax.Array:
            data, counted = lane
            alpha, t = x[1:split], x[split:]
            rates = model.collapsed_rates(model.entry_rates(alpha, x[:1]), t)
            rates = jnp.where(counted > 0, rates, 1.0)
            terms = data * jnp.log(rates) - rates - gammaln(data + 1)
            return jnp.sum(x[1:] ** 2) - 2 * counted @ terms

        return Lanes(objective, done=_DONE)
