"""Compact forms of any record: made by the command, read in its place, as good as it says."""

import numpy as np
import pytest
from hepdata_server import failure, run
from toy_record import POLARISATIONS, toy_record

from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.experiments.catalogue import own_files
from bsnunu_jax.foundation.errors import InputError


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The toy, and a folder with its compact form alone; what the command says of it."""
    folder = tmp_path_factory.mktemp("compact")
    content = toy_record(folder / "toy")
    toy_record(folder / "small", compact="compact.yaml")
    for path in (folder / "small").iterdir():
        if path.name != "record.yaml":
            path.unlink()
    return folder, content


@pytest.fixture
def small(made, capsys):
    folder, _ = made
    out = folder / "small" / "compact.yaml"
    if not out.exists():
        code, _, err = run(capsys, "data", "compact", folder / "toy", "--out", out)
        assert code == 0
        (folder / "said").write_text(err)
    return folder


def test_the_profile_is_that_of_the_record(small):
    """Up to five standard deviations to 2 %; the command prints it."""
    rows = [line.split() for line in (small / "said").read_text().splitlines()[1:-1]]
    published, ours = (np.array([float(r[i]) for r in rows]) for i in (1, 2))
    assert published[0] > 1
    assert published[-1] > 25
    np.testing.assert_allclose(ours, published, rtol=0.02, atol=0.005)
    text = (small / "small" / "compact.yaml").read_text()
    assert f"bsnunu data compact {small}/toy" in text
    assert len(text) < 30_000


def test_a_folder_with_the_table_alone_is_a_record(small, tmp_path, monkeypatch, capsys):
    (compact,) = load_measurements(["small/"], folder=small)
    (whole,) = load_measurements(["toy/"], folder=small)
    assert compact.form == "compact"
    assert compact.labels == whole.labels
    assert [s.polarisation for s in compact.spectra] == list(POLARISATIONS)
    np.testing.assert_allclose(compact.density, whole.density, rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(compact.null_br, whole.null_br, rtol=1e-11)
    np.testing.assert_array_equal(compact.observed, whole.observed)
    spread = [np.asarray(m.model.gamma_sigma) for m in (compact, whole)]
    np.testing.assert_allclose(*spread, rtol=1e-5)
    assert not compact.model.gamma_of_one_entry
    assert sorted(own_files(["small/"], small)) == ["small/compact.yaml", "small/record.yaml"]
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert run(capsys, "data", "add", small / "small")[0] == 0
    assert load_measurements(["toy_kstar"])[0].form == "compact"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("samples:", "sample:"),
        ("norm_0: [", "norm_9: ["),
        ("observed: [", "observed: [x, "),
        ("density:\n-", "density:\n#"),
    ],
)
def test_damaged_tables_are_refused(small, tmp_path, before, after):
    for path in (small / "small").iterdir():
        (tmp_path / path.name).write_text(path.read_text())
    table = tmp_path / "compact.yaml"
    assert before in table.read_text()
    table.write_text(table.read_text().replace(before, after, 1))
    with pytest.raises(InputError, match=r"compact.yaml: is no table of `bsnunu data compact`"):
        load_measurements([f"{tmp_path}/"])


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"mc_statistics": "sampled"}, "it has sampled MC statistics"),
        ({"share": {"lumi": {"belle2_knunu_2023": "lumi"}}}, "it has nuisances in common"),
    ],
)
def test_what_has_no_compact_form(tmp_path, capsys, changes, line):
    toy_record(tmp_path / "toy", **changes)
    found = failure(capsys, "data", "compact", tmp_path / "toy", code=2)
    assert line in found
