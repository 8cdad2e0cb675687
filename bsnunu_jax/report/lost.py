"""What a report says of particles that may decay in flight: how much of them data see."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Array

from bsnunu_jax.experiments import Measurement
from bsnunu_jax.experiments.measurement import decays_of, detector_of
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.programs import program
from bsnunu_jax.inference.problem.symmetries import built_shape
from bsnunu_jax.inputs.detectors import Detector
from bsnunu_jax.observables.escape import share_seen
from bsnunu_jax.states.unstable import unstable

# A decay, and the detector that it is seen in.
Seen = tuple[str, Detector]


def lost_in_flight(problem: Problem, theta: Sequence[float]) -> list[str]:
    """Lines for a model whose particles may decay: P_inv at a point, and data without a detector.

    Args:
        problem: the model, its data.
        theta: the best fit.
    """
    if not any(map(unstable, built_shape(problem))):
        return []
    seen = dict.fromkeys(pair for m in problem.measurements for pair in _seen(m))
    lines = ["Particles may decay in flight: what decays in a detector is lost, never background."]
    if seen:
        shares = _shares(problem, np.asarray(theta))
        of_each = zip(seen, np.asarray(shares), strict=True)
        found = ", ".join(f"{mode} in {d.name} {_shown(p)}" for (mode, d), p in of_each)
        lines.append(f"P_inv, the share of them that is seen as missing, at the best fit: {found}.")
        memory = [d for d in dict.fromkeys(d for _, d in seen) if d.memory]
        lines += [f"  {d.name}: {d.described}" for d in memory]
    without = [m.name for m in problem.measurements if detector_of(m) is None]
    if without:
        lines.append(f"Decays in flight are not described for {', '.join(without)}: no geometry.")
    return lines


def _seen(m: Measurement) -> list[Seen]:
    detector = detector_of(m)
    return [] if detector is None else [(d, detector) for d in decays_of(m) if d is not None]


@program
def _shares(problem: Problem, theta: Array) -> list[Array]:
    predictions = problem.predictions(theta)
    seen = dict.fromkeys(pair for m in problem.measurements for pair in _seen(m))
    states, inputs = predictions.sectors, predictions.inputs
    return [share_seen(mode, states, inputs, detector) for mode, detector in seen]


def _shown(share: float) -> str:
    return f"{share:.3g}" if np.isfinite(share) else "(none produced)"
