"""Differentiable b -> s + missing energy: from couplings to Belle II's likelihood in JAX."""

from bsnunu_jax.precision import enable_float64

enable_float64()

__version__ = "0.1.0"
