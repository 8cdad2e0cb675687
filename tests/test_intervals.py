"""Intervals of draws: highest density, in pieces where there are peaks, else in one."""

import csv

import numpy as np
import pytest
from scipy.stats import norm

from bsnunu_jax.report.summary import summarise, write_summary

SEEDS = range(25)


def pieces(draws, mass, folder):
    """The pieces that summary.csv has of these draws, shape (chains, draws) or flat."""
    write_summary(folder / "s.csv", summarise({}, {"x": np.atleast_2d(draws)}, None, {}))
    with (folder / "s.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    key = "hdi68" if mass == 0.68 else "hdi95"
    text = row.get(key, f"{row[f'{key}_low']} .. {row[f'{key}_high']}" if mass == 0.95 else "")
    found = [
        tuple(float(end) for end in piece.split(" .. ")) for piece in text.split("; ") if piece
    ]
    if key in row:  # numbers of their own where there is one piece, nothing misleading elsewhere
        ends = [row[f"{key}_low"], row[f"{key}_high"]]
        assert ends == ([repr(end) for end in found[0]] if len(found) == 1 else ["", ""])
    return found


def covered(draws, found):
    return sum(np.mean((draws >= a) & (draws <= b)) for a, b in found)


SHAPES = {
    "gauss": lambda r, n: r.normal(size=n),
    "uniform": lambda r, n: r.uniform(size=n),
    "exponential": lambda r, n: r.exponential(size=n),
    "folded": lambda r, n: np.abs(r.normal(size=n)),
    "heavy tails": lambda r, n: r.standard_t(2, size=n),
    "many scales": lambda r, n: np.exp(2 * r.normal(size=n)),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [60, 2000])
def test_noise_parts_nothing(shape, n, tmp_path):
    """One piece of one peak, with the share of the draws that it is of, for every seed."""
    for seed in SEEDS:
        x = SHAPES[shape](np.random.default_rng(seed), n)
        for mass in (0.68, 0.95):
            found = pieces(x, mass, tmp_path)
            assert len(found) == 1, (seed, mass, found)
            assert covered(x, found) == pytest.approx(mass, abs=1.01 / n)


def test_the_density_counts_and_not_the_tails(tmp_path):
    x = np.random.default_rng(1).exponential(size=20_000)
    for mass in (0.68, 0.95):
        ((low, high),) = pieces(x, mass, tmp_path)
        assert low < 1e-3
        assert high == pytest.approx(-np.log(1 - mass), rel=0.04)


def test_correlated_draws_part_nothing(tmp_path):
    """Of chains with few independent draws ripples are no peaks."""
    for seed in range(8):
        r = np.random.default_rng(seed)
        x = np.zeros((4, 1500))
        for i in range(1, 1500):
            x[:, i] = 0.98 * x[:, i - 1] + np.sqrt(1 - 0.98**2) * r.normal(size=4)
        for values in (x, norm.cdf(x)):
            assert len(pieces(values, 0.95, tmp_path)) == 1, seed


MIXTURES = {
    "far": ([0.45, 0.55], [-13, 23], [4, 3]),
    "narrow": ([0.4, 0.6], [0, 10], [0.001, 0.002]),
    "unequal": ([0.25, 0.75], [8, 0], [0.5, 1]),
    "three": ([0.3, 0.3, 0.4], [-5, 0, 5], [0.6, 0.6, 0.6]),
}


def truth(shares, centres, widths, mass):
    """Pieces of the exact region: the density is cut where it holds the mass."""
    low, high = (
        min(c - 6 * w for c, w in zip(centres, widths, strict=True)),
        max(c + 6 * w for c, w in zip(centres, widths, strict=True)),
    )
    grid = np.unique(
        np.concatenate(
            [np.linspace(low, high, 20_001)]
            + [
                np.linspace(c - 6 * w, c + 6 * w, 20_001)
                for c, w in zip(centres, widths, strict=True)
            ]
        )
    )
    density = sum(s * norm.pdf(grid, c, w) for s, c, w in zip(shares, centres, widths, strict=True))
    cells = np.gradient(grid) * density
    order = np.argsort(-density)
    level = density[order][np.searchsorted(np.cumsum(cells[order]), mass)]
    edges = np.diff(np.concatenate([[0], density >= level, [0]]).astype(int))
    return list(
        zip(grid[np.flatnonzero(edges == 1)], grid[np.flatnonzero(edges == -1) - 1], strict=True)
    )


@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize("mass", [0.68, 0.95])
def test_peaks_are_pieces(name, mass, tmp_path):
    shares, centres, widths = MIXTURES[name]
    exact = truth(shares, centres, widths, mass)
    for seed in range(6):
        r = np.random.default_rng(seed)
        which = r.choice(len(shares), size=8000, p=shares)
        x = r.normal(np.array(centres)[which], np.array(widths)[which])
        found = pieces(x.reshape(4, -1), mass, tmp_path)
        assert len(found) == len(exact), (seed, found)
        assert covered(x, found) == pytest.approx(mass, abs=1e-3)
        for a, b in zip(found, exact, strict=True):
            scale = widths[int(np.argmin([abs(c - sum(b) / 2) for c in centres]))]
            np.testing.assert_allclose(a, b, atol=0.35 * scale)


def test_chains_that_never_meet_are_two_pieces(tmp_path):
    """How chains share far peaks says nothing about what is between them."""
    r = np.random.default_rng(3)
    x = np.concatenate([r.normal(-10, 1, size=(2, 500)), r.normal(10, 2, size=(2, 500))])
    found = pieces(x, 0.95, tmp_path)
    assert len(found) == 2
    assert found[0][1] < -5 < 4 < found[1][0]


@pytest.mark.parametrize("draws", [[3.7] * 40, [2.0], [2.0, 3.0], [1e-26] * 9])
def test_few_and_constant_draws(draws):
    from bsnunu_jax.report.intervals import Marginal

    assert Marginal(np.array(draws)).pieces(0.95) == ((min(draws), max(draws)),)


def test_draws_that_are_not_finite_have_no_interval(tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 50))
    for bad in (np.nan, np.inf):
        x[1, 3] = bad
        with np.errstate(invalid="ignore"):
            assert pieces(x, 0.95, tmp_path) == []


def test_few_values_many_times(tmp_path):
    """A spike beside a peak is a piece of its own, of no width."""
    r = np.random.default_rng(5)
    x = np.where(r.uniform(size=4000) < 0.5, 0.0, r.normal(5, 1, size=4000))
    (spike, peak) = pieces(x, 0.95, tmp_path)
    assert spike == (0, 0)
    np.testing.assert_allclose(peak, (3.4, 6.6), atol=0.4)


class TestEdges:
    """Pieces end where the prior does, as numbers and not nearly."""

    def pieces(self, prior, draws, mirror=False, mass=0.95):
        from bsnunu_jax.inference.problem.parameters import Parameter
        from bsnunu_jax.report.intervals import Marginal

        return Marginal.of(Parameter("x", prior, "x", mirror=mirror), draws).pieces(mass)

    def test_a_peak_at_the_edge(self):
        from bsnunu_jax.inference.problem.parameters import Uniform

        for seed in SEEDS:
            x = np.random.default_rng(seed).exponential(size=3000)
            x = 30 - x[x < 60]
            ((low, high),) = self.pieces(Uniform(-30, 30), x)
            assert high == 30
            assert low == pytest.approx(30 + np.log(0.05), abs=0.35)

    def test_folded_at_zero(self):
        from bsnunu_jax.inference.problem.parameters import Uniform

        for mass, end in ((0.68, norm.ppf(0.84)), (0.95, norm.ppf(0.975))):
            for seed in SEEDS:
                x = np.abs(np.random.default_rng(seed).normal(size=3000))
                ((low, high),) = self.pieces(Uniform(-20, 20), x, mirror=True, mass=mass)
                assert low == 0
                assert high == pytest.approx(end, abs=0.12)

    def test_two_edges_two_pieces(self):
        from bsnunu_jax.inference.problem.parameters import Uniform

        x = np.random.default_rng(2).beta(0.3, 0.3, size=8000)
        (first, second) = self.pieces(Uniform(0, 1), x)
        assert (first[0], second[1]) == (0, 1)
        assert first[1] < 0.6 < second[0] + 0.2

    def test_a_distant_edge_is_none(self):
        from bsnunu_jax.inference.problem.parameters import Uniform

        x = np.random.default_rng(2).uniform(0.5, 1, size=4000)
        ((low, high),) = self.pieces(Uniform(0, 2), x)
        assert 0.49 < low < high < 1.01

    def test_of_a_scale_the_logarithm_counts(self):
        """The region is the same in every unit, and that of a flat posterior no corner of it."""
        from bsnunu_jax.inference.problem.parameters import LogUniform

        r = np.random.default_rng(4)
        exponent = np.where(
            r.uniform(size=6000) < 0.5, r.normal(0, 0.1, 6000), r.normal(2, 0.1, 6000)
        )
        (a, b), (c, d) = self.pieces(LogUniform(0.1, 1000), 10**exponent)
        np.testing.assert_allclose(np.log10([a, b, c, d]), [-0.2, 0.2, 1.8, 2.2], atol=0.05)
        other = self.pieces(LogUniform(100, 1e6), 1000 * 10**exponent)
        np.testing.assert_allclose(other, 1000 * np.array([(a, b), (c, d)]), rtol=1e-9)
        rising = 10 ** (3 - r.exponential(0.3, size=6000))
        ((low, high),) = self.pieces(LogUniform(1e-9, 1000), rising)
        assert high == 1000
        assert np.log10(low) == pytest.approx(3 + 0.3 * np.log(0.05), abs=0.1)
