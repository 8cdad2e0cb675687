"""Mutated workspaces: one line that refuses them, or a finite density that is pyhf's."""

import copy
import json
import os
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from workspaces import GOOD, LUMI, all_pairs, magnitude, modifier, theirs, workspace

from bsnunu_jax.experiments.histfactory.evaluated import evaluated
from bsnunu_jax.experiments.histfactory.workspace import read_workspace
from bsnunu_jax.foundation.errors import InputError

# By hand: BSNUNU_FUZZ=2000 pytest tests/test_workspace_fuzz.py
EXAMPLES = int(os.environ.get("BSNUNU_FUZZ", "200"))
PAIRS = all_pairs()
NUMBERS = [0, 0.0, 1, 2.5, -1.0, 1e-9, 1e-200, 1e9, 1e300, 10**400, -0.0, float("nan")]
OTHERS = [
    None,
    True,
    "",
    "mu",
    "lumi",
    "lumi",
    "a",
    "staterror",
    "shapesys",
    [],
    [1.0],
    {},
    [[0, 1]],
]
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
    """A workspace with up to three changes, sensible and senseless ones."""
    content = copy.deepcopy(GOOD)
    if draw(st.booleans()):
        channels = [draw(st.sampled_from(PAIRS["channels"])) for _ in range(2)]
        observed = {c["name"]: [37.0, 19.0] for c in channels}
        content = copy.deepcopy(workspace(channels, observed, [LUMI]))
    for _ in range(draw(st.integers(0, 3))):
        draw(st.sampled_from([add_modifier, add_modifier, add_setting, mutate, mutate]))(
            draw, content
        )
    return content


def add_modifier(draw, content) -> None:
    channels = [c for c in content.get("channels", []) if isinstance(c, dict)]
    samples = [s for c in channels for s in c.get("samples") or [] if isinstance(s, dict)]
    fit = [s for s in samples if isinstance(s.get("data"), list)]
    fit = [s for s in fit if isinstance(s.get("modifiers"), list)]
    if fit:
        sample = draw(st.sampled_from(fit))
        sample["modifiers"].append(any_modifier(draw, len(sample["data"])))


def add_setting(draw, content) -> None:
    try:
        parameters = content["measurements"][0]["config"]["parameters"]
        parameters.append(LUMI if draw(st.booleans()) else any_setting(draw))
    except (KeyError, IndexError, TypeError, AttributeError):
        pass


def mutate(draw, content) -> None:
    """Something else at some place, or nothing, or the same again."""
    parent, key = content, draw(st.sampled_from(sorted(content))) if content else None
    while key is not None and draw(st.integers(0, 9)) > 0:
        inner = parent[key]
        keys = (
            list(inner)
            if isinstance(inner, dict)
            else list(range(len(inner)))[:20]
            if isinstance(inner, list)
            else []
        )
        if not keys:
            break
        parent, key = inner, draw(st.sampled_from(keys))
    if key is None:
        return
    action = draw(st.sampled_from(["number", "number", "other", "delete", "again"]))
    if action == "delete":
        del parent[key]
    elif action == "again" and isinstance(parent, list):
        parent.append(copy.deepcopy(parent[key]))
    else:
        parent[key] = copy.deepcopy(
            draw(st.sampled_from(NUMBERS if action == "number" else OTHERS))
        )


@seed(20260501)
@settings(
    max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
@given(workspaces(), st.integers(0, 2**32 - 1))
def test_mutated_workspaces(content, number):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ws.json"
        path.write_text(json.dumps(content))
        try:
            found = evaluated(path)
        except InputError as error:
            assert str(path) in str(error)
            assert "\n" not in str(error)
            return
        density = read_workspace(path)
    peer, data = theirs(content)
    assert list(density.parameters.slices) == peer.config.par_order
    vector = density.parameters.inits
    assert vector.tolist() == peer.config.suggested_init()
    compare(found["log_density"], density, peer, data, vector)
    moved = vector + 0.1 * np.random.default_rng(number).normal(size=len(vector))
    if density.impossible_bin(moved) is None:
        value = float(density.log_density(moved, xp=np))
        if np.isfinite(value):
            compare(value, density, peer, data, moved)


def compare(value, density, peer, data, vector) -> None:
    expected = float(peer.logpdf(vector, data)[0])
    assert np.isfinite(value)
    assert abs(value - expected) <= 1e-12 * magnitude(density, vector)
