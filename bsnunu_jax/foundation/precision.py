"""Double precision: switched on when the package is imported, checked before numbers are made."""

import os

import jax

from bsnunu_jax.foundation.errors import InputError


def enable_float64() -> None:
    """Switch JAX to 64-bit numbers unless the user asked for 32 bit in JAX_ENABLE_X64."""
    if os.environ.get("JAX_ENABLE_X64", "1").lower() not in ("0", "false", "off", "no"):
        jax.config.update("jax_enable_x64", True)


def require_float64() -> None:
    """Refuse to compute quoted numbers in single precision.

    Raises:
        InputError: if JAX runs in 32 bit; the message says what to type.
    """
    if not jax.config.read("jax_enable_x64"):
        raise InputError(
            "JAX runs in float32, rates and likelihoods need float64",
            allowed="unset JAX_ENABLE_X64 or type jax.config.update('jax_enable_x64', True)",
        )
