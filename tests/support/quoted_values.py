"""Quoted values for tests."""

from bsnunu_jax.experiments.quoted.values import GaussianMeasurement


def quoted_value(
    observable: str,
    value: float,
    upper: float,
    lower: float | None = None,
    *,
    name: str = "",
    sm_spectrum: bool = False,
) -> GaussianMeasurement:
    """A value with errors, the same on both sides unless `lower` is given."""
    name = name or observable
    return GaussianMeasurement(
        observable,
        value,
        upper,
        upper if lower is None else lower,
        name=name,
        title="a test value",
        samples=(name,),
        sources=("none",),
        sm_spectrum=sm_spectrum,
        tree_tau="none",
    )
