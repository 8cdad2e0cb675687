"""Measurement files for flavio: profile and posterior of one and two observables, refusals."""

from dataclasses import replace
from pathlib import Path

import forecast_cards
import numpy as np
import pytest
import yaml
from forecast_cards import BOTH

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.cli import main
from bsnunu_jax.exchange.flavio import of_card, of_fit, posterior, profile, write_flavio
from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.files import netcdf

MU = {
    "title": "a likelihood",
    "model": "signal-strength",
    "parameters": {"mu": {"prior": {"uniform": [0, 20]}}},
}


def card_of(folder: Path, data, **changes) -> Path:
    """Of a signal strength, unless it is said otherwise."""
    return forecast_cards.card_of(folder, data, **(MU | changes))


def read(path: Path):
    """Name and entry of the only measurement, and the lines of its head."""
    text = path.read_text()
    ((name, entry),) = yaml.safe_load(text).items()
    return name, entry, [line[2:] for line in text.splitlines() if line.startswith("# ")]


def test_a_quoted_value_is_the_gaussian_that_it_was(tmp_path):
    """Two-sided, with form factors varied: they do not enter the likelihood of what is measured."""
    path = card_of(tmp_path, ["belle2_2023_br"], inputs={"nuisances": ["ckm"]})
    found = of_card(Card(path), ["BR(B+->Knunu)"])
    (m,) = load_measurements(["belle2_2023_br"])
    x = found.grid[0]
    assert found.names == ("BR(B+->Knunu)",)
    side = np.where(x > m.value, m.upper, m.lower)
    near = np.abs(x - m.value) < 4 * side
    expected = ((x - m.value) / side) ** 2
    np.testing.assert_allclose(found.minus_2_log[near], expected[near], atol=2e-3)
    assert x[0] < 0.2e-5
    assert x[-1] > 5e-5


def test_two_observables_have_their_covariance(tmp_path):
    """Correlated values near the SM, couplings that reach all of the ellipse."""
    entry = {
        "id": "mine",
        "title": "mine",
        "observables": ["R_K_nunu", "R_Kstar_nunu"],
        "values": [1.0, 1.05],
        "errors": [0.05, 0.06],
        "correlation": [[1, 0.4], [0.4, 1]],
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"measurements": [entry]}))
    path = card_of(tmp_path, ["mine.yaml"], model="neutrinos", parameters=BOTH)
    found = of_card(Card(path), ["R_K_nunu", "R_Kstar_nunu"])
    covariance = np.array([[0.05**2, 0.4 * 0.003], [0.4 * 0.003, 0.06**2]])
    off = np.stack(np.meshgrid(*found.grid, indexing="ij"), axis=-1) - np.array([1.0, 1.05])
    expected = np.einsum("...i,ij,...j", off, np.linalg.inv(covariance), off)
    near = expected < 16
    np.testing.assert_allclose(found.minus_2_log[near], expected[near], atol=5e-3)
    write_flavio(tmp_path / "two.yml", found, name="two")
    name, entry, head = read(tmp_path / "two.yml")
    assert name == "two"
    assert entry["observables"] == ["R_K_nunu", "R_Kstar_nunu"]
    assert np.shape(entry["values"]["y"]) == tuple(map(len, found.grid))
    assert any("define it there first" in line for line in head)
    assert head[0].startswith("profile likelihood")


def test_draws_of_a_gaussian_give_its_density(rng):
    draws = rng.normal(2.0, 0.3, (4, 5000))
    found = posterior([draws], ["R_K_nunu"])
    x = found.grid[0]
    near = np.abs(x - 2) < 0.6
    np.testing.assert_allclose(found.minus_2_log[near], ((x[near] - 2) / 0.3) ** 2, atol=0.4)
    assert found.about[0].startswith("posterior density, priors")


def test_the_posterior_of_a_folder(rng, tmp_path, capsys):
    xarray = pytest.importorskip("xarray")
    folder = tmp_path / "fit"
    folder.mkdir()
    values = rng.normal(2e-5, 4e-6, (2, 500))
    group = xarray.Dataset({"BR(B+->K+inv)": (("chain", "draw"), values)})
    (folder / "posterior.nc").write_bytes(netcdf({"posterior_predictive": group}))
    path = card_of(tmp_path, ["belle2_2023_br"])
    out = tmp_path / "post.yml"
    arguments = ["export", "flavio", path, "BR(B+->Knunu)", "--posterior", folder, "--out", out]
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    assert not caught.value.code
    assert capsys.readouterr().out == f"{out}\n"
    name, entry, head = read(out)
    assert name == "a likelihood"
    assert "posterior density" in entry["description"]
    assert "data: belle2_2023_br" in head[0]
    x, y = (np.array(entry["values"]["BR(B+->Knunu)"][k]) for k in "xy")
    assert np.average(x, weights=y) == pytest.approx(values.mean(), rel=0.01)
    with pytest.raises(InputError, match="does not predict R_K_nunu"):
        of_fit(folder, ["R_K_nunu"])
    with pytest.raises(InputError, match="no posterior in"):
        of_fit(tmp_path / "nothing", ["R_K_nunu"])


@pytest.mark.parametrize(
    ("observables", "message"),
    [
        (["dBR/dq2(B+->K+inv)"], "is a spectrum"),
        (["R_K_nunu", "R_K_nunu"], "stands twice"),
        (["R_K_nunu", "R_Kstar_nunu", "BR(Bs->inv)"], "3 observables; one or two"),
        (["R_X"], "unknown observable 'R_X'"),
    ],
)
def test_wrong_observables_are_refused(observables, message, tmp_path):
    card = Card(card_of(tmp_path, ["belle2_2023_br"]))
    with pytest.raises(InputError, match=message):
        of_card(card, observables)


def test_what_the_data_do_not_see_has_no_likelihood(tmp_path):
    """The SM times mu has one F_L."""
    card = Card(card_of(tmp_path, ["belle2_2023_br"]))
    with pytest.raises(InputError, match="the data do not bound F_L"):
        profile(card.stated, ["F_L(B0->K*0inv)"], starts=2)


def test_files_end_as_flavio_wants(tmp_path, rng):
    found = posterior([rng.normal(2.0, 0.3, 50)], ["R_K_nunu"])
    with pytest.raises(InputError, match=r"end the name with \.yml"):
        write_flavio(tmp_path / "x.json", found, name="x")
    assert replace(found, about=()).about == ()
