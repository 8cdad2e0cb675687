"""How far the fitted q2 spectrum is from the SM's, for searches whose efficiency assumes that."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from bsnunu_jax.experiments import Measurement
from bsnunu_jax.hadrons.transitions import MODES
from bsnunu_jax.inference.sampling.predictive import Predictive
from bsnunu_jax.observables.catalogue import get_observable


def shape_distance(
    q2: Float[np.ndarray, " k"], spectrum: Float[np.ndarray, " k"], sm: Float[np.ndarray, " k"]
) -> float:
    """Half the area between two spectra normalised to 1: 0 for equal shapes, 1 without overlap.

    >>> import numpy as np
    >>> q2 = np.linspace(0.0, 1.0, 11)
    >>> round(shape_distance(q2, 3 * q2, q2), 12)
    0.0
    """
    shapes = [s / np.trapezoid(s, q2) for s in (spectrum, sm)]
    return float(0.5 * np.trapezoid(np.abs(shapes[0] - shapes[1]), q2))


def flagged(measurements: Sequence[Measurement]) -> dict[str, list[str]]:
    """Measurements whose published efficiency assumes the SM spectrum, by decay mode."""
    found: dict[str, list[str]] = {}
    for m in measurements:
        observable = getattr(m, "observable", None)
        mode = get_observable(observable).mode if observable else getattr(m, "mode", None)
        if m.sm_spectrum and mode in MODES:
            found.setdefault(str(mode), []).append(m.name)
    return found


def distances(best: Predictive, modes: Sequence[str]) -> Mapping[str, float]:
    """Distance of the best-fit shape (row 0) from the SM's, by mode."""
    return {
        mode: shape_distance(best.q2, best.spectra[mode][0], best.sm_spectra[mode][0])
        for mode in modes
    }
