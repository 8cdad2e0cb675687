"""A workspace with a luminosity, or with samples that share MC statistics, as systematics alone."""

from dataclasses import replace

import numpy as np

from bsnunu_jax.experiments.histfactory.density import Density
from bsnunu_jax.experiments.histfactory.model import HistFactory, padded
from bsnunu_jax.experiments.histfactory.reweighted import Reweighted
from bsnunu_jax.foundation.errors import InputError

_KINDS = ("histosys", "normsys", "lumi", "staterror")


def plain(m: Reweighted) -> Reweighted:
    """The same measurement as a function of systematics that are Normal(0, 1), and of no more.

    A luminosity of relative error s becomes a normalisation of 1 + s and 1 - s.

    Raises:
        InputError: for what is none: free parameters, sampled MC statistics, parameters held at
            another value or with other auxiliary data than 0.
    """
    if m.coordinates is None:
        return m
    density = m.coordinates.density
    what = _beyond(m, density)
    if what:
        raise InputError(f"it has {what}", where=m.name, allowed="a compact form has none of these")
    return replace(m, coordinates=None, model=_model(density))


def _beyond(m: Reweighted, density: Density) -> str:
    """What of a workspace a compact form does not have, in words."""
    sets = density.parameters.sets
    if m.sampled:
        return "sampled MC statistics"
    if m.share:
        return "nuisances in common with other records"
    for s in sets:
        if s.type not in _KINDS:
            return f"a {s.type}, {s.name!r}"
        if s.type != "staterror" and s.fixed.any():
            return f"{s.name!r} held at a value"
        if s.type in ("histosys", "normsys") and s.auxdata.any():
            return f"{s.name!r} with auxiliary data that are not 0"
    return ""


def _model(density: Density) -> HistFactory:
    model = density.model
    if not model.factors:
        return model
    (lumi,) = (s for s in density.parameters.sets if s.type == "lumi")
    centre, size = float(lumi.auxdata[0]), float(lumi.scale[0] / lumi.auxdata[0])
    scaled = np.asarray((model.factor_of_entry < len(model.factors)).any(axis=1))
    factor = np.where(scaled, centre, 1.0)
    number, systematic = len(model.norm_alpha), len(model.alphas)
    rows = [
        [*(i for i in row if i < number), *([number] if moved else [])]
        for row, moved in zip(model.norm_of_entry.tolist(), scaled.tolist(), strict=True)
    ]
    none = np.zeros((1, model.nominal.size))
    return replace(
        model,
        nominal=model.nominal * factor,
        symmetric=np.concatenate([model.symmetric * factor, none]),
        antisymmetric=np.concatenate([model.antisymmetric * factor, none]),
        alphas=(*model.alphas, lumi.name),
        norm_alpha=np.append(model.norm_alpha, systematic),
        norm_up=np.append(model.norm_up, 1 + size),
        norm_down=np.append(model.norm_down, 1 - size),
        norm_of_entry=padded(rows, number + 1),
        factors=(),
        factor_of_entry=np.zeros((model.nominal.size, 0), dtype=int),
    )
