"""Mutated workspaces: one line that refuses them, or a finite density that is pyhf's."""

import copy
import json
import os
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from mutated_documents import mutate
from workspaces import GOOD, LUMI, all_pairs, magnitude, modifier, theirs, workspace

from bsnunu_jax.experiments.histfactory.evaluated import evaluated
from bsnunu_jax.experiments.histfactory.workspace import read_workspace
from bsnunu_jax.foundation.errors import InputError

# By hand: BSNUNU_FUZZ=2000 pytest tests/test_workspace_fuzz.py
EXAMPLES = int(os.environ.get("BSNUNU_FUZZ", "200"))
PAIRS = all_pairs()
NAMES = ["mu", "a", "j", "lumi", "mc", "u", "f"]


def any_modifier(draw, width) -> dict:
    """A modifier of any type and one of few names, with data that would fit."""
    kind = draw(st.sampled_from(["normfactor", "normsys", "histosys", "staterror", "shapesys"]))
    kind = draw(st.sampled_from([kind, kind, "shapefactor", "lumi"]))
    numbers = [draw(st.sampled_from([0.5, 1.0, 2.0, 0.0])) for _ in range(width)]
    data = {
        "normsys": {"hi": 1.1, "lo": draw(st.sampled_from([0.9, 0.5]))},
        "histosys": {"hi_data": numbers, "lo_data": numbers[::-1]},
        "staterror": numbers,
        "shapesys": numbers,
    }
    name = "lumi" if kind == "lumi" else draw(st.sampled_from(NAMES))
    return modifier(kind, name, data.get(kind))


def any_setting(draw) -> dict:
    """What a measurement may say of a parameter."""
    setting = {"name": draw(st.sampled_from(NAMES))}
    length = draw(st.sampled_from([1, 1, 2, 3]))
    for key in draw(st.sets(st.sampled_from(["inits", "auxdata", "sigmas", "factors"]))):
        setting[key] = [draw(st.sampled_from([1.0, 0.5, 2.0]))] * length
    return setting


@st.composite
def workspaces(draw) -> dict:
    """A workspace with up to two additions that make sense, and up to two changes that need not."""
    content = copy.deepcopy(GOOD)
    if draw(st.booleans()):
        channels = draw(st.lists(st.sampled_from(PAIRS["channels"]), min_size=1, max_size=2))
        observed = {c["name"]: [37.0, 19.0] for c in channels}
        content = copy.deepcopy(workspace(channels, observed, [LUMI]))
    for _ in range(draw(st.integers(0, 2))):
        sample = draw(st.sampled_from(draw(st.sampled_from(content["channels"]))["samples"]))
        sample["modifiers"].append(any_modifier(draw, len(sample["data"])))
    if draw(st.booleans()):
        setting = copy.deepcopy(LUMI) if draw(st.booleans()) else any_setting(draw)
        config = content["measurements"][0]["config"]
        others = [p for p in config["parameters"] if p["name"] != setting["name"]]
        config["parameters"] = [*others, setting]
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2]))):
        mutate(draw, content)
    return content


@seed(20260501)
@settings(
    max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
@given(workspaces(), st.integers(0, 2**32 - 1))
def test_mutated_workspaces(content, number):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ws.json"
        path.write_text(json.dumps(content))
        found, refusal = None, ""
        try:
            found = evaluated(path)
        except InputError as error:
            refusal = str(error)
        if found is None:
            assert refusal.startswith(f"{path}: ")
            assert "\n" not in refusal
            return
        density = read_workspace(path)
    peer, data = theirs(content)
    assert list(density.parameters.slices) == peer.config.par_order
    vector = density.parameters.inits
    assert vector.tolist() == peer.config.suggested_init()
    compare(found["log_density"], density, peer, data, vector)
    moved = vector + 0.1 * np.random.default_rng(number).normal(size=len(vector))
    with np.errstate(all="ignore"):
        if density.impossible_bin(moved) is None:
            value = float(density.log_density(moved, xp=np))
            if np.isfinite(value):
                compare(value, density, peer, data, moved)


def compare(value, density, peer, data, vector) -> None:
    expected = float(peer.logpdf(vector, data)[0])
    assert np.isfinite(value)
    assert abs(value - expected) <= 1e-12 * magnitude(density, vector)
