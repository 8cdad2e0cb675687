"""The density of a card: parameters, data, symmetries, flat lines."""

from bsnunu_jax.foundation.old_names import forward

__getattr__ = forward("bsnunu_jax.inference.problem", "bsnunu_jax.inference.problem.problem")
