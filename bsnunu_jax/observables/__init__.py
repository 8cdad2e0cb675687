"""Observables: from states to numbers, one file a sector, all by name in `catalogue`."""

from bsnunu_jax.foundation.old_names import forward

__getattr__ = forward("bsnunu_jax.observables", "bsnunu_jax.observables.catalogue")
