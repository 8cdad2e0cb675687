"""`bsnunu predict`: observables of a model at a point, with input uncertainties on request."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.located_yaml import located
from bsnunu_jax.hadrons.transitions import Mode, get_decay
from bsnunu_jax.inputs import Inputs, Nuisances
from bsnunu_jax.inputs.detectors import detector
from bsnunu_jax.inputs.sets import form_factor_set
from bsnunu_jax.models import get_model
from bsnunu_jax.models.values import GivenPoint
from bsnunu_jax.numerics.batch import chunked_vmap
from bsnunu_jax.observables import inclusive
from bsnunu_jax.observables.catalogue import Observable, get_observable
from bsnunu_jax.observables.escape import detector_behind
from bsnunu_jax.observables.observable import need_form_factors, uncertain
from bsnunu_jax.observables.tree_level import PARTS, TREE_MODES, left_out
from bsnunu_jax.runs.given import inputs_of, parameters_of, points_of
from bsnunu_jax.runs.no_part import names_of, without_part
from bsnunu_jax.states import InvisibleState, each_state
from bsnunu_jax.states.unstable import unstable


def predict(
    observables: Sequence[str],
    *,
    model: str = "neutrinos",
    settings: Sequence[str] = (),
    q2: str | None = None,
    preset: str = "default",
    form_factors: Sequence[str] = (),
    tree_tau: bool = False,
    errors: int | None = None,
    seed: int = 1,
    domain: str = "warn",
    given: Callable[[Inputs, str], GivenPoint] | None = None,
) -> dict[str, Any]:
    """Predictions as plain numbers.

    Args:
        observables: names, in our or in flavio's spelling.
        model: name of the model.
        settings: "NAME=VALUE" with real or complex values (1+2j).
        q2: comma-separated q2 [GeV^2] for spectra.
        preset: name of the inputs.
        form_factors: "B->K=SET" to replace the preset's sets.
        tree_tau: add B+ -> tau nu, tau -> hadron nu to the rates of B+ -> K+, K*+, pi+, rho+.
        errors: number of draws of the inputs; each value becomes {"value", "std"}.
        seed: seed of the draws.
        domain: what to do where the model is beyond its domain: "warn", "error" or "ignore".
        given: of the inputs and `model`, a point of which `settings` sets nothing.

    Returns:
        model, preset, parameters (complex ones as {"re", "im"}), q2 if given, observables, and
        warnings where the model is not to be trusted.

    Raises:
        InputError: for anything unknown, without effect, not finite or outside the phase space.
    """
    chosen = [get_observable(name) for name in observables]
    get_model(model, "--model")
    inputs = inputs_of(preset, form_factors)
    with located("--form-factors"):
        need_form_factors((o.mode or o.reads for o in chosen), inputs)
    point = given(inputs, model) if given is not None else None
    the_model = get_model(point.model if point else model)
    parameters = parameters_of(the_model, settings)
    if point:
        if twice := next((name for name in parameters if name in point.parameters), None):
            raise InputError(f"{twice!r} is in the file", where="--set", allowed="drop it")
        parameters = point.parameters | parameters
    ranges = {name: (value, value) for name, value in parameters.items()}
    the_model.check_values(ranges, lambda name: f"--set {name}")
    lines = the_model.check_domain(ranges, lambda name: f"--set {name}", domain)
    lines = [*lines, *(point.warnings if point else ())]
    if tree_tau and not any(o.name in PARTS for o in chosen):
        raise InputError(
            f"applies to none of {names_of(chosen)}",
            where="--tree-tau",
            allowed=f"it adds to BR(...inv) and dBR/dq2(...inv) of {', '.join(TREE_MODES)}",
        )
    points = points_of(chosen, q2, inputs)

    def evaluate(inputs: Inputs) -> list[jax.Array]:
        states = the_model.build(parameters, inputs)
        return [
            jax.vmap(lambda s, o=o: _value(o, tree_tau, states, inputs, s))(points)
            if o.differential
            else _value(o, tree_tau, states, inputs)
            for o in chosen
        ]

    values = [np.asarray(v) for v in jax.jit(evaluate)(inputs)]
    result: dict[str, Any] = {
        "model": the_model.name,
        "preset": preset,
        "parameters": {
            name: value if not isinstance(value, complex) else {"re": value.real, "im": value.imag}
            for name, value in parameters.items()
        },
    }
    if tree_tau:
        result["tree_tau"] = True
    if the_model.note:
        result["note"] = the_model.note
    remarks = the_model.remarks(parameters, inputs)
    states = each_state(the_model.build(parameters, inputs))
    # Of the SM itself there is nothing to compare.
    plain = the_model.name == "neutrinos" and not parameters and not tree_tau
    remarks += without_part(
        chosen, states, None if plain else values, inputs, points, the_model, given=bool(parameters)
    )
    if not tree_tau:
        remarks += left_out([o.name for o in chosen], inputs, ", --tree-tau adds it")
    remarks += _extrapolated(chosen, inputs)
    remarks += _of_decays(chosen, states)
    modes = [o.mode for o in chosen]
    lines += inclusive.beyond_reach(modes, [states], inputs, the_model.name, domain)
    if remarks:
        result["remarks"] = remarks
    if q2 is not None:
        result["q2"] = points.tolist()
    _refuse_infinite(chosen, values)
    warnings = lines + [
        f"{o.name} is above 1: the coefficients are beyond the effective theory"
        for o, value in zip(chosen, values, strict=True)
        if o.name.startswith("BR") and (value > 1).any()
    ]
    warnings += [
        f"{o.name} is below 0: its parts, computed otherwise, exceed the whole"
        for o, value in zip(chosen, values, strict=True)
        if o.name.startswith("BR(") and (value < 0).any()
    ]
    if warnings:
        result["warnings"] = warnings
    if errors is None:
        result["observables"] = {o.name: v.tolist() for o, v in zip(chosen, values, strict=True)}
        return result
    nuisances = Nuisances(inputs, uncertain(chosen))
    draws = nuisances.draw(jax.random.key(seed), errors)
    spread = jax.jit(lambda d: chunked_vmap(lambda z: evaluate(nuisances.shift(z)), d))(draws)
    with np.errstate(over="ignore", invalid="ignore"):
        stds = [np.std(np.asarray(s), axis=0, ddof=1) for s in spread]
    _refuse_infinite(chosen, stds)
    result["observables"] = {
        o.name: {"value": v.tolist(), "std": s.tolist()}
        for o, v, s in zip(chosen, values, stds, strict=True)
    }
    return result


def _extrapolated(observables: Sequence[Observable], inputs: Inputs) -> list[str]:
    """A line for every set of form factors that says where it is extrapolated."""
    decays = [get_decay(o.mode) for o in observables if o.mode is not None]
    transitions = dict.fromkeys(d.transition for d in decays if isinstance(d, Mode))
    sets = {t: form_factor_set(t, dict(inputs.sets)[t]) for t in transitions}
    return [
        f"form factors of {t}, {s.name}: extrapolated {s.extrapolated}"
        for t, s in sets.items()
        if s.extrapolated
    ]


def _of_decays(observables: Sequence[Observable], states: Sequence[InvisibleState]) -> list[str]:
    """What rates are where something may decay in flight, and the detectors of every P_inv."""
    if not any(map(unstable, states)):
        return []
    names = dict.fromkeys(n for o in observables if (n := detector_behind(o.name)))
    detectors = [detector(name) for name in names]
    return [
        "what may decay in flight: rates are of all that is produced, P_inv(...) of them is seen as"
        " missing",
        *(f"P_inv in {d.name}: {d.described}" for d in detectors),
    ]


def _refuse_infinite(observables: Sequence[Observable], values: Sequence[np.ndarray]) -> None:
    """JSON has no infinities, and a reader no use for them."""
    for o, value in zip(observables, values, strict=True):
        if not np.isfinite(value).all():
            allowed = f"it needs {o.needs}" if o.needs else "use smaller parameters"
            raise InputError(f"{o.name} is not finite here", allowed=allowed)


def _value(observable: Observable, tree_tau: bool, *arguments: Any) -> jax.Array:
    """The observable, with the tree-level part of its mode if that is asked for."""
    value = observable.function(*arguments)
    if not tree_tau or observable.name not in PARTS:
        return value
    return value + get_observable(PARTS[observable.name]).function(*arguments)
