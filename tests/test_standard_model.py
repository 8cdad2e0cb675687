"""`bsnunu predict --sm`: every decay once, with its spread, beside what was read of it."""

import json

import numpy as np
import pytest

from bsnunu_jax.cli import main
from bsnunu_jax.foundation.packaged import packaged
from bsnunu_jax.hadrons.transitions import AVERAGES, MODES, QUARKS
from bsnunu_jax.observables.catalogue import POLARISED
from bsnunu_jax.runs.predict import predict
from bsnunu_jax.runs.standard_model import standard_model


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(["predict", "--sm", *arguments])
    out, err = capsys.readouterr()
    return int(done.value.code or 0), out, err


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--errors", "40", "--json")
    assert code == 0
    result = json.loads(out)
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


def test_published_values_are_near(capsys: pytest.CaptureFixture[str]) -> None:
    """Within 2 sigma of both where it has one, within 13 % of another program."""
    published = packaged("runs", "standard_model.yaml")["published"]
    _, out, _ = run(capsys, "--errors", "40", "--json")
    found = json.loads(out)["observables"]
    assert set(published) <= set(found)
    for name, known in published.items():
        entry = found[name]
        assert entry["published"] == known
        assert known["source"]
        if known["uncertainty"] is None:
            assert entry["value"] == pytest.approx(known["value"], rel=0.13, abs=0)
        else:
            sigma = np.hypot(known["uncertainty"], entry["std"])
            assert abs(entry["value"] - known["value"]) < 2 * sigma


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--errors", "2", "--preset", "flavio")
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines() if line.startswith("BR(")}
    assert "4.43e-06 +- 3.1e-07" in lines["BR(B+->K+inv)"]
    assert lines["BR(Bs->etainv)"].endswith("  -")
    # Of flavio's own inputs its numbers.
    assert lines["BR(B0->rho0inv)"].split()[1] == "1.88e-07"


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
    code, out, err = run(capsys, *arguments)
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
