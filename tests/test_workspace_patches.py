"""JSON patches do what the package jsonpatch does, patch sets what pyhf does."""

import copy

import numpy as np
import pytest
from density_command import shown
from workspaces import GOOD, patch_set, sample, their_patched, theirs, write

from bsnunu_jax.experiments.histfactory.patches import apply
from bsnunu_jax.experiments.histfactory.workspace import read_workspace
from bsnunu_jax.foundation.errors import InputError

jsonpatch = pytest.importorskip("jsonpatch", reason="comes with pyhf")

OPERATIONS = [
    [{"op": "replace", "path": "/channels/0/samples/0/data", "value": [1.0, 2.0]}],
    [{"op": "add", "path": "/channels/0/samples/-", "value": sample("new", [1.0, 3.0])}],
    [{"op": "add", "path": "/channels/0/samples/0", "value": sample("new", [1.0, 3.0])}],
    [{"op": "remove", "path": "/channels/1"}, {"op": "test", "path": "/version", "value": "1.0.0"}],
    [
        {
            "op": "copy",
            "from": "/channels/1/samples/0/data/2",
            "path": "/channels/1/samples/0/data/0",
        }
    ],
    [{"op": "move", "from": "/observations/0", "path": "/observations/1"}],
    [
        {"op": "add", "path": "/a~1b~0c", "value": {"": 1}},
        {"op": "test", "path": "/a~1b~0c/", "value": 1.0},
    ],
    [{"op": "replace", "path": "", "value": [1]}, {"op": "add", "path": "/1", "value": 2}],
    [
        {"op": "copy", "from": "/channels", "path": "/again"},
        {"op": "remove", "path": "/channels/0"},
    ],
]


@pytest.mark.parametrize("operations", OPERATIONS)
def test_patches_do_what_jsonpatch_does(operations):
    before = copy.deepcopy(GOOD)
    assert apply(GOOD, operations, "p.json") == jsonpatch.apply_patch(GOOD, operations)
    assert before == GOOD


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        ({"op": "replace", "path": "/nobody", "value": 1}, "there is no 'nobody'"),
        ({"op": "remove", "path": "/channels/2"}, "there is no '2' in a list of 2"),
        ({"op": "remove", "path": "/channels/01"}, "there is no '01'"),
        ({"op": "remove", "path": "/channels/-"}, "there is no '-'"),
        ({"op": "add", "path": "/channels/3", "value": 1}, "there is no '3' in a list of 2"),
        ({"op": "add", "path": "/version/x", "value": 1}, "'x' of what has no parts"),
        ({"op": "add", "path": "channels", "value": 1}, "'channels' is no JSON pointer"),
        ({"op": "add", "path": "/a~2", "value": 1}, "a ~ without 0 or 1"),
        ({"op": "add", "path": "/a"}, "needs a value"),
        ({"op": "test", "path": "/version", "value": 1}, "is not 1"),
        ({"op": "move", "from": "/channels", "path": "/channels/0"}, "a place into itself"),
        ({"op": "move", "path": "/channels/0"}, "None is no JSON pointer"),
        ({"op": "remove", "path": ""}, "the whole document"),
        ({"op": "merge", "path": ""}, "no operation of JSON Patch; add, remove"),
        ("remove", "is no operation"),
    ],
)
def test_operations_that_cannot_be_done(operation, message):
    with pytest.raises(InputError) as caught:
        apply(GOOD, [operation], "p.json")
    assert message in str(caught.value)
    assert str(caught.value).startswith("p.json: operation 0 (")


def test_patch_sets(tmp_path, capsys):
    path = write(tmp_path, GOOD)
    made = patch_set(GOOD, first=OPERATIONS[0], second=OPERATIONS[1])
    patches = write(tmp_path, made, "set.json")
    for name in ("first", "second"):
        density = read_workspace(path, patch=(patches, name))
        peer, data = theirs(their_patched(GOOD, made, name))
        vector = density.parameters.inits
        expected = float(peer.logpdf(vector, data)[0])
        assert float(density.log_density(vector, xp=np)) == pytest.approx(expected, rel=1e-13)
        found = shown(capsys, path, "--patch", f"{patches}:{name}")
        assert found["log_density"] == pytest.approx(expected, rel=1e-13)
    one = write(tmp_path, OPERATIONS[1], "one.json")
    assert shown(capsys, path, "--patch", one)["log_density"] == found["log_density"]
    for name, message in ((None, "which patch?; one of first, second"), ("x", "no patch 'x'; one")):
        with pytest.raises(InputError, match=message.replace("?", r"\?")):
            read_workspace(path, patch=(patches, name))
    with pytest.raises(InputError, match="has no names, got 'x'"):
        read_workspace(path, patch=(one, "x"))
    write(tmp_path, GOOD | {"version": "1.0"})
    with pytest.raises(InputError, match="made for another workspace: sha256"):
        read_workspace(path, patch=(patches, "first"))
    for flawed in ({}, {"patches": []}, {"patches": [{}]}, made | {"metadata": {}}, 3):
        with pytest.raises(InputError, match=r"set\.json"):
            read_workspace(path, patch=(write(tmp_path, flawed, "set.json"), "first"))
