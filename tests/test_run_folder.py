"""A result folder belongs to one run: other data, another run, a poor posterior are named."""

import numpy as np
import pytest

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.sampling.nuts import Chains
from bsnunu_jax.runs.fit import claimed, convergence_warnings

CARD = """\
title: own data
model: neutrinos
inputs: {nuisances: []}
parameters: {CR_tautau: {prior: {uniform: [-30, 5]}}}
data: [mine.yaml]
"""
DATA = """\
measurements:
- {id: mine, title: mine, observable: R_K_nunu, value: 4.0, errors: [[1.0, -1.0]]}
"""


@pytest.fixture
def card(tmp_path):
    (tmp_path / "card.yaml").write_text(CARD)
    (tmp_path / "mine.yaml").write_text(DATA)
    return Card(tmp_path / "card.yaml")


def test_changed_data_are_refused_on_resume(card, tmp_path):
    with claimed(tmp_path / "out", card, False, print):
        pass
    with claimed(tmp_path / "out", card, True, print):
        pass
    (tmp_path / "mine.yaml").write_text(DATA.replace("4.0", "5.0"))
    with pytest.raises(InputError, match=r"data have changed.*mine\.yaml"):
        claimed(tmp_path / "out", card, True, print).__enter__()


def test_two_runs_in_one_folder_are_refused(card, tmp_path):
    with (
        claimed(tmp_path / "out", card, False, print),
        pytest.raises(InputError, match="another run is writing there"),
    ):
        claimed(tmp_path / "out", card, True, print).__enter__()


def test_a_poor_posterior_is_named(card):
    rng = np.random.default_rng(1)
    good = 0.1 * rng.normal(size=(4, 1000, 1))
    flags = np.zeros((4, 1000), dtype=bool)

    def warnings(theta, diverging):
        return convergence_warnings(card.problem, Chains(theta, flags, diverging, flags, flags))

    assert warnings(good, flags) == []
    apart = warnings(good + np.arange(4)[:, None, None], flags)
    assert "CR_tautau has not converged, R-hat" in apart[0]
    assert (
        "1 divergent transitions"
        in warnings(good, flags | (np.arange(4000) == 7).reshape(4, -1))[-1]
    )
