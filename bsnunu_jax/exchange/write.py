"""WCxf files of coefficients (arXiv:1712.05298) from the parameters of a model."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from bsnunu_jax.exchange import names
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.files import write_whole
from bsnunu_jax.foundation.version import __version__
from bsnunu_jax.hadrons.transitions import USUAL_QUARKS, get_quarks
from bsnunu_jax.inputs import Inputs, load_inputs
from bsnunu_jax.inputs.running import coefficient_scale
from bsnunu_jax.models import get_model
from bsnunu_jax.states import Neutrinos, SterileNeutrino, VectorPair
from bsnunu_jax.states.base import quarks_of
from bsnunu_jax.states.massive_pair import MassivePair
from bsnunu_jax.states.neutrinos import FLAVOURS, MATRICES, coefficient
from bsnunu_jax.states.sectors import Sectors

SUFFIXES = (".json", ".yaml", ".yml")
BASES = ("flavio", "bsnunu")


@dataclass(frozen=True)
class Coefficients:
    """What a WCxf file holds.

    Attributes:
        eft: name of the effective theory.
        basis: name of the basis.
        scale: in GeV.
        values: non-zero coefficients by name.
        particle: mass, statistics and model of the invisible particle, if there is one.
        left_out: what of the model has no place in the basis.
    """

    eft: str
    basis: str
    scale: float
    values: dict[str, complex]
    particle: dict[str, Any]
    left_out: tuple[str, ...] = ()


def coefficients(
    parameters: Mapping[str, Any],
    *,
    model: str = "neutrinos",
    inputs: Inputs | None = None,
    basis: str | None = None,
) -> Coefficients:
    """The WCxf coefficients of a model.

    Args:
        parameters: of the model, by name.
        model: its name.
        inputs: numbers; alpha and the CKM factors normalise the coefficients.
        basis: "flavio" or "bsnunu"; by default flavio wherever it holds everything.

    Raises:
        InputError: for a model that the basis does not hold.
    """
    if basis not in (None, *BASES):
        raise InputError(f"unknown basis {basis!r}", allowed=f"one of {', '.join(BASES)}")
    inputs = load_inputs() if inputs is None else inputs
    states = get_model(model).build(dict(parameters), inputs)
    neutrinos = [s for s in states if isinstance(s, Neutrinos)]
    pairs = [s for s in states if not isinstance(s, Neutrinos)]
    # One file is one pair: that of b -> s where a model has more.
    others = [s for s in pairs if len(pairs) == 1 or USUAL_QUARKS in quarks_of(s)]
    unknown = [s for s in others if not isinstance(s, MassivePair | SterileNeutrino)]
    if len(neutrinos) != 1 or len(others) > 1 or unknown or (pairs and not others):
        raise InputError(
            f"no WCxf basis holds the final states of model {model!r}",
            allowed="massless neutrinos with one C_L, C_R, C_L', C_R', and one pair of scalars,"
            " fermions, vectors or sterile neutrinos",
        )
    values = _of_neutrinos(neutrinos[0], inputs)
    right_handed = [k for k in values if k not in names.LEFT_HANDED]
    needs = "the pair" if others else "right-handed neutrinos" if right_handed else ""
    if needs and basis == "flavio":
        raise InputError(
            f"the basis flavio has no operators of {needs}", where="--basis", allowed="bsnunu"
        )
    own = bool(needs) or basis == "bsnunu"
    left_out = [f"coefficients of {q}" for s in pairs if s not in others for q in quarks_of(s)]
    particle: dict[str, Any] = {}
    if isinstance(states, Sectors):
        charged = _of_charged(states, float(names.wcxf_over_ours(inputs)))
        if own and charged:
            left_out.append("b -> s l l' and b -> c l nu")
        else:
            values |= charged
        if any(
            complex(c)
            for c in (
                states.mixing.C_VLL,
                states.mixing.C_VRR,
                states.mixing.C_VLR,
                states.mixing.C_SLR,
            )
        ):
            left_out.append("Bs mixing, which has another scale")
        if states.dark is not None:
            left_out.append("couplings of the dark scalar to light quarks")
    scale = names.SCALE
    if others:
        found, particle = _of_pair(others[0])
        values |= found
        (quarks,) = quarks_of(others[0])
        scale = float(np.asarray(coefficient_scale(quarks, inputs)))
    return Coefficients(
        *(names.OWN if own else names.FLAVIO), scale, values, particle, tuple(left_out)
    )


def write_wcxf(
    path: Path | str,
    parameters: Mapping[str, Any],
    *,
    model: str = "neutrinos",
    inputs: Inputs | None = None,
    basis: str | None = None,
) -> Coefficients:
    """Write the coefficients of a model as JSON or YAML, by the suffix of the file.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "wc.json"
    >>> found = write_wcxf(path, {"CR_mutau": -2 + 1j}, inputs=load_inputs("flavio"))
    >>> json.loads(path.read_text())["values"]
    {'CR_bsnutaunumu': {'Re': -2.0, 'Im': 1.0}}

    Raises:
        InputError: for another suffix, or a model that the basis does not hold.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise InputError(
            f"the suffix {path.suffix!r} tells no format",
            where=str(path),
            allowed=f"end the name with {', '.join(SUFFIXES)}",
        )
    inputs = load_inputs() if inputs is None else inputs
    found = coefficients(parameters, model=model, inputs=inputs, basis=basis)
    given = ", ".join(f"{k} = {v}" for k, v in parameters.items())
    metadata: dict[str, Any] = {
        "generator": f"bsnunu_jax {__version__}",
        "description": f"model {model}" + (f" at {given}" if given else ""),
        "inputs": {"preset": inputs.preset, **_normalisation(found, inputs)},
    }
    if found.particle:
        metadata["particle"] = found.particle
    document = {
        "eft": found.eft,
        "basis": found.basis,
        "scale": found.scale,
        "metadata": metadata,
        "values": {
            k: {"Re": c.real, "Im": c.imag} if c.imag else c.real for k, c in found.values.items()
        },
    }
    save(path, document)
    return found


def _normalisation(found: Coefficients, inputs: Inputs) -> dict[str, float]:
    """alpha and CKM factors of the transitions in a file; those of b -> s in any."""
    used = {names.QUARKS_OF[name] for name in found.values if name in names.QUARKS_OF}
    known = [q for q in names.NEUTRINOS if q in {USUAL_QUARKS, *used}]
    numbers = {"alpha": names.alpha_of(USUAL_QUARKS)}
    numbers |= {f"alpha {q}": alpha for q, alpha in names.ALPHA.items() if q in known}
    numbers |= {name: name for name in (get_quarks(q).ckm for q in known)}
    return {key: float(inputs.number(name)) for key, name in numbers.items()}


def save(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document whole or not at all, as JSON unless the suffix says YAML.

    Raises:
        InputError: if it cannot be written.
    """
    if path.suffix in (".yaml", ".yml"):
        text = yaml.safe_dump(dict(document), sort_keys=False)
    else:
        text = json.dumps(document, indent=1) + "\n"
    write_whole(path, text)


def _of_neutrinos(state: Neutrinos, inputs: Inputs) -> dict[str, complex]:
    usual = {m: getattr(state, m) for m in MATRICES}
    return {
        names.TO_WCXF[coefficient(quarks, m, a, b)]: ratio * complex(matrix[i, j])
        for quarks, matrices in ({USUAL_QUARKS: usual} | state.elsewhere).items()
        if (ratio := float(names.wcxf_over_ours(inputs, quarks)))
        for m, matrix in ((m, np.asarray(c)) for m, c in matrices.items())
        for i, a in enumerate(FLAVOURS)
        for j, b in enumerate(FLAVOURS)
        if matrix[i, j]
    }


def _of_charged(sectors: Sectors, ratio: float) -> dict[str, complex]:
    """C_9 .. C_10' with the alpha of the basis, and C_VL of b -> c l nu."""
    c = sectors.charged
    stems = {
        "C9_bs{j}{i}": ratio * np.asarray(c.C9),
        "C10_bs{j}{i}": ratio * np.asarray(c.C10),
        "C9p_bs{j}{i}": ratio * np.asarray(c.C9p),
        "C10p_bs{j}{i}": ratio * np.asarray(c.C10p),
        "CVL_bc{i}nu{j}": np.asarray(sectors.current.CVL),
    }
    return {
        stem.format(i=a, j=b): complex(matrix[i, j])
        for stem, matrix in stems.items()
        for i, a in enumerate(FLAVOURS)
        for j, b in enumerate(FLAVOURS)
        if matrix[i, j]
    }


def _of_pair(state: Any) -> tuple[dict[str, complex], dict[str, Any]]:
    """Coefficients and particle of a dark pair, at the scale of m_b in use."""
    sector = names.sector_of(state)
    unit = dict.fromkeys(state.operators, 1.0)
    particle: dict[str, Any]
    if isinstance(state, SterileNeutrino):
        particle = {"mN": float(state.mN), "pair": state.pair}
        if state.pair == "NN":
            particle["majorana"] = state.majorana
    else:
        m = float(state.m)
        particle = {"m": m} if state.m_other is None else {"m1": m, "m2": float(state.m_other)}
        particle[sector.of_model.statistics] = state.identical
        if isinstance(state, VectorPair):
            if m == 0:
                raise InputError(
                    "the coefficients of a massless vector pair vanish with powers of its mass",
                    where="m",
                    allowed="keep m above 0",
                )
            unit = {o: m**power for o, power in state.powers.items()}
    values = {
        f"{o}_{sector.suffix}": complex(c) * unit[o]
        for o, c in state.coefficients.items()
        if complex(c)
    }
    return values, {"model": sector.model, **particle}
