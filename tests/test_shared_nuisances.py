"""Nuisances that records have in common: one standard normal for both, wrong names refused."""

import jax
import numpy as np
import pytest
from toy_record import CARD, toy_record

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.experiments import Predictions, load_measurements
from bsnunu_jax.experiments.likelihood import blocks, log_likelihoods
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.states import Neutrinos

OTHER = {"id": "other", "title": "Other", "samples": ["other 1/ab"]}
SHARE = {"lumi": {"other": "lumi"}, "norm_0": {"other": "shape_3", "correlation": -0.6}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("sharing")
    toy_record(made / "toy", share=SHARE)
    toy_record(made / "alone")
    toy_record(made / "other", **OTHER)
    return made


def pulls(m, block) -> dict[str, float]:
    """Every nuisance in units of its constraint."""
    found = m.coordinates
    vector = found.start + found.matrix @ block
    at = {s.name: s for s in found.density.parameters.sets if s.constraint == "normal"}
    slices = found.density.parameters.slices
    return {n: (vector[slices[n]] - s.auxdata) / s.scale for n, s in at.items() if s.scalar}


@pytest.mark.parametrize("order", [("toy/", "other/"), ("other/", "toy/")])
def test_a_shared_nuisance_is_one_standard_normal(folder, inputs, rng, order):
    """The likelihood of both is that of each alone with pulls that are equal, or correlated."""
    shared = load_measurements(order, folder=folder)
    by_name = {m.name: m for m in shared}
    (alone,) = load_measurements(["alone/"], folder=folder)
    sizes = {name: len(m.nuisance_names) for name, m in by_name.items()}
    assert sizes == {"toy_kstar": 29, "other": 30}
    z = rng.normal(size=59)
    of = dict(zip(by_name, blocks(shared, z), strict=True))
    own = of["toy_kstar"][:29]
    mine, theirs = (pulls(by_name[n], of[n]) for n in ("toy_kstar", "other"))
    assert mine["lumi"] == pytest.approx(theirs["lumi"], rel=1e-12)
    left = mine["norm_0"] + 0.6 * theirs["shape_3"]
    assert np.abs(own / (left / 0.8) - 1).min() < 1e-12
    predictions = Predictions((Neutrinos(),), inputs)
    found = log_likelihoods(shared, predictions, z)["toy_kstar"]
    c, a = by_name["toy_kstar"].coordinates, alone.coordinates
    vector = c.start + c.matrix @ of["toy_kstar"]
    same, *_ = np.linalg.lstsq(a.matrix, vector - a.start)
    assert float(found) == pytest.approx(float(alone.log_likelihood(predictions, same)), rel=1e-12)


def test_pulls_have_the_stated_covariance(folder):
    """Exactly: coordinates are independent, pulls are linear in them."""
    shared = load_measurements(["toy/", "other/"], folder=folder)
    rows = []
    for z in np.eye(59):
        mine, theirs = (pulls(m, b) for m, b in zip(shared, blocks(shared, z), strict=True))
        rows.append([*(mine[n] for n in mine), *(theirs[n] for n in theirs)])
    rows = np.squeeze(np.array(rows))
    covariance = rows.T @ rows
    names = [(m.name, n) for m in shared for n in pulls(m, np.zeros(31 if m.lenders else 30))]
    expected = np.eye(60)
    for a, b, rho in (("lumi", "lumi", 1.0), ("norm_0", "shape_3", -0.6)):
        i, j = names.index(("toy_kstar", a)), names.index(("other", b))
        expected[i, j] = expected[j, i] = rho
    np.testing.assert_allclose(covariance, expected, atol=1e-12)


def test_without_the_other_it_is_its_own(folder, tmp_path):
    toy_record(tmp_path / "toy", share={"lumi": {"belle2_knunu_2023": "corr_lumi_c1"}})
    (m,) = load_measurements(["toy/"], folder=tmp_path)
    assert len(m.nuisance_names) == 30
    assert m.lenders == ()


def test_a_compact_form_lends_what_it_has(tmp_path):
    toy_record(tmp_path / "toy", share={"norm_1": {"belle2_knunu_2023": "mu_bkg_mixed"}})
    found = load_measurements(["belle2_knunu_2023", "toy/"], folder=tmp_path)
    z = np.random.default_rng(3).normal(size=26 + 29)
    belle2, toy = blocks(found, z)
    alpha = dict(zip(found[0].model.alphas, found[0].rotation @ belle2, strict=True))
    assert pulls(found[1], toy)["norm_1"] == pytest.approx(alpha["mu_bkg_mixed"], rel=1e-12)
    toy_record(tmp_path / "toy", share={"lumi": {"belle2_knunu_2023": "corr_lumi_c1"}})
    with pytest.raises(InputError, match=r"no nuisance 'corr_lumi_c1' .*; its published files"):
        load_measurements(["belle2_knunu_2023", "toy/"], folder=tmp_path)


def test_a_card_of_both(folder):
    path = folder / "card.yaml"
    path.write_text(CARD.replace("[toy/]", "[toy/, other/]"))
    problem = Card(path).problem
    assert len(problem.names) == len(set(problem.names)) == 1 + problem.nuisances.size + 59
    gradient = jax.jit(jax.grad(problem.objective))(problem.theta([3.0]))
    assert np.isfinite(np.asarray(gradient)).all()
    assert (np.asarray(gradient)[-59:] != 0).all()
    data = problem.expected_data(np.array([3.0]), np.zeros(problem.nuisances.size + 59))
    assert [d.shape for d in data] == [(12,), (12,)]


@pytest.mark.parametrize(
    ("share", "line"),
    [
        (
            {"lumin": {"other": "lumi"}},
            r"\(share.lumin\): no nuisance 'lumin' .* one of shape_0, .* lumi, ",
        ),
        ({"mc_CR": {"other": "lumi"}}, r"\(share.mc_CR\): no nuisance 'mc_CR'"),
        ({"lumi": {"other": "lumin"}}, r"\(share.lumi\): 'other' has no nuisance 'lumin'"),
        ({"lumi": {"othr": "lumi"}}, r"\(share.lumi\): no record 'othr' is known; one of belle2_"),
        ({"lumi": {"toy_kstar": "lumi"}}, r"\(share.lumi\): 'toy_kstar' is the record itself"),
        ({"lumi": {"other": "lumi", "x": "lumi"}}, r"\(share.lumi\): expected one record"),
        ({"lumi": {"correlation": 1}}, r"\(share.lumi\): expected one record"),
        ({"lumi": {"other": "lumi", "correlation": 1.5}}, r"\(share.lumi\): correlation is 1.5"),
        ({"lumi": {"other": "lumi", "correlation": 0}}, r"\(share.lumi\): correlation is 0"),
        ({"lumi": {"mine": "x"}}, r"\(share.lumi\): 'mine' is no record"),
    ],
)
def test_wrong_names_are_refused(folder, tmp_path, share, line):
    toy_record(tmp_path / "toy", share=share)
    (tmp_path / "mine.yaml").write_text(
        "measurements: [{id: mine, title: x, observable: BR(B0->K*0inv), value: 1.0e-5,"
        " errors: [[1.0e-6, -1.0e-6]]}]"
    )
    data = [f"{tmp_path}/toy/", f"{folder}/other/", f"{tmp_path}/mine.yaml"]
    with pytest.raises(InputError, match=line):
        load_measurements(data)


def test_circles_are_refused(tmp_path):
    toy_record(tmp_path / "toy", share={"lumi": {"other": "lumi"}})
    toy_record(tmp_path / "other", **OTHER, share={"norm_0": {"toy_kstar": "norm_0"}})
    with pytest.raises(InputError, match=r"shares nuisances with .* too; let one of them say so"):
        load_measurements(["toy/", "other/"], folder=tmp_path)
