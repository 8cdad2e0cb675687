"""Rates of decays with invisible particles: kernels, and the one maker of quadratic forms."""

from bsnunu_jax.foundation.old_names import forward

__getattr__ = forward("bsnunu_jax.rates", "bsnunu_jax.rates.kernels")
