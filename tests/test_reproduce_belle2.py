"""Published results from Belle II's likelihood: the parts, with few draws and coarse grids."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bsnunu_jax.inference.sampling.nuts import Sampler
from bsnunu_jax.report.figures.style import styled
from bsnunu_jax.reproduce.belle2 import item as belle2
from bsnunu_jax.reproduce.belle2 import item as belle2_item
from bsnunu_jax.reproduce.belle2.resonance import Resonances, resonances
from bsnunu_jax.reproduce.belle2.rows import WET_MODE, resonance_rows, strength_rows, wet_rows
from bsnunu_jax.reproduce.belle2.strength import TAGS, Strength, Strengths
from bsnunu_jax.reproduce.belle2.wet import Wet, wet
from bsnunu_jax.reproduce.settings import Settings

SM = 4.966e-6
FEW = Sampler(chains=2, warmup=250, draws=500, target_accept=0.65, block=250)


@pytest.fixture(scope="module")
def settings(likelihood_dir: Path) -> Settings:
    return Settings("paper", likelihood=likelihood_dir)


@pytest.fixture(scope="module")
def strengths(settings: Settings) -> dict[str, Strength]:
    fits = Strengths(settings)
    return {tag: fits.of(tag, np.linspace(0.0, 8.0, 9)) for tag in TAGS}


@pytest.fixture(scope="module")
def sampled(settings: Settings) -> Wet:
    return wet(settings, WET_MODE, FEW)


@pytest.fixture(scope="module")
def scanned(settings: Settings) -> Resonances:
    return resonances(settings, m=np.linspace(1.5, 3.1, 33), strengths=11)


@pytest.mark.parametrize(
    ("tag", "mu", "up", "down", "q_0", "q_1"),
    [
        ("combined", 4.599, 1.340, 1.335, 11.973, 7.377),
        ("ITA", 5.418, 1.481, 1.470, 12.503, 8.600),
        ("HTA", 2.184, 2.359, 1.972, 1.243, 0.339),
    ],
)
def test_signal_strength(strengths, tag, mu, up, down, q_0, q_1) -> None:
    """pyhf 0.7.6 with iminuit on the same channels."""
    s = strengths[tag]
    assert s.mu == pytest.approx(mu, abs=0.01)
    assert s.up == pytest.approx(up, abs=0.01)
    assert s.down == pytest.approx(down, abs=0.01)
    assert s.q_0 == pytest.approx(q_0, abs=2e-3)
    assert s.q_1 == pytest.approx(q_1, abs=2e-3)
    assert s.frozen < s.statistical < s.total
    assert s.statistical**2 + s.systematic**2 == pytest.approx(s.total**2)
    assert np.interp(0.0, s.values, s.t) == pytest.approx(s.q_0, abs=1e-6)
    assert (s.t_frozen >= s.t - 1e-6).all()
    # With nuisances held the curve is that of its error.
    near = int(np.abs(s.values - s.mu).argmin())
    expected = ((s.values[near] - s.mu) / s.frozen) ** 2
    assert s.t_frozen[near] == pytest.approx(expected, rel=0.15, abs=0.02)


def test_statistical_error_is_that_of_toys(settings, strengths) -> None:
    """Poisson toys of the best fit's counts, nuisances fitted: the spread of mu."""
    fits = Strengths(settings)
    rng = np.random.default_rng(1)
    data = fits.model.observed
    toys = rng.poisson(data, size=(60, data.size)).astype(float)
    start = np.zeros(fits.size)
    start[0] = 4.6
    found = fits._fit(start, toys, fits._counted["combined"])[0][:, 0]
    # Of 60 toys: 9 %.
    assert found.std() == pytest.approx(strengths["combined"].statistical, rel=0.3)


def test_strength_rows(strengths) -> None:
    rows = strength_rows(strengths, SM)
    assert {r.claim for r in rows} == {25}
    assert all(r.agrees is not False or r.why for r in rows)
    mu = next(r for r in rows if r.quantity == "signal strength mu, combined")
    assert mu.uncertainty == (strengths["combined"].up, strengths["combined"].down)
    assert mu.agrees
    ita = next(r for r in rows if r.quantity == "BR(B+->K+nunu), ITA")
    assert ita.value == pytest.approx(2.7e-5, abs=0.05e-5)
    changed = strengths | {"combined": replace(strengths["combined"], mu=4.4)}
    moved = next(r for r in strength_rows(changed, SM) if r.quantity == mu.quantity)
    assert moved.agrees is False


def test_wet(sampled) -> None:
    """The best fit of redist with EOS and Minuit; ends of the HDI within Monte-Carlo errors."""
    assert sampled.best.values["cVL"] == pytest.approx(11.43, abs=0.01)
    assert sampled.best.values["cTL"] == pytest.approx(8.416, abs=0.01)
    assert sampled.best.values["cSL"] == pytest.approx(0.0, abs=1e-6)
    assert 0 < sampled.rise < 0.1
    assert sampled.draws["cVL"].shape == (2, 500)
    for name, low, high in (("cVL", 1.86, 16.2), ("cSL", 0.0, 15.4), ("cTL", 0.0, 11.2)):
        for found, stated, error in zip(
            sampled.ends[name], (low, high), sampled.errors[name], strict=True
        ):
            assert found == pytest.approx(stated, abs=5 * max(error, 0.05))
    rows = wet_rows(sampled)
    assert len(rows) == 9
    assert all(r.uncertainty is not None and (r.agrees or r.why) for r in rows)


def test_resonance(scanned) -> None:
    """The fit of fits/belle2_resonance.yaml: m_X = 2.112 GeV, BR = 8.996e-6, 13.135 deep."""
    m, br, depth = scanned.best
    assert m == pytest.approx(2.112, abs=0.01)
    assert br == pytest.approx(8.996e-6, rel=0.02)
    assert depth == pytest.approx(-13.135, abs=0.03)
    assert scanned.local["CLs"] == pytest.approx(3.02, abs=0.01)
    assert scanned.local["Wilks"] == pytest.approx(3.195, abs=0.01)
    low, high = scanned.mass_interval()
    assert (low, high) == pytest.approx((2.01, 2.25), abs=0.02)
    assert (scanned.delta <= 1e-6).all()
    assert (scanned.best_br >= 0).all()
    assert scanned.br_interval() == pytest.approx((6.4e-6, 11.7e-6), abs=0.4e-6)
    # No strength of the grid is deeper than the best one at its mass.
    assert (scanned.profile.min(axis=1) >= scanned.delta - 1e-6).all()
    np.testing.assert_allclose(scanned.profile[:, 0], 0.0, atol=1e-6)


def test_posterior_of_the_resonance(scanned) -> None:
    posterior = scanned.posterior()
    area = np.trapezoid(np.trapezoid(posterior.density, posterior.br, axis=1), posterior.m)
    assert area == pytest.approx(1.0)
    (m_low, m_high), (br_low, br_high) = posterior.hdi()
    assert 1.9 < m_low < 2.05 < 2.2 < m_high < 2.5
    assert 5e-6 < br_low < 6.5e-6
    assert 1.0e-5 < br_high < 1.2e-5
    of_mass, _ = posterior.marginals
    inside = (posterior.m >= m_low) & (posterior.m <= m_high)
    step = posterior.m[1] - posterior.m[0]
    assert of_mass[inside].sum() * step == pytest.approx(0.6827, abs=0.01)
    rows = resonance_rows(scanned)
    assert [r.claim for r in rows] == [27] * 7
    assert all(r.why for r in rows)


def test_figures(strengths, sampled, scanned) -> None:
    with styled():
        for figure in (
            belle2_item.strength_figure(strengths),
            belle2_item.wet_figure(sampled),
            belle2_item.resonance_figure(scanned),
        ):
            figure.draw_without_rendering()


def test_product(settings, strengths, sampled, scanned, monkeypatch) -> None:
    monkeypatch.setattr(belle2, "strengths", lambda _: strengths)
    monkeypatch.setattr(belle2, "wet", lambda *_: sampled)
    monkeypatch.setattr(belle2, "resonances", lambda _: scanned)
    product = belle2.belle2(settings)
    assert {r.claim for r in product.rows} == {25, 26, 27}
    assert set(product.figures) == {"mu", "wet", "resonance"}
    assert "R-hat" in product.summary
    assert product.inputs["BR_SM of mu"] == pytest.approx(SM, rel=1e-4)


def test_the_same_seed_gives_the_same_numbers(settings, sampled) -> None:
    again = wet(settings, WET_MODE, FEW)
    for name, draws in sampled.draws.items():
        np.testing.assert_array_equal(draws, again.draws[name])
    assert again.ends == sampled.ends
