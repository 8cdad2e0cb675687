"""`bsnunu data density` in this process."""

import json

import commands


def run(capsys, *arguments) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `bsnunu data density`."""
    return commands.run(capsys, "data", "density", *arguments)


def shown(capsys, *arguments) -> dict:
    """What it prints with `--json`."""
    code, out, err = run(capsys, *arguments, "--json")
    assert (code, err) == (0, "")
    return json.loads(out)
