"""`bsnunu data density` in this process."""

import json

import pytest

from bsnunu_jax.cli import main


def run(capsys, *arguments) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `bsnunu data density`."""
    with pytest.raises(SystemExit) as exit_:
        main(["data", "density", *map(str, arguments)])
    captured = capsys.readouterr()
    return exit_.value.code or 0, captured.out, captured.err


def shown(capsys, *arguments) -> dict:
    """What it prints with `--json`."""
    code, out, err = run(capsys, *arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)
