"""The slides' pages on leptoquarks: rank one, rows, figure."""

import numpy as np
import pytest

from bsnunu_jax.report.figures.style import styled
from bsnunu_jax.reproduce.neutrinos.charged_rates import K_MUTAU, K_TAUTAU, quadratics
from bsnunu_jax.reproduce.neutrinos.coefficient_rows import regions
from bsnunu_jax.reproduce.neutrinos.ratio_kernels import RatioKernels
from bsnunu_jax.reproduce.neutrinos.slides_lq import curve, rank_one, slides_lq, widest
from bsnunu_jax.reproduce.row import Product, Row
from bsnunu_jax.reproduce.settings import Settings

POINTS = 20_000
TEXT = RatioKernels(0.63, -6.352)


@pytest.fixture(scope="module", params=["paper", "2026"])
def settings(request) -> Settings:
    return Settings(request.param, points=POINTS)


@pytest.fixture(scope="module")
def product(settings: Settings) -> Product:
    return settings.once(slides_lq)


def row(product: Product, start: str) -> Row:
    (found,) = (r for r in product.rows if r.quantity.startswith(start))
    return found


def test_rank_one_depends_on_the_trace_alone(rng):
    """C_R = lambda lambda^T, against the full matrices."""
    zero = np.zeros((3, 3))
    for _ in range(5):
        mu, tau = 3 * rng.normal(size=2)
        v = np.array([0, mu, tau])
        C_R = -np.outer(v, v)
        total, mumu = rank_one(C_R[2, 2], C_R[1, 2])
        assert mumu == pytest.approx(C_R[1, 1])
        full = TEXT.full(zero, C_R, zero, zero)
        np.testing.assert_allclose(TEXT.plane(total, np.zeros(())), full, rtol=1e-12)


def test_widest_off_diagonal(settings):
    """Brute force over the two entries."""
    kernels = settings.once(quadratics)[0].kernels
    region = regions(settings, kernels)["new, loose"]
    t, off = np.meshgrid(np.linspace(-25, -0.1, 1501), np.linspace(0, 12, 1201), indexing="ij")
    total, mumu = rank_one(t, off)
    inside = region.contains(total, np.zeros_like(total))
    for largest in (0.1, 1.0, 3.0):
        found = off[inside & (abs(mumu) <= largest)].max()
        assert float(widest(region, largest)) == pytest.approx(found, abs=0.02)
    np.testing.assert_allclose(rank_one(t, curve(0.5, t))[1], -0.5)


def test_one_entry_alone_reaches_twice_the_rate(settings, product):
    """|C_R^taumu|^2 in place of |C_R^taumu|^2 + |C_R^mutau|^2."""
    central, _ = settings.once(quadratics)
    _, _, off = regions(settings, central.kernels)["new, loose"].extent()
    single = row(product, f"highest {K_MUTAU} of one leptoquark, blue, C_R^mutau")
    assert single.value == pytest.approx(2 * float(central.violating(K_MUTAU, off)), rel=1e-9)
    assert single.uncertainty > 0


def test_rows(settings, product):
    end = row(product, "lower end of the new range")
    assert end.value == pytest.approx(3.6)
    assert end.agrees is False
    assert end.why
    superseded = [r for r in product.rows if r.quantity == f"limit on {K_TAUTAU}"]
    assert len(superseded) == (settings.constraints.name != "paper")
    assert all(r.agrees is False for r in superseded)
    assert row(product, "smallest |C_R^tautau| of blue").value > 3
    assert {r.claim for r in product.rows} == {1, 5, 12}


def test_same_seed_same_numbers(settings, product):
    again = Settings(settings.constraints.name, points=POINTS).once(slides_lq)
    for name, (_, counts) in product.grids["scan"].arrays.items():
        np.testing.assert_array_equal(counts, again.grids["scan"].arrays[name][1])
    assert [r.value for r in product.rows] == [r.value for r in again.rows]


def test_draws(product):
    with styled():
        for draw in product.figures.values():
            draw().draw_without_rendering()
