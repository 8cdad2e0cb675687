"""For people who stay with pyhf: Belle II's published model with any spectrum of this package.

redist (arXiv:2402.08417) multiplies the signal of a pyhf model by the ratio of an alternative to
the null spectrum, bin by bin of true q2. Here the alternative is a model of this package with its
uncertain inputs. Needs pyhf and redist, the extra `belle2`; nothing else of the package does.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bsnunu_jax.experiments.catalogue import load_measurements
from bsnunu_jax.experiments.histfactory.reweighted import Reweighted, null_dbr_dq2
from bsnunu_jax.experiments.records.record import DROPPED, WORKSPACE
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inputs import Inputs, Nuisances, load_inputs
from bsnunu_jax.models import Model, get_model
from bsnunu_jax.observables.branching import dbr_dq2

# Names of the modifiers: signal and control region of the inclusive tag, hadronic tag.
REGIONS = ("regA", "regB", "hta")

Start = tuple[float, tuple[float, float]]


class Spectrum(eqx.Module):
    """dBR/dq2 [GeV^-2] of B+ -> K+ + invisible as redist calls it: q2, then one number a parameter.

    Attributes:
        nuisances: the varied inputs; their standard normals follow the couplings.
        model: the model of the invisible final state.
        couplings: its free parameters, in the order of the arguments.
        fixed: its parameters that are held at a value.
    """

    nuisances: Nuisances
    model: Model = eqx.field(static=True)
    couplings: tuple[str, ...] = eqx.field(static=True)
    fixed: tuple[tuple[str, complex], ...] = eqx.field(static=True)

    def __call__(self, q2: Any, *values: Any) -> Any:
        """dBR/dq2 at an array of q2 [GeV^2]; on pyhf's numpy backend a numpy array."""
        import pyhf

        point = jnp.stack([jnp.asarray(v, dtype=float) for v in values])
        found = self.at(jnp.asarray(q2), point)
        return np.asarray(found) if pyhf.get_backend()[0].name == "numpy" else found

    @eqx.filter_jit
    def at(self, q2: Float[Array, " k"], values: Float[Array, " n"]) -> Float[Array, " k"]:
        """The same for arrays of JAX."""
        split = len(self.couplings)
        inputs = self.nuisances.shift(values[split:])
        named = dict(self.fixed) | dict(zip(self.couplings, values[:split], strict=True))
        states = self.model.build(named, inputs)
        return jax.vmap(lambda x: dbr_dq2("B+->K+", states, inputs, x))(q2)


@dataclass(frozen=True)
class Bridged:
    """A pyhf model whose signal is a spectrum of this package.

    Attributes:
        model: the `pyhf.Model`. Its parameters are the couplings, the standard normals of the
            varied inputs ("B->K[0]", ...), Belle II's systematics and MC statistics.
        data: observed counts, then the auxiliary data of the model.
        modifiers: the `redist.modifier.Modifier` of each region, e.g. for `redist.modifier.save`.
        spectrum: the alternative distribution.
        null: the null distribution, dBR/dq2 [GeV^-2] at q2 [GeV^2].
    """

    model: Any
    data: list[float]
    modifiers: tuple[Any, ...]
    spectrum: Spectrum
    null: Any = field(repr=False)


def bridge(
    folder: Path | str,
    model: str,
    couplings: Mapping[str, Start],
    *,
    inputs: Inputs | None = None,
    nuisances: Sequence[str] = ("B->K",),
    fixed: Mapping[str, complex] | None = None,
) -> Bridged:
    """Belle II's published pyhf model with the signal of a model of this package.

    The signal strength and the form-factor systematics of the null model are pruned: the rate and
    the form factors of the model take their place (arXiv:2507.12393). Set the backend of pyhf
    before; with "jax" the model can be differentiated, jitted and vmapped.

    Args:
        folder: the files of the HEPData record 10.17182/hepdata.166082.
        model: a name of `bsnunu list models`.
        couplings: start value and bounds of the free parameters, e.g. {"cVL": (6.6, (0, 20))}.
        inputs: central inputs; by default the preset `eos` with the form factors of the paper.
        nuisances: groups of inputs that vary, each coordinate standard normal, in +-5.
        fixed: further parameters of the model at other values than their defaults.

    Raises:
        InputError: for unknown or doubly set parameters, a start value out of bounds, missing or
            altered files, or without pyhf and redist.
    """
    known, held = get_model(model), dict(fixed or {})
    _check(known, couplings, held)
    pyhf, modifier = peers()
    if inputs is None:
        inputs = load_inputs("eos", {"B->K": "flag2021_hpqcd2022"})
    varied = Nuisances(inputs, nuisances)
    spectrum = Spectrum(varied, known, tuple(couplings), tuple(held.items()))
    (published,) = load_measurements(["belle2_knunu_2023"], likelihood=Path(folder))
    assert isinstance(published, Reweighted)
    null = partial(null_dbr_dq2, constants=published.null_model)
    free: dict[str, Any] = {
        name: {"inits": (init,), "bounds": (tuple(bounds),), "paramset_type": "unconstrained"}
        for name, (init, bounds) in couplings.items()
    }
    for name in varied.names:
        free[name] = {
            "inits": (0.0,),
            "bounds": ((-5.0, 5.0),),
            "paramset_type": "constrained_by_normal",
        }
    # The checksums of the files are verified: no need of pyhf's schema.
    content = json.loads((Path(folder) / WORKSPACE).read_text())
    channels = content["channels"]
    for sample in (s for c in channels for s in c["samples"]):
        sample["modifiers"] = [m for m in sample["modifiers"] if m["name"] not in DROPPED]
    edges = published.q2_edges.tolist()
    modifiers = []
    for name, ((channel, signal), density) in zip(REGIONS, _densities(published), strict=True):
        modifiers.append(
            modifier.Modifier(
                free,
                spectrum,
                null,
                density,
                [[-1.0, *edges]],
                name=name,
                cutoff=((edges[0], edges[-1]),),
                quad="gauss",
            )
        )
        samples = next(c for c in channels if c["name"] == channel)["samples"]
        next(s for s in samples if s["name"] == signal)["modifiers"].append(
            {"name": f"{name}_theory", "type": name, "data": {"expr": f"{name}_weight_fn"}}
        )
    kinds = {key: kind for m in modifiers for key, kind in m.expanded_pyhf.items()}
    full = pyhf.Model({"channels": channels}, validate=False, modifier_set=kinds, poi_name=None)
    observed = {o["name"]: o["data"] for o in content["observations"]}
    counts = [n for channel in full.config.channels for n in observed[channel]]
    return Bridged(full, counts + full.config.auxdata, tuple(modifiers), spectrum, null)


def _densities(published: Reweighted) -> list[tuple[tuple[str, str], np.ndarray]]:
    """Channel, sample and joint number density of each region, shape (bins, 1 + q2 bins).

    The first column holds the events without a matched true q2: a bin below 0, which the cutoff
    leaves at weight 1.
    """
    density = np.column_stack([published.underflow, published.density])
    rows = [published.model.entries[i] for i in np.flatnonzero(published.signal)]
    return [(r, density[[row == r for row in rows]]) for r in dict.fromkeys(rows)]


def peers() -> tuple[Any, Any]:
    """pyhf and `redist.modifier`.

    Raises:
        InputError: without the extra `belle2`.
    """
    try:
        import pyhf
        from redist import modifier
    except ImportError as error:
        raise InputError(
            f"the bridge needs pyhf and redist ({error})",
            allowed="pip install 'bsnunu_jax[belle2]'",
        ) from None
    return pyhf, modifier


def _check(model: Model, couplings: Mapping[str, Start], fixed: Mapping[str, complex]) -> None:
    model.check(tuple(couplings))
    model.check(tuple(fixed))
    if not couplings:
        raise InputError("no free coupling", allowed=f"{model.name}: {', '.join(model.parameters)}")
    for name, (init, (low, high)) in couplings.items():
        if name in fixed:
            raise InputError(f"{name!r} is both free and fixed", allowed="keep one")
        if not low <= init <= high:
            raise InputError(f"{name!r} starts at {init:g}, outside of [{low:g}, {high:g}]")
