"""Fits along a parameter: what is known is looked up, what is new begins between its neighbours."""

import numpy as np
import pytest
from counting_model import bins, counting_problem

from bsnunu_jax.inference.hypotheses.ensembles import Fits
from bsnunu_jax.inference.hypotheses.follow import Followed, roots
from bsnunu_jax.inference.hypotheses.profile_likelihood import ProfileLikelihood


class Lines:
    """Curves whose fit at x is at (a x, x^2) with objective (x - 1)^2; keeps its calls."""

    def __init__(self, slopes):
        self.slopes, self.calls = np.asarray(slopes), []

    def __call__(self, x, row, start):
        self.calls.append((x, row, start))
        point = np.stack([self.slopes[row] * x, x**2], axis=1)
        return Fits(x, (x - 1) ** 2, point, np.ones(len(x), bool))


def test_a_fit_is_done_once():
    lines = Lines([1.0, 2.0])
    followed = Followed(2, lines)
    found = followed(np.array([3.0, 3.0, 5.0, 3.0]), np.array([0, 1, 0, 0]))
    np.testing.assert_array_equal(found.point[:, 0], [3, 6, 5, 3])
    assert sum(len(x) for x, _, _ in lines.calls) == 3
    again = followed(np.array([5.0]), 0)
    np.testing.assert_array_equal(again.point, found.point[[2]])
    assert len(lines.calls) == 1


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (2.0, [4.0, 5.0]),  # between: on the chord of x^2 from 1 to 3
        (4.0, [8.0, 13.0]),  # beyond: on its line
        (50.0, [10.0, 17.0]),  # which is not trusted further than the known fits are apart
        (-50.0, [-2.0, -7.0]),
    ],
)
def test_it_begins_on_the_line_through_its_neighbours(x, expected):
    lines = Lines([2.0])
    followed = Followed(1, lines)
    followed(np.array([1.0, 3.0]))
    assert lines.calls[0][2] is None
    followed(np.array([x]))
    np.testing.assert_allclose(lines.calls[1][2].point, [expected], rtol=1e-14)


def test_a_known_fit_is_where_it_was():
    lines = Lines([1.0])
    best = Fits(np.array([1.0]), np.array([-7.0]), np.array([[0.5, 0.5]]), np.array([True]))
    followed = Followed(1, lines, best)
    assert followed(np.array([1.0])).objective == -7
    assert not lines.calls
    followed(np.array([2.0]))
    np.testing.assert_array_equal(lines.calls[0][2].point, best.point)


def test_a_grid_goes_from_coarse_to_fine():
    lines = Lines([1.0, 3.0])
    grid = np.array([np.linspace(0, 1, 9), np.linspace(0, 2, 9)])
    found = Followed(2, lines).on(grid)
    np.testing.assert_array_equal(found.point[:, 1], grid.ravel() ** 2)
    assert [len(x) for x, _, _ in lines.calls] == [4, 2, 4, 8]


def test_following_changes_no_fit(inputs):
    """The profile of a counting experiment with a systematic, against fits of their own."""
    problem = counting_problem(inputs, bins([12, 9], [3, 1], [5, 7], [1, -2]))
    values = np.linspace(0, 6, 7)
    along = ProfileLikelihood(problem).along_observed.on(values[None])
    alone = ProfileLikelihood(problem).profile(values)
    np.testing.assert_allclose(along.objective, alone.objective, rtol=1e-11)
    np.testing.assert_allclose(along.point, alone.point, atol=1e-6)


def test_roots_ask_for_what_is_not_done():
    targets, asked = np.array([2.0, 5.0, 1e-3]), []

    def function(x, i):
        asked.append(len(x))
        return x**3 - targets[i]

    found = roots(function, (np.zeros(3), np.full(3, 2.0)))
    np.testing.assert_allclose(found, np.cbrt(targets), rtol=1e-9)
    assert min(asked) < 3
    assert roots(function, (np.zeros(0), np.zeros(0))).size == 0
