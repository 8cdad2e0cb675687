"""The likelihood of any pair operator from its Gram matrices: compiled once for all of them.

A lane is one operator at one mass: its Gram matrices, a strength s that multiplies them, and where
to start. Operators, masses and scales are data, so that no program is compiled a second time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments.measurement import Request
from bsnunu_jax.experiments.predictions import Predictions
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import REPORTED_DECAYS, Annihilation, get_decay
from bsnunu_jax.inference.evidence.pairs import Strength, Tabulated, constant, mode_behind
from bsnunu_jax.inference.fits.lanes import Descent, Lanes
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.tabulate import grams_of, reads
from bsnunu_jax.models import get_model
from bsnunu_jax.numerics.batch import Batched
from bsnunu_jax.numerics.newton import levenberg_marquardt
from bsnunu_jax.rates.forms import Gram
from bsnunu_jax.rates.kernels import lifetime

Scalar = Float[Array, ""]
# One array a request, lanes along axis 0.
Grams = Sequence[np.ndarray]

# Newton steps and gradients at which a profile and a marginal end.
_STEPS = 60
# First damping of fits that begin next to their end.
_LITTLE = 1e-5
# Nodes of a line.
NODES = 26
_PROFILE_DONE, _MARGINAL_DONE = 1e-5, 1e-3
# ln L below the largest of its line at which a line is left.
_DEAD = 25.0


@dataclass(frozen=True)
class Fitted:
    """Profile fits of n lanes.

    Attributes:
        strength: s, fitted or as given, shape (n,).
        nuisances: shape (n, nuisances).
        objective: -2 ln (likelihood x nuisance terms), shape (n,).
        slope: its derivative in s at these nuisances, shape (n,).
        curvature: second derivative in s with the nuisances profiled, shape (n,).
        gradient: the largest component left, shape (n,).
    """

    strength: np.ndarray
    nuisances: np.ndarray
    objective: np.ndarray
    slope: np.ndarray
    curvature: np.ndarray
    gradient: np.ndarray


@dataclass(frozen=True)
class LineFits:
    """The likelihood along n lines of growing s, nuisances integrated (Laplace).

    Attributes:
        log_marginal: ln of it, up to a constant; -inf where a line was left, shape (n, nodes).
        best: node of the largest value, shape (n,).
        nuisances: most likely ones at that node, shape (n, nuisances).
    """

    log_marginal: np.ndarray
    best: np.ndarray
    nuisances: np.ndarray


class PairLikelihood:
    """-2 ln L of the SM plus a pair of tabulated kernels.

    Attributes:
        problem: inputs, nuisances and data, with the model of the SM.
        read: the integrated kernels that the data read.
        requests: these, then those of all other totals.
    """

    problem: Problem
    read: tuple[Request, ...]
    requests: tuple[Request, ...]

    def __init__(self, problem: Problem) -> None:
        """Tabulate the SM.

        Args:
            problem: inputs, nuisances and data; its model does not matter.

        Raises:
            InputError: if rates are no quadratic forms of form-factor coefficients here, or the
                data read more than rates.
        """
        self.problem = problem.of_model(get_model("neutrinos"))
        found = reads(self.problem)
        of_totals = ((mode_behind(name), None) for name in found.observed)
        self.read = tuple(sorted({*found.requests, *found.of_sm, *of_totals}, key=repr))
        totals = [(mode, None) for mode in REPORTED_DECAYS]
        self.requests = (*self.read, *(r for r in totals if r not in self.read))
        self._sm: dict[Request, Gram] = {}
        made = grams_of(self.problem, self.requests)
        for request in self.requests:
            if not isinstance(get_decay(request[0]), Annihilation):
                (gram,) = made.get(request, (None,))
                if gram is None:
                    raise InputError("the kernels are no quadratic forms here")
                self._sm[request] = gram

    def fit(
        self,
        grams: Grams,
        strength: np.ndarray,
        nuisances: np.ndarray,
        *,
        free: np.ndarray | bool = True,
        steps: int = _STEPS,
    ) -> Fitted:
        """Nuisances profiled, and the strength where it is free; MC statistics profiled too.

        Args:
            grams: of n lanes.
            strength: where the fits start, or what is held, shape (n,).
            nuisances: where they start, shape (n, nuisances).
            free: which strengths are fitted, without bounds.
            steps: largest number of Newton steps; 0 to look at the start alone.
        """
        free = np.broadcast_to(free, (len(strength),))
        held = np.zeros((len(strength), 1 + nuisances.shape[1]), dtype=bool)
        held[:, 0] = ~free
        starts = np.concatenate([strength[:, None], nuisances], axis=1)
        return Fitted(*self._fit(starts, tuple(grams), held=held, steps=steps))

    def lines(self, grams: Grams, nodes: np.ndarray, nuisances: np.ndarray) -> LineFits:
        """Nuisances integrated along growing strengths.

        Args:
            grams: of n lanes.
            nodes: strengths, shape (n, nodes); the first one that repeats ends a line.
            nuisances: most likely ones at the first node, shape (n, nuisances).
        """
        return LineFits(*self._lines(tuple(grams), nodes, nuisances))

    def at(
        self, grams: Grams, strength: float, nuisances: np.ndarray
    ) -> tuple[dict[str, float], dict[str, float]]:
        """-2 ln L of every measurement, and the branching fraction of the pair in every mode.

        Args:
            grams: of one lane, with an axis of length 1.
            strength: its strength.
            nuisances: its nuisances.
        """
        deviances, fractions = self._at([a[0] for a in grams], strength, nuisances)
        return (
            {k: float(v) for k, v in deviances.items()},
            {k: float(v) for k, v in fractions.items()},
        )

    @cached_property
    def closed(self) -> list[np.ndarray]:
        """Grams of one lane where nothing happens: the SM."""
        known = [self._sm[r].matrix.values() if r in self._sm else () for r in self.requests]
        return [np.zeros((1, *next((m.shape for m in matrices), ()))) for matrices in known]

    @cached_property
    def sm(self) -> Fitted:
        """The profile fit of the SM."""
        return self.fit(self.closed, np.zeros(1), np.zeros((1, self.problem.size)), free=False)

    @cached_property
    def sm_line(self) -> LineFits:
        """ln of the marginal likelihood of the SM, and its most likely nuisances."""
        return self.lines(self.closed, np.zeros((1, NODES)), np.zeros((1, self.problem.size)))

    @cached_property
    def sizes(self) -> list[float]:
        """Largest Gram elements of the SM in what the data read; where it has none, BR = 1e-5."""
        found = []
        for request in self.read:
            decay = get_decay(request[0])
            if isinstance(decay, Annihilation):
                found.append(1e-5 / float(self.problem.nuisances.inputs.lifetime(decay.tau_B)))
            else:
                matrices = self._sm[request].matrix.values()
                found.append(max(float(np.abs(m).max()) for m in matrices))
        return found

    def _predictions(self, grams: Sequence[Array], strength: Scalar, z: Array) -> Predictions:
        inputs = self.problem.nuisances.shift(z[: self.problem.nuisances.size])
        table: dict[Request, Any] = {}
        of_sm: dict[Request, Any] = {}
        for request, pair in zip(self.requests, grams, strict=True):
            decay = get_decay(request[0])
            if isinstance(decay, Annihilation):
                # Central kernels: of what varies only the decay constant is in them.
                ratio = inputs.values[decay.f_B] / self.problem.nuisances.inputs.values[decay.f_B]
                of_sm[request] = (constant({}),)
                table[request] = *of_sm[request], constant({"pair": pair * ratio**2})
            else:
                of_sm[request] = (self._sm[request],)
                table[request] = *of_sm[request], Gram({"pair": pair}, decay.transition)
        states = (*self.problem.model.build({}, inputs), Strength(strength))
        return Tabulated(states, inputs, table, of_sm)

    def _deviances(
        self, predictions: Predictions, z: Array, *, profiled: bool
    ) -> dict[str, Scalar]:
        terms = self.problem.log_likelihood_of(predictions, z, profiled=profiled)
        return {name: -2 * term for name, term in terms.items()}

    def _objective(
        self, grams: Sequence[Array], strength: Scalar, z: Array, *, profiled: bool
    ) -> Scalar:
        deviances = self._deviances(self._predictions(grams, strength, z), z, profiled=profiled)
        return sum(deviances.values(), self.problem.nuisance_terms(z, profiled=profiled))

    @cached_property
    def _fit(self) -> Lanes:
        def objective(point: Array, grams: Sequence[Array]) -> Array:
            return self._objective(grams, point[0], point[1:], profiled=True)

        def finish(found: Descent, _: Any) -> tuple[Array, ...]:
            point, value, gradient, hessian = found
            first = jnp.zeros_like(gradient).at[0].set(1.0)
            curvature = 1 / jnp.linalg.solve(hessian, first)[0]
            largest = jnp.max(jnp.abs(gradient))
            return point[0], point[1:], value, gradient[0], curvature, largest

        return Lanes(objective, finish, steps=_STEPS, done=_PROFILE_DONE)

    @cached_property
    def _lines(self) -> Batched:
        def one(active: Array, grams: Sequence[Array], nodes: Array, z: Array) -> Any:
            def step(carry: Any, s: Scalar) -> Any:
                z, slope, before, top, alive = carry
                alive = alive & (s > before)
                # Along the line the nuisances move evenly.
                start = z + jnp.clip(slope * (s - before), -1.0, 1.0)
                tolerance = jnp.where(alive, _MARGINAL_DONE, jnp.inf)
                at, value, _, hessian = levenberg_marquardt(
                    lambda z: self._objective(grams, s, z, profiled=False),
                    start,
                    _STEPS,
                    tolerance,
                    damping=_LITTLE,
                )
                log_marginal = -0.5 * (value + jnp.linalg.slogdet(hessian)[1])
                log_marginal = jnp.where(alive & jnp.isfinite(value), log_marginal, -jnp.inf)
                top = jnp.maximum(top, log_marginal)
                slope = (at - z) / jnp.where(alive, s - before, 1.0)
                alive = alive & (log_marginal > top - _DEAD)
                return (at, slope, s, top, alive), (log_marginal, at)

            start = z, jnp.zeros_like(z), nodes[0] - 1, jnp.asarray(-jnp.inf), active
            _, (log_marginal, at) = jax.lax.scan(step, start, nodes)
            best = jnp.argmax(log_marginal)
            return log_marginal, best, at[best]

        return Batched(one, rests=True)

    @cached_property
    def _at(self) -> Any:
        def at(grams: Sequence[Array], strength: Scalar, z: Array) -> Any:
            predictions = self._predictions(grams, strength, z)
            deviances = self._deviances(predictions, z, profiled=True)
            fractions = {}
            for mode, edges, *_ in self.requests:
                if edges is None:
                    (_, kernel) = predictions.kernels((mode, None))
                    tau = lifetime(get_decay(mode), predictions.inputs)
                    fractions[mode] = tau * strength * kernel["pair"]
            return deviances, fractions

        return jax.jit(at)
