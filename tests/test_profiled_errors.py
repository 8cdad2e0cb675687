"""Errors are where -2 ln L, profiled over everything else inside the priors, is up by 1."""

import jax.numpy as jnp
import numpy as np
import pytest
from counting_model import bins, counting_problem
from quoted_values import quoted_value
from scipy.optimize import brentq, minimize

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.inference.fits.best_fit import best_fit
from bsnunu_jax.inference.problem.landscape import Landscape
from bsnunu_jax.inference.problem.parameters import Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inputs import Nuisances
from bsnunu_jax.models import Model, get_model
from bsnunu_jax.states import Neutrinos, Scaled

# All that is read of this model's final states are their factors, the parameters.
PAIR = Model(
    "pair", "x, y", ("x", "y"), lambda p, _: tuple(Scaled(Neutrinos(), p[k]) for k in "xy")
)
SMEFT = """\
title: SMEFT at 1 TeV
model: smeft
inputs: {{preset: default, nuisances: [Bs]}}
fixed: {{scale: 1000, running: {running}}}
parameters:
  Clq1_tautau: {{prior: {{uniform: [-{size}, {size}]}}}}
  Clq3_tautau: {{prior: {{uniform: [-{size}, {size}]}}}}
  Cld_tautau: {{prior: {{uniform: [-{size}, {size}]}}}}
data: [belle2_2023_br, paper_R_Kstar_nunu, lhcb_2017_Bstautau, babar_2016_Ktautau]
best_fit: {{starts: 8}}
"""


class Seen:
    """Gaussian measurements of linear combinations of x and y, and of x y."""

    def __init__(self, rows, values, product=0.0):
        self.rows, self.values, self.product = np.array(rows), np.array(values), product
        self.name = self.title = "seen"
        self.samples, self.sources, self.nuisance_names = ("seen",), (), ()
        self.sm_spectrum, self.tree_tau = False, "none"

    def log_likelihood(self, predictions, z):
        x, y = (state.factor for state in predictions.states)
        found = self.rows @ jnp.array([x, y]) + self.product * x * y
        return -0.5 * jnp.sum((found - self.values) ** 2)


def pair(inputs, seen, x=(-10.0, 10.0), y=(-10.0, 10.0)):
    parameters = (Parameter("x", Uniform(*x), "x"), Parameter("y", Uniform(*y), "y"))
    return Problem(PAIR, parameters, Nuisances(inputs, ()), (seen,))


def brute_force(local, name, value, starts):
    """-2 ln L at a value of one parameter, the rest by bounded descents from many starts."""
    problem = local.problem
    n = len(problem.parameters)
    k = [p.name for p in problem.parameters].index(name)
    rest = [i for i in range(problem.size) if i != k]
    ranges = [p.prior.range for p in problem.parameters] + [(-9.0, 9.0)] * (problem.size - n)
    width = np.array([(high - low) / 2 for low, high in ranges])
    width[n:] = 1.0

    def objective(z):
        point = np.empty((1, problem.size))
        point[0, k], point[0, rest] = value, z * width[rest]
        height, slope = local.objective(point)
        return height[0], slope[0, rest] * width[rest]

    bounds = [(ranges[i][0] / width[i], ranges[i][1] / width[i]) for i in rest]
    options = {"ftol": 1e-13, "gtol": 1e-7, "maxiter": 500}
    return min(
        minimize(
            objective,
            s[rest] / width[rest],
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options=options,
        ).fun
        for s in starts
    )


def interval(minimum, name):
    """The ends as they are reported; value and error in versions that have nothing else."""
    if hasattr(minimum, "intervals"):
        return minimum.intervals[name]
    value, error = minimum.values[name], minimum.errors[name]
    return [value - error, value + error]


def test_counting_on_both_sides(inputs):
    """-2 ln L of n = 9 over b = 4 is 2 (mu - 9 ln(mu + 4)) plus a constant."""
    fit = best_fit(counting_problem(inputs, bins([9], [1], [4]), high=30.0), starts=3)

    def rise(mu):
        return 2 * (mu - 5 - 9 * np.log((mu + 4) / 9)) - 1

    ends = [brentq(rise, 0, 5), brentq(rise, 5, 30)]
    assert fit.best.values["mu"] == pytest.approx(5, abs=1e-6)
    assert interval(fit.best, "mu") == pytest.approx(ends, rel=1e-4)
    assert fit.best.errors["mu"] == pytest.approx((ends[1] - ends[0]) / 2, rel=1e-4)


def test_counting_at_the_edge(inputs):
    """n = 2 over b = 4: mu = 0, bounded from above only."""
    fit = best_fit(counting_problem(inputs, bins([2], [1], [4])), starts=3)

    def rise(mu):
        return 2 * (mu - 2 * np.log((mu + 4) / 4)) - 1

    assert fit.best.values["mu"] == 0
    assert interval(fit.best, "mu") == [None, pytest.approx(brentq(rise, 0, 10), rel=1e-4)]


def test_counting_just_inside_the_edge_and_past_the_range(inputs):
    """n = 4.02 over b = 4 in 0 .. 1: neither end is up by 1."""
    fit = best_fit(counting_problem(inputs, bins([4.02], [1], [4]), high=1.0), starts=3)
    assert fit.best.values["mu"] == pytest.approx(0.02, abs=1e-6)
    assert interval(fit.best, "mu") == [None, None]
    assert fit.best.errors["mu"] is None


def test_the_others_move_while_one_is_at_its_edge(inputs):
    """x + y = 4(1), x - y = 24(10), x up to 10: the errors of y are those of its profile."""
    seen = Seen([[1.0, 1.0], [0.1, -0.1]], [4.0, 2.4])
    local = Landscape(pair(inputs, seen), 4)
    fit = best_fit(local.problem, starts=4, landscape=local)
    assert fit.best.values["x"] == 10
    starts = [np.array(s) for s in ([0.0, 0.0], [9.0, -6.0])]
    lowest = fit.best.objective
    for name in ("x", "y"):
        for end, edge in zip(interval(fit.best, name), (-10, 10), strict=True):
            if end is None:
                assert brute_force(local, name, edge, starts) - lowest < 1
            else:
                assert brute_force(local, name, end, starts) - lowest == pytest.approx(1, abs=2e-3)
    # y follows x on the way: held at its edge, x would leave y an error of 1
    low, high = interval(fit.best, "y")
    assert low is not None
    assert high - fit.best.values["y"] > 2


def test_other_minima_belong_to_the_profile(inputs):
    """x y = 4(1): the profile of x from the positive pair has no end before 0."""
    seen = Seen([[0.3, 0.0]], [0.6], product=1.0)
    local = Landscape(pair(inputs, seen), 4)
    fit = best_fit(local.problem, starts=8, landscape=local)
    starts = [np.array([0.0, y]) for y in (-8.0, -2.0, 0.1, 2.0, 8.0)]
    for name in ("x", "y"):
        for end in interval(fit.best, name):
            if end is not None:
                found = brute_force(local, name, end, starts) - fit.best.objective
                assert found == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("running", ["tree", "wilson"])
def test_couplings_of_smeft(tmp_path, running):
    """Clq1 and Clq3 are hardly seen apart: no error, though a slice has one of 0.003."""
    if running == "wilson":
        pytest.importorskip("wilson")
    path = tmp_path / "card.yaml"
    path.write_text(SMEFT.format(running=running, size=0.1))
    problem = Card(path).problem
    local = Landscape(problem, 8)
    fit = best_fit(problem, starts=8, landscape=local)
    rng = np.random.default_rng(0)
    starts = [np.append(rng.uniform(-0.1, 0.1, 3), np.zeros(problem.size - 3)) for _ in range(6)]
    lowest = fit.best.objective
    for name in fit.best.values:
        for end, edge in zip(interval(fit.best, name), (-0.1, 0.1), strict=True):
            if end is None:
                far = np.linspace(fit.best.values[name], edge, 4)[1:]
                assert max(brute_force(local, name, x, starts) for x in far) - lowest < 1
            else:
                found = brute_force(local, name, end, starts) - lowest
                assert found == pytest.approx(1, abs=0.01)
    assert fit.best.errors["Clq1_tautau"] is None
    assert fit.best.errors["Cld_tautau"] is not None


def test_a_mirror_plane_is_no_valley(inputs):
    """R fixes tautau and mutau together: the profile leaves mutau = 0."""
    c = float(inputs.C_L_SM)
    ratio = quoted_value("R_K_nunu", 0.9, 0.3)
    parameters = (
        Parameter("CR_tautau", Uniform(-30, 30), "C"),
        Parameter("CR_mutau", Uniform(-30, 30), "C", ("CR_taumu",), mirror=True),
    )
    problem = Problem(get_model("neutrinos"), parameters, Nuisances(inputs, ()), (ratio,))
    fit = best_fit(problem, starts=8)
    # At R = 1.2 with mutau at 0: tautau above 0; its lower end is that of the other solution.
    ends = sorted(np.roots([1 / (3 * c**2), 2 / (3 * c), 1 - 1.2]).real)
    found = interval(fit.best, "CR_tautau")
    assert found == pytest.approx(ends, rel=1e-3)


def test_words_of_the_table():
    from bsnunu_jax.report.table import _value_of_minimum, best_fit_cell

    assert best_fit_cell(0.1, None, None).endswith("(~)")
    assert "+-" not in best_fit_cell(0.1, 0.082, None)
    assert best_fit_cell(1.0, 0.5, 1.52) == "1.00 +- 0.51"
    assert _value_of_minimum(-0.0612, -1164.0, 1164.0) == "-0.0612"
