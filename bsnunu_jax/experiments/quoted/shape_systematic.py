"""An uncertainty for published efficiencies that assume the SM q2 spectrum.

The efficiency of what is not the SM's is that of the SM times exp(shape_std z), z standard normal:
signal = efficiency x (BR_SM + (BR - BR_SM) exp(shape_std z)), with BR_SM of the point's own inputs.
"""

from collections.abc import Sequence
from dataclasses import replace

from bsnunu_jax.experiments.measurement import Measurement
from bsnunu_jax.experiments.quoted.counting import CountingMeasurement
from bsnunu_jax.experiments.quoted.values import GaussianMeasurement
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import MODES
from bsnunu_jax.observables.catalogue import RATIOS

# Observables that are linear in the rate of one mode.
_RATES = {f"{kind}({mode}inv)" for kind in ("BR", "BR_NP") for mode in MODES} | {*RATIOS}


def with_shape_systematic(
    measurements: Sequence[Measurement], std: float
) -> tuple[Measurement, ...]:
    """The same measurements, each that needs it with a nuisance `shape[name]` of its own.

    Those that need it assume the SM spectrum and are counting experiments or quoted values of a
    rate.

    Args:
        measurements: as `load_measurements` gives them.
        std: relative uncertainty of the efficiency for what is not the SM's.

    Raises:
        InputError: if none of them needs it.

    >>> from bsnunu_jax.experiments import load_measurements
    >>> data = load_measurements(["belle_2013_K0", "belle2_knunu_2023"])
    >>> [m.nuisance_names for m in with_shape_systematic(data, 0.3)][0]
    ('shape[belle_2013_K0]',)
    """
    if not any(_concerned(m) for m in measurements):
        raise InputError("none of the data assumes the SM q2 spectrum", allowed="drop it")
    return tuple(_with(m, std) for m in measurements)


def shape_std(measurement: Measurement) -> float:
    """The uncertainty that a measurement has, 0 for none."""
    return float(getattr(measurement, "shape_std", 0.0))


def _with(m: Measurement, std: float) -> Measurement:
    if isinstance(m, GaussianMeasurement | CountingMeasurement) and _concerned(m):
        return replace(m, shape_std=std)
    return m


def _concerned(m: Measurement) -> bool:
    if isinstance(m, GaussianMeasurement):
        return m.sm_spectrum and m.observable in _RATES
    return m.sm_spectrum and isinstance(m, CountingMeasurement)
