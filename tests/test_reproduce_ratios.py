"""Fig. 1 of arXiv:2309.12741: kernels against the rates, scans against analytic edges, rows."""

import numpy as np
import pytest

from bsnunu_jax.observables.public import ratio_to_sm
from bsnunu_jax.report.figures.style import styled
from bsnunu_jax.reproduce.neutrinos import ratio_scans
from bsnunu_jax.reproduce.neutrinos.ratio_kernels import RatioKernels, drawn, eta_draws, generator
from bsnunu_jax.reproduce.neutrinos.ratio_rows import lowest, lowest_right
from bsnunu_jax.reproduce.neutrinos.ratios import edges, fig1
from bsnunu_jax.reproduce.row import Product, Row
from bsnunu_jax.reproduce.settings import Settings
from bsnunu_jax.states import Neutrinos

POINTS = 20_000
# Numbers by which the formulas of the text were evaluated independently.
ETA, C_SM = 0.63, -6.352
TEXT = RatioKernels(ETA, C_SM)


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings("paper", points=POINTS)


@pytest.fixture(scope="module")
def product(settings: Settings) -> Product:
    return settings.once(fig1)


def row(product: Product, claim: int, start: str) -> Row:
    (found,) = (r for r in product.rows if r.claim == claim and r.quantity.startswith(start))
    return found


def symmetric(entries: np.ndarray) -> np.ndarray:
    ee, mm, tt, em, et, mt = entries
    return np.array([[ee, em, et], [em, mm, mt], [et, mt, tt]])


class TestKernels:
    @pytest.mark.parametrize("data", ["paper", "2026"])
    def test_equal_the_rates_for_complex_matrices(self, data, rng):
        settings = Settings(data)
        kernels = settings.once(drawn).central
        for size in (1.0, 10.0):
            matrices = [
                size * (rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))) for _ in range(4)
            ]
            R_K, R_Kstar = kernels.full(*matrices)
            state = Neutrinos(*matrices)
            for mode, found in (("B+->K+", R_K), ("B0->K*0", R_Kstar)):
                exact = float(ratio_to_sm(mode, state, settings.inputs))
                assert found == pytest.approx(exact, rel=1e-12)

    def test_symmetric_is_a_special_case(self, rng):
        CL, CR = rng.normal(size=(2, 6))
        zero = np.zeros((3, 3))
        full = TEXT.full(symmetric(CL), symmetric(CR), zero, zero)
        np.testing.assert_allclose(TEXT.symmetric(CL, CR), full, rtol=1e-13)
        full = TEXT.full(zero, zero, symmetric(CL), symmetric(CR))
        np.testing.assert_allclose(TEXT.symmetric(CL, CR, primed=True), full, rtol=1e-13)

    def test_equation_10(self, rng):
        """As written in the text, another arrangement of the same terms."""
        CL, CR, CLp, CRp = (rng.normal(size=(3, 3)) for _ in range(4))
        linear, square = 2 * C_SM / (3 * C_SM**2), 1 / (3 * C_SM**2)
        R_K = 1 + linear * np.trace(CL + CR) + square * np.sum((CL + CR) ** 2 + (CLp + CRp) ** 2)
        R_Kstar = (
            1
            + linear * np.trace(CL)
            + square * np.sum(CL**2 + CR**2 + CLp**2 + CRp**2)
            - 2 * ETA * (linear / 2 * np.trace(CR) + square * np.sum(CL * CR + CLp * CRp))
        )
        np.testing.assert_allclose(TEXT.full(CL, CR, CLp, CRp), [R_K, R_Kstar], rtol=1e-13)

    def test_the_plane(self):
        CR = np.array([0, 0, -13.2, 0, 0, 4.0])
        np.testing.assert_allclose(
            TEXT.plane(np.array(-13.2), np.array(4.0)), TEXT.symmetric(np.zeros(6), CR), rtol=1e-13
        )
        np.testing.assert_allclose(TEXT.plane(-13.2, 0.0), [3.82, 1.567], atol=0.005)

    def test_uncertainty_of_eta(self, settings):
        found = settings.once(eta_draws)
        assert found["correlated"].std() == pytest.approx(0.030, abs=0.002)
        assert found["uncorrelated"].std() == pytest.approx(0.086, abs=0.004)


class TestScans:
    def test_stay_inside_the_analytic_edges(self, settings):
        kernels, rng = settings.once(drawn).central, generator(settings, "test")
        both = ratio_scans.both_chiralities(rng, POINTS, kernels)
        assert np.all(both.R_Kstar >= lowest(kernels, both.R_K) - 1e-12)
        primed = ratio_scans.both_chiralities(rng, POINTS, kernels, primed=True)
        assert np.all(primed.R_Kstar >= lowest(kernels, primed.R_K, primed=True) - 1e-12)
        assert primed.R_K.min() >= 1
        assert primed.R_Kstar.min() >= 1
        for tau_only, name in ((False, "CR"), (True, "CR_tautau")):
            scan = ratio_scans.right_handed(rng, POINTS, kernels, tau_only=tau_only)
            step, x = 2 * (1 + kernels.eta), scan.R_K
            root = np.sqrt(3 * x - 2) / 3 if tau_only else np.sqrt(x)
            middle = x + step / 3 if tau_only else x + step
            assert np.all(abs(scan.R_Kstar - middle) <= step * root + 1e-9), name

    def test_reach_the_analytic_edges(self, settings):
        kernels, rng = settings.once(drawn).central, generator(settings, "edges")
        edge = edges(kernels)
        scan = ratio_scans.right_handed(rng, 200_000, kernels)
        for R_K in (0.5, 2.0, 3.6, 7.0):
            near = abs(scan.R_K - R_K) < 0.05
            at = np.argmin(abs(edge["R_K"] - R_K))
            assert scan.R_Kstar[near].min() == pytest.approx(edge["CR_lowest"][at], abs=0.1)

    def test_coefficients_give_the_ratios(self, settings):
        kernels, rng = settings.once(drawn).central, generator(settings, "some")
        scan = ratio_scans.both_chiralities(rng, 3, kernels)
        for i in range(3):
            state = Neutrinos(
                symmetric(scan.coefficients["CL"][i]), symmetric(scan.coefficients["CR"][i])
            )
            found = ratio_to_sm("B0->K*0", state, settings.inputs)
            assert float(found) == pytest.approx(scan.R_Kstar[i], rel=1e-10)

    @pytest.mark.parametrize("limit", [2.7, 1.9])
    def test_share_is_that_of_brute_force(self, limit):
        """Six C_R uniform in a box, cut to the range of R_K."""
        rng = np.random.default_rng(5)
        half = abs(C_SM) * np.sqrt(21)  # the ball R_K <= 7 around -C_SM
        inside = blue = 0
        for _ in range(8):
            CR = rng.uniform(-half, half, (500_000, 6)) - C_SM * np.array([1, 1, 1, 0, 0, 0])
            CR[:, 3:] /= np.sqrt(2)
            R_K, R_Kstar = TEXT.symmetric(np.zeros(6), CR)
            ring = (R_K >= 3.6) & (R_K <= 7)
            inside, blue = inside + ring.sum(), blue + (ring & (R_Kstar <= limit)).sum()
        exact = float(ratio_scans.share(ETA, (3.6, 7.0), limit))
        assert blue / inside == pytest.approx(exact, abs=5 * np.sqrt(exact / inside))

    def test_points_of_the_cap_are_uniform(self):
        rng = np.random.default_rng(6)
        scan = ratio_scans.allowed_points(rng, 400_000, TEXT, (3.6, 7.0), 2.7)
        assert scan.R_K.min() >= 3.6
        assert scan.R_K.max() <= 7
        of_blue = scan.inside((3.6, 7), 1.9).sum() / scan.inside((3.6, 7), 2.7).sum()
        shares = [float(ratio_scans.share(ETA, (3.6, 7), limit)) for limit in (1.9, 2.7)]
        assert of_blue == pytest.approx(shares[0] / shares[1], rel=0.02)

    def test_lowest_of_six(self):
        x = np.linspace(0, -15, 1501)
        CR = np.zeros((x.size, 6))
        CR[:, :3] = x[:, None]
        R_K, R_Kstar = TEXT.symmetric(np.zeros(6), CR)
        inside = (R_K >= 3.6) & (R_K <= 7)
        assert lowest_right(TEXT, (3.6, 7.0)) == pytest.approx(R_Kstar[inside].min(), abs=2e-3)


class TestRows:
    def test_arithmetic(self, product):
        new = row(product, 1, "R_K of the new measurement, quoted")
        assert new.value == pytest.approx(2.3 / 0.44)
        assert new.uncertainty == pytest.approx(1.7, abs=0.05)
        assert new.agrees
        average = row(product, 1, "R_K of the average, quoted")
        assert average.value == pytest.approx(1.3 / 0.44)
        assert average.uncertainty == pytest.approx(1.0, abs=0.05)
        assert row(product, 1, "BR_NP(B+->K+inv) of the new").value == pytest.approx(1.86e-5)
        window = row(product, 1, "BR_NP(B+->K+inv) of the average")
        assert window.value == pytest.approx(0.86e-5)
        assert not window.agrees
        assert window.why

    def test_coefficients(self, product):
        eta = row(product, 2, "eta")
        assert eta.value == pytest.approx(0.632, abs=5e-4)
        assert eta.uncertainty == pytest.approx(0.030, abs=0.002)
        assert not row(product, 2, "uncertainty of eta, correlated").agrees
        assert row(product, 2, "uncertainty of eta, correlations ignored").agrees
        assert row(product, 2, "2 C_SM").value == pytest.approx(-0.105, abs=5e-4)
        assert row(product, 2, "2 C_SM").uncertainty == pytest.approx(0.001, abs=5e-4)
        assert row(product, 2, "1/(3").value == pytest.approx(0.0083, abs=5e-5)
        assert row(product, 2, "1/(3").uncertainty == pytest.approx(0.0002, abs=5e-5)

    def test_scans(self, product):
        assert row(product, 3, "largest |R_K - R_K*|").value < 1e-12
        assert row(product, 3, "lowest R_K of the scan").value >= 1
        unprimed = row(product, 3, "lowest R_K* of C_L, C_R at the lower")
        eta = row(product, 2, "eta").value
        assert unprimed.value == pytest.approx(3.6 * (1 - eta) / 2)
        assert row(product, 9, "lowest R_K*").value == pytest.approx(1 + 2.6 * (1 - eta) / 2)
        assert row(product, 9, "lowest R_K*").agrees

    def test_every_computed_number_of_the_inputs_has_an_uncertainty(self, product):
        for r in product.rows:
            if not any(word in r.quantity for word in ("scan", "alone", "standard deviations")):
                assert r.uncertainty is not None, r.quantity
                assert np.all(np.asarray(r.uncertainty) > 0), r.quantity
            if r.agrees is False:
                assert r.why, r.quantity

    def test_in_2026_too(self):
        found = Settings("2026", points=2_000).once(fig1)
        assert {r.claim for r in found.rows} == {1, 2, 3, 4, 9}
        assert all(r.why for r in found.rows if r.agrees is False)
        assert row(found, 9, "lowest R_K* of C_L', C_R' for R_K >= 3.34").stated == ""


def test_same_seed_same_numbers(product):
    again = Settings("paper", points=POINTS).once(fig1)
    for name, (_, counts) in product.grids["scans"].arrays.items():
        np.testing.assert_array_equal(counts, again.grids["scans"].arrays[name][1])
    assert [r.value for r in product.rows] == [r.value for r in again.rows]
    other = Settings("paper", points=POINTS, seed=2).once(fig1)
    assert np.any(other.grids["scans"].arrays["CR"][1] != product.grids["scans"].arrays["CR"][1])


def test_red_is_part_of_blue_is_part_of_all(product):
    counts = {k: v for k, (_, v) in product.grids["scans"].arrays.items()}
    assert np.all(counts["CR_red"] <= counts["CR_blue"])
    assert np.all(counts["CR_blue"] <= counts["CR"])
    assert counts["CR_red"].sum() > 0


def test_draws(product):
    with styled():
        for draw in product.figures.values():
            draw().draw_without_rendering()
