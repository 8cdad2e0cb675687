"""The values of flavio and EOS in the table of `predict --sm` are those that they have today."""

import pytest

from bsnunu_jax.foundation.packaged import packaged

table = pytest.importorskip("standard_model", reason="needs flavio and EOS: '.[test,peers]'")

pytestmark = pytest.mark.peers


def test_file_is_what_the_programs_say() -> None:
    stated = packaged("runs", "standard_model_programs.yaml")["programs"]
    found = table.programs()
    assert stated.keys() == found.keys()
    for program, values in found.items():
        assert stated[program] == pytest.approx(values, rel=1.5e-5, abs=0)
