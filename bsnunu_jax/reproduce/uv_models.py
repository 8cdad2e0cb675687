"""Rows of statements about leptoquarks and Z' models that no figure shows."""

from collections.abc import Sequence

from bsnunu_jax.reproduce.row import Row
from bsnunu_jax.reproduce.settings import Settings


def uv_models(settings: Settings) -> Sequence[Row]:
    """Claims 10, 11 and 13 of `claims.STATEMENTS`."""
    return []
