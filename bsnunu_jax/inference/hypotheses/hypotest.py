r"""Tests of one parameter with the profile likelihood, asymptotically: arXiv:1007.1727 (CCGV).

With lambda(x) = L(x, profiled)/L(best), x the parameter, x^ its best value and x0 the null:

    t(x)       = -2 ln lambda(x)                                  Eq. (8)
    q0         = t(x0) if x^ > x0, else 0                         Eq. (12)
    q(x)       = t(x) if x^ < x, else 0                           Eq. (14)
    q~(x)      = the same with x^ >= x0                           Eq. (16)

q~ is the default for a parameter whose range begins at the null, as for a signal strength >= 0:
what `pyhf` calls "qtilde". A parameter that may lie on both sides of the null has t. All of them
depend on the parameter through the likelihood only: they are the same for x and for x^2.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import erfcx, gammaln, log_ndtr, logsumexp, ndtri_exp
from scipy.stats import ncx2, norm

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.hypotheses.ensembles import Fits
from bsnunu_jax.inference.hypotheses.profile_likelihood import ProfileLikelihood, TestStatistic

# Standard deviations of the background-only expectation at which expected results are given.
BANDS = (-2, -1, 0, 1, 2)


@dataclass(frozen=True)
class Scan:
    """Tests of n values.

    Attributes:
        values: what was tested, shape (n,).
        statistic: the test statistic of the observed data, shape (n,).
        asimov: that of the background-only Asimov data, shape (n,).
        clsb: p-value of the tested value, CLs+b, shape (n,).
        clb: p-value of the background-only hypothesis in the same direction, shape (n,).
        cls: their ratio, shape (n,).
        expected: CLs expected without a signal, one row each for `BANDS`, shape (5, n).
    """

    values: np.ndarray
    statistic: np.ndarray
    asimov: np.ndarray
    clsb: np.ndarray
    clb: np.ndarray
    cls: np.ndarray
    expected: np.ndarray


@dataclass(frozen=True)
class Significance:
    """How far the data are from one value of the parameter.

    Attributes:
        value: the value tested.
        t: -2 ln lambda.
        Z: sqrt(t), positive where the best value is above the tested one.
        p_excess: p-value of so much upward, q0 of Eq. (12): 1 - Phi(Z).
        p_two_sided: p-value of t; the range of the parameter is taken into account, Eq. (43).
    """

    value: float
    t: float
    Z: float
    p_excess: float
    p_two_sided: float


def test_statistic(kind: TestStatistic, values: np.ndarray, fixed: Fits, best: Fits) -> np.ndarray:
    """The test statistic of every data set from its fits with the parameter fixed and free."""
    return statistic_of(kind, values, fixed.objective - best.objective, best.value)


def statistic_of(
    kind: TestStatistic, values: np.ndarray, t: np.ndarray, best: np.ndarray
) -> np.ndarray:
    """The test statistic from t and the best value of the parameter."""
    t = np.maximum(t, 0.0)
    if kind == "t":
        return t
    return np.where(best < values if kind == "q0" else best > values, 0.0, t)


def choose(likelihood: ProfileLikelihood, kind: TestStatistic | None) -> TestStatistic:
    """The test statistic that suits the range of the parameter, or the one asked for.

    Raises:
        InputError: for one that does not go with the range.
    """
    if kind is None:
        return "qtilde" if likelihood.one_sided else "t"
    if kind == "qtilde" and not likelihood.one_sided:
        raise InputError(
            f"qtilde needs a range of {likelihood.name} that begins at the null "
            f"{likelihood.null:g}",
            allowed="t or q, or another prior",
        )
    if kind == "q" and likelihood.one_sided:
        raise InputError(
            f"q needs best values of {likelihood.name} below the null {likelihood.null:g}",
            allowed="qtilde or t, or a prior that goes below it",
        )
    if kind == "q0":
        raise InputError("q0 tests the null alone", allowed="see `significance`")
    return kind


def asymptotic_cls(
    q: np.ndarray, q_asimov: np.ndarray, kind: TestStatistic = "qtilde"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """CLs+b, CLb and CLs = CLs+b/CLb from a test statistic and that of Asimov data.

    CCGV Eqs. (57) and (65), with sigma from the Asimov data, as `pyhf` has them. For t: CLs+b alone
    is the two-sided p-value, and CLb that of the null.

    >>> clsb, clb, cls = asymptotic_cls(np.array([1.92]), np.array([4.0]))
    >>> f"{clsb[0]:.4f} {clb[0]:.4f} {cls[0]:.4f}"
    '0.0829 0.7305 0.1135'
    """
    root, asimov = np.sqrt(q), np.sqrt(q_asimov)
    if kind == "t":
        clsb = _two_sided(q, q_asimov, bounded=False)
        return clsb, np.ones_like(clsb), clsb
    beyond = (q - q_asimov) / (2 * np.where(asimov > 0, asimov, 1.0))
    shifted = np.where((root > asimov) & (kind == "qtilde"), beyond, root - asimov)
    clsb, clb = norm.sf(shifted + asimov), norm.sf(shifted)
    # Both may be too small for a number where their ratio is none.
    return clsb, clb, np.exp(log_ndtr(-shifted - asimov) - log_ndtr(-shifted))


def expected_cls(q_asimov: np.ndarray) -> np.ndarray:
    """CLs of data at `BANDS` standard deviations from the null, shape (5, n)."""
    asimov = np.sqrt(q_asimov)
    n = np.array(BANDS)[:, None]
    return norm.cdf(n - asimov) / norm.cdf(n)


def scan(
    likelihood: ProfileLikelihood, values: np.ndarray, *, test_stat: TestStatistic | None = None
) -> Scan:
    """Asymptotic tests of many values.

    Args:
        likelihood: with the fit to the observed data.
        values: tested values, shape (n,).
        test_stat: "qtilde", "q" or "t"; the one that suits the range of the parameter if absent.

    Raises:
        InputError: for a test statistic that does not go with the range.
    """
    kind = choose(likelihood, test_stat)
    values = np.atleast_1d(np.asarray(values, dtype=float))
    likelihood.along_observed.on(values[None])
    likelihood.along_asimov.on(values[None])
    q, q_asimov = (of(likelihood, kind, values) for of in (of_observed, of_asimov))
    clsb, clb, cls = asymptotic_cls(q, q_asimov, kind)
    expected = expected_cls(q_asimov)
    return Scan(values, q, q_asimov, clsb, clb, cls, expected)


def of_observed(
    likelihood: ProfileLikelihood, kind: TestStatistic, values: np.ndarray
) -> np.ndarray:
    """The test statistic of the observed data, one a value."""
    return test_statistic(kind, values, likelihood.along_observed(values), likelihood.best)


def of_asimov(likelihood: ProfileLikelihood, kind: TestStatistic, values: np.ndarray) -> np.ndarray:
    """The test statistic of background-only Asimov data, one a value."""
    _, best = likelihood.asimov_of_null
    return test_statistic(kind, values, likelihood.along_asimov(values), best)


def hypotest(
    likelihood: ProfileLikelihood, value: float, *, test_stat: TestStatistic | None = None
) -> Scan:
    """Asymptotic test of one value, what `pyhf.infer.hypotest` does; `scan` of one value."""
    return scan(likelihood, np.array([value]), test_stat=test_stat)


def significance(likelihood: ProfileLikelihood, value: float | None = None) -> Significance:
    """How far the data are from a value, by default the null: discovery.

    Args:
        likelihood: with the fit to the observed data.
        value: the value tested.
    """
    x = likelihood.null if value is None else float(value)
    at = np.array([x])
    t = float(of_observed(likelihood, "t", at)[0])
    Z = float(np.sqrt(t) * np.sign(likelihood.best.value[0] - x))
    q_asimov = float(of_asimov(likelihood, "t", at)[0]) if x != likelihood.null else 0.0
    two = _two_sided(np.array([t]), np.array([q_asimov]), bounded=likelihood.one_sided)
    return Significance(x, t, Z, float(norm.sf(Z)), float(two[0]))


def _two_sided(t: np.ndarray, q_asimov: np.ndarray, *, bounded: bool) -> np.ndarray:
    """p-value of t, Eq. (36); where best values end at the null, Eq. (43)."""
    root = np.sqrt(t)
    p = 2 * norm.sf(root)
    if not bounded:
        return p
    asimov = np.sqrt(q_asimov)
    shifted = (t + q_asimov) / (2 * np.where(asimov > 0, asimov, 1.0))
    return np.where(root > asimov, norm.sf(root) + np.where(asimov > 0, norm.sf(shifted), 0.0), p)


def local_significance(gain: float, parameters: int) -> tuple[float, float]:
    """Standard deviations, two-sided, of a gain in -2 ln L by fitting this many parameters.

    The first number is that of chi2 with as many degrees of freedom (Wilks). The second is that of
    CLs: the tail probability of the null over that of the best fit, under which the gain has the
    noncentral chi2 of its Asimov data. Both are local: no trials factor for parameters that mean
    nothing under the null, such as the mass of a resonance.

    >>> [round(z, 2) for z in local_significance(9.0, 1)]
    [3.0, 2.78]
    """
    gain = max(gain, 0.0)
    tail = _log_chi2_sf(gain, parameters)
    # The noncentral chi2 is of the order of a half there, and well known where it is not.
    kept = np.log(ncx2.sf(gain, parameters, gain)) if gain < _LARGE_GAIN else -np.log(2)
    return _two_sided_z(tail), _two_sided_z(min(tail - kept, 0.0))


# Beyond it the median of a noncentral chi2 is its noncentrality to 1e-3, of no matter to Z.
_LARGE_GAIN = 1e5


def _log_chi2_sf(x: float, dof: int) -> float:
    """ln of the tail probability, from where it is 1 to where it is no number of double precision.

    Q(a + 1, y) = Q(a, y) + y^a e^-y/Gamma(a + 1) from Q(1/2, y) = erfc(sqrt y) or Q(1, y) = e^-y.
    """
    y, a = x / 2, 0.5 if dof % 2 else 1.0
    terms = [np.log(erfcx(np.sqrt(y))) if dof % 2 else 0.0]
    while a < dof / 2 - 0.25:
        terms.append(a * np.log(y) - gammaln(a + 1) if y > 0 else -np.inf)
        a += 1
    return float(logsumexp(terms) - y)


def _two_sided_z(log_p: float) -> float:
    """Standard deviations of a two-sided p-value given by its logarithm."""
    return max(float(-ndtri_exp(log_p - np.log(2))), 0.0)
