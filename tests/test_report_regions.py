"""Regions of the coupling plane, and densities of draws that hold their mass."""

from dataclasses import replace

import numpy as np
import pytest

from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.inference.problem.parameters import Parameter, Uniform
from bsnunu_jax.report.figures.coupling_plane import CUTS, is_plane, paper_ratios, plane_data
from bsnunu_jax.report.figures.density import smooth_density
from bsnunu_jax.report.intervals import Marginal
from bsnunu_jax.report.remarks import flagged

BELLE2 = "belle2_knunu_2023"

PARAMETERS = (
    Parameter("CR_tautau", Uniform(-30, 30), ""),
    Parameter("CR_mutau", Uniform(-30, 30), "", ("CR_taumu",), mirror=True),
)


class TestRegions:
    def test_of_the_paper(self):
        R_K, R_Kstar = (a[0] for a in paper_ratios(np.zeros(1), np.array([-13.2, -12.49, 0.0])))
        np.testing.assert_allclose(R_K, [3.82, 3.6, 1], atol=0.03)
        np.testing.assert_allclose(R_Kstar, [1.567, 1.463, 1], atol=0.01)
        assert CUTS.regions()["R_K_3.6_to_7_and_R_Kstar_up_to_1.9"] == ((3.6, 7.0), 1.9)

    def test_mirror_symmetric(self):
        R_K, R_Kstar = paper_ratios(np.array([-5.0, 5.0]), np.array([-10.0, 3.0]))
        np.testing.assert_allclose(R_K[0], R_K[1])
        np.testing.assert_allclose(R_Kstar[0], R_Kstar[1])

    def test_posterior_is_mirrored_only_if_symmetric(self):
        rng = np.random.default_rng(3)
        draws = {"CR_mutau": 5 + rng.normal(size=(1, 500)), "CR_tautau": rng.normal(size=(1, 500))}
        best = {"CR_mutau": 5.0, "CR_tautau": 0.0}
        assert is_plane(PARAMETERS)
        density = plane_data(PARAMETERS, draws, best).posterior
        assert density.axes[0][0] == pytest.approx(-density.axes[0][-1])
        one_sided = tuple(replace(p, mirror=False) for p in PARAMETERS)
        assert plane_data(one_sided, draws, best).posterior.axes[0][0] > 0

    def test_needs_both_couplings(self):
        alone = Parameter("CR_mutau", Uniform(-30, 30), "")
        tau = Parameter("CR_tautau", Uniform(-30, 30), "")
        assert not is_plane((tau,))
        assert not is_plane((tau, alone))

    def test_flagged_by_mode(self):
        measurements = load_measurements([BELLE2, "belle_2017_K0", "belle_2013_K0"])
        assert flagged(measurements) == {"B0->K0": ["belle_2017_K0", "belle_2013_K0"]}


class TestDensity:
    @pytest.mark.parametrize("mass", [0.68, 0.95])
    def test_hdr_holds_its_mass(self, mass):
        x, y = np.random.default_rng(4).normal(size=(2, 8000))
        density = smooth_density([x, 2 * y + x], [(None, None)] * 2)
        index = [
            np.abs(a[:, None] - v).argmin(axis=0)
            for a, v in zip(density.axes, (x, 2 * y + x), strict=True)
        ]
        inside = density.values[tuple(index)] >= density.level(mass)
        assert inside.mean() == pytest.approx(mass, abs=0.001)

    def test_nothing_leaks_at_a_bound(self):
        x = np.random.default_rng(5).uniform(size=40_000)
        density = smooth_density([x], [(0.0, 1.0)])
        np.testing.assert_allclose(density.values, 1, atol=0.12)

    def test_two_peaks_two_intervals(self):
        x = np.random.default_rng(6).normal(size=4000)
        x[::2] += 12
        (a, b), (c, d) = Marginal(x).pieces(0.68)
        assert a < 0 < b < c < 12 < d

    @pytest.mark.parametrize("share", [2, 3])
    def test_narrow_peaks_stay_narrow(self, share):
        x = np.random.default_rng(7).normal(size=6000)
        x[::share] += 12
        density = smooth_density([x], [(None, None)])
        between = (density.axes[0] > 4.5) & (density.axes[0] < 7.5)
        assert density.values[between].max() < 0.05 * density.values.max()
        pieces = Marginal(x).pieces(0.95)
        assert len(pieces) == 2
        for (low, high), centre in zip(pieces, (0, 12), strict=True):
            assert low == pytest.approx(centre - 2, abs=0.7)
            assert high == pytest.approx(centre + 2, abs=0.7)

    def test_gaussian_is_not_undersmoothed(self):
        x = np.random.default_rng(8).normal(size=2000)
        density = smooth_density([x], [(None, None)])
        exact = np.exp(-(density.axes[0] ** 2) / 2) / np.sqrt(2 * np.pi)
        np.testing.assert_allclose(density.values, exact, atol=0.035)
        assert len(Marginal(x).pieces(0.95)) == 1

    def test_draws_that_do_not_vary(self):
        density = smooth_density([np.full(10, 3.0)], [(None, None)])
        assert np.isfinite(density.values).all()
