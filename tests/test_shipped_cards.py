"""Every card in fits/ states a problem that can be fitted."""

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bsnunu_jax.cards.run_card import Card, shipped_cards
from bsnunu_jax.inference.problem.problem import Problem
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


def check(card: Card, problem: Problem, tmp_path: Path) -> None:
    """Density and gradient are finite at a random point; the resolved card reads back."""
    point = 0.3 * np.random.default_rng(5).standard_normal(problem.size)
    value, gradient = jax.jit(jax.value_and_grad(problem.potential))(jnp.asarray(point))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient[: len(problem.parameters)]).min() > 0
    assert {m.name for m in card.problem.measurements} == set(card.content.data)
    path = tmp_path / "again.yaml"
    path.write_text(card.resolved, encoding="utf-8")
    assert Card(path).resolved == card.resolved


@pytest.mark.parametrize("path", CARDS, ids=lambda p: p.stem)
def test_card(path: Path, tmp_path: Path):
    card = Card(path)
    check(card, card.problem, tmp_path)


# Limits on X_s share the hadronic tag with the likelihood.
WITH_LIKELIHOOD = [path for path in OF_BELLE2 if path.stem != "hadrons"]


@pytest.mark.parametrize("path", WITH_LIKELIHOOD, ids=lambda p: p.stem)
def test_card_with_the_published_likelihood(path: Path, tmp_path: Path, likelihood_dir: Path):
    card = Card(path, likelihood=likelihood_dir)
    published, *_ = card.problem.measurements
    assert "published likelihood" in published.title
    # The other data are those of the test before.
    check(card, replace(card.problem, measurements=(published,)), tmp_path)
