"""Exported likelihoods, read by flavio: differences of -2 ln L are ours to 1e-3."""

from pathlib import Path

import numpy as np
import pytest

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.exchange.flavio import of_card, posterior, write_flavio
from bsnunu_jax.inference.hypotheses.profile_likelihood import ProfileLikelihood

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
FITS = Path(__file__).parents[2] / "fits"


@pytest.fixture(scope="module")
def flavio():
    return pytest.importorskip("flavio", reason="needs flavio: pip install '.[test,peers]'")


@pytest.fixture(scope="module")
def card(tmp_path_factory) -> Card:
    """Belle II's signal strength with exact inputs."""
    path = tmp_path_factory.mktemp("card") / "belle2_mu.yaml"
    text = (FITS / "belle2_mu.yaml").read_text().replace("nuisances: [B->K]", "nuisances: []")
    path.write_text(text)
    return Card(path)


def log_probability(flavio, path, name):
    """flavio's ln L of the measurement in a file, a function of values by name."""
    assert flavio.measurements.read_file(str(path)) == [name]

    def found(values):
        return float(sum(flavio.Measurement[name].get_logprobability_all(values).values()))

    return found


@pytest.mark.parametrize("observable", ["BR(B+->Knunu)", "R_K_nunu"])
def test_flavio_has_our_difference_between_sm_and_best_fit(flavio, card, observable, tmp_path):
    likelihood = ProfileLikelihood(card.problem, starts=4)
    best = likelihood.best
    tested = np.array([1.0, 2.5, 8.0])  # times the SM
    ours = likelihood.profile(tested).objective - best.objective[0]
    name = f"Belle II 2023 {observable}"
    write_flavio(tmp_path / "m.yml", of_card(card, [observable]), name=name)
    theirs = log_probability(flavio, tmp_path / "m.yml", name)
    sm = float(card.problem.predictions(card.problem.theta([1.0])).observable(
        "BR(B+->K+inv)" if observable.startswith("BR") else observable
    ))  # fmt: skip
    at_best = theirs({observable: sm * best.value[0]})
    found = [-2 * (theirs({observable: sm * mu}) - at_best) for mu in tested]
    assert ours[0] > 5
    np.testing.assert_allclose(found, ours, atol=1e-3)


def test_flavio_reads_two_observables(flavio, rng, tmp_path):
    x, y = rng.multivariate_normal([1.0, 2.0], [[0.04, 0.01], [0.01, 0.09]], 2000).T
    found = posterior([x, y], ["R_K_nunu", "BR(B0->K*0inv)"])
    write_flavio(tmp_path / "two.yml", found, name="two observables")
    theirs = log_probability(flavio, tmp_path / "two.yml", "two observables")

    def at(i, j):
        values = found.grid[0][i], found.grid[1][j]
        return theirs(dict(zip(("R_K_nunu", "BR(B0->K*nunu)"), values, strict=True)))

    i, j = np.unravel_index(found.minus_2_log.argmin(), found.minus_2_log.shape)
    best = at(i, j)
    for a, b in ((70, 80), (85, 75), (90, 60)):
        assert -2 * (at(a, b) - best) == pytest.approx(found.minus_2_log[a, b], abs=1e-3)
