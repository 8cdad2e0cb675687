"""What the options of a command say: inputs, parameters of a model, points in q2."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from bsnunu_jax.foundation.errors import InputError, shown, worded
from bsnunu_jax.foundation.located_yaml import located
from bsnunu_jax.foundation.plain_numbers import real_number
from bsnunu_jax.hadrons.kinematics import q2_max
from bsnunu_jax.hadrons.transitions import get_mode
from bsnunu_jax.inputs import Inputs, load_inputs, tables
from bsnunu_jax.inputs.sets import form_factor_set
from bsnunu_jax.models import Model
from bsnunu_jax.observables.catalogue import Observable


def _split(item: str, option: str, form: str) -> tuple[str, str]:
    name, separator, value = item.partition("=")
    if not (separator and name and value):
        raise InputError(f"cannot read {shown(item)}", where=option, allowed=f"write {form}")
    return name.strip(), value.strip()


def inputs_of(preset: str, form_factors: Sequence[str]) -> Inputs:
    """The inputs of the options `--preset` and `--form-factors`.

    Raises:
        InputError: for unknown names.
    """
    sets: dict[str, str] = {}
    for item in form_factors:
        transition, chosen = _split(item, "--form-factors", "B->K=SET")
        if transition in sets:
            raise InputError(
                f"{transition!r} stands twice", where="--form-factors", allowed="keep one"
            )
        sets[transition] = chosen
    with located("--preset"):
        tables.preset(preset)
    with located("--form-factors"):
        for transition, chosen in sets.items():
            form_factor_set(transition, chosen)
    return load_inputs(preset, sets)


def parameters_of(model: Model, settings: Sequence[str]) -> dict[str, Any]:
    """Parameters by name from "NAME=VALUE".

    Raises:
        InputError: for a name that is unknown or set twice, or a value that is not allowed.
    """
    found: dict[str, Any] = {}
    for item in settings:
        name, text = _split(item, "--set", "NAME=VALUE")
        model.check((name,), "--set")
        value = model.read(name, text, f"--set {name}")
        if name in found:
            raise InputError(f"{name!r} is set twice", where="--set")
        found[name] = value
    return found


def points_of(observables: Sequence[Observable], q2: str | None, inputs: Inputs) -> jax.Array:
    """The q2 values, inside the phase space of every spectrum asked for.

    Raises:
        InputError: for others, or where none or some are needed.
    """
    spectra = [o for o in observables if o.differential]
    if spectra and q2 is None:
        raise InputError(f"{spectra[0].name!r} is a spectrum", allowed="give --q2 A,B,... in GeV^2")
    if q2 is None:
        return jnp.zeros(0)
    if not spectra:
        raise InputError(
            f"none of {', '.join(o.name for o in observables)} is a spectrum",
            where="--q2",
            allowed="drop it, or ask for dBR/dq2(...)",
        )
    try:
        points = [real_number(x) for x in q2.split(",")]
    except ValueError as error:
        beyond = "finite" in str(error)
        what = f"q2 = {worded(q2)} is outside the phase space" if beyond else None
        raise InputError(
            what or f"cannot read {shown(q2)}",
            where="--q2",
            allowed="comma-separated numbers in GeV^2",
        ) from None
    for o in spectra:
        assert o.mode is not None
        mode = get_mode(o.mode)
        end = float(q2_max(inputs.values[mode.m_B], inputs.values[mode.m_K]))
        for x in points:
            if not 0 <= x <= end:
                raise InputError(
                    f"q2 = {x:g} is outside the phase space of {o.name}",
                    where="--q2",
                    allowed=f"0 to {end:.4f} GeV^2",
                )
    return jnp.asarray(points)
