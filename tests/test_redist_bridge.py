"""What the bridge to pyhf refuses, and that nobody pays for it who does not ask."""

import subprocess
import sys

import pytest

from bsnunu_jax.exchange.redist import bridge
from bsnunu_jax.foundation.errors import InputError

GOOD = {"cVL": (6.6, (0.0, 20.0))}


def test_import_needs_no_pyhf():
    code = (
        "import sys, bsnunu_jax, bsnunu_jax.exchange.redist;"
        "assert not {'pyhf', 'redist'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "redist", None)
    with pytest.raises(InputError, match=r"needs pyhf and redist .*pip install 'bsnunu_jax\[belle"):
        bridge(tmp_path, "universal", GOOD)


@pytest.mark.parametrize(
    ("model", "couplings", "fixed", "message"),
    [
        ("no_such_model", GOOD, {}, "unknown model"),
        ("universal", {"cXL": (0.0, (0.0, 1.0))}, {}, "unknown parameter 'cXL'"),
        ("universal", GOOD, {"cXL": 1.0}, "unknown parameter 'cXL'"),
        ("universal", GOOD, {"cVL": 1.0}, "'cVL' is both free and fixed"),
        ("universal", {}, {}, "no free coupling"),
        ("universal", {"cVL": (21.0, (0.0, 20.0))}, {}, r"starts at 21, outside of \[0, 20\]"),
    ],
)
def test_refused(model, couplings, fixed, message, tmp_path):
    with pytest.raises(InputError, match=message):
        bridge(tmp_path, model, couplings, fixed=fixed)
