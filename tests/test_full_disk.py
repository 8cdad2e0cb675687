"""A disk that is full: one line with the file, exit code 1, nothing partial; see full_disk.py."""

import shlex

import pytest
from full_disk import arguments, fault, largest_file
from small_runs import OUT, files, one_line, partial_files, write_cards

from bsnunu_jax.cli import main

# The largest file that may be written [KiB], and the one that is too large.
CASES = [
    ("fit", 40, "posterior.nc"),
    ("fit", 110, "spectrum.png"),
    ("profile", 8, "profile.nc"),
    ("limit", 8, "limit.pdf"),
]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Exit code and stderr of a command in a folder with the cards."""
    write_cards(tmp_path)
    monkeypatch.chdir(tmp_path)

    def started(*line):
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main(line)
        return int(caught.value.code or 0), capsys.readouterr().err

    return started


@pytest.fixture(scope="module")
def undisturbed():
    """Results of commands that had all the space they wanted, by command."""
    return {}


@pytest.mark.parametrize(("name", "limit", "file"), CASES)
def test_a_full_disk_is_one_line_and_resume_gives_the_same(
    name, limit, file, tmp_path, run, undisturbed
):
    if name not in undisturbed:
        assert run(*arguments(name))[0] == 0
        undisturbed[name] = files(tmp_path / OUT)
        (tmp_path / OUT).rename(tmp_path / "whole")
    with largest_file(limit):
        code, errors = run(*arguments(name))
    assert code == 1
    assert f"{file}: cannot be written (File too large)" in one_line(errors)
    assert fault(code, errors, tmp_path, undisturbed[name]) == ""
    assert run(*arguments(name), "--resume")[0] == 0
    assert files(tmp_path / OUT) == undisturbed[name]


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("export wcxf --set CR_ee=1 --out x.yaml", "x.yaml"),
        ("export wcxf --set CR_ee=1 --out x.json", "x.json"),
        ("export popxf R_K_nunu --parameters CR_ee --out x.json", "x.json"),
    ],
)
def test_an_exported_file(line, file, tmp_path, run):
    before = sorted(tmp_path.iterdir())
    with largest_file(0):
        code, errors = run(*shlex.split(line))
    assert code == 1
    assert f"{file}: cannot be written (File too large)" in one_line(errors)
    assert partial_files(tmp_path) == []
    assert sorted(tmp_path.iterdir()) == before
