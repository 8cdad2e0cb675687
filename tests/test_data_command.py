"""`bsnunu data`: copies, checks, the name in a card, and what goes wrong."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from hepdata_server import FILES, NAME, WORKSPACE, A, H, contents, failure, fill, run, serving, sha

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.experiments.records import record as data_sets
from bsnunu_jax.experiments.records.record import DATA_SETS, user_folder
from bsnunu_jax.foundation.errors import InputError


@pytest.fixture
def server(monkeypatch, tmp_path):
    """The server, in place of HEPData, and a user without data."""
    with serving(monkeypatch, tmp_path / "share") as state:
        yield state


@pytest.mark.parametrize("verb", ["get", "check"])
def test_unknown_data_sets(capsys, verb):
    line = failure(capsys, "data", verb, "belle3", code=2)
    assert line == "bsnunu: error: unknown data set 'belle3'; one of belle2-knunu\n"


@pytest.mark.parametrize("below", ["", "HEPData-ins2947386-v1"])
def test_copies(server, tmp_path, capsys, below):
    source = tmp_path / "Downloads"
    fill(source / below)
    code, out, err = run(capsys, "data", "get", NAME, "--from", source)
    assert (code, err) == (0, "")
    assert contents(user_folder(NAME)) == FILES
    assert out.splitlines()[:4] == [f"{name}: copied" for name in FILES]
    assert server.sent == []
    assert set(data_sets.copy(DATA_SETS[NAME], source, user_folder(NAME)).values()) == {"kept"}


@pytest.mark.parametrize("altered", FILES)
def test_nothing_of_a_wrong_copy_is_taken(server, tmp_path, capsys, altered):
    source = fill(tmp_path / "source", FILES | {altered: b"else"})
    line = failure(capsys, "data", "get", NAME, "--from", source, code=2)
    assert f"{source / altered}: checksum {sha(b'else')}, expected {sha(FILES[altered])}" in line
    assert not user_folder(NAME).exists()
    (source / altered).unlink()
    line = failure(capsys, "data", "get", NAME, "--from", source, code=2)
    assert f"{source / altered}: no such file" in line
    assert not user_folder(NAME).exists()
    line = failure(capsys, "data", "get", NAME, "--from", tmp_path / "absent", code=2)
    assert "absent: no such folder" in line


@pytest.mark.parametrize("verb", ["get", "check"])
def test_names_that_are_too_long(server, tmp_path, capsys, verb):
    line = failure(capsys, "data", verb, NAME, "--from", tmp_path / ("x" * 300), code=2)
    assert "cannot be read (File name too long)" in line


def test_targets_with_names_that_are_too_long(server, tmp_path, capsys):
    source = fill(tmp_path / "source")
    line = failure(
        capsys, "data", "get", NAME, "--from", source, "--out", tmp_path / ("x" * 300), code=2
    )
    assert "(File name too long)" in line


@pytest.mark.parametrize("verb", ["get", "check"])
def test_devices_are_no_files(server, tmp_path, capsys, verb):
    """/dev/zero would never end, a pipe never begin; /dev/null stands for them."""
    source = fill(tmp_path / "source")
    (source / H).unlink()
    (source / H).symlink_to("/dev/null")
    line = failure(capsys, "data", verb, NAME, "--from", source, code=2)
    assert f"{source / H}: cannot be read (not a regular file)" in line


def test_the_user_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert user_folder(NAME) == tmp_path / "bsnunu_jax" / NAME
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for nothing in ("", "relative/share"):
        monkeypatch.setenv("XDG_DATA_HOME", nothing)
        expected = tmp_path / "home" / ".local" / "share" / "bsnunu_jax" / NAME
        assert user_folder(NAME) == expected


def test_check(server, tmp_path, capsys):
    source = fill(tmp_path / "source")
    for option in (("--from", source), ()):
        if not option:
            fill(user_folder(NAME))
        code, out, err = run(capsys, "data", "check", NAME, *option)
        assert (code, err) == (0, "")
        assert out.splitlines() == [
            *(f"{name}: sha256 {sha(content)}, as expected" for name, content in FILES.items()),
            "4 bins; densities of 4 signal bins in 100 bins of q2 match",
        ]


def test_check_names_what_is_wrong(server, tmp_path, capsys):
    line = failure(capsys, "data", "check", NAME, code=2)
    assert f"{user_folder(NAME) / WORKSPACE}: no such file" in line
    assert "`bsnunu data get belle2-knunu`" in line
    source = fill(tmp_path / "source", FILES | {H: b"else"})
    line = failure(capsys, "data", "check", NAME, "--from", source, code=2)
    assert f"{source / H}: checksum {sha(b'else')}, expected {sha(FILES[H])}" in line


def refused_for_its_bins(monkeypatch, capsys, folder):
    """Drop a row of a density and take the checksum of what is left for the published one."""
    rows = (folder / A).read_bytes().splitlines(keepends=True)
    (folder / A).write_bytes(b"".join(rows[1:]))
    data = DATA_SETS[NAME]
    sums = {**data.files, A: sha((folder / A).read_bytes())}
    monkeypatch.setitem(DATA_SETS, NAME, replace(data, files=sums))
    line = failure(capsys, "data", "check", NAME, "--from", folder, code=2)
    assert f"{folder / A}: shape ({len(rows) - 1}, 101)" in line
    assert f"the workspace has {len(rows)} signal bins and 100 + 1 bins of q2" in line


def test_bins_that_do_not_match_the_densities(server, monkeypatch, tmp_path, capsys):
    refused_for_its_bins(monkeypatch, capsys, fill(tmp_path / "source"))


CARD = """
title: any
model: neutrinos
parameters: {CR_tautau: {prior: {uniform: [-30, 30]}}}
data: [belle2_knunu_2023]
"""


def test_the_name_stands_for_the_user_folder(server, monkeypatch, tmp_path):
    """In the card and as the option, if no folder is called so; `where` is that of the files."""
    named, plain = tmp_path / "named.yaml", tmp_path / "plain.yaml"
    named.write_text(CARD + f"likelihood: {NAME}\n")
    plain.write_text(CARD)
    monkeypatch.chdir(fill(tmp_path / "cwd", {}))
    for card in (Card(named), Card(plain, likelihood=Path(NAME))):
        assert card.content.likelihood == NAME
        with pytest.raises(InputError, match=f"{WORKSPACE}: no such file.*bsnunu data get {NAME}"):
            _ = card.problem
    folders = []

    def remember(*_, likelihood=None, **__):
        if likelihood is None:  # the names alone are checked first
            return ()
        folders.append(likelihood)
        raise InputError("seen")

    monkeypatch.setattr("bsnunu_jax.cards.stated.load_measurements", remember)

    def seen(card):
        with pytest.raises(InputError, match="seen"):
            _ = card.problem
        return folders.pop()

    assert seen(Card(named)) == seen(Card(plain, likelihood=Path(NAME))) == user_folder(NAME)
    (tmp_path / "cwd" / NAME).mkdir()
    assert seen(Card(named)) == user_folder(NAME)
    assert seen(Card(plain, likelihood=Path(NAME))) == tmp_path / "cwd" / NAME
    (tmp_path / NAME).mkdir()
    assert seen(Card(named)) == tmp_path / NAME


def test_the_line_of_the_readme(server, capsys):
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^bsnunu (data get .*?)\s+#", readme, re.MULTILINE)
    server.put_record(FILES)
    assert run(capsys, *shlex.split(line))[0] == 0
    assert contents(user_folder(NAME)) == FILES


def test_the_published_files(likelihood_dir, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert run(capsys, "data", "get", NAME, "--from", likelihood_dir)[0] == 0
    code, out, _ = run(capsys, "data", "check", NAME)
    assert code == 0
    assert out.splitlines()[-1] == "30 bins; densities of 18 signal bins in 100 bins of q2 match"
    card = tmp_path / "card.yaml"
    card.write_text(CARD + f"likelihood: {NAME}\n")
    (measurement,) = Card(card).problem.measurements
    assert len(measurement.observed) == 30
    refused_for_its_bins(monkeypatch, capsys, user_folder(NAME))
