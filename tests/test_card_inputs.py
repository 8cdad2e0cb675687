"""Inputs that vary in a card: by default those that its data and predictions read."""

import jax
import numpy as np
import pytest
import yaml

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.inputs.nuisances import DEFAULT_GROUPS, Nuisances
from bsnunu_jax.observables.catalogue import get_observable
from bsnunu_jax.runs.predict import predict
from bsnunu_jax.states import Neutrinos

_CARD = """\
title: two modes
model: neutrinos
parameters: {{CR_tautau: {{prior: {{uniform: [-30, 30]}}}}}}
data: [{data}]
predictions: [{predictions}]
{inputs}
"""


def card(tmp_path, data="belle2_2023_br", predictions="", inputs=""):
    path = tmp_path / "card.yaml"
    path.write_text(_CARD.format(data=data, predictions=predictions, inputs=inputs))
    return Card(path)


@pytest.mark.parametrize(
    ("data", "predictions", "more"),
    [
        ("belle2_2023_br", "", set()),
        ("belle2_2023_br", "F_L(B0->K*0inv)", set()),
        ("belle2_2023_br", "BR(Bs->etainv)", {"Bs", "Bs->eta"}),
        ("belle2_2023_br", "BR(B+->pi+inv), BR(KL->pi0inv)", {"b->d", "B->pi", "s->d", "K->pi"}),
        ("aleph_Bs_inv", "", {"Bs"}),
        (
            "belle2_2023_br",
            "R_D, DeltaMs, BR(Bs->phitau+tau-)",
            {"charged", "mixing", "Bs", "Bs->phi"},
        ),
        ("belle2_2023_br", "'BR(B0->Xsinv)[0.6,1.0]'", {"B->Xs", "Kpi"}),
    ],
)
def test_groups_follow_what_a_card_reads(data, predictions, more, tmp_path):
    found = card(tmp_path, data, predictions)
    assert set(found.groups) == {*DEFAULT_GROUPS, *more}
    assert yaml.safe_load(found.resolved)["inputs"]["nuisances"] == list(found.groups)
    assert set(found.nuisances.names) == set(found.problem.nuisances.names)


def test_groups_that_a_card_names_are_those(tmp_path):
    found = card(tmp_path, predictions="BR(Bs->etainv)", inputs="inputs: {nuisances: [B->K]}")
    assert found.groups == ("B->K",)
    assert card(tmp_path, inputs="inputs: {nuisances: []}").nuisances.size == 0


def test_a_prediction_has_the_spread_that_predict_gives(tmp_path):
    """About 30 % of BR(Bs->eta), 4 % without its form factors."""
    name = "BR(Bs->etainv)"
    nuisances = card(tmp_path, predictions=name).nuisances
    spread = relative(name, nuisances)
    alone = predict([name], errors=400)["observables"][name]
    assert spread == pytest.approx(alone["std"] / alone["value"], rel=0.15)
    assert relative(name, Nuisances(nuisances.inputs)) < spread / 4


def relative(name, nuisances):
    z = nuisances.draw(jax.random.key(5), 400)
    function = get_observable(name).function
    values = jax.jit(jax.vmap(lambda z: function(Neutrinos(), nuisances.shift(z))))(z)
    return np.std(values) / np.mean(values)
