"""Damaged files of a result folder: one line with the file and what helps, at any damage."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from folder_cases import refused, run, write_cards

from bsnunu_jax.cli import main
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.seals import load_block, save_block
from bsnunu_jax.scan import open_scan

DAMAGE = {
    "truncated": lambda raw: raw[: len(raw) // 2],
    "without its end": lambda raw: raw[:-2],
    "empty": lambda raw: b"",
    "binary": lambda raw: b"\x80\xff\x00" * 40,
    "a list": lambda raw: b"[1, 2]",
    "null": lambda raw: b"null",
    "an empty object": lambda raw: b"{}",
    "deep": lambda raw: b"[" * 100_000,
    "another number": lambda raw: raw.replace(b"2", b"3"),
}


def flipped(raw: bytes, place: float, bit: int) -> bytes:
    """One bit the other way, at this fraction of the file."""
    at = int(place * (len(raw) - 1))
    return raw[:at] + bytes([raw[at] ^ 1 << bit]) + raw[at + 1 :]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished fit, comparison, limit with toys and scan."""
    folder = write_cards(tmp_path_factory.mktemp("finished"))
    cards = {k: str(folder / f"{k}.yaml") for k in ("fit", "compare", "scan")}
    for command in (
        ["fit", cards["fit"]],
        ["compare", cards["compare"]],
        ["scan", cards["scan"]],
        ["limit", cards["fit"], "--toys", "60"],
    ):
        with pytest.raises(SystemExit) as caught:
            main([*command, "--out", str(folder / command[0]), "--quiet"])
        assert not caught.value.code
    return folder


@pytest.fixture
def copy(finished, tmp_path):
    """A copy of the folder of a command, and how to go on with it."""

    def made(command: str) -> tuple[Path, list[str]]:
        out = tmp_path / command
        shutil.copytree(finished / command, out)
        card = {"limit": "fit"}.get(command, command)
        options = ["--toys", "60"] if command == "limit" else []
        return out, [
            command,
            str(finished / f"{card}.yaml"),
            "--out",
            str(out),
            "--resume",
            *options,
        ]

    return made


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize(
    ("command", "name"),
    [("scan", "origin.json"), ("scan", "card.yaml"), ("compare", "variants/neutrinos.json")],
)
def test_damaged_json_is_named(copy, capsys, command, name, damage):
    out, again = copy(command)
    path = out / name
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    of_another = name == "card.yaml" and damage != "binary"
    refused(capsys, 2, "of another card" if of_another else f"{path}: is damaged", *again)


@pytest.mark.parametrize("damage", ["truncated", "an empty object", "another number"])
def test_a_damaged_best_fit_is_named(copy, capsys, damage):
    out, again = copy("fit")
    path = out / "best_fit.json"
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    refused(capsys, 2, f"{path}: is damaged; delete it", *again)


def test_a_flipped_bit_of_a_chunk_is_named(copy, capsys, rng):
    out, again = copy("scan")
    path = out / "points" / "000000002.nc"
    raw = path.read_bytes()
    for place, bit in zip(rng.uniform(size=8), rng.integers(8, size=8).tolist(), strict=True):
        path.write_bytes(flipped(raw, place, bit))
        refused(capsys, 2, f"{path}: is damaged; delete it", *again)
    path.unlink()
    assert run(capsys, *again) == (0, "")
    assert path.read_bytes() == raw


@pytest.mark.parametrize(
    ("command", "name"), [("limit", "toys/null_00001.npz"), ("fit", "blocks/block_0002.npz")]
)
def test_a_flipped_bit_of_a_block_is_named(copy, capsys, command, name):
    """In the middle of a number, which the reader does not notice, or of the directory."""
    out, again = copy(command)
    path = out / name
    raw = path.read_bytes()
    path.write_bytes(flipped(raw, 0.9, 3))
    refused(capsys, 2, f"{path}: is damaged; delete it", *again)


def test_every_bit_of_a_block_counts(tmp_path):
    path = tmp_path / "block.npz"
    arrays = {"theta": np.linspace(0, 1, 7), "steps": np.arange(3)}
    save_block(path, arrays)
    raw = path.read_bytes()
    with np.load(path) as file:  # an NPZ file for everybody else
        np.testing.assert_array_equal(file["theta"], arrays["theta"])
    for at in range(len(raw)):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 1 << at % 8]) + raw[at + 1 :])
        with pytest.raises(InputError, match=r"block\.npz: is damaged"):
            load_block(path)


@pytest.mark.parametrize(
    "name", ["notes.nc", "000000001 (copy).nc", "1.nc", "000000099.nc", "readme.txt"]
)
def test_a_stray_file_among_the_points_is_named(copy, capsys, name):
    out, again = copy("scan")
    (out / "points" / name).write_bytes(b"")
    refused(capsys, 2, f"{out / 'points' / name}: is no chunk of this scan; move it", *again)


def test_what_kills_and_file_systems_leave_is_no_stray(copy, capsys):
    out, again = copy("scan")
    for name in ("000000003.partial.nc", ".nfs0001", ".DS_Store"):
        (out / "points" / name).write_bytes(b"half")
    assert run(capsys, *again) == (0, "")


def test_a_folder_in_place_of_a_file_is_named(copy, capsys):
    out, again = copy("scan")
    path = out / "points" / "000000003.nc"
    path.unlink()
    path.mkdir()
    refused(capsys, 2, f"{path}: cannot be read (Is a directory)", *again)


@pytest.mark.parametrize("damage", ["truncated", "empty", "binary", "flipped", "without its end"])
def test_a_damaged_posterior_is_named(copy, finished, capsys, tmp_path, damage):
    out, _ = copy("fit")
    path = out / "posterior.nc"
    raw = path.read_bytes()
    path.write_bytes(flipped(raw, 0.5, 2) if damage == "flipped" else DAMAGE[damage](raw))
    command = ["limit", finished / "fit.yaml", "--out", tmp_path / "out", "--posterior", out]
    refused(capsys, 2, f"{path}: is damaged; give --posterior the result folder of a", *command)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("damage", ["binary", "a list", "empty", "null"])
def test_a_damaged_card_of_a_posterior_is_named(copy, finished, capsys, tmp_path, damage):
    out, _ = copy("fit")
    path = out / "card.yaml"
    path.write_bytes(DAMAGE[damage](b""))
    command = ["limit", finished / "fit.yaml", "--out", tmp_path / "out", "--posterior", out]
    refused(capsys, 2, f"{path}: is damaged; give --posterior", *command)


def test_a_posterior_with_other_data_is_refused(copy, finished, capsys, tmp_path):
    """The data file of the card has changed since the fit."""
    out, _ = copy("fit")
    (tmp_path / "fit.yaml").write_text((finished / "fit.yaml").read_text())
    data = (finished / "mine.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(data.replace("1.8", "2.9"))
    command = ["limit", tmp_path / "fit.yaml", "--out", tmp_path / "out", "--posterior", out]
    refused(capsys, 2, "data have changed since the fit there (mine.yaml)", *command)


def test_a_missing_or_foreign_chunk_is_not_read_as_zeros(copy, finished):
    """HDF5 gives zeros where the file behind a virtual dataset is not there."""
    out, _ = copy("scan")
    path = out / "points" / "000000001.nc"
    raw = path.read_bytes()
    path.unlink()
    with pytest.raises(InputError, match=r"000000001\.nc: is missing"):
        open_scan(out)
    path.write_bytes(raw[: len(raw) // 2])
    with pytest.raises(InputError, match=r"000000001\.nc: is missing, damaged"):
        open_scan(out)
    path.write_bytes(flipped(raw, 0.5, 1))
    with pytest.raises(InputError, match=r"000000001\.nc: is damaged"):
        open_scan(out, verify=True)
    index = out / "scan.nc"
    index.write_bytes(flipped(index.read_bytes(), 0.5, 1))
    with pytest.raises(InputError, match=r"scan\.nc: is damaged"):
        open_scan(out)
