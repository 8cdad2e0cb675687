"""The slides' scalar model: coefficients, freeze-out, the plane of couplings, rows and figures."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bsnunu_jax.report.figures.style import styled
from bsnunu_jax.reproduce.row import Product
from bsnunu_jax.reproduce.scalar_model import plane as scalar_plane
from bsnunu_jax.reproduce.scalar_model import rates as scalar_rates
from bsnunu_jax.reproduce.scalar_model.item import slides_scalar_model
from bsnunu_jax.reproduce.settings import Settings

POINTS = 20_000


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings("paper", points=POINTS)


@pytest.fixture(scope="module")
def product(settings: Settings) -> Product:
    return slides_scalar_model(settings)


@pytest.fixture(scope="module")
def current() -> Product:
    return slides_scalar_model(Settings("2026", points=POINTS))


def row(product: Product, claim: int, *words: str):
    (found,) = [r for r in product.rows if r.claim == claim and all(w in r.quantity for w in words)]
    return found


def two_body(settings: Settings, m: float, C: float) -> float:
    """BR(Bs -> phi phi) of |C^P| = C [GeV^-1]: beta/(32 pi M) |C f M^2/(m_b + m_s)|^2."""
    v, i = settings.inputs.values, settings.inputs
    M = float(v["m_B_s"])
    amplitude = C * float(v["f_Bs"]) * M**2 / float(i.role("m_b") + i.role("m_s"))
    rate = np.sqrt(1 - 4 * m**2 / M**2) * amplitude**2 / (32 * np.pi * M)
    return rate * float(i.lifetime("tau_B_s"))


def three_body(settings: Settings, m: float, C: float) -> float:
    """BR(B+ -> K+ phi phi) of |C^S| = C [GeV^-1]: the formula, on a grid in the kaon's momentum."""
    i = settings.inputs
    m_B, m_K = float(i.values["m_B_plus"]), float(i.values["m_K_plus"])
    end = (m_B - m_K) ** 2
    # Roots at both ends: s = middle - half cos(t).
    t = (np.arange(400) + 0.5) * np.pi / 400
    half, middle = (end - 4 * m**2) / 2, (end + 4 * m**2) / 2
    s = middle - half * np.cos(t)
    f0 = np.asarray(jax.jit(jax.vmap(lambda x: i.form_factors["B->K"](x)["f0"]))(jnp.asarray(s)))
    lam = m_B**4 + m_K**4 + s**2 - 2 * (m_B**2 * m_K**2 + (m_B**2 + m_K**2) * s)
    row_S = ((m_B**2 - m_K**2) * f0 / float(i.role("m_b") - i.role("m_s"))) ** 2
    density = np.sqrt(lam) * np.sqrt(1 - 4 * m**2 / s) * row_S * C**2 / (512 * np.pi**3 * m_B**3)
    rate = (density * half * np.sin(t)).sum() * np.pi / 400
    return rate * float(i.lifetime("tau_B_plus"))


def test_rates_are_those_of_the_formulas(settings: Settings) -> None:
    found = scalar_rates.decays(settings, np.array([0.5, 0.7]))
    for k, m in enumerate((0.5, 0.7)):
        unit = scalar_rates.UNIT
        assert found["Bs->inv"][k] == pytest.approx(two_body(settings, m, unit), rel=1e-12)
        assert found["B+->K+"][k] == pytest.approx(three_body(settings, m, unit), rel=2e-4)


def test_needed_coefficients(product: Product) -> None:
    """1.9e-5 needs about 8e-5/TeV, 1.0e-5 some 6e-5/TeV; the efficiency moves both up."""
    for window, low, high in (("new", 7.5e-5, 8.7e-5), ("average", 5.5e-5, 6.3e-5)):
        for m in ("0.5 GeV", "0.7 GeV", "0.9 GeV"):
            found = [
                r
                for r in product.rows
                if r.claim == 19
                and r.quantity.endswith(
                    (f"middle of the {window} window at m = {m}", f"{m}, with omega(m)")
                )
                and f"middle of the {window}" in r.quantity
            ]
            plain, weighted = found
            assert low < plain.value < high
            assert weighted.value > 1.2 * plain.value
            assert 0.01 < plain.uncertainty / plain.value < 0.03
            assert plain.agrees == (2.5e-5 <= plain.value <= 8.5e-5)


def test_the_band_of_the_csv_gives_the_window_back(product: Product, settings: Settings) -> None:
    table = product.tables["C_sb"]
    i = int(np.abs(table["m_GeV"] - 0.6).argmin())
    for window, ends in settings.constraints.window.items():
        for br, end in zip(ends, ("low", "high"), strict=True):
            C = table[f"C_S_{window}_plain_{end}"][i] * scalar_rates.UNIT
            assert three_body(settings, table["m_GeV"][i], C) == pytest.approx(br, rel=5e-4)
            ratio = table[f"C_S_{window}_weighted_{end}"][i] / table[f"C_S_{window}_plain_{end}"][i]
            assert ratio**2 == pytest.approx(table["omega"][i], rel=1e-12)


def test_relic_density(product: Product, settings: Settings) -> None:
    known = settings.once(scalar_rates.relic)
    np.testing.assert_allclose(known.reached, 0.12, rtol=1e-9)
    at = known.at(0.6)
    dense = scalar_rates.density(settings, known.m[[at, at]], known.C_ss[at] * np.array([1.0, 0.8]))
    assert dense[0] == pytest.approx(0.12, rel=1e-9)
    assert dense[1] == pytest.approx(0.12 / 0.64, rel=0.05)
    needed = row(product, 21, "<sigma v>", "0.6")
    assert needed.value == pytest.approx(3.4e-9, rel=0.06)
    assert needed.agrees is False
    assert needed.why
    assert row(product, 21, "natural units").value == pytest.approx(2.056e-9, abs=1e-12)
    for window, low, high in (("new", 1.4e3, 1.6e3), ("average", 1.9e3, 2.2e3)):
        for m in ("0.6", "0.8"):
            ratio = row(product, 21, "|C_ss|", window, m)
            assert low < ratio.value < high
            # B of chiral perturbation theory: 0.15/2.667.
            assert ratio.uncertainty / ratio.value == pytest.approx(0.06, abs=0.01)


def test_cmb(product: Product) -> None:
    """Closed below m_K; above, f_eff < 0.005 would be needed. The number is marked."""
    closed, opened = row(product, 21, "p_ann", "0.48"), row(product, 21, "p_ann", "0.6")
    assert closed.value == 0
    assert closed.agrees
    assert 3.2e-28 / opened.value == pytest.approx(0.005, abs=0.0016)
    assert opened.agrees is False
    assert "unverified" in opened.why


def test_bs(product: Product, settings: Settings) -> None:
    found = row(product, 22, "average", "B(Bs -> phi phi)", "m = 0.7")
    needed = next(
        r
        for r in product.rows
        if r.quantity == "|C^S_sb| of the middle of the average window at m = 0.7 GeV"
    )
    assert found.value == pytest.approx(two_body(settings, 0.7, needed.value * 1e-3), rel=1e-9)
    assert found.agrees
    assert all(r.agrees for r in product.rows if r.claim == 22 and "below" in r.stated)


def test_charm(product: Product) -> None:
    assert row(product, 23, "|C^S_uc|", "0.5").value == pytest.approx(2.06, rel=0.05)
    assert row(product, 23, "|C^P_uc|", "0.5").value == pytest.approx(0.25, abs=0.005)
    assert row(product, 23, "|C^S_uc|", "0.7").agrees is False
    quark = row(product, 23, "m_Q")
    assert 1.2 < quark.value < 1.5
    table = product.tables["D0"]
    middle, low, high = (table[f"D0->pi0_{n}_per_TeV2"] for n in ("limit", "low", "high"))
    inside = table["m_GeV"] < 0.8
    assert (low < high)[inside].all()
    assert ((low < 1.02 * middle) & (middle < 1.02 * high))[inside].all()


def test_plane_against_the_circles(settings: Settings) -> None:
    """Without quark masses |C^{S,P}| = C_ss |r_d +- r_q exp(i theta)|/2."""
    here = scalar_plane.plane(settings, mass_terms=False)
    theta, r_d, r_q = np.meshgrid(here.thetas, here.r, here.r, indexing="ij")
    for found, sign in ((here.C_S, 1), (here.C_P, -1)):
        expected = here.C_ss * np.abs(r_d + sign * r_q * np.exp(1j * theta)) / 2
        np.testing.assert_allclose(found * scalar_rates.UNIT, expected, rtol=1e-9, atol=1e-20)
    assert here.C_S.size >= POINTS
    assert here.y_1 == pytest.approx(here.C_ss / 1e-4 * 0.65, rel=0.01)
    seen = here.C_S > 1
    shift = np.abs(scalar_plane.plane(settings).C_S[seen] / here.C_S[seen] - 1)
    assert 0.01 < shift.max() < 1
    assert np.median(shift) < 0.1


def test_allowed_points_are_allowed(settings: Settings) -> None:
    here = scalar_plane.plane(settings)
    inside = here.inside("new") & here.allowed
    assert inside.any(axis=(1, 2)).all()
    lanes = scalar_rates.decays(settings, np.array([scalar_plane.MASS]))
    low, high = settings.constraints.window["new"]
    br = here.C_S[inside] ** 2 * lanes["B+->K+"]
    assert ((low <= br * (1 + 1e-9)) & (br <= high * (1 + 1e-9))).all()
    total = here.C_P[inside] ** 2 * lanes["B0->K*0"] + lanes["SM B0->K*0"]
    assert (total <= settings.constraints.limits["BR(B0->K*0inv)"] * (1 + 1e-9)).all()
    # At theta = pi the diagonal is dark to B -> K.
    assert not inside[-1].diagonal().any()
    tight = replace(here, limits=here.limits | {"Bs->inv": 0.0})
    assert not tight.allowed[here.C_P > 0].any()


def test_plane_rows(product: Product) -> None:
    assert row(product, 24, "r_q exp", "average").value == pytest.approx(1.00e-3, abs=0.01e-3)
    assert row(product, 24, "r_q exp", "new").value == pytest.approx(1.38e-3, abs=0.01e-3)
    assert row(product, 24, "|y_1| of").value == pytest.approx(0.735, abs=0.005)


@pytest.mark.parametrize("made", ["product", "current"])
def test_figures_and_rows_are_complete(made: str, request: pytest.FixtureRequest) -> None:
    product = request.getfixturevalue(made)
    with styled():
        for draw in product.figures.values():
            draw().draw_without_rendering()
    assert {r.claim for r in product.rows} == {19, 21, 22, 23, 24}
    for r in product.rows:
        assert np.isfinite(r.value)
        exact = "natural units" in r.quantity or r.value == 0
        assert exact or r.uncertainty > 0
        assert r.agrees is not False or r.why
    assert product.grids["plane"].arrays["C_S"][1].size >= POINTS


def test_the_same_seed_gives_the_same_numbers(product: Product) -> None:
    again = slides_scalar_model(Settings("paper", points=POINTS))
    assert [r.as_dict() for r in again.rows] == [r.as_dict() for r in product.rows]
    for name, table in product.tables.items():
        for column, values in table.items():
            np.testing.assert_array_equal(values, again.tables[name][column])
