"""`bsnunu predict`: observables of a model at a point, with input uncertainties on request."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bsnunu_jax.foundation.errors import InputError, shown, worded
from bsnunu_jax.foundation.located_yaml import located
from bsnunu_jax.foundation.plain_numbers import real_number
from bsnunu_jax.hadrons.kinematics import q2_max
from bsnunu_jax.hadrons.transitions import (
    MODES,
    USUAL_QUARKS,
    Mode,
    get_decay,
    get_mode,
    get_quarks,
)
from bsnunu_jax.inputs import GROUPS, Inputs, Nuisances, load_inputs, tables
from bsnunu_jax.inputs.nuisances import groups_of
from bsnunu_jax.inputs.sets import form_factor_set
from bsnunu_jax.models import Model, get_model
from bsnunu_jax.models.values import GivenPoint
from bsnunu_jax.numerics.batch import chunked_vmap
from bsnunu_jax.observables import inclusive
from bsnunu_jax.observables.catalogue import OTHERS, Observable, equals_sm, get_observable
from bsnunu_jax.observables.tree_level import PARTS, TREE_MODES, left_out
from bsnunu_jax.states import InvisibleState, Neutrinos, each_state
from bsnunu_jax.states.base import quarks_of
from bsnunu_jax.states.sectors import Sectors


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
            f"applies to none of {_names(chosen)}",
            where="--tree-tau",
            allowed=f"it adds to BR(...inv) and dBR/dq2(...inv) of {', '.join(TREE_MODES)}",
        )
    points = _points(chosen, q2, inputs)

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
    elsewhere = _elsewhere(chosen, states)
    plain = the_model.name == "neutrinos" and not parameters and not tree_tau
    untouched = _of_sm(chosen, elsewhere, None if plain else values, inputs, points)
    if parameters and len(elsewhere) == len(chosen) and {*elsewhere} <= {*untouched}:
        quarks = dict.fromkeys(get_decay(str(o.mode)).quarks for o in chosen)
        raise InputError(
            f"the coefficients given are of another quark transition than {_names(chosen)}",
            allowed="; ".join(_how(the_model, q) for q in quarks),
        )
    if untouched:
        remarks.append(f"the model has no part in {_names(untouched)}: SM values")
    if not tree_tau:
        remarks += left_out([o.name for o in chosen], inputs, ", --tree-tau adds it")
    remarks += _extrapolated(chosen, inputs)
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


def uncertain(observables: Sequence[Observable]) -> tuple[str, ...]:
    """The groups of inputs that these observables may depend on."""
    found = {*groups_of(o.mode for o in observables), *(g for o in observables for g in o.groups)}
    return tuple(group for group in GROUPS if group in found)


def _how(model: Model, quarks: str) -> str:
    """How coefficients of a quark transition are given."""
    row = get_quarks(quarks)
    matrix = f"CL_{row.letters}_tautau".replace("__", "_")
    if "quarks" in model.settings:
        return f"give some of {quarks}: quarks={quarks}"
    if row.sm:
        example = f", e.g. {matrix}" if matrix in model.parameters else ""
        return f"give some of {quarks}{example}"
    without = f"{quarks} has no SM coefficient, hence none of neutrinos"
    return f"{without}: take a pair with quarks {quarks}"


def _elsewhere(
    observables: Sequence[Observable], states: Sequence[InvisibleState]
) -> list[Observable]:
    """Decays of quark transitions in which the states have no coefficients.

    Where they have none at all those of b -> s are meant.
    """
    known = {q for state in states for q in quarks_of(state)} or {USUAL_QUARKS}
    return [o for o in observables if o.mode is not None and get_decay(o.mode).quarks not in known]


def _of_sm(
    observables: Sequence[Observable],
    elsewhere: Sequence[Observable],
    values: Sequence[np.ndarray] | None,
    inputs: Inputs,
    points: jax.Array,
) -> list[Observable]:
    """Those of other sectors or quark transitions in which the model changes nothing.

    `values` are None where they are of the SM itself: nothing is computed.
    """
    others = [o for o in observables if (o.name in OTHERS or o in elsewhere) and not o.dark]
    if values is None or not others:
        return others
    beside = [(o, v) for o, v in zip(observables, values, strict=True) if o in others]
    sm = Sectors((Neutrinos(),))

    def evaluate(inputs: Inputs) -> list[jax.Array]:
        return [
            jax.vmap(lambda s, o=o: o.function(sm, inputs, s))(points)
            if o.differential
            else o.function(sm, inputs)
            for o, _ in beside
        ]

    of_sm = jax.jit(evaluate)(inputs)
    return [o for (o, v), s in zip(beside, of_sm, strict=True) if equals_sm(v, np.asarray(s))]


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


def _refuse_infinite(observables: Sequence[Observable], values: Sequence[np.ndarray]) -> None:
    """JSON has no infinities, and a reader no use for them."""
    for o, value in zip(observables, values, strict=True):
        if not np.isfinite(value).all():
            allowed = f"it needs {o.needs}" if o.needs else "use smaller parameters"
            raise InputError(f"{o.name} is not finite here", allowed=allowed)


def _names(observables: Sequence[Observable]) -> str:
    return ", ".join(o.name for o in observables)


def _value(observable: Observable, tree_tau: bool, *arguments: Any) -> jax.Array:
    """The observable, with the tree-level part of its mode if that is asked for."""
    value = observable.function(*arguments)
    if not tree_tau or observable.name not in PARTS:
        return value
    return value + get_observable(PARTS[observable.name]).function(*arguments)


def as_table(result: dict[str, Any]) -> str:
    """Predictions as aligned text."""
    rows = [f"model {result['model']}, preset {result['preset']}"]
    rows += [
        f"  {k} = {complex(v['re'], v['im']) if isinstance(v, dict) else v}"
        for k, v in result["parameters"].items()
    ]
    if "tree_tau" in result:
        modes = dict.fromkeys(
            str(get_observable(n).mode) for n in result["observables"] if n in PARTS
        )
        hadrons = ", ".join(MODES[mode].meson for mode in modes)
        rows.append(f"  B+ -> tau nu, tau -> {hadrons} nu at tree level: included")
    if "note" in result:
        rows.append(f"  ({result['note']})")
    rows += [f"  {line}" for line in result.get("remarks", ())]
    width = max(len(name) for name in result["observables"])
    for name, entry in result["observables"].items():
        value, std = (entry["value"], entry["std"]) if isinstance(entry, dict) else (entry, None)
        if isinstance(value, list):
            unit = f"  [{get_observable(name).unit}]" if get_observable(name).unit != "1" else ""
            rows.append(name + unit)
            for i, q2 in enumerate(result["q2"]):
                rows.append(f"  q2 = {q2:<10g} {_number(value[i], std[i] if std else None)}")
        else:
            rows.append(f"{name:<{width}}  {_number(value, std)}")
    return "\n".join(rows)


def _number(value: float, std: float | None) -> str:
    return f"{value:.6g}" if std is None else f"{value:.6g} +- {std:.2g}"


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
    sets = dict(_split(item, "--form-factors", "B->K=SET") for item in form_factors)
    with located("--preset"):
        tables.preset(preset)
    with located("--form-factors"):
        for item in sets.items():
            form_factor_set(*item)
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


def _points(observables: Sequence[Observable], q2: str | None, inputs: Inputs) -> jax.Array:
    """The q2 values, inside the phase space of every spectrum asked for."""
    spectra = [o for o in observables if o.differential]
    if spectra and q2 is None:
        raise InputError(f"{spectra[0].name!r} is a spectrum", allowed="give --q2 A,B,... in GeV^2")
    if q2 is None:
        return jnp.zeros(0)
    if not spectra:
        raise InputError(
            f"none of {_names(observables)} is a spectrum",
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
