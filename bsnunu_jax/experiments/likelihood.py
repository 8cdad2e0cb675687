"""ln L of several measurements with the same predictions."""

from collections.abc import Sequence
from itertools import accumulate

import jax.numpy as jnp
from jaxtyping import Array, Float

from bsnunu_jax.experiments.measurement import Measurement, ProfiledMeasurement
from bsnunu_jax.experiments.predictions import Predictions
from bsnunu_jax.experiments.quoted.counting import CountingMeasurement, joint_log_likelihoods


def blocks(measurements: Sequence[Measurement], z: Float[Array, " n"]) -> list[Float[Array, " k"]]:
    """The nuisances of each measurement, which stand one after the other.

    Those that one borrows from others, linear in what these have, come after its own.
    """
    stops = list(accumulate(len(m.nuisance_names) for m in measurements))
    own = [z[start:stop] for start, stop in zip([0, *stops], stops, strict=False)]
    if not any(getattr(m, "lenders", ()) for m in measurements):
        return own
    names = [m.name for m in measurements]

    def whole(i: int) -> Float[Array, " k"]:
        m = measurements[i]
        lent = zip(getattr(m, "lenders", ()), getattr(m, "rows", ()), strict=True)
        borrowed = [row @ whole(names.index(lender)) for lender, row in lent]
        return jnp.append(own[i], jnp.stack(borrowed)) if borrowed else own[i]

    return [whole(i) for i in range(len(own))]


def log_likelihoods(
    measurements: Sequence[Measurement],
    predictions: Predictions,
    z: Float[Array, " n"],
    *,
    profiled: bool = False,
) -> dict[str, Float[Array, ""]]:
    """ln L of every measurement by name.

    Args:
        measurements: the measurements.
        predictions: what they read.
        z: their nuisances, one after the other.
        profiled: `profile_log_likelihood` of the measurements that have it: nuisances that
            `log_likelihood` integrates over are at their most likely values.
    """
    own = list(zip(measurements, blocks(measurements, z), strict=True))
    counting = [(m, block) for m, block in own if isinstance(m, CountingMeasurement)]
    found = {}
    if counting:
        searches, of_searches = zip(*counting, strict=True)
        joint = joint_log_likelihoods(searches, predictions, of_searches)
        found = {m.name: joint[i] for i, m in enumerate(searches)}
    for m, block in own:
        if m.name not in found:
            method = m.log_likelihood
            if profiled and isinstance(m, ProfiledMeasurement):
                method = m.profile_log_likelihood
            found[m.name] = method(predictions, block)
    return found
