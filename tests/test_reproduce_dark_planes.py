"""Figs. 4 to 6: mass and scale of pairs, claims 14 to 16, against formulas of the paper."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from bsnunu_jax.hadrons.transitions import get_decay
from bsnunu_jax.models import get_model
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.report.figures.style import styled
from bsnunu_jax.reproduce.dark.families import FAMILIES
from bsnunu_jax.reproduce.dark.planes import all_planes, fig4, fig5, fig6
from bsnunu_jax.reproduce.dark.planes_rows import BITS, LIMITING
from bsnunu_jax.reproduce.dark.rates import dark_rates
from bsnunu_jax.reproduce.settings import Settings

POINTS = 20_000


@pytest.fixture(scope="module")
def settings():
    return Settings("paper", points=POINTS)


@pytest.fixture(scope="module")
def products(settings):
    return {"scalar": fig4(settings), "fermion": fig5(settings), "vector": fig6(settings)}


@pytest.fixture(scope="module")
def planes(settings):
    return settings.once(all_planes)


def width_of_the_appendix(m: float, operator: str, inputs) -> float:
    """BR(B+ -> K+ chi chi) at Lambda = 1 TeV from Eq. (A1) of arXiv:2309.12741."""
    v = {k: float(x) for k, x in inputs.values.items()}
    m_B, m_P, quarks = v["m_B_plus"], v["m_K_plus"], float(inputs.role("m_b") - inputs.role("m_s"))
    ff = jax.jit(lambda s: inputs.form_factors["B->K"](s))
    delta2 = (m_B**2 - m_P**2) ** 2

    def rate(t: float) -> float:
        # The roots at both ends are gone in t.
        low, high = 4 * m**2, (m_B - m_P) ** 2
        s = low + (high - low) * np.sin(t) ** 2
        f = {k: float(x) for k, x in ff(jnp.asarray(s)).items()}
        lam = (m_B**2 - m_P**2 - s) ** 2 - 4 * s * m_P**2
        terms = {
            "S1": 3 * delta2 / quarks**2 * f["f0"] ** 2 * (s - 4 * m**2),
            "S2": 3 * delta2 / quarks**2 * f["f0"] ** 2 * s,
            "V1": 2 * (s + 2 * m**2) * lam / s * f["f+"] ** 2,
            "V2": 2 / s * (6 * m**2 * delta2 * f["f0"] ** 2 + (s - 4 * m**2) * lam * f["f+"] ** 2),
            "T1": 4 * lam / (m_B + m_P) ** 2 * f["fT"] ** 2 * (s + 8 * m**2),
            "T2": 4 * lam / (m_B + m_P) ** 2 * f["fT"] ** 2 * (s - 4 * m**2),
        }
        front = np.sqrt(lam) * np.sqrt(1 - 4 * m**2 / s) / (384 * np.pi**3 * m_B**3)
        return front * terms[operator] * 2 * (high - low) * np.sin(t) * np.cos(t)

    total = quad(rate, 1e-6, np.pi / 2 - 1e-6, epsrel=1e-8)[0] * (1e-3) ** 4
    return total * float(inputs.lifetime("tau_B_plus"))


@pytest.mark.parametrize("m", [0.3, 0.7])
def test_rates_are_those_of_the_appendix(settings, m: float) -> None:
    """Eq. (A1) with C = 1/Lambda^2."""
    found = settings.once(dark_rates).totals(("B+->K+",), np.array([m]), 1)["B+->K+"]["fermion"]
    expected = [width_of_the_appendix(m, o, settings.inputs) for o in FAMILIES["fermion"].operators]
    np.testing.assert_allclose(found[0, 0], expected, rtol=1e-6)


def test_rates_are_those_of_the_package(settings) -> None:
    """Both vector modes, where several rows add."""
    found = settings.once(dark_rates).totals(("B0->K*0",), np.array([0.4]), 1)["B0->K*0"]
    for name, operator in (("vector", "T2"), ("fermion", "T1"), ("scalar", "V")):
        given = {"m": jnp.asarray(0.4), "operator": operator, "Lambda": 1.0}

        def rate(inputs, name=name, given=given):
            _, state = get_model(FAMILIES[name].model).build(given, inputs)
            return rates.gamma("B0->K*0", state, inputs) * inputs.lifetime("tau_B_0")

        i = FAMILIES[name].operators.index(operator)
        assert found[name][0, 0, i] == pytest.approx(
            float(jax.jit(rate)(settings.inputs)), rel=1e-10
        )


def test_powers_of_the_scale(inputs) -> None:
    """BR ~ Lambda^-q, Eqs. (18) to (21)."""
    for family in FAMILIES.values():
        build = get_model(family.model).build
        for operator, power in zip(family.operators, family.powers, strict=True):
            one, two = (
                build({"m": jnp.asarray(0.5), "operator": operator, "Lambda": x}, inputs)[1]
                for x in (1.0, 2.0)
            )
            ratio = two.invariants(inputs)[operator] / one.invariants(inputs)[operator]
            assert float(ratio) == pytest.approx(2.0**-power, rel=1e-12)
    assert list(FAMILIES["scalar"].powers) == [2, 4]
    assert list(FAMILIES["vector"].powers) == [6, 6, 6, 8, 6, 8, 8, 6]


def test_no_operator_reaches_bs_to_invisible(inputs) -> None:
    decay = get_decay("Bs->inv")
    for family in FAMILIES.values():
        for operator in family.operators:
            given = {"m": jnp.asarray(0.5), "operator": operator, "Lambda": 1.0}
            _, state = get_model(family.model).build(given, inputs)
            assert not rates.annihilation_kernels(decay, state, inputs)


@pytest.mark.parametrize("name", ["scalar", "fermion", "vector"])
def test_classes_by_brute_force(settings, planes, products, name: str) -> None:
    """Every class from BR = BR(1 TeV)/Lambda^q, window and limits; at least `points` in all."""
    plane, grid = planes[name].fine, next(iter(products[name].grids.values()))
    c = settings.constraints
    sm = settings.once(dark_rates).sm_totals(LIMITING, 1)
    total = 0
    for i, operator in enumerate(plane.family.operators):
        scales = grid.coordinates[f"Lambda_{operator}"]
        dims, classes = grid.arrays[f"class_{operator}"]
        assert dims == ("m", f"Lambda_{operator}")
        total += classes.size
        factor = scales ** -plane.family.powers[i]
        expected = np.zeros(classes.shape, dtype=int)
        for band, (low, high) in c.window.items():
            br = plane.br["B+->K+"][0, :, i, None] * factor
            expected += np.where((br >= low) & (br <= high), BITS[band], 0)
        for mode in LIMITING:
            br = plane.br[mode][0, :, i, None] * factor + sm[mode][0]
            expected += np.where(br > c.limits[f"BR({mode}inv)"], BITS[mode], 0)
        np.testing.assert_array_equal(classes, expected)
    assert total >= POINTS


@pytest.mark.parametrize(("name", "m"), [("scalar", 1.0), ("fermion", 2.1), ("vector", 0.5)])
def test_share_that_is_left_by_brute_force(settings, planes, name: str, m: float) -> None:
    """Steps in ln Lambda from one edge of the band to the other."""
    plane, limits = planes[name].fine, settings.constraints.limits
    k = int(np.searchsorted(plane.masses, m))
    low, high = settings.constraints.window["new"]
    sm = settings.once(dark_rates).sm_totals(LIMITING, 1)
    for i, power in enumerate(plane.family.powers):
        at = plane.br["B+->K+"][0, k, i]
        scales = np.geomspace((at / high) ** (1 / power), (at / low) ** (1 / power), 4001)
        free = np.ones(scales.size, dtype=bool)
        for mode in LIMITING:
            br = plane.br[mode][0, k, i] * scales**-power + sm[mode][0]
            free &= br <= limits[f"BR({mode}inv)"]
        assert plane.left()[0, k, i] == pytest.approx(free.mean(), abs=1e-3)


def rows(product, *words: str):
    found = [r for r in product.rows if all(w in r.quantity for w in words)]
    assert found
    return found


def test_14_scalar_against_vector(products) -> None:
    """With these form factors K0 limits both; with the larger SM value of K*0 V is cut."""
    ours, papers = rows(products["scalar"], "scalar S minus V")
    assert not ours.agrees
    assert ours.value == pytest.approx(0, abs=0.01)
    assert papers.agrees
    assert 0.03 < papers.value < 0.12
    assert "9.47e-06" in papers.quantity


def test_15_scales(products) -> None:
    """Multi-TeV but for the scalar S at 1e4 TeV."""
    for row in (*rows(products["fermion"], "Lambda_eff"), *rows(products["scalar"], "Lambda_eff")):
        if "scalar S" in row.quantity:
            assert 1e4 < row.value < 3e4
            assert not row.agrees
        else:
            assert 3 < row.value < 12
            assert row.agrees


def test_15_tensors(products, planes) -> None:
    """Nothing below 1.9 GeV, where K* is far from closing."""
    for row in rows(products["fermion"], "share of the new band"):
        assert row.agrees
    left, m = planes["fermion"].fine.left()[0], planes["fermion"].fine.masses
    assert left[m < 1.8, 4:].max() == 0
    assert left[:, :4].min() > 0.5


def test_16_vectors(products) -> None:
    """S, V3 and V6 at several hundred GeV below 100 MeV; V2, V4 and V5 lower."""
    for operator, agrees in {"S": 1, "V3": 1, "V6": 1, "V2": 0, "V4": 0, "V5": 0}.items():
        for row in rows(products["vector"], f"vector {operator},", "Lambda_eff"):
            assert row.unit == "GeV"
            assert row.agrees is bool(agrees)
            assert row.value > 400 if agrees else row.value < 200


@pytest.mark.parametrize("name", ["scalar", "fermion", "vector"])
def test_rows_and_figures(products, name: str) -> None:
    for row in products[name].rows:
        assert row.value is None or row.uncertainty is not None
        assert row.agrees is not False or row.why
    for table in products[name].tables.values():
        assert len({len(c) for c in table.values()}) == 1
    with styled():
        for draw in products[name].figures.values():
            draw().draw_without_rendering()


def test_same_seed_same_numbers(products) -> None:
    again = fig4(Settings("paper", points=POINTS))
    assert [r.as_dict() for r in again.rows] == [r.as_dict() for r in products["scalar"].rows]


def test_constraints_of_2026() -> None:
    """The window comes from the constraints, the limits lose the SM value of the preset."""
    settings = Settings("2026", points=POINTS)
    found = settings.once(all_planes)["scalar"].fine
    low, high = settings.constraints.window["new"]
    edge = found.scale(high)[0, 0, 0]
    assert found.br["B+->K+"][0, 0, 0] / edge**2 == pytest.approx(high)
    assert found.window["new"] == (low, high)
    assert found.limits["B0->K0"][0] == pytest.approx(2.6e-5 - 4.5895e-6, rel=1e-3)
