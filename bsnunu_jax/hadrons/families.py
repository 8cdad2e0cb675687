"""Families of form factors, by the word `parametrisation` of a file."""

from collections.abc import Mapping
from types import MappingProxyType

from bsnunu_jax.hadrons.form_factors import BCL, BSZ, SSE, Expansion, FreeQuark, ModifiedBCL
from bsnunu_jax.hadrons.kaon_slopes import KaonSlopes

FAMILIES: Mapping[str, type[Expansion]] = MappingProxyType(
    {
        "BSZ": BSZ,
        "BCL": BCL,
        "BCL-LMvD": ModifiedBCL,
        "SSE": SSE,
        "kaon-slopes": KaonSlopes,
        "free-quark": FreeQuark,
    }
)
