"""A run that goes on under other versions says so, also with --quiet, and keeps both."""

import json

from folder_cases import COMMANDS, run, write_cards


def test_other_versions_are_said_and_kept(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(write_cards(tmp_path))
    command = [*COMMANDS["scan"], "--out", "out"]
    assert run(capsys, *command) == (0, "")
    first = json.loads((tmp_path / "out" / "manifest.json").read_text())
    (tmp_path / "out" / "points" / "000000003.nc").unlink()
    kept = (tmp_path / "out" / "points" / "000000002.nc").read_bytes()

    with monkeypatch.context() as patch:
        from importlib import metadata

        version = metadata.version
        patch.setattr(metadata, "version", lambda name: "9.9" if name == "jax" else version(name))
        code, error = run(capsys, *command, "--resume")
    assert code == 0
    assert error.count("\n") == 1
    assert "WARNING" in error
    assert f"jax {version('jax')} -> 9.9" in error
    second = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert second["versions"]["jax"] == "9.9"
    assert second["versions_at_start"] == first["versions_at_start"] == first["versions"]
    assert [v["jax"] for v in second["versions_of_resumes"]] == ["9.9"]
    assert (tmp_path / "out" / "points" / "000000002.nc").read_bytes() == kept

    # Once more, as it began: what happened between stays known.
    assert run(capsys, *command, "--resume") == (0, "")
    third = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert third["versions"] == first["versions"]
    assert third["versions_of_resumes"] == second["versions_of_resumes"]
