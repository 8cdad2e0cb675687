"""`bsnunu predict --sm`: every decay once, with its spread, beside what was read of it."""

import io
import json
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import pytest
from commands import run

from bsnunu_jax.cli import main
from bsnunu_jax.foundation.packaged import packaged
from bsnunu_jax.hadrons.transitions import AVERAGES, MODES, QUARKS
from bsnunu_jax.observables.catalogue import POLARISED
from bsnunu_jax.runs.predict import predict
from bsnunu_jax.runs.standard_model import standard_model


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    """What the command prints as JSON."""
    out = io.StringIO()
    with redirect_stdout(out), pytest.raises(SystemExit) as caught:
        main(["predict", "--sm", "--errors", "40", "--json"])
    assert not caught.value.code
    printed: dict[str, Any] = json.loads(out.getvalue())
    return printed


def test_table(result: dict[str, Any]) -> None:
    found = result["observables"]
    there = [m for m in MODES.values() if QUARKS[m.quarks].sm and m.name != "Bs->K0"]
    names = {f"BR({name}inv)" for name in (*(m.name for m in there), *AVERAGES)}
    names |= {f"F_L({m.name}inv)" for m in there if m.spin in POLARISED}
    assert set(found) == names
    assert any("Bs->K: left out" in line for line in result["remarks"])
    for entry in found.values():
        assert 0 < entry["std"] < entry["value"]
    one = predict(["BR(B0->K*0inv)"])["observables"]["BR(B0->K*0inv)"]
    assert found["BR(B0->K*0inv)"]["value"] == pytest.approx(one, rel=1e-12)


def test_every_row_is_beside_another_value(result: dict[str, Any]) -> None:
    """Read in a paper, or of another program; within 3 sigma, and beyond 1 there is a reason."""
    of_papers = packaged("runs", "standard_model.yaml")
    programs = packaged("runs", "standard_model_programs.yaml")["programs"]
    found = result["observables"]
    beside = {**of_papers["published"], **of_papers["not_read"]}
    assert set(beside) == set(found) >= {name for of in programs.values() for name in of}
    assert not set(of_papers["published"]) & set(of_papers["not_read"])
    assert set(of_papers["differences"]) <= set(found)
    for name, entry in found.items():
        known = entry["published"]
        assert known == of_papers["published"].get(name)
        assert entry["programs"] == {p: of[name] for p, of in programs.items() if name in of}
        assert (known is None) == bool(entry["not_read"])
        values = [(value, 0.0) for value in entry["programs"].values()]
        if known is not None:
            assert known["source"]
            values.append((known["value"], known["uncertainty"]))
        assert values
        pulls = [abs(entry["value"] - v) / np.hypot(e, entry["std"]) for v, e in values]
        assert max(pulls) < (4 if name == "BR(B->Xsinv)" else 3)
        # The spread of 40 draws is good to 11 %.
        if max(pulls) > 1.2:
            assert entry["difference"], name


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "predict", "--sm", "--errors", "2", "--preset", "flavio")
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines() if line.startswith("BR(")}
    assert "4.43e-06 +- 3.1e-07" in lines["BR(B+->K+inv)"]
    assert lines["BR(Bs->etainv)"].endswith("not read: in the text of arXiv:0907.2160")
    # Of flavio's own inputs its numbers.
    row = lines["BR(B0->rho0inv)"].split()
    assert row[1] == row[5] == "1.88e-07"
    # Its inputs, and no reason for another |VtbVts| where there is none.
    assert "further away" not in out or "|VtbVts|" not in out.partition("further away")[2]


def test_reasons(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "predict", "--sm", "--errors", "2")
    below = out.partition("further away than the uncertainties, because:\n")[2].splitlines()
    reasons = packaged("runs", "standard_model.yaml")["differences"]
    assert sorted(below) == sorted(f"  {name}: {why}" for name, why in reasons.items())


REFUSED = {
    ("BR(B+->K+inv)",): "observables are of no use beside --sm",
    ("--set", "CL_ee=1"): "--set is of no use",
    ("--q2", "1"): "--q2 is of no use",
    ("--model", "scalar-pair"): "--model is of no use",
    ("--tree-tau",): "--tree-tau is of no use",
    ("--preset", "none"): "unknown preset 'none'",
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_refusals(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "predict", "--sm", *arguments)
    assert (code, out) == (2, "")
    assert REFUSED[arguments] in err
    assert err.count("\n") == 1


def test_nothing_to_predict(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["predict"])
    assert done.value.code == 2
    assert "no observable is given" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("preset", "exact"), [("eos", ["VtbVts_abs, VtbVtd_abs, VtsVtd_abs"]), ("default", [])]
)
def test_what_the_uncertainties_lack_is_said(preset, exact):
    """CKM factors without one, and X_s, whose stated value does not follow |VtbVts|."""
    remarks = standard_model(preset=preset, errors=2)["remarks"]
    assert [r for r in remarks if "no uncertainty" in r] == [
        f"preset {preset!r} has no uncertainty of {names}" for names in exact
    ]
    (line,) = (r for r in remarks if "VtbVts|" in r)
    assert line.startswith("B0->Xs, B+->Xs: stated SM values")
