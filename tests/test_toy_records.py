"""The toy records of the package: made by a command, and everything from YAML alone."""

import json

import pytest
from hepdata_server import failure, run
from toy_record import STRENGTH

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.cli import main
from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.experiments.records.toys import TOYS

CARD = STRENGTH + "sampler: {chains: 2, warmup: 50, draws: 50, block: 50}\n"
COMPARISON = """\
title: one flavour beside a strength
inputs: {nuisances: []}
data: [toy/]
variants:
- model: neutrinos
  parameters: {CR_tautau: {prior: {uniform: [-20, 20]}}}
- model: signal-strength
  parameters: {mu: {prior: {uniform: [0, 20]}}}
best_fit: {starts: 2}
"""


@pytest.fixture(scope="module", params=TOYS)
def toy(tmp_path_factory, request):
    """A folder with a toy and cards."""
    return made(tmp_path_factory, request.param)


@pytest.fixture(scope="module")
def xs(tmp_path_factory):
    """That of X_s; the other one goes through these commands in test_records.py."""
    return made(tmp_path_factory, "xs")


def made(factory, name):
    folder = factory.mktemp(name)
    (folder / "card.yaml").write_text(CARD)
    (folder / "compare.yaml").write_text(COMPARISON)
    with pytest.raises(SystemExit) as exit_:
        main(["data", "toy", name, str(folder / "toy")])
    assert exit_.value.code in (None, 0)
    return folder


def found(capsys, *arguments):
    code, out, _ = run(capsys, *arguments, "--json", "--quiet")
    assert code == 0
    return json.loads(out)


def test_the_record_fits_to_itself(toy, capsys):
    code, out, _ = run(capsys, "data", "check", toy / "toy")
    assert code == 0
    deviation = float(out.split("largest relative deviation ")[1].split()[0])
    assert deviation < 1e-14
    line = failure(capsys, "data", "toy", "xs", toy / "toy", code=2)
    assert "has a record already" in line


def test_unknown_toys_are_refused(tmp_path, capsys):
    line = failure(capsys, "data", "toy", "phi", tmp_path / "toy", code=2)
    assert "unknown toy 'phi'; one of kstar, xs" in line


def test_projection(xs, tmp_path, capsys):
    """Four times the data halve the expected limit at most."""
    card = xs / "card.yaml"
    arguments = ("--luminosity", "1,4", "--out", tmp_path)
    points = found(capsys, "project", card, *arguments)["points"]
    one, four = (row["expected_limit"][2] for row in points[0]["luminosities"])
    assert one / 2 < four < 0.95 * one


def test_profile_and_fit_agree(xs, tmp_path, capsys):
    card = xs / "card.yaml"
    profile = found(capsys, "profile", card, "--over", "mu=0:6:7", "--out", tmp_path / "a")
    best = profile["best_fit"]["mu"]
    assert 0 < best < 6
    assert run(capsys, "fit", card, "--out", tmp_path / "b", "--quiet")[0] == 0
    summary = (tmp_path / "b" / "summary.csv").read_text()
    assert "mu" in summary
    problem = Card(card).problem
    assert float(problem.objective(problem.theta([best]))) >= profile["minus_2_log_likelihood"]


def test_comparison(xs, tmp_path, capsys):
    result = found(capsys, "compare", xs / "compare.yaml", "--out", tmp_path)
    assert len(result["variants"]) == 2


def test_three_regions_of_Xs(xs):
    (m,) = load_measurements(["toy/"], folder=xs)
    assert m.modes == ("B+->K+", "B0->K0", "B+->K*+", "B0->K*0", "B+->Xs", "B0->Xs")
    assert len({channel for channel, _ in m.model.entries}) == 3
