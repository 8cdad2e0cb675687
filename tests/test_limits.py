"""Test statistics, CLs and limits: the numbers of pyhf and closed forms."""

import numpy as np
import pyhf
import pytest
from counting_model import bins, counting_problem
from pyhf.infer import hypotest as pyhf_hypotest
from pyhf.infer.intervals.upper_limits import toms748_scan
from quoted_values import quoted_value
from scipy.optimize import brentq
from scipy.stats import chi2, norm

from bsnunu_jax.experiments import load_measurements
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.hypotheses.hypotest import hypotest, scan, significance
from bsnunu_jax.inference.hypotheses.limits import interval, upper_limits
from bsnunu_jax.inference.hypotheses.profile_likelihood import ProfileLikelihood
from bsnunu_jax.inference.problem.parameters import Normal, Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inputs import Nuisances
from bsnunu_jax.models import get_model

SIGNAL, BACKGROUND, SHIFT = [12.0, 6.0], [50.0, 30.0], [7.0, 3.0]
EXCESS, DEFICIT = [62.0, 37.0], [44.0, 25.0]


MADE: dict[str, ProfileLikelihood] = {}


def likelihood_of(inputs, observed, **options) -> ProfileLikelihood:
    """Compiled once for all tests."""
    key = repr((observed, options))
    if key not in MADE:
        problem = counting_problem(inputs, bins(observed, SIGNAL, BACKGROUND, SHIFT), **options)
        MADE[key] = ProfileLikelihood(problem, starts=4)
    return MADE[key]


@pytest.fixture(scope="module")
def peer():
    """The same model for pyhf: symmetric variations make its interpolation linear."""
    before = pyhf.get_backend()
    pyhf.set_backend("numpy", pyhf.optimize.scipy_optimizer(tolerance=1e-14))
    high, low = ((np.array(BACKGROUND) + s * np.array(SHIFT)).tolist() for s in (1, -1))
    systematic = {"name": "z", "type": "histosys", "data": {"hi_data": high, "lo_data": low}}
    yield pyhf.Model(
        {
            "channels": [
                {
                    "name": "channel",
                    "samples": [
                        {
                            "name": "signal",
                            "data": SIGNAL,
                            "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
                        },
                        {"name": "background", "data": BACKGROUND, "modifiers": [systematic]},
                    ],
                }
            ]
        },
        poi_name="mu",
        validate=False,
    )
    pyhf.set_backend(*before)


@pytest.fixture(scope="module", params=[EXCESS, DEFICIT], ids=["excess", "deficit"])
def observed(request):
    return request.param


@pytest.fixture(scope="module")
def likelihood(inputs, observed):
    return likelihood_of(inputs, observed)


@pytest.mark.parametrize("mu", [0.4, 1.0, 2.5])
def test_cls_are_those_of_pyhf(likelihood, peer, observed, mu):
    data = observed + peer.config.auxdata
    cls, (clsb, clb), expected = pyhf_hypotest(
        mu, data, peer, test_stat="qtilde", return_tail_probs=True, return_expected_set=True
    )
    ours = hypotest(likelihood, mu)
    assert ours.cls[0] == pytest.approx(float(cls), rel=1e-6)
    assert ours.clsb[0] == pytest.approx(float(clsb), rel=1e-6)
    assert ours.clb[0] == pytest.approx(float(clb), rel=1e-6)
    np.testing.assert_allclose(ours.expected[:, 0], np.array(expected, dtype=float), rtol=1e-6)


def test_upper_limits_are_those_of_pyhf(likelihood, peer, observed):
    data = observed + peer.config.auxdata
    theirs, expected = toms748_scan(data, peer, 0, 10, level=0.05, rtol=1e-9)
    ours = upper_limits(likelihood)
    assert ours.observed == pytest.approx(float(theirs), rel=1e-6)
    np.testing.assert_allclose(ours.expected, np.array(expected, dtype=float), rtol=1e-6)
    assert hypotest(likelihood, ours.observed).cls[0] == pytest.approx(0.05, rel=1e-8)


def test_discovery_is_that_of_pyhf(likelihood, peer, observed):
    data = observed + peer.config.auxdata
    p0 = float(pyhf_hypotest(0.0, data, peer, test_stat="q0"))
    ours = significance(likelihood)
    # q0 = 0 for a deficit: p = 1/2
    assert ours.p_excess == pytest.approx(p0, rel=1e-6)
    assert norm.isf(ours.p_excess) == pytest.approx(ours.Z, abs=1e-9)


def test_q_lets_the_best_value_be_negative(inputs, peer, observed):
    likelihood = likelihood_of(inputs, observed, low=-3.0)
    assert likelihood.best.value[0] * (1 if observed == EXCESS else -1) > 0
    data, bounds = observed + peer.config.auxdata, [(-5.0, 5.0), (-3.0, 10.0)]
    if peer.config.par_order[0] == "mu":
        bounds.reverse()
    theirs = pyhf_hypotest(1.0, data, peer, par_bounds=bounds, test_stat="q")
    assert hypotest(likelihood, 1.0, test_stat="q").cls[0] == pytest.approx(float(theirs), rel=1e-6)
    assert upper_limits(likelihood, test_stat="q").observed > 0


@pytest.mark.parametrize(("s", "b"), [(10.0, 30.0), (3.0, 1.5), (0.5, 100.0)])
def test_asimov_significance_in_closed_form(inputs, s, b):
    """Z = sqrt(2 ((s + b) ln(1 + s/b) - s)), Eq. (97) of arXiv:1007.1727."""
    likelihood = ProfileLikelihood(counting_problem(inputs, bins([s + b], [s], [b])), starts=4)
    assert likelihood.best.value[0] == pytest.approx(1.0, abs=1e-6)
    expected = np.sqrt(2 * ((s + b) * np.log(1 + s / b) - s))
    sigmas = significance(likelihood).Z
    assert sigmas == pytest.approx(expected, rel=1e-8)


def test_limit_of_one_bin_in_closed_form(inputs):
    n, s, b = 33.0, 10.0, 30.0
    likelihood = ProfileLikelihood(counting_problem(inputs, bins([n], [s], [b])), starts=4)

    def t(mu, n):
        return 2 * (mu * s + b - n - n * np.log((mu * s + b) / n))

    def cls(mu):
        root, asimov = np.sqrt(t(mu, n)), np.sqrt(t(mu, b))
        x = (root**2 - asimov**2) / (2 * asimov) if root > asimov else root - asimov
        return norm.sf(x + asimov) / norm.sf(x)

    limits = upper_limits(likelihood, cl=0.9)
    assert limits.observed == pytest.approx(brentq(lambda m: cls(m) - 0.1, 0.4, 5), rel=1e-9)
    # The median: sqrt(q_A) = Phi^-1(1 - level/2)
    median = brentq(lambda m: np.sqrt(t(m, b)) - norm.isf(0.05), 0.1, 5)
    assert limits.expected[2] == pytest.approx(median, rel=1e-9)
    assert (np.diff(limits.expected) > 0).all()


def test_a_limit_beyond_the_range_is_none(inputs):
    limits = upper_limits(likelihood_of(inputs, EXCESS, high=1.2))
    assert np.isnan(limits.observed)
    assert limits.expected[0] == pytest.approx(
        upper_limits(likelihood_of(inputs, EXCESS)).expected[0], rel=1e-8
    )


def test_the_limit_is_one_of_the_rate_whatever_the_parameter(inputs, observed):
    """mu = c^2 with c mirrored: limits and p-values are those of mu."""
    strength = likelihood_of(inputs, observed)
    amplitude = likelihood_of(inputs, observed, amplitude=True)
    assert amplitude.one_sided
    a, b = upper_limits(amplitude), upper_limits(strength)
    assert a.observed**2 == pytest.approx(b.observed, rel=1e-8)
    np.testing.assert_allclose(a.expected**2, b.expected, rtol=1e-8)
    sigmas = significance(amplitude).Z
    assert sigmas == pytest.approx(significance(strength).Z, abs=1e-6)


def test_a_deficit_puts_the_best_value_on_the_null(inputs):
    likelihood = likelihood_of(inputs, DEFICIT)
    assert likelihood.best.value[0] == 0
    found = significance(likelihood)
    assert found.t == found.Z == 0
    # Eq. (43): beyond t = mu^2/sigma^2 the two-sided p-value is smaller than that of chi2
    at = significance(likelihood, 2.0)
    asimov = scan(likelihood, np.array([2.0])).asimov[0]
    assert at.t > asimov
    shifted = (at.t + asimov) / (2 * np.sqrt(asimov))
    assert at.p_two_sided == pytest.approx(norm.sf(np.sqrt(at.t)) + norm.sf(shifted))
    assert at.p_two_sided < chi2.sf(at.t, 1)


def test_an_interval_in_two_pieces(inputs):
    """R_K fixes |C_SM + C_R|: both branches, at the roots of the quadratic."""
    value, error = 4.6, 0.3
    ratio = quoted_value("R_K_nunu", value, error)
    problem = Problem(
        get_model("neutrinos"),
        (Parameter("CR_tautau", Uniform(-40, 30), "C"),),
        Nuisances(inputs, ()),
        (ratio,),
    )
    found = interval(ProfileLikelihood(problem), cl=0.95)
    c, z = float(inputs.C_L_SM), norm.isf(0.025)
    ends = [
        np.sort(np.roots([1 / (3 * c**2), 2 / (3 * c), 1 - value - s * z * error]).real)
        for s in (1, -1)
    ]
    outer, inner = ends
    expected = [(outer[0], inner[0]), (inner[1], outer[1])]
    np.testing.assert_allclose(found.pieces, expected, rtol=1e-8)
    assert found.open == ((False, False), (False, False))


def test_gaussian_priors_of_other_parameters_are_constraints(inputs):
    """R = 2 and C' ~ Normal(0, s): the constraint of C' widens nothing if it decouples."""
    value = quoted_value("R_K_nunu", 2.0, 0.2)
    parameters = (
        Parameter("CR_tautau", Uniform(-5, 5), "C"),
        Parameter("CR_ee", Normal(0.5, 0.1), "D"),
    )
    problem = Problem(get_model("neutrinos"), parameters, Nuisances(inputs, ()), (value,))
    likelihood = ProfileLikelihood(problem, "CR_tautau")
    assert likelihood.unconstrained == 1
    at = 1.0
    fitted = likelihood.profile(np.array([at]))
    c = float(inputs.C_L_SM)

    def minus_2_log_l(d):
        rate = 1 + (2 * c * (at + d) + at**2 + d**2) / (3 * c**2)
        return ((rate - 2.0) / 0.2) ** 2 + ((d - 0.5) / 0.1) ** 2

    grid = np.linspace(0, 1, 200_001)
    assert fitted.objective[0] == pytest.approx(minus_2_log_l(grid).min(), rel=1e-8)


@pytest.mark.parametrize(
    ("name", "null", "message"),
    [
        (None, 0.0, r"--parameter: 2 parameters are fitted.*one of CR_tautau, CR_ee"),
        ("CR_mumu", 0.0, r"--parameter: unknown parameter 'CR_mumu'; one of CR_tautau, CR_ee"),
        ("CR_ee", 9.0, r"--null: CR_ee = 9 is outside its range \[-5, 5\)"),
    ],
)
def test_what_does_not_fit_is_named(inputs, name, null, message):
    parameters = tuple(Parameter(n, Uniform(-5, 5), "C") for n in ("CR_tautau", "CR_ee"))
    data = load_measurements(["belle_2017_Kstar0"])
    problem = Problem(get_model("neutrinos"), parameters, Nuisances(inputs, ()), data)
    with pytest.raises(InputError, match=message):
        ProfileLikelihood(problem, name, null=null)


def test_statistics_that_do_not_suit_the_range_are_refused(inputs):
    two_sided = likelihood_of(inputs, EXCESS, low=-3.0)
    with pytest.raises(InputError, match="qtilde needs a range of mu that begins at the null 0"):
        hypotest(two_sided, 1.0, test_stat="qtilde")
    with pytest.raises(InputError, match="mu may lie on both sides of the null 0"):
        upper_limits(two_sided)
    with pytest.raises(InputError, match="q needs best values of mu below the null"):
        hypotest(likelihood_of(inputs, EXCESS), 1.0, test_stat="q")


def test_belle2_against_no_signal_and_against_the_sm(likelihood_dir, inputs):
    """The complete workspace has q(0) = 11.973, q(1) = 7.377: 3.46 and 2.72 sigma.

    Here the rate is |cVL|^2 with the B -> K uncertainties of the preset, also at the SM.
    """
    data = load_measurements(["belle2_knunu_2023"], likelihood=likelihood_dir)
    parameter = Parameter("cVL", Uniform(-40, 40), "c", mirror=True)
    problem = Problem(get_model("universal"), (parameter,), Nuisances(inputs, ("B->K",)), data)
    likelihood = ProfileLikelihood(problem, starts=4)
    sigmas = significance(likelihood).Z
    assert sigmas == pytest.approx(np.sqrt(11.973), abs=0.05)
    sm = -float(inputs.C_L_SM)
    sigmas = significance(likelihood, sm).Z
    assert sigmas == pytest.approx(np.sqrt(7.377), abs=0.05)
    assert (likelihood.best.value[0] / sm) ** 2 == pytest.approx(4.599, abs=0.25)
