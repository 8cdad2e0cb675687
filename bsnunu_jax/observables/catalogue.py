"""Observables by name: branching fractions, spectra, ratios, K* polarisation.

An observable is a function of (states, inputs) or, for spectra, of (states, inputs, q2). `states`
is the invisible final state of a model or a sequence of them; their rates add.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from bsnunu_jax.foundation.arrays import Scalar
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.located_yaml import located
from bsnunu_jax.hadrons.transitions import ANNIHILATIONS, MODES, QUARKS, USUAL_QUARKS, get_decay
from bsnunu_jax.observables import polarisation, spectra, tree_level
from bsnunu_jax.observables.branching import (
    branching_fraction,
    branching_fraction_np,
    dbr_dq2,
    eta,
    longitudinal_fraction,
    longitudinal_fraction_at,
    ratio_to_sm,
)
from bsnunu_jax.observables.bs_mixing import mixing_observables
from bsnunu_jax.observables.charged_catalogue import ALIASES as CHARGED_ALIASES
from bsnunu_jax.observables.charged_catalogue import charged_observables
from bsnunu_jax.observables.dark_matter.catalogue import dark_observables
from bsnunu_jax.observables.escape import (
    USUAL_DETECTOR,
    detector_behind,
    escape_observables,
    in_detector,
)
from bsnunu_jax.observables.inclusive import inclusive_observables
from bsnunu_jax.observables.kpi_window import window_observables
from bsnunu_jax.observables.observable import Observable as Observable
from bsnunu_jax.observables.observable import observable
from bsnunu_jax.states import States

# How a hadron is called in words, where both charges share it.
_SHORT = {"B->K*": "K*"}
# Spins of a hadron that may be longitudinal.
POLARISED = ("1", "1/2")
# Ratios to the SM and the mode of each.
RATIOS = {"R_K_nunu": "B+->K+", "R_Kstar_nunu": "B0->K*0"}


def _catalogue() -> dict[str, Observable]:
    found = []
    for name, mode in MODES.items():
        kinds: dict[str, Callable[..., Scalar]] = {
            "BR(${mode}inv)": branching_fraction,
            "BR_NP(${mode}inv)": branching_fraction_np,
            "dBR/dq2(${mode}inv)": dbr_dq2,
            "dGammatilde/dq2(${mode}inv)": spectra.normalised_spectrum,
        }
        if mode.spin in POLARISED:
            kinds |= {
                "F_L(${mode}inv)": longitudinal_fraction,
                "dF_L(${mode}inv)": longitudinal_fraction_at,
            }
        if mode.spin == "1/2":
            kinds["P_${hadron}(${mode}inv)"] = polarisation.P_daughter
        if mode.polarisation:
            kinds["A_FB(${mode}inv)"] = polarisation.A_FB
        for key, function in kinds.items():
            sm = "SM included" if QUARKS[mode.quarks].sm else "the SM part is left out"
            hadron = _SHORT.get(mode.transition, mode.meson)
            words = {"tex": mode.latex, "sm": sm, "hadron": hadron, "P": mode.polarisation}
            words["daughter"] = mode.latex.partition(r"\to")[2].strip()
            found.append(observable(key, partial(function, name), mode=name, **words))
    for name, decay in ANNIHILATIONS.items():
        for key, function in (
            ("BR($mode)", branching_fraction),
            ("BR_NP($mode)", branching_fraction_np),
        ):
            found.append(observable(key, partial(function, name), mode=name, tex=decay.latex))
    seen = spectra.ITA_MODE
    found += [
        observable("dGammatilde_eff/dq2(${mode}inv)", spectra.efficiency_weighted_at, mode=seen),
        observable("omega", spectra.omega, mode=seen),
        *(observable(name, partial(ratio_to_sm, mode)) for name, mode in RATIOS.items()),
        observable("eta", lambda _states, inputs: eta(inputs)),
    ]
    for name in tree_level.TREE_MODES:
        tex, hadron = (part.strip() for part in MODES[name].latex.split(r"\to"))
        words = {"mode": name, "tex": tex, "hadron": hadron, "meson": MODES[name].meson}
        total = partial(_of_inputs, tree_level.branching_fraction, name)
        spectrum = partial(_of_inputs, tree_level.dbr_dq2, name)
        found.append(observable("BR_tree(${mode}inv)", total, **words))
        found.append(observable("dBR_tree/dq2(${mode}inv)", spectrum, **words))
    found += [*inclusive_observables(), *window_observables(), *escape_observables()]
    return {o.name: o for o in [*found, *_beside()]}


def _of_inputs(
    function: Callable[..., Scalar], mode: str, _states: States, *arguments: Any
) -> Scalar:
    """That of a function which takes no states."""
    return function(mode, *arguments)


def _beside() -> list[Observable]:
    """Those of other sectors than b -> s + missing energy."""
    return [*charged_observables(), *mixing_observables(), *dark_observables()]


OBSERVABLES: Mapping[str, Observable] = MappingProxyType(_catalogue())

# What only models with more than invisible states move.
CORRELATED = frozenset(o.name for o in _beside())
# What models of b -> s alone do not move: these, and decays of other quark transitions.
OTHERS = CORRELATED | {
    o.name
    for o in OBSERVABLES.values()
    if o.mode is not None and get_decay(o.mode).quarks != USUAL_QUARKS
}

# Values of a quantity that a model moves differ from the SM's by more.
_RELATIVE, _ABSOLUTE = 1e-9, 1e-16


def equals_sm(values: np.ndarray, sm: np.ndarray) -> bool:
    """True if values are those of the SM with the same inputs, but for rounding."""
    return bool(np.allclose(values, sm, _RELATIVE, _ABSOLUTE))


_FLAVIO = {"BR": "BR", "dBR/dq2": "dBR/dq2", "FL": "dF_L", "<FL>": "F_L"}
# Of baryons EOS writes F_L(q^2).
_EOS = {"BR": "BR", "dBR/dq2": "dBR/dq2", "F_L(q2)": "dF_L", "F_L(q^2)": "dF_L", "F_L": "F_L"}
# EOS's names that mean the same thing.
EOS_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        f"{decay}::{kind}{semicolon}{options}": f"{ours}({mode.name}inv)"
        for mode in MODES.values()
        for decay, semicolon, options in (name.partition(";") for name in mode.eos)
        for kind, ours in _EOS.items()
        if mode.spin in POLARISED or "F_L" not in ours
    }
)
# flavio's.
ALIASES: Mapping[str, str] = MappingProxyType(
    {
        f"{kind}({mode.flavio})": f"{ours}({mode.name}inv)"
        for mode in MODES.values()
        for kind, ours in _FLAVIO.items()
        if mode.flavio and (mode.spin in POLARISED or "F_L" not in ours)
    }
    | dict(CHARGED_ALIASES)
)


_EDGES = re.compile(r"(.+)\[([^,\]]+),([^,\]]+)\]$")


def _plain_edges(key: str) -> str:
    """The name with the edges of its bin as plain numbers: 1.0, 1. and 1 are one edge."""
    found = _EDGES.fullmatch(key)
    try:
        low, high = (f"{float(edge):g}" for edge in found.groups()[1:]) if found else ("", "")
    except ValueError:
        return key
    return f"{found[1]}[{low},{high}]" if found else key


# Names of observables in bins by the names with plain edges.
_BINNED = {_plain_edges(name): name for name in OBSERVABLES if name.endswith("]")}


def get_observable(name: str) -> Observable:
    """The observable called `name`, in our, flavio's or EOS's spelling; blanks do not matter.

    Raises:
        InputError: for an unknown name.

    >>> get_observable("BR(B+->Knunu)").name, get_observable("B->K^*nunu::BR;q=d").name
    ('BR(B+->K+inv)', 'BR(B0->K*0inv)')
    >>> get_observable("BR(B0->Xsinv)[0.6, 1]").name
    'BR(B0->Xsinv)[0.6,1.0]'
    """
    key = re.sub(r"\s", "", name)
    key = _BINNED.get(_plain_edges(key), key)
    key = ALIASES.get(key, EOS_ALIASES.get(key, key))
    if key not in OBSERVABLES and (behind := detector_behind(key)):
        known, key = in_detector(behind), key.removesuffix(f"[{USUAL_DETECTOR}]")
        if key in known:
            return known[key]
    if key not in OBSERVABLES:
        raise InputError(
            f"unknown observable {name!r}",
            allowed=f"{_meant(key)}see `bsnunu list observables` for the names",
        )
    return OBSERVABLES[key]


def get_numbers(
    names: Sequence[str], where: Callable[[int], str] = lambda _: ""
) -> tuple[Observable, ...]:
    """Different observables that are numbers, no spectra.

    Args:
        names: in any spelling.
        where: where each of them stands.

    Raises:
        InputError: for an unknown name, a spectrum, or one that stands twice.

    >>> [o.name for o in get_numbers(["BR(B+->Knunu)", "R_K_nunu"])]
    ['BR(B+->K+inv)', 'R_K_nunu']
    """
    found: list[Observable] = []
    for i, name in enumerate(names):
        with located(where(i)):
            observable = get_observable(name)
            if observable.differential:
                raise InputError(f"{name!r} is a spectrum, a number is needed")
            if observable in found:
                raise InputError(f"{observable.name!r} stands twice", allowed="keep one")
            found.append(observable)
    return tuple(found)


_OF_DECAY = re.compile(r"(?P<kind>.+)\((?P<mode>\S+?->\S+?)(?:inv|nunu)\)")


def _meant(key: str) -> str:
    """What an unknown name may mean; for a decay that is not there, those that are."""
    decay = _OF_DECAY.fullmatch(key)
    if decay and f"{decay['kind']}({decay['mode']}inv)" in OBSERVABLES:
        return f"perhaps {decay['kind']}({decay['mode']}inv); "
    near = get_close_matches(key, [*OBSERVABLES, *ALIASES, *EOS_ALIASES], 2, 0.8)
    if decay and decay["mode"] not in MODES:
        # A name with another hadron looks alike and is not meant.
        near = [n for n in near if _hadron(n) == _hadron(key)]
    meant = f"perhaps {' or '.join(near)}; " if near else ""
    return f"{meant}decays: {', '.join((*MODES, *ANNIHILATIONS))}; " if decay else meant


def _hadron(name: str) -> str:
    """Letters of what a name has behind the arrow, charges and excitations aside."""
    return re.sub(r"[^A-Za-z]", "", name.partition("->")[2])
