"""Commands in this process, which start in no time: exit code, stdout and stderr."""

import pytest

from bsnunu_jax.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """What `bsnunu ARGUMENTS` ends with and prints; `capsys` is the fixture."""
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err
