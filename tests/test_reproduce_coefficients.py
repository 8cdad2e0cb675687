"""Fig. 2 of arXiv:2309.12741: exact regions against grids, clusters, rows."""

import numpy as np
import pytest

from bsnunu_jax.report.figures.style import styled
from bsnunu_jax.reproduce.neutrinos.coefficient_rows import regions
from bsnunu_jax.reproduce.neutrinos.coefficients import fig2
from bsnunu_jax.reproduce.neutrinos.ratio_kernels import RatioKernels, Region, drawn
from bsnunu_jax.reproduce.row import Product, Row
from bsnunu_jax.reproduce.settings import Settings

POINTS = 20_000
TEXT = RatioKernels(0.63, -6.352)
CASES = [
    (R_K, limit, weight)
    for R_K, limit in (
        ((3.6, 7.0), 2.7),
        ((3.6, 7.0), 1.9),
        ((2.0, 4.0), 2.7),
        ((2.0, 4.0), 1.9),
        ((1.8, 3.4), 2.1),
        ((3.6, 4.5), 2.7),
    )
    for weight in (1.0, 2.0)
]


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings("paper", points=POINTS)


@pytest.fixture(scope="module")
def product(settings: Settings) -> Product:
    return settings.once(fig2)


def row(product: Product, claim: int, start: str) -> Row:
    (found,) = (r for r in product.rows if r.claim == claim and r.quantity.startswith(start))
    return found


class TestRegions:
    @pytest.mark.parametrize(("R_K", "limit", "weight"), CASES)
    def test_against_a_grid(self, R_K, limit, weight):
        region = Region(TEXT, R_K, limit, weight)
        t, off = np.linspace(-25, 12, 1851), np.linspace(-18, 18, 1801)
        step, cell = t[1] - t[0], (t[1] - t[0]) * (off[1] - off[0])
        T, M = np.meshgrid(t, off, indexing="ij")
        inside = region.contains(T, M)
        assert float(region.area()) == pytest.approx(inside.sum() * cell, rel=2e-3)
        low, high, widest = (float(x) for x in region.extent())
        assert low == pytest.approx(T[inside].min(), abs=2 * step)
        # Corners are acute.
        assert high == pytest.approx(T[inside].max(), abs=6 * step)
        assert widest == pytest.approx(M[inside].max(), abs=3 * step)
        on_axis = T[inside & (abs(M) < 1e-9)]
        for exact, found in zip(region.on_axis(), (on_axis.min(), on_axis.max()), strict=True):
            assert float(exact) == pytest.approx(found, abs=2 * step)
        lowest, at = (float(x) for x in region.lowest_R_Kstar())
        R_Kstar = TEXT.plane(T, M, weight)[1]
        assert lowest == pytest.approx(R_Kstar[inside].min(), abs=5e-3)
        assert TEXT.plane(np.array(at), np.array(0.0))[1] == pytest.approx(lowest)

    @pytest.mark.parametrize(("R_K", "limit", "weight"), CASES)
    def test_corners_are_on_both_curves(self, R_K, limit, weight):
        for end in R_K:
            t, off = Region(TEXT, R_K, limit, weight).vertex(end)
            if np.isfinite(t):
                np.testing.assert_allclose(TEXT.plane(t, off, weight), [end, limit], rtol=1e-12)

    @pytest.mark.parametrize(("R_K", "limit", "weight"), CASES)
    def test_boundary_encloses_the_area(self, R_K, limit, weight):
        region = Region(TEXT, R_K, limit, weight)
        edge = region.boundary(4000)
        width = edge["CR_mutau_high"] - edge["CR_mutau_low"]
        assert np.all(width >= -1e-9)
        area = 2 * np.trapezoid(width, edge["CR_tautau"])
        assert area == pytest.approx(float(region.area()), rel=2e-3)

    def test_nothing_is_allowed_by_a_low_limit(self):
        region = Region(TEXT, (3.6, 7.0), 1.2)
        assert np.isnan(region.extent()).all()
        assert np.isnan(region.lowest_R_Kstar()[0])
        assert float(region.area()) == pytest.approx(0, abs=1e-9)
        assert region.boundary()["CR_tautau"].size == 0

    def test_draws_are_done_at_once(self, settings):
        sm = settings.once(drawn)
        region = regions(settings, sm.draws)["new, loose"]
        one = RatioKernels(sm.draws.eta[7], sm.draws.C_SM[7])
        alone = regions(settings, one)["new, loose"]
        assert region.area()[7] == pytest.approx(float(alone.area()))
        assert region.extent()[2][7] == pytest.approx(float(alone.extent()[2]))


class TestRows:
    def test_clusters(self, product):
        for color in ("red", "blue"):
            median = row(product, 5, f"largest |C_R^ii| of {color}")
            assert median.value == pytest.approx(10, abs=1.5)
            assert median.agrees
        assert row(product, 5, "red points with at least one |C_R^ii| > 5").value > 95

    def test_off_diagonal_alone_is_exact(self, product):
        found = row(product, 7, "largest")
        assert found.value < 1e-12
        assert found.agrees

    def test_lowest_point(self, product):
        value = row(product, 8, "lowest R_K* of the red")
        assert value.value == pytest.approx(1.463, abs=0.005)
        assert value.uncertainty == pytest.approx(0.04, abs=0.01)
        where = row(product, 8, "C_R^tautau where")
        assert where.value == pytest.approx(-12.49, abs=0.01)
        assert where.agrees is False
        assert where.why
        assert row(product, 8, "R_K at").value == pytest.approx(3.82, abs=0.01)
        assert row(product, 8, "R_K* at").value == pytest.approx(1.567, abs=0.01)
        assert row(product, 8, "C_R^tautau of the lowest R_K* for R_K >= 3.8").agrees
        # C_R^ee = C_R^mumu = -0.1 interfere like C_R^tautau: a little lower.
        light = row(product, 8, "lowest R_K* with |C_R^ee|")
        assert light.value < value.value < light.value + 0.05
        assert light.agrees is True

    def test_four_regions(self, product):
        areas = [r for r in product.rows if r.claim == 6 and r.quantity.endswith("area")]
        assert len(areas) == 4
        for r in product.rows:
            if r.claim == 6:
                assert r.agrees is None
                assert r.uncertainty > 0

    def test_in_2026_too(self):
        found = Settings("2026", points=5_000).once(fig2)
        assert {r.claim for r in found.rows} == {5, 6, 7, 8}
        assert all(np.isfinite(r.value) for r in found.rows)
        assert all(r.why for r in found.rows if r.agrees is False)


def test_slice(product):
    grid = product.grids["slice"]
    P = grid.arrays["projection"][1]
    np.testing.assert_allclose(P @ P.T, np.eye(2))
    assert grid.arrays["blue"][1].sum() > grid.arrays["red"][1].sum() > 0
    # The SM point and the other sign of C_R^ii are far from all of them.
    x = grid.coordinates["x_1"]
    small = abs(x) < 4
    assert grid.arrays["blue"][1][np.ix_(small, small)].sum() == 0


def test_tables_hold_the_boundaries(product):
    tables = [name for name in product.tables if name.startswith("region_")]
    assert len(tables) == 4
    edge = product.tables["region_R_K_3.6_to_7_and_R_Kstar_up_to_1.9"]
    assert edge["CR_tautau"].min() == pytest.approx(-15.2, abs=0.05)


def test_same_seed_same_numbers(product):
    again = Settings("paper", points=POINTS).once(fig2)
    assert [r.value for r in product.rows] == [r.value for r in again.rows]


def test_draws(product):
    with styled():
        for draw in product.figures.values():
            draw().draw_without_rendering()
