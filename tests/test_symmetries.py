"""Flat directions and mirror images of models whose couplings enter in products."""

import jax.numpy as jnp
import numpy as np
import pytest

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.fits.best_fit import best_fit
from bsnunu_jax.inference.problem.symmetries import described, reflections, scalings

CARD = """\
title: A leptoquark
model: {model}
inputs: {{nuisances: []}}
parameters:
{parameters}
data: [belle2_2023_br, paper_R_Kstar_nunu]
best_fit: {{starts: 8}}
"""
PRIORS = {
    "M": "log_uniform: [1.5, 4]",
    "lam_2tau": "uniform: [-1, 1]",
    "lam_3tau": "uniform: [-1, 1]",
    "CR_tautau": "uniform: [-30, 30]",
    "CR_mutau": "uniform: [-30, 30]",
    "gL": "uniform: [0, 0.01]",
    "gR": "uniform: [-0.01, 0.01]",
    "gN": "uniform: [0, 3]",
    "MZp": "log_uniform: [1, 3]",
}


def problem(tmp_path, model, *names, also=""):
    path = tmp_path / "card.yaml"
    lines = "\n".join(f"  {n}: {{prior: {{{PRIORS[n]}}}}}" for n in names)
    fixed = "fixed: {M: 2}\n" if model in ("S2tilde", "S0") and "M" not in names else ""
    text = CARD.replace("paper_R_Kstar_nunu", f"paper_R_Kstar_nunu{also}")
    path.write_text(text.format(model=model, parameters=lines) + fixed)
    return Card(path).problem


def test_products_have_flat_directions(tmp_path):
    stated = problem(tmp_path, "S2tilde", "M", "lam_2tau", "lam_3tau")
    found = scalings(stated)
    assert len(found) == 2
    # Any two combinations that leave lam_2tau lam_3tau/M^2 alone span the same plane.
    for powers in found:
        assert powers["lam_2tau"] + powers["lam_3tau"] == 2 * powers["M"]
    assert np.linalg.matrix_rank([list(p.values()) for p in found]) == 2
    assert reflections(stated) == [("lam_2tau", "lam_3tau")]
    text = "\n".join(described(stated, found))
    assert text.count("Flat direction") == 2
    assert "lam_2tau and lam_3tau can change sign together" in text


def test_bs_mixing_sees_the_mass_of_a_scalar(tmp_path):
    """Its box goes as (lam_2tau lam_3tau)^2/M^2, and not with what b -> s nu nubar sees."""
    stated = problem(
        tmp_path, "S2tilde", "M", "lam_2tau", "lam_3tau", also=", hflav_2015_r_DeltaMs"
    )
    assert scalings(stated) == [{"M": 0, "lam_2tau": 1, "lam_3tau": -1}]


def test_the_likelihood_is_flat_there(tmp_path):
    stated = problem(tmp_path, "S2tilde", "M", "lam_2tau", "lam_3tau")
    there = stated.objective_at(jnp.array([2.0, -0.3, 0.4]), jnp.zeros(0))
    for moved in ([2.0, -0.6, 0.2], [2.4, -0.3 * 1.44, 0.4], [2.0, 0.3, -0.4]):
        here = stated.objective_at(jnp.array(moved), jnp.zeros(0))
        assert float(here) == pytest.approx(float(there), rel=1e-12)
    assert float(stated.objective_at(jnp.array([2.0, 0.3, 0.4]), jnp.zeros(0))) != pytest.approx(
        float(there), rel=1e-3
    )


def test_what_the_data_read_breaks_the_scaling(tmp_path):
    """S0 moves R_D by |lam_3tau|^2 alone: no flat direction where R_D is measured."""
    stated = problem(tmp_path, "S0", "lam_2tau", "lam_3tau", also=", hflav_2025_RD_RDstar")
    assert scalings(stated) == []
    assert reflections(stated) == [("lam_2tau", "lam_3tau")]
    unread = problem(tmp_path, "S0", "lam_2tau", "lam_3tau")
    assert scalings(unread) == [{"lam_2tau": 1, "lam_3tau": -1}]
    there, here = (
        float(unread.objective_at(jnp.array(x), jnp.zeros(0))) for x in ([0.3, 0.4], [0.6, 0.2])
    )
    assert here == pytest.approx(there, rel=1e-12)


def test_no_symmetry_where_there_is_none(tmp_path):
    stated = problem(tmp_path, "neutrinos", "CR_tautau", "CR_mutau")
    assert described(stated, []) == []


def test_a_flat_line_is_one_minimum(tmp_path):
    stated = problem(tmp_path, "S2tilde", "M", "lam_2tau")
    with pytest.raises(InputError, match="no fitted parameter changes anything"):
        best_fit(stated, starts=4)  # lam_3tau is 0
    stated = problem(tmp_path, "S2tilde", "M", "lam_2tau", "lam_3tau")
    fit = best_fit(stated, starts=16, seed=2)
    # Two signs of the product, each a plane of equal points and its mirror image.
    predictions = {
        round(m.values["lam_2tau"] * m.values["lam_3tau"] / m.values["M"] ** 2, 4)
        for m in fit.minima
    }
    assert len(fit.minima) <= 2 * len(predictions)
    assert len(predictions) <= 2


def test_a_flat_line_that_ends_at_zero(tmp_path, monkeypatch):
    monkeypatch.setitem(PRIORS, "lam_3tau", "uniform: [0, 3]")
    monkeypatch.setitem(PRIORS, "M", "uniform: [1.6, 5]")
    stated = problem(tmp_path, "S2tilde", "M", "lam_2tau", "lam_3tau")
    fit = best_fit(stated, starts=8, seed=1)
    errors = [e for m in fit.minima for e in m.errors.values() if e is not None]
    assert np.isfinite(errors).all()
    # The mass alone is not bounded: the couplings make up for it.
    assert fit.best.intervals["M"] == [None, None]


def test_folded_couplings_may_follow(tmp_path, monkeypatch):
    """S2tilde: lam_2mu is folded, and changes sign with lam_3tau and lam_2tau."""
    monkeypatch.setitem(PRIORS, "lam_2mu", "uniform: [0, 1]")
    path = tmp_path / "card.yaml"
    names = ("lam_2tau", "lam_3tau", "lam_2mu")
    lines = "\n".join(f"  {n}: {{prior: {{{PRIORS[n]}}}}}" for n in names)
    lines = lines.replace("{prior: {uniform: [0, 1]}}", "{prior: {uniform: [0, 1]}, mirror: true}")
    path.write_text(CARD.format(model="S2tilde", parameters=lines) + "fixed: {M: 2}\n")
    assert reflections(Card(path).problem) == [("lam_2tau", "lam_3tau")]
