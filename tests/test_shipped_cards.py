"""Every card in fits/ states a problem that can be fitted."""

import os
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bsnunu_jax.cards.run_card import Card, shipped_cards
from bsnunu_jax.scan.card import ScanCard
from bsnunu_jax.scan.plan import make_plan

FITS = Path(__file__).parents[1] / "fits"
# Compared, not fitted: see test_compare.py and test_mediators.py.
COMPARED = {"dark_sector", "mediators", "mediators_paper"}
SCANS = {"scan_cr", "scan_dm"}
CARDS = [Path(name) for name in shipped_cards(FITS) if Path(name).stem not in COMPARED | SCANS]
# Those that take Belle II's spectrum, not its branching fraction.
OF_BELLE2 = [path for path in CARDS if "- belle2_knunu_2023\n" in path.read_text()]


def test_there_are_cards():
    assert {p.stem for p in CARDS} == {
        "alp",
        "belle2_cr",
        "belle2_cr_full",
        "belle2_mu",
        "belle2_resonance",
        "belle2_wet",
        "dm_fermion_V2",
        "dm_scalar_P",
        "dm_scalar_V",
        "dm_vector_V3",
        "hadrons",
        "leptoquark_S2tilde",
        "leptoquark_V2",
        "light_zprime",
        "mediated_dm",
        "mfv_kaons",
        "sterile_NN",
        "vlq_dm",
        "zprime",
    }
    titles = shipped_cards(FITS).values()
    assert len(set(titles)) == len(CARDS) + len(COMPARED) + len(SCANS)


@pytest.mark.parametrize("name", sorted(SCANS))
def test_scan_card(name: str):
    card = ScanCard(FITS / f"{name}.yaml")
    plan = make_plan(card.study, card.design)
    found = jax.jit(plan.columns)(plan.known, jnp.arange(64, dtype=jnp.uint64))
    assert all(np.isfinite(column).all() for column in found.values())


# Limits on X_s share the hadronic tag with the likelihood.
WITH_LIKELIHOOD = [path for path in OF_BELLE2 if path.stem != "hadrons"]


@pytest.mark.parametrize("path", CARDS, ids=lambda p: p.stem)
def test_card(path: Path, tmp_path: Path):
    """Density and gradient are finite at a random point; the resolved card reads back.

    The published likelihood, where it is there, stands beside the compact one: the rates, which
    take most of the time, are compiled once for both.
    """
    card = Card(path)
    problem = card.problem
    assert {m.name for m in problem.measurements} == set(card.content.data)
    if path in WITH_LIKELIHOOD and (folder := os.environ.get("BSNUNU_BELLE2_KNUNU")):
        published, *_ = Card(path, likelihood=Path(folder)).measurements
        assert "published likelihood" in published.title
        both = replace(published, name="published"), *problem.measurements
        problem = replace(problem, measurements=both)
    point = 0.3 * np.random.default_rng(5).standard_normal(problem.size)
    value, gradient = jax.jit(jax.value_and_grad(problem.potential))(jnp.asarray(point))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient[: len(problem.parameters)]).min() > 0
    again = tmp_path / "again.yaml"
    again.write_text(card.resolved, encoding="utf-8")
    assert Card(again).resolved == card.resolved
