"""Workspaces of every type of modifier, pyhf's density of them, and points to compare at."""

import json
import logging
import warnings
from contextlib import contextmanager
from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import gammaln

from bsnunu_jax.experiments.histfactory.density import Density
from bsnunu_jax.experiments.histfactory.specification import specification
from bsnunu_jax.experiments.histfactory.workspace import build

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pyhf = pytest.importorskip("pyhf", reason="needs pyhf: pip install '.[test]'")
logging.getLogger("pyhf").setLevel(logging.CRITICAL)

CODES = [("code4", "code4p"), ("code1", "code0")]


def modifier(type_: str, name: str, data=None) -> dict:
    return {"name": name, "type": type_, "data": data}


def histosys(name, high, low) -> dict:
    return modifier("histosys", name, {"hi_data": high, "lo_data": low})


def normsys(name, high, low) -> dict:
    return modifier("normsys", name, {"hi": high, "lo": low})


def staterror(name, data) -> dict:
    return modifier("staterror", name, data)


MU = modifier("normfactor", "mu")
LUMI = {"name": "lumi", "auxdata": [1.0], "sigmas": [0.02], "inits": [1.0], "bounds": [[0.5, 1.5]]}


def sample(name, data, *modifiers) -> dict:
    return {"name": name, "data": data, "modifiers": list(modifiers)}


def channel(name, *samples) -> dict:
    return {"name": name, "samples": list(samples)}


def workspace(channels, observed, parameters=(), poi="mu") -> dict:
    return {
        "channels": channels,
        "observations": [{"name": n, "data": counts} for n, counts in observed.items()],
        "measurements": [{"name": "m", "config": {"poi": poi, "parameters": list(parameters)}}],
        "version": "1.0.0",
    }


# Of two bins, one of each type; `tag` keeps names of modifiers that must not share apart.
KINDS = {
    "normfactor": lambda _: modifier("normfactor", "k"),
    "normsys": lambda _: normsys("a", 1.2, 0.85),
    "histosys": lambda _: histosys("a", [33.0, 21.5], [26.0, 19.0]),
    "staterror": lambda tag: staterror(f"stat{tag}", [1.5, 2.5]),
    "shapesys": lambda tag: modifier("shapesys", f"shape{tag}", [3.0, 2.0]),
    "shapefactor": lambda tag: modifier("shapefactor", f"free{tag}"),
    "lumi": lambda _: modifier("lumi", "lumi"),
}
ALONE = [(kind,) for kind in KINDS]
PAIRS = [*combinations(KINDS, 2)]


def of_kinds(kinds, tag="") -> list[dict]:
    """A channel whose background has these modifiers."""
    background = [KINDS[kind](tag) for kind in kinds]
    signal = sample("signal", [4.0, 2.0], MU)
    return [channel(f"SR{tag}", signal, sample("background", [30.0, 20.0], *background))]


def small(kinds) -> dict:
    """The workspace of one such channel."""
    return workspace(of_kinds(kinds), {"SR": [37.0, 19.0]}, [LUMI] if "lumi" in kinds else [])


def all_pairs() -> dict:
    """One workspace with a channel for every type and every pair of types."""
    tags = {f"_{i}": kinds for i, kinds in enumerate([*ALONE, *PAIRS])}
    channels = [c for tag, kinds in tags.items() for c in of_kinds(kinds, tag)]
    return workspace(channels, {f"SR{tag}": [37.0, 19.0] for tag in tags}, [LUMI])


# Two channels, five of the types.
GOOD = workspace(
    [
        channel(
            "SR",
            sample("signal", [4.0, 2.0], MU, histosys("j", [4.5, 2.2], [3.5, 1.9])),
            sample("bkg", [30.0, 20.0], normsys("a", 1.2, 0.9), staterror("mc", [1.0, 2.0])),
        ),
        channel("CR", sample("bkg", [50.0, 60.0, 70.0], modifier("shapesys", "u", [5, 5, 5]))),
    ],
    {"SR": [35.0, 21.0], "CR": [52.0, 61.0, 66.0]},
    [{"name": "a", "auxdata": [0.1]}],
)


def write(folder, content, name="ws.json"):
    """A file with the content as JSON."""
    path = folder / name
    path.write_text(json.dumps(content))
    return path


def ours(content, codes=CODES[0], measurement=None) -> Density:
    spec = specification(content, "ws.json", measurement)
    return build(spec, norm_code=codes[0], histo_code=codes[1])


def theirs(content, codes=CODES[0], measurement=None):
    """pyhf's model and the data with auxiliary data, on the backend that is set."""
    settings = {"normsys": {"interpcode": codes[0]}, "histosys": {"interpcode": codes[1]}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        space = pyhf.Workspace(content)
        model = space.model(measurement_name=measurement, modifier_settings=settings)
        return model, np.asarray(space.data(model), dtype=float)


@contextmanager
def pyhf_on_jax():
    """pyhf with its JAX backend, and what it needs to broadcast."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pyhf.set_backend("jax", precision="64b")
    try:
        with jax.numpy_rank_promotion("allow"):
            yield
    finally:
        pyhf.set_backend("numpy")


def patch_set(content, **patches) -> dict:
    """A patch set for a workspace, operations by name."""
    digests = {kind: pyhf.utils.digest(content, algorithm=kind) for kind in ("sha256", "md5")}
    return {
        "metadata": {
            "references": {"hepdata": "ins1234567"},
            "digests": digests,
            "description": "signals",
            "labels": ["mass"],
        },
        "patches": [
            {"metadata": {"name": name, "values": [i]}, "patch": operations}
            for i, (name, operations) in enumerate(patches.items())
        ],
        "version": "1.0.0",
    }


def their_patched(content, patches, name) -> dict:
    """pyhf's workspace with a patch of a set applied."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dict(pyhf.PatchSet(patches).apply(content, name))


def their_gradients(content, points, codes=CODES[0]) -> list[np.ndarray]:
    """pyhf's gradients of the log-density, of its JAX backend."""
    with pyhf_on_jax():
        peer, data = theirs(content, codes)
        slope = jax.jit(jax.grad(lambda p: peer.logpdf(p, jnp.asarray(data))[0]))
        return [np.asarray(slope(vector)) for vector in points]


def random_points(density: Density, rng, n: int) -> list[np.ndarray]:
    """Vectors with every parameter displaced, and rates that stay positive."""
    found, parameters = [], density.parameters
    while len(found) < n:
        vector = parameters.inits.copy()
        for s in parameters.sets:
            at, size = parameters.slices[s.name], len(s.inits)
            if s.constraint == "normal":
                width = 0.3 if s.type == "staterror" else 1.2
                vector[at] = s.auxdata + width * s.scale * rng.normal(size=size)
            else:
                vector[at] = rng.uniform(0.4, 2.0, size=size)
        if density.impossible_bin(vector) is None:
            found.append(vector)
    return found


def magnitude(density: Density, vector: np.ndarray) -> float:
    """Sum of the magnitudes of the terms of the log-density."""
    rates, seen = density.bin_rates(vector, xp=np), density.model.observed
    terms = [*_terms(seen, rates)]
    for kind, (at, auxdata, scale) in density.parameters.constraints.items():
        if len(at) and kind == "normal":
            terms += [*(0.5 * ((auxdata - vector[at]) / scale) ** 2), *np.abs(np.log(scale))]
            terms += [1.0] * len(at)
        elif len(at):
            terms += [*_terms(auxdata, scale * vector[at])]
    return float(np.sum(terms))


def _terms(seen, rates) -> np.ndarray:
    logs = np.abs(np.log(np.where(rates > 0, rates, 1.0)))
    return seen * logs + np.abs(rates) + np.abs(gammaln(seen + 1))
