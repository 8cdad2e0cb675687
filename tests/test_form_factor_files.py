"""Form factors of one's own: read from a file, in cards too, and every flaw is one line."""

import re
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import yaml

from bsnunu_jax import load_inputs
from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.cli import main
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inputs.sets import form_factor_set

CARD = """\
title: form factors of my own
model: signal-strength
inputs: {nuisances: [B->K], form_factors: {B->K: mine.yaml}}
parameters:
  mu: {prior: {uniform: [0, 20]}}
data: [belle2_ita_2023]
"""


def content(transition: str = "B->K", name: str = "grvdv2023") -> dict:
    """The set as a file holds it."""
    s = form_factor_set(transition, name)
    return {
        "transition": transition,
        "parametrisation": s.parametrisation,
        "source": "my own",
        "masses": dict(s.masses),
        "parameters": list(s.parameters),
        "central": s.central.tolist(),
        "covariance": s.covariance.tolist(),
    }


def written(folder: Path, raw: dict) -> str:
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(raw, sort_keys=False))
    return str(path)


@pytest.mark.parametrize(
    ("transition", "name"),
    [
        ("B->K", "grvdv2023"),
        ("B->K", "hpqcd2022"),
        ("B->pi", "lmvd2021_lcsrlattice"),
        ("Lambdab->Lambda", "dm2016_ho"),
    ],
)
def test_a_file_gives_what_the_set_gives(transition: str, name: str, tmp_path: Path) -> None:
    path = written(tmp_path, content(transition, name))
    mine = load_inputs("default", {transition: path}).form_factors[transition]
    known = load_inputs("default", {transition: name}).form_factors[transition]
    assert mine.names == known.names
    np.testing.assert_array_equal(mine.coefficients, known.coefficients)
    q2 = jnp.asarray(6.0)
    assert {k: float(v) for k, v in mine(q2).items()} == {k: float(v) for k, v in known(q2).items()}


def test_a_card_names_a_file_beside_it(tmp_path: Path) -> None:
    written(tmp_path, content())
    card = tmp_path / "card.yaml"
    card.write_text(CARD)
    nuisances = Card(card).nuisances
    assert dict(nuisances.inputs.sets)["B->K"] == str(tmp_path / "mine.yaml")
    assert nuisances.size == 8


def without(raw: dict, name: str) -> dict:
    """The set without one coefficient, whatever else depends on it."""
    at = raw["parameters"].index(name)
    kept = [i for i in range(len(raw["parameters"])) if i != at]
    return raw | {
        "parameters": [raw["parameters"][i] for i in kept],
        "central": [raw["central"][i] for i in kept],
        "covariance": [[raw["covariance"][i][j] for j in kept] for i in kept],
    }


def singular(raw: dict) -> dict:
    covariance = np.array(raw["covariance"])
    covariance[1] = covariance[0]
    covariance[:, 1] = covariance[:, 0]
    return raw | {"covariance": covariance.tolist()}


FLAWS = {
    "a coefficient": (lambda r: without(r, "a2_f0"), r"\(parameters\): a2_f0 is missing"),
    "a mass": (
        lambda r: r | {"masses": {k: v for k, v in r["masses"].items() if k != "m_R_0+"}},
        r"\(masses\): m_R_0\+ is missing",
    ),
    "a negative mass": (
        lambda r: r | {"masses": r["masses"] | {"m_B": -5.0}},
        r"\(masses.m_B\): the mass m_B = -5 is not above 0",
    ),
    "hadrons": (lambda r: r | {"masses": r["masses"] | {"m_B": 0.1}}, "m_B = 0.1 is not above m_M"),
    "a pole": (
        lambda r: r | {"masses": r["masses"] | {"m_R_1-": 2.0}},
        r"\(masses.m_R_1-\): the pole m_R_1- = 2 GeV lies in the phase space",
    ),
    "one too many": (
        lambda r: r | {"parameters": [*r["parameters"][:-1], "a3_fT"]},
        "a2_fT is missing",
    ),
    "a foreign name": (
        lambda r: r | {"parameters": [*r["parameters"], "a3_fT"], "central": [*r["central"], 0.0]},
        "a3_fT is no coefficient of BSZ here",
    ),
    "central values": (lambda r: r | {"central": r["central"][:-1]}, "7 central values for 8"),
    "rows": (lambda r: r | {"covariance": r["covariance"][:-1]}, "no matrix of 8 rows"),
    "symmetry": (
        lambda r: r | {"covariance": (np.array(r["covariance"]) + np.eye(8, k=1)).tolist()},
        "not symmetric",
    ),
    "definite": (singular, r"\(covariance\): the covariance is not positive definite"),
    "variance": (
        lambda r: r | {"covariance": (np.array(r["covariance"]) * -1).tolist()},
        "not positive definite",
    ),
    "transition": (lambda r: r | {"transition": "B->pi"}, "form factors of 'B->pi', not of 'B->K'"),
    "family": (lambda r: r | {"parametrisation": "BGL"}, "unknown parametrisation 'BGL'; one of"),
    "form factor": (lambda r: r | {"form_factors": ["f-"]}, "unknown form factor 'f-'"),
    "key": (lambda r: r | {"covarianec": 1}, "covarianec"),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_flaws_are_one_line(flaw: str, tmp_path: Path) -> None:
    change, message = FLAWS[flaw]
    path = written(tmp_path, change(content()))
    with pytest.raises(InputError, match=message) as caught:
        load_inputs("default", {"B->K": path})
    assert "mine.yaml:" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("flaw", ["a coefficient", "definite", "transition"])
def test_commands_end_with_one_line(
    flaw: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 of a command and of a card that name such a file."""
    change, message = FLAWS[flaw]
    path = written(tmp_path, change(content()))
    card = tmp_path / "card.yaml"
    card.write_text(
        "title: own\nmodel: neutrinos\n"
        f"inputs: {{form_factors: {{'B->K': {Path(path).name}}}}}\n"
        "parameters: {CR_tautau: {prior: {uniform: [-30, 30]}}}\ndata: [belle_2017_K0]\n"
    )
    for arguments in (
        ["predict", "BR(B+->K+inv)", "--form-factors", f"B->K={path}"],
        ["fit", str(card), "--out", str(tmp_path / "out")],
    ):
        with pytest.raises(SystemExit) as done:
            main(arguments)
        out, err = capsys.readouterr()
        assert (done.value.code, out) == (2, "")
        assert err.count("\n") == 1
        assert re.search(message, err)
    assert not (tmp_path / "out").exists()


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_inputs("default", {"B->K": str(tmp_path / "nothing.yaml")})
