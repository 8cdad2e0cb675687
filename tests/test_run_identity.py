"""What a run takes up again is its own: leftovers, files of other runs and lost folders are named.

Every case ends with one line and its exit code, and leaves no number of one run beside the card of
another.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from folder_cases import COMMANDS, refused, run, write_cards

from bsnunu_jax.scan.store import Store

# What each command takes up again, and what only lies beside it.
LEFT = {
    "fit": [
        "best_fit.json",
        "blocks/block_0000.npz",
        "blocks/grid.npz",
        "posterior.nc",
        "figures/corner.pdf",
        "summary.csv",
    ],
    "limit": ["toys/null_00000.npz", "limits.json"],
    "profile": ["profile.nc", "profile.json"],
    "project": ["toys/point_0/luminosity_0/null_00000.npz", "project.json"],
    "compare": ["variants/signal-strength.json", "compare.json", "compare.csv"],
    "scan": ["points/000000003.nc", "scan.nc", "manifest.json"],
}


@pytest.mark.parametrize(
    ("command", "left"), [(command, name) for command, names in LEFT.items() for name in names]
)
@pytest.mark.parametrize("resume", [False, True])
def test_leftovers_without_a_card_are_named(tmp_path, capsys, monkeypatch, command, left, resume):
    monkeypatch.chdir(write_cards(tmp_path))
    path = tmp_path / "out" / left
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    options = ["--resume"] if resume else []
    message = f"without the card.yaml that says whose ({Path(left).parts[0]})"
    refused(capsys, 2, message, *COMMANDS[command], "--out", "out", *options)
    kept = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*")}
    assert kept == {left}


def test_a_folder_of_other_folders_is_taken(tmp_path, capsys, monkeypatch):
    """`bsnunu limit` leaves results/CARD/limit_NAME, where `bsnunu fit` has results/CARD."""
    monkeypatch.chdir(write_cards(tmp_path))
    for name in ("out/limit_mu/limits.json", "out/notes.txt", "out/blocks/block_0000.partial.npz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    shutil.rmtree(tmp_path / "out" / "blocks")
    (tmp_path / "out" / "points").mkdir()
    assert run(capsys, *COMMANDS["scan"], "--out", "out") == (0, "")


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Finished scans of one card with two seeds."""
    folder = write_cards(tmp_path_factory.mktemp("scans"))
    from bsnunu_jax.scan.card import ScanCard
    from bsnunu_jax.scan.run import run_scan

    for seed in (1, 2):
        run_scan(ScanCard(folder / "scan.yaml", seed=seed), folder / f"seed_{seed}", quiet=True)
    return folder


@pytest.fixture
def again(scans, tmp_path):
    """A copy of the scan with seed 1, and how to go on with it."""
    shutil.copytree(scans / "seed_1", tmp_path / "out")
    return tmp_path / "out", ["scan", scans / "scan.yaml", "--out", tmp_path / "out", "--resume"]


def test_a_chunk_of_another_seed_is_refused(scans, again, capsys):
    out, command = again
    chunk = "points/000000002.nc"
    shutil.copy(scans / "seed_2" / chunk, out / chunk)
    refused(capsys, 2, f"{out / chunk}: is of another run", *command)


def test_all_results_of_another_seed_are_refused(scans, again, capsys):
    """The card of one run with the points of the other."""
    out, command = again
    shutil.rmtree(out / "points")
    shutil.copytree(scans / "seed_2" / "points", out / "points")
    refused(capsys, 2, "is of another run", *command)


def test_the_card_of_another_run_is_refused(scans, again, capsys):
    """card.yaml and results of seed 2, origin.json of seed 1: the points are those of nobody."""
    out, command = again
    shutil.copy(scans / "seed_2" / "card.yaml", out / "card.yaml")
    refused(capsys, 2, "origin.json: is damaged or not that of card.yaml", *command, "--seed", 2)


def test_a_lost_card_is_found_again(again, capsys):
    """Without card.yaml origin.json still tells the same run, for --resume alone."""
    out, command = again
    before = (out / "scan.nc").read_bytes()
    (out / "card.yaml").unlink()
    refused(capsys, 2, "without the card.yaml that says whose", *command[:-1])
    refused(capsys, 2, "without the card.yaml that says whose", *command, "--seed", 2)
    assert not (out / "card.yaml").exists()
    assert run(capsys, *command) == (0, "")
    assert (out / "scan.nc").read_bytes() == before


def test_a_folder_of_the_version_before_is_named(again, capsys):
    """Its files carry no identity: they are not taken up."""
    import json

    out, command = again
    origin = json.loads((out / "origin.json").read_text())
    kept = {k: origin[k] for k in ("data_sha256", "versions", "settings")}
    (out / "origin.json").write_text(json.dumps(kept))
    refused(capsys, 2, "the folder was begun by an older version", *command)


def _recreated(out: Path) -> None:
    shutil.rmtree(out)
    out.mkdir()


def _of_another(out: Path) -> None:
    out.rename(out.with_name("moved"))
    shutil.copytree(out.with_name("moved"), out)


def _edited(out: Path) -> None:
    (out / "card.yaml").write_text((out / "card.yaml").read_text() + "# mine\n")


# What happens to a folder while a run writes to it, and what the run says.
FATES: dict[str, tuple[Callable[[Path], object], str]] = {
    "deleted": (shutil.rmtree, "out: was deleted, moved or replaced"),
    "deleted and made again": (_recreated, "out: was deleted, moved or replaced"),
    "moved": (lambda out: out.rename(out.with_name("moved")), "out: was deleted, moved or"),
    "moved, a copy in its place": (_of_another, "out: was deleted, moved or replaced"),
    "lock deleted": (lambda out: (out / "lock").unlink(), "lock: was deleted or replaced"),
    "card deleted": (lambda out: (out / "card.yaml").unlink(), "card.yaml: was changed"),
    "card edited": (_edited, "card.yaml: was changed"),
    "points deleted": (lambda out: shutil.rmtree(out / "points"), "000000000.nc: was deleted"),
    "a point deleted": (lambda out: (out / "points" / "000000001.nc").unlink(), "was deleted"),
}


@pytest.mark.parametrize("fate", FATES)
def test_a_folder_that_goes_ends_the_run(tmp_path, capsys, monkeypatch, fate):
    out = write_cards(tmp_path) / "out"
    happens, message = FATES[fate]
    write, seen = Store.write, []

    def then(self, chunk, *arguments):
        write(self, chunk, *arguments)
        if chunk == 2:
            happens(out)
            seen.extend(sorted(tmp_path.rglob("*")))

    monkeypatch.setattr(Store, "write", then)
    refused(capsys, 1, message, "scan", tmp_path / "scan.yaml", "--out", out)
    if fate not in ("points deleted", "a point deleted"):
        assert sorted(tmp_path.rglob("*")) == seen  # nothing more, nothing again


def test_a_folder_that_goes_and_comes_back_as_a_link_is_the_same(tmp_path, capsys, monkeypatch):
    out = write_cards(tmp_path) / "out"
    write = Store.write

    def then(self, chunk, *arguments):
        write(self, chunk, *arguments)
        if chunk == 2:
            out.rename(tmp_path / "elsewhere")
            out.symlink_to(tmp_path / "elsewhere")

    monkeypatch.setattr(Store, "write", then)
    assert run(capsys, "scan", tmp_path / "scan.yaml", "--out", out) == (0, "")
    assert (tmp_path / "elsewhere" / "manifest.json").is_file()


# Where each other command is in the middle: attribute of a module, called there.
MIDDLES = {
    "fit": ("bsnunu_jax.inference.sampling.nuts", "save_block"),
    "limit": ("bsnunu_jax.inference.hypotheses.toys", "save_block"),
    "profile": ("bsnunu_jax.runs.profile", "best_fit"),
    "compare": ("bsnunu_jax.runs.compare", "compare_by_fit"),
    "reproduce": ("bsnunu_jax.reproduce.run", "_timed"),
}


@pytest.mark.parametrize("command", MIDDLES)
def test_every_command_ends_when_its_folder_goes(tmp_path, capsys, monkeypatch, command):
    import importlib

    out = write_cards(tmp_path) / "out"
    monkeypatch.chdir(tmp_path)
    module, name = MIDDLES[command]
    room = importlib.import_module(module)
    function = getattr(room, name)

    def then(*arguments, **options):
        found = function(*arguments, **options)
        if out.exists():
            shutil.rmtree(out)
        return found

    def leave(code):
        raise SystemExit(code)

    monkeypatch.setattr("os._exit", leave)
    monkeypatch.setattr(room, name, then)
    refused(capsys, 1, "out: was deleted, moved or replaced", *COMMANDS[command], "--out", "out")
    assert not out.exists()
