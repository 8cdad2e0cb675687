"""Observables by name: branching fractions, spectra, ratios, K* polarisation.

An observable is a function of (states, inputs) or, for spectra, of (states, inputs, q2). `states`
is the invisible final state of a model or a sequence of them; their rates add.
"""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import partial
from types import MappingProxyType

import numpy as np

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import ANNIHILATIONS, MODES
from bsnunu_jax.observables import spectra, tree_level
from bsnunu_jax.observables.branching import (
    Scalar,
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
from bsnunu_jax.observables.observable import Observable as Observable

_RATE = "a rate that is not 0"


def _catalogue() -> dict[str, Observable]:
    found = []
    for name, mode in MODES.items():
        label, tex = f"{name}inv", mode.latex + r"\,\mathrm{inv}"

        def bind(function: Callable[..., Scalar], mode_name: str = name) -> Callable[..., Scalar]:
            return lambda *args: function(mode_name, *args)

        found += [
            Observable(
                f"BR({label})",
                bind(branching_fraction),
                rf"\mathcal{{B}}({tex})",
                mode=name,
                description="branching fraction, SM included",
            ),
            Observable(
                f"BR_NP({label})",
                bind(branching_fraction_np),
                rf"\mathcal{{B}}_\mathrm{{NP}}({tex})",
                mode=name,
                description="branching fraction minus its SM value",
            ),
            Observable(
                f"dBR/dq2({label})",
                bind(dbr_dq2),
                rf"d\mathcal{{B}}({tex})/dq^2",
                "GeV^-2",
                name,
                True,
                "differential branching fraction",
            ),
            Observable(
                f"dGammatilde/dq2({label})",
                bind(spectra.normalised_spectrum),
                rf"d\tilde\Gamma({tex})/dq^2",
                "GeV^-2",
                name,
                True,
                "spectrum over total rate, Eq. (22) of arXiv:2309.12741",
                _RATE,
            ),
        ]
        if mode.vector:
            found += [
                Observable(
                    f"F_L({label})",
                    bind(longitudinal_fraction),
                    rf"F_L({tex})",
                    mode=name,
                    description="longitudinal K* fraction, integrated over q2",
                ),
                Observable(
                    f"dF_L({label})",
                    bind(longitudinal_fraction_at),
                    rf"F_L({tex})(q^2)",
                    "1",
                    name,
                    True,
                    "longitudinal K* fraction at q2",
                ),
            ]
    for name, decay in ANNIHILATIONS.items():
        found += [
            Observable(
                f"BR({name})",
                partial(branching_fraction, name),
                rf"\mathcal{{B}}({decay.latex})",
                mode=name,
                description="branching fraction; 0 in the SM with massless neutrinos",
            ),
            Observable(
                f"BR_NP({name})",
                partial(branching_fraction_np, name),
                rf"\mathcal{{B}}_\mathrm{{NP}}({decay.latex})",
                mode=name,
                description="the same",
            ),
        ]
    seen = spectra.ITA_MODE
    found += [
        Observable(
            f"dGammatilde_eff/dq2({seen}inv)",
            spectra.efficiency_weighted_at,
            r"d\tilde\Gamma_\epsilon/dq^2",
            "GeV^-2",
            seen,
            True,
            "the same with Belle II's efficiency: histogram of Fig. 8, bin of q2",
            _RATE,
        ),
        Observable(
            "omega",
            spectra.omega,
            r"\omega",
            mode=seen,
            description="Belle II's efficiency for the SM over that for the new part",
            needs=f"new physics in {seen} that is seen beside the SM",
        ),
    ]
    found += [
        Observable(
            "R_K_nunu",
            lambda *a: ratio_to_sm("B+->K+", *a),
            r"R_K^{\nu\nu}",
            mode="B+->K+",
            description="BR(B+->K+inv) over its SM value",
        ),
        Observable(
            "R_Kstar_nunu",
            lambda *a: ratio_to_sm("B0->K*0", *a),
            r"R_{K^*}^{\nu\nu}",
            mode="B0->K*0",
            description="BR(B0->K*0inv) over its SM value",
        ),
        Observable(
            "eta",
            lambda _states, inputs: eta(inputs),
            r"\eta",
            mode="B0->K*0",
            description="F_-/F_+ of Eq. (11) of arXiv:2309.12741",
        ),
    ]
    tree = r"B^+ \to \tau^+(K^+\bar\nu)\,\nu"
    found += [
        Observable(
            "BR_tree(B+->K+inv)",
            lambda _states, inputs: tree_level.branching_fraction(inputs),
            rf"\mathcal{{B}}({tree})",
            mode="B+->K+",
            description="B+ -> tau nu (-> K+ nu) nu, not part of BR(B+->K+inv)",
        ),
        Observable(
            "dBR_tree/dq2(B+->K+inv)",
            lambda _states, *a: tree_level.dbr_dq2(*a),
            rf"d\mathcal{{B}}({tree})/dq^2",
            "GeV^-2",
            "B+->K+",
            True,
            "its spectrum",
        ),
    ]
    return {o.name: o for o in [*found, *_beside()]}


def _beside() -> list[Observable]:
    """Those of other sectors than b -> s + missing energy."""
    return [*charged_observables(), *mixing_observables(), *dark_observables()]


OBSERVABLES: Mapping[str, Observable] = MappingProxyType(_catalogue())

# What only models with more than invisible states move.
CORRELATED = frozenset(o.name for o in _beside())

# Values of a quantity that a model moves differ from the SM's by more.
_RELATIVE, _ABSOLUTE = 1e-9, 1e-16


def equals_sm(values: np.ndarray, sm: np.ndarray) -> bool:
    """True if values are those of the SM with the same inputs, but for rounding."""
    return bool(np.allclose(values, sm, _RELATIVE, _ABSOLUTE))


# flavio's names that mean the same thing.
ALIASES: Mapping[str, str] = MappingProxyType(
    {
        f"{kind}({peer})": f"{ours}({mode}inv)"
        for peer, mode in {
            "B+->Knunu": "B+->K+",
            "B0->Knunu": "B0->K0",
            "B+->K*nunu": "B+->K*+",
            "B0->K*nunu": "B0->K*0",
        }.items()
        for kind, ours in {"BR": "BR", "dBR/dq2": "dBR/dq2", "FL": "dF_L", "<FL>": "F_L"}.items()
        if not (kind.endswith(("FL", "FL>")) and "K*" not in peer)
    }
    | dict(CHARGED_ALIASES)
)


def get_observable(name: str) -> Observable:
    """The observable called `name`, in our or in flavio's spelling; blanks do not matter.

    Raises:
        InputError: for an unknown name.

    >>> get_observable("BR(B+->Knunu)").name
    'BR(B+->K+inv)'
    """
    key = re.sub(r"\s", "", name)
    key = ALIASES.get(key, key)
    if key not in OBSERVABLES:
        near = get_close_matches(key, [*OBSERVABLES, *ALIASES], 2, 0.8)
        meant = f"perhaps {' or '.join(near)}; " if near else ""
        raise InputError(
            f"unknown observable {name!r}",
            allowed=f"{meant}see `bsnunu list observables` for the names",
        )
    return OBSERVABLES[key]
