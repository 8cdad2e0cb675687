"""Files of workspaces: compressed, marked, of one measurement; `bsnunu data density`."""

import copy
import gzip
import json
import math

import numpy as np
import pytest
from density_command import run, shown
from workspaces import GOOD, theirs, write

from bsnunu_jax.experiments.histfactory.workspace import read_workspace
from bsnunu_jax.foundation.errors import InputError


@pytest.mark.parametrize(
    "encoded",
    [
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.encode("utf-16"),
        lambda text: gzip.compress(text.encode()),
        lambda text: gzip.compress(text.encode("utf-8-sig")),
    ],
    ids=["mark", "utf-16", "gzip", "gzip and mark"],
)
def test_ways_to_write_a_file(tmp_path, encoded):
    plain = read_workspace(write(tmp_path, GOOD))
    other = tmp_path / "other.json"
    other.write_bytes(encoded(json.dumps(GOOD)))
    found = read_workspace(other)
    vector = plain.parameters.inits
    assert found.log_density(vector, xp=np) == plain.log_density(vector, xp=np)


def test_measurements_are_named(tmp_path):
    content = copy.deepcopy(GOOD)
    second = copy.deepcopy(content["measurements"][0]) | {"name": "second"}
    second["config"]["parameters"] = [{"name": "a", "inits": [0.5], "auxdata": [-0.3]}]
    content["measurements"].append(second)
    path = write(tmp_path, content)
    with pytest.raises(InputError, match="has 2 measurements; name one of m, second"):
        read_workspace(path)
    with pytest.raises(InputError, match="no measurement 'third'; one of m, second"):
        read_workspace(path, measurement="third")
    for name in ("m", "second"):
        density = read_workspace(path, measurement=name)
        peer, data = theirs(content, measurement=name)
        vector = density.parameters.inits
        assert vector.tolist() == peer.config.suggested_init()
        expected = float(peer.logpdf(vector, data)[0])
        assert float(density.log_density(vector, xp=np)) == pytest.approx(expected, rel=1e-13)
        assert density.measurement == name


def test_what_a_theory_replaces_is_dropped(tmp_path):
    path = write(tmp_path, GOOD)
    found = read_workspace(path, drop=["mu", "a"])
    assert list(found.parameters.slices) == ["j", "u", "mc"]
    assert found.poi is None
    alone = read_workspace(path, channels=["CR"])
    assert list(alone.parameters.slices) == ["u"]
    with pytest.raises(InputError, match="no modifier 'nu' to drop; a, j, mc, mu, u"):
        read_workspace(path, drop=["nu"])
    with pytest.raises(InputError, match="no channel 'VR'; channels: SR, CR"):
        read_workspace(path, channels=["VR"])


def test_command(tmp_path, capsys):
    path = write(tmp_path, GOOD)
    values = {"mu": 1.3, "a": -0.4, "j": 0.2, "mc": [1.02, 0.97], "u": [0.9, 1.0, 1.1]}
    at = write(tmp_path, values, "values.json")
    found = shown(capsys, path, "--at", at)
    assert found["parameters"] == values
    peer, data = theirs(GOOD)
    vector = [v for n in peer.config.par_order for v in np.atleast_1d(values[n])]
    expected = float(peer.logpdf(vector, data)[0])
    assert found["log_density"] == pytest.approx(expected, rel=1e-13)
    assert found["counts"] + found["constraints"] == found["log_density"]
    assert (found["measurement"], found["poi"]) == ("m", "mu")
    code, out, _ = run(capsys, path)
    assert code == 0
    initial = float(peer.logpdf(peer.config.suggested_init(), data)[0])
    assert float(out.split()[1]) == pytest.approx(initial, rel=1e-13)
    assert "  mc [1.0, 1.0]" in out


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"nu": 1}, "values.json: no parameter 'nu'; one of j, mu, a, u, mc"),
        ({"mc": 1}, "values.json: mc has 1 entry, the parameter has 2"),
        ({"mu": "1"}, "values.json: mu[0] is '1'; a number"),
        ({"mu": math.nan}, "values.json: mu[0] is nan; a finite number"),
        ({"mu": -20}, "no finite log-density here: bin 0 of channel 'SR' expects -50 events"),
        ({"u": [-1, 1, 1]}, "no finite log-density here: bin 0 of channel 'CR' expects -50"),
        ([1], "values.json: is no mapping; parameters by name"),
    ],
)
def test_values_that_are_refused(tmp_path, capsys, values, message):
    path, at = write(tmp_path, GOOD), write(tmp_path, values, "values.json")
    code, out, err = run(capsys, path, "--at", at)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
