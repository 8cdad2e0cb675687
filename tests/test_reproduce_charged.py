"""Fig. 3 of arXiv:2309.12741: quadratic forms against the rates, mapped regions, rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bsnunu_jax.observables.catalogue import get_observable
from bsnunu_jax.report.figures.style import styled
from bsnunu_jax.reproduce.neutrinos.charged import fig3
from bsnunu_jax.reproduce.neutrinos.charged_rates import (
    BS_MUTAU,
    BS_TAUTAU,
    CONSERVING,
    K_MUTAU,
    K_TAUTAU,
    MODES,
    VIOLATING,
    quadratics,
)
from bsnunu_jax.reproduce.row import Product, Row
from bsnunu_jax.reproduce.settings import Settings
from bsnunu_jax.states import Neutrinos
from bsnunu_jax.states.sectors import ChargedLeptons, Sectors

POINTS = 20_000


@pytest.fixture(scope="module", params=["paper", "2026"])
def settings(request) -> Settings:
    return Settings(request.param, points=POINTS)


@pytest.fixture(scope="module")
def product(settings: Settings) -> Product:
    return settings.once(fig3)


def row(product: Product, start: str) -> Row:
    (found,) = (r for r in product.rows if r.quantity.startswith(start))
    return found


def test_quadratics_are_the_rates(settings):
    rates, _ = settings.once(quadratics)

    def one(tautau: jax.Array, off: jax.Array) -> jax.Array:
        C_R = jnp.zeros((3, 3)).at[2, 2].set(tautau).at[1, 2].set(off).at[2, 1].set(off)
        sectors = Sectors((Neutrinos(),), ChargedLeptons(C9p=C_R, C10p=-C_R))
        return jnp.stack([get_observable(m).function(sectors, settings.inputs) for m in MODES])

    tautau, off = np.array([-17.3, -4.4, 0.0, 6.1]), np.array([3.2, -9.7, 0.5, 11.0])
    exact = np.asarray(jax.jit(jax.vmap(one))(tautau, off))
    for k, mode in enumerate(MODES):
        found = rates.conserving(mode, tautau) if mode in CONSERVING else rates.violating(mode, off)
        np.testing.assert_allclose(found, exact[:, k], rtol=1e-10)


def test_highest_values_are_those_of_many_points(settings, product):
    """Brute force: a fine grid of the plane, cut with Eq. (10)."""
    rates, _ = settings.once(quadratics)
    c, kernels = settings.constraints, rates.kernels
    T, M = np.meshgrid(np.linspace(-20, 0, 1001), np.linspace(0, 12, 601), indexing="ij")
    R_K, R_Kstar = kernels.plane(T, M)
    for color, limit in (("blue", "loose"), ("red", "tight")):
        middle, half = np.mean(c.R_K["new"]), np.ptp(c.R_K["new"]) / 2
        inside = (abs(R_K - middle) <= half) & (R_Kstar <= c.R_Kstar[limit])
        for mode in MODES:
            values = rates.conserving(mode, T) if mode in CONSERVING else rates.violating(mode, M)
            found = row(product, f"highest {mode} of the {color}")
            assert found.value == pytest.approx(values[inside].max(), rel=0.01)
            assert 0.03 < found.uncertainty / found.value < 0.15


def test_what_is_reached(product):
    assert row(product, f"highest {BS_TAUTAU} of the blue").agrees
    for mode in (*VIOLATING, K_TAUTAU):
        found = row(product, f"highest {mode} of the blue")
        assert found.agrees is False
        assert found.why
        assert found.value < 3e-6


def test_limits(settings, product):
    one, both = (row(product, f"limit over highest {m}") for m in (K_MUTAU, BS_MUTAU))
    highest = row(product, f"highest {BS_MUTAU} of the blue").value
    # LHCb's limit is on the sum of both charges.
    assert both.value == pytest.approx(4.2e-5 / (2 * highest))
    assert 5 < both.value < 20
    assert 5 < one.value < 20
    ratio = row(product, f"limit over highest {K_TAUTAU}")
    highest = row(product, f"highest {K_TAUTAU} of the blue").value
    assert ratio.value == pytest.approx(settings.constraints.limits[K_TAUTAU] / highest)


def test_standard_model(settings, product):
    for mode in CONSERVING:
        found = row(product, f"SM value of {mode}")
        exact = get_observable(mode).function(Sectors((Neutrinos(),)), settings.inputs)
        assert found.value == pytest.approx(float(exact), rel=1e-10)
        assert found.uncertainty > 0


def test_points_lie_inside_the_boundary(product):
    edge = product.tables["boundary_blue"]
    grid = product.grids["points"]
    counts = grid.arrays["Bs_blue"][1]
    assert counts.sum() > POINTS / 10
    x = 10 ** grid.coordinates["log10_BR_tautau"][counts.any(axis=1)]
    width = 1.04
    assert x.min() > edge[BS_TAUTAU].min() / width
    assert x.max() < edge[BS_TAUTAU].max() * width


def test_same_seed_same_numbers(settings, product):
    again = Settings(settings.constraints.name, points=POINTS).once(fig3)
    for name, (_, counts) in product.grids["points"].arrays.items():
        np.testing.assert_array_equal(counts, again.grids["points"].arrays[name][1])
    assert [r.value for r in product.rows] == [r.value for r in again.rows]


def test_draws(product):
    with styled():
        for draw in product.figures.values():
            draw().draw_without_rendering()
