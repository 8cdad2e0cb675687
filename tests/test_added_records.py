"""Records that a user adds: their copies, names in cards and lists, downloads, overlaps."""

import hashlib
import json

import numpy as np
import pytest
from hepdata_server import failure, run, serving
from toy_record import toy_record

from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.experiments.catalogue import own_files
from bsnunu_jax.experiments.records.record import user_folder
from bsnunu_jax.foundation.errors import InputError

ID = "toy_kstar"
MINE = """
measurements:
- {id: mine, title: mine, observable: BR(B0->K*0inv), value: 1.0e-5, errors: [[1.0e-6, -1.0e-6]],
   samples: [toy 1/ab]}
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A toy record, and a user without data."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    toy_record(tmp_path / "toy")
    return tmp_path / "toy"


def test_an_added_record_has_a_name(toy, tmp_path, capsys):
    code, out, _ = run(capsys, "data", "add", toy)
    assert code == 0
    target = user_folder("records") / ID
    assert out.splitlines()[-2:] == [str(target), f"in a card: data: [{ID}]"]
    assert "data in common with: none" in out
    names = {p.name for p in toy.iterdir()}
    assert {p.name: p.read_bytes() for p in target.iterdir()} == {
        n: (toy / n).read_bytes() for n in names
    }
    assert not [p for p in target.parent.iterdir() if p != target]
    (by_name,) = load_measurements([ID])
    (by_folder,) = load_measurements(["toy"], folder=tmp_path)
    np.testing.assert_array_equal(by_name.density, by_folder.density)
    assert own_files([ID], tmp_path)[f"{ID}/workspace.json"] == target / "workspace.json"
    assert own_files(["toy/"], tmp_path)["toy/workspace.json"] == toy / "workspace.json"


def test_lists_have_it(toy, capsys):
    run(capsys, "data", "add", toy)
    records = json.loads(run(capsys, "list", "records", "--json")[1])
    assert list(records) == ["belle2_knunu_2023", ID]
    ours, belle2 = records[ID], records["belle2_knunu_2023"]
    assert (ours["status"], ours["modes"], ours["luminosity"]) == ("added", ["B0->K*0"], 1.0)
    assert ours["sources"] == ["2402.08417"]
    assert "`bsnunu data get belle2-knunu`" in belle2["status"]
    assert (belle2["modes"], belle2["luminosity"]) == (["B+->K+"], 0.362)
    text = run(capsys, "list", "records")[1]
    assert "B0->K*0; 1/ab; 2402.08417" in text
    assert ID in json.loads(run(capsys, "list", "measurements", "--json")[1])


def test_what_is_damaged_is_listed_as_that(toy, capsys):
    run(capsys, "data", "add", toy)
    (user_folder("records") / ID / "record.yaml").write_text("record: 3")
    listed = json.loads(run(capsys, "list", "records", "--json")[1])
    assert listed[ID]["status"] == "damaged"
    assert "record.yaml" in listed[ID]["error"]
    assert ID not in json.loads(run(capsys, "list", "measurements", "--json")[1])
    assert run(capsys, "list", "records")[0] == 0
    with pytest.raises(InputError, match=r"record.yaml:1"):
        load_measurements([ID])


def test_overlaps_are_refused(toy, tmp_path, capsys):
    run(capsys, "data", "add", toy)
    (tmp_path / "mine.yaml").write_text(MINE)
    line = r"'toy_kstar' and 'mine' contain the same data \(toy 1/ab\)"
    with pytest.raises(InputError, match=line):
        load_measurements([ID, "mine.yaml"], folder=tmp_path)
    toy_record(tmp_path / "other", id="other")
    out = run(capsys, "data", "check", tmp_path / "other")[1]
    assert f"data in common with: {ID} (toy 1/ab)" in out
    assert "data in common with: none" in run(capsys, "data", "check", ID)[1]


def test_once_under_one_name(toy, tmp_path, capsys):
    run(capsys, "data", "add", toy)
    line = failure(capsys, "data", "add", toy, code=2)
    assert "'toy_kstar' was added already; another id, or --replace" in line
    toy_record(toy, title="Another")
    assert run(capsys, "data", "add", toy, "--replace")[0] == 0
    assert load_measurements([ID])[0].title == "Another"
    toy_record(tmp_path / "other", id="belle_2017_K0")
    line = failure(capsys, "data", "add", tmp_path / "other", code=2)
    assert "(id): the package has a 'belle_2017_K0' already; another id" in line


def test_nothing_wrong_is_added(toy, tmp_path, capsys):
    (toy / "density_CR_transverse.csv").write_text("1,2")
    assert "density_CR_transverse.csv: shape" in failure(capsys, "data", "add", toy, code=2)
    assert "no such file" in failure(capsys, "data", "add", tmp_path / "nothing", code=2)
    assert not user_folder("records").exists()
    with pytest.raises(InputError, match=r"unknown measurement 'toy_kstar'; .*bsnunu data add"):
        load_measurements([ID])


def test_files_of_an_added_record_are_downloaded(tmp_path, monkeypatch, capsys):
    toy_record(tmp_path / "whole")
    files = {p.name: p.read_bytes() for p in (tmp_path / "whole").iterdir()}
    del files["record.yaml"]
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    sizes = {name: len(content) for name, content in files.items()}
    hepdata = {"record": "10.17182/hepdata.166082", "files": sizes}
    toy_record(tmp_path / "toy", checksums=sums, hepdata=hepdata)
    for name in files:
        (tmp_path / "toy" / name).unlink()
    with serving(monkeypatch, tmp_path / "share") as server:
        code, out, _ = run(capsys, "data", "add", tmp_path / "toy")
        assert code == 0
        assert all(name in out for name in ("not here yet: ", *files))
        listed = json.loads(run(capsys, "list", "records", "--json")[1])
        assert f"`bsnunu data get {ID}`" in listed[ID]["status"]
        with pytest.raises(InputError, match=rf"no such file.*data get {ID}"):
            load_measurements([ID])
        code, out, _ = run(capsys, "data", "get", ID, "--from", tmp_path / "whole")
        assert (code, server.sent) == (0, [])
    assert out.splitlines()[-1] == f"in a card: data: [{ID}]"
    assert load_measurements([ID])[0].name == ID
    toy_record(tmp_path / "toy", hepdata=hepdata)
    with pytest.raises(InputError, match=r"hepdata has .*, which has no checksum"):
        load_measurements(["toy/"], folder=tmp_path)
