"""Limits of which only the number is published, and the uncertain inputs of Bs -> invisible."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from scipy.integrate import quad
from scipy.stats import norm

from bsnunu_jax.experiments import load_measurements, measurement_names
from bsnunu_jax.experiments.catalogue import read_measurements
from bsnunu_jax.experiments.measurement import Generative, Hypothetical
from bsnunu_jax.experiments.quoted.values import GaussianMeasurement
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inference.hypotheses.limits import upper_limits
from bsnunu_jax.inference.hypotheses.profile_likelihood import ProfileLikelihood
from bsnunu_jax.inference.problem.parameters import Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inputs import Nuisances, load_inputs
from bsnunu_jax.inputs.nuisances import DEFAULT_GROUPS, GROUPS
from bsnunu_jax.inputs.tables import numbers
from bsnunu_jax.models import get_model
from bsnunu_jax.observables.public import branching_fraction
from bsnunu_jax.runs.predict import predict
from bsnunu_jax.states import ScalarPair

LIMIT, NO_NUISANCES = 5.6e-4, np.zeros(0)


class Fixed:
    def __init__(self, br):
        self.br = br

    def behind(self, detector):
        return self

    def observable(self, name):
        assert name == "BR(Bs->inv)"
        return jnp.asarray(self.br)


@pytest.fixture(scope="module")
def aleph():
    (found,) = load_measurements(["aleph_Bs_inv"])
    return found


def test_a_flat_prior_gives_the_limit(aleph):
    def likelihood(br):
        return np.exp(float(aleph.log_likelihood(Fixed(br), NO_NUISANCES)))

    below, above = (
        quad(likelihood, *ends, epsrel=1e-11)[0] for ends in ((0, LIMIT), (LIMIT, 12 * LIMIT))
    )
    assert below / (below + above) == pytest.approx(0.9, rel=1e-9)


def test_it_is_the_half_gaussian_of_flavio(aleph):
    """Standard deviation limit/1.6449, 0 at BR = 0."""
    for br in (0.0, 2e-4, 3e-3):
        expected = norm.logpdf(br, 0, LIMIT / 1.6448536269514722) - norm.logpdf(
            0, 0, LIMIT / 1.6448536269514722
        )
        assert float(aleph.log_likelihood(Fixed(br), NO_NUISANCES)) == pytest.approx(expected)


def test_what_it_says_of_itself(aleph):
    assert aleph.sources == ("arXiv:2310.13043",)
    assert not aleph.sm_spectrum
    assert aleph.nuisance_names == ()
    assert "5.6e-4" in aleph.title


def test_other_data_and_toys(aleph):
    assert isinstance(aleph, Generative)
    br, std = 3e-4, LIMIT / norm.ppf(0.95)
    np.testing.assert_array_equal(aleph.data, [0.0])
    np.testing.assert_allclose(aleph.expected_data(Fixed(br), NO_NUISANCES), [br])
    asimov = aleph.with_data(jnp.array([br]))
    assert float(asimov.log_likelihood(Fixed(br), NO_NUISANCES)) == 0
    assert float(asimov.saturated(Fixed(br), NO_NUISANCES)) == 0
    # one standard deviation below and above
    for shift in (-std, std):
        assert float(asimov.log_likelihood(Fixed(br + shift), NO_NUISANCES)) == pytest.approx(-0.5)
    keys = jax.random.split(jax.random.key(3), 20_000)
    toys = np.asarray(jax.vmap(lambda k: aleph.sample_data(Fixed(br), NO_NUISANCES, k))(keys))
    assert toys.mean() == pytest.approx(br, abs=4 * std / 20_000**0.5)
    assert toys.std() == pytest.approx(std, rel=0.02)


def test_cls_gives_the_limit_too(aleph, inputs):
    """2 (1 - Phi(x/sigma)) = 10 % at x = 1.645 sigma: in BR, whatever the parameter."""
    problem = Problem(
        get_model("universal"),
        (Parameter("cSL", Uniform(-40, 40), "c", mirror=True),),
        Nuisances(inputs, ()),
        (aleph,),
    )
    limit = upper_limits(ProfileLikelihood(problem), cl=0.9).observed
    states = get_model("universal").build({"cSL": limit}, inputs)
    assert float(branching_fraction("Bs->inv", states, inputs)) == pytest.approx(LIMIT, rel=1e-5)


# Observable, limit, confidence level in %, as the publications have them.
PUBLISHED = {
    "aleph_Bs_inv": ("BR(Bs->inv)", 5.6e-4, 90),
    "aleph_B0_inv": ("BR(B0->inv)", 1.4e-4, 90),
    "babar_2012_B0inv": ("BR(B0->inv)", 2.4e-5, 90),
    "belle_2020_B0inv": ("BR(B0->inv)", 7.8e-5, 90),
    "belle2_2025_Xs_K": ("BR(B->Xsinv)[0,0.6]", 2.2e-5, 90),
    "belle2_2025_Xs_Kstar": ("BR(B->Xsinv)[0.6,1.0]", 9.5e-5, 90),
    "belle2_2025_Xs_high": ("BR(B->Xsinv)[1.0,inf]", 31.2e-5, 90),
    "belle2_2025_Xs": ("BR(B->Xsinv)", 3.2e-4, 90),
    "delphi_1996_phinunu": ("BR(Bs->phiinv)", 5.4e-3, 90),
    "delphi_1996_Kstar0nunu": ("BR(B0->K*0inv)", 1.0e-3, 90),
    "paper_R_Kstar_nunu": ("R_Kstar_nunu", 1.9, 90),
    "belle_2026_Ktautau": ("BR(B+->K+tau+tau-)", 5.6e-4, 90),
    "belle2_2025_Kstar0tautau": ("BR(B0->K*0tau+tau-)", 1.8e-3, 90),
    "belle_2021_Kstar0tautau": ("BR(B0->K*0tau+tau-)", 3.1e-3, 90),
    "lhcb_2025_Kstar0tautau": ("BR(B0->K*0tau+tau-)", 2.8e-4, 95),
    "lhcb_2025_phitautau": ("BR(Bs->phitau+tau-)", 4.7e-4, 95),
    "lhcb_2020_Kmutau": ("BR(B+->K+mu-tau+)", 3.9e-5, 90),
    "belle_2023_Kmutau": ("BR(B+->K+mu-tau+)", 0.59e-5, 90),
    "belle_2023_Ktaumu": ("BR(B+->K+mu+tau-)", 2.45e-5, 90),
    "lhcb_2019_Bstaumu": ("BR(Bs->mu+-tau-+)", 4.2e-5, 95),
    "belle_2025_Kstar0mutau": ("BR(B0->K*0mu-tau+)", 6.4e-5, 90),
    "belle_2025_Kstar0taumu": ("BR(B0->K*0mu+tau-)", 6.4e-5, 90),
    "belle_2025_Kstar0etau": ("BR(B0->K*0e-tau+)", 6.4e-5, 90),
    "belle_2025_Kstar0taue": ("BR(B0->K*0e+tau-)", 6.4e-5, 90),
    "lhcb_2022_Kstar0mutau": ("BR(B0->K*0mu-tau+)", 1.0e-5, 90),
    "lhcb_2022_Kstar0taumu": ("BR(B0->K*0mu+tau-)", 8.2e-6, 90),
    "lhcb_2024_phimutau": ("BR(Bs->phimu+-tau-+)", 1.0e-5, 90),
    "koto_2018_KLpi0nunu": ("BR(KL->pi0inv)", 3.0e-9, 90),
    "koto_2024_KLpi0nunu": ("BR(KL->pi0inv)", 2.2e-9, 90),
    "belle_2017_D0inv": ("BR(D0->inv)", 9.4e-5, 90),
    "besiii_2021_D0pi0inv": ("BR(D0->pi0inv)", 2.1e-4, 90),
    "planck_2018_p_ann": ("p_ann", 3.2e-28, 95),
}
# Of `unverified` ones at least a part was not read.
UNREAD = {n for n in PUBLISHED if n.startswith(("belle_2021", "belle_2023", "lhcb_2022"))}
UNREAD |= {"lhcb_2024_phimutau", "planck_2018_p_ann"}


def test_every_limit_is_published():
    every = load_all()
    limits = {n for n, m in every.items() if isinstance(m, GaussianMeasurement) and m.value == 0}
    assert limits == set(PUBLISHED)
    for name, (observable, limit, cl) in PUBLISHED.items():
        m = every[name]
        assert m.observable == observable
        width = limit / norm.ppf((1 + cl / 100) / 2)
        assert (m.upper, m.lower) == pytest.approx((width, width), rel=1e-12, abs=0)
        assert m.title.endswith("[unverified]") is (name in UNREAD)


def load_all():
    return {name: load_measurements([name])[0] for name in measurement_names()}


def test_unverified_numbers_are_in_no_shipped_card():
    unread = {name for name, m in load_all().items() if "[unverified]" in m.title}
    # Forecasts, which no fit takes.
    unread -= {name for name, m in load_all().items() if isinstance(m, Hypothetical)}
    assert unread == UNREAD
    folder = Path(__file__).parents[1] / "fits"
    for path in folder.glob("*.yaml"):
        assert not unread & set(yaml.safe_load(path.read_text()).get("data", ()))


@pytest.mark.parametrize(
    "names",
    [
        ("belle2_2025_Xs", "belle2_knunu_2023"),
        ("belle2_2025_Xs_high", "belle2_2023_hta_br"),
        ("belle2_2025_Xs_K", "belle2_2025_Xs_Kstar"),
        ("belle2_2025_Xs", "belle2_2025_Xs_high"),
        ("delphi_1996_phinunu", "delphi_1996_Kstar0nunu"),
        ("aleph_B0_inv", "aleph_Bs_inv"),
    ],
)
def test_overlaps_are_refused(names):
    with pytest.raises(InputError, match="contain the same data"):
        load_measurements(names)
    load_measurements(["belle2_2025_Xs", "belle2_2023_ita_br", "delphi_1996_phinunu"])


OWN = """\
measurements:
- {id: mine, title: mine, observable: R_K_nunu, limit: 4.0, confidence_level: 0.95}
"""


def test_limits_of_your_own(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(OWN)
    (mine,) = read_measurements(path)
    assert (mine.value, mine.upper, mine.lower) == pytest.approx((0, 4 / 1.959964, 4 / 1.959964))
    assert mine.observable == "R_K_nunu"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("limit: 4.0", "limit: 0", "greater than 0"),
        ("confidence_level: 0.95", "confidence_level: 95", "less than 1"),
        (", confidence_level: 0.95", "", "'confidence_level' is missing"),
        ("R_K_nunu", "R_J", "unknown observable"),
        ("R_K_nunu", "dBR/dq2(B+->K+inv)", "spectrum"),
        ("limit: 4.0", "limit: 4.0, observed: 3", "unknown key 'observed'"),
    ],
)
def test_flaws_are_located(tmp_path, old, new, message):
    path = tmp_path / "mine.yaml"
    path.write_text(OWN.replace(old, new))
    with pytest.raises(InputError, match=message) as caught:
        read_measurements(path)
    assert f"{path}:2" in str(caught.value)


def test_the_group_of_the_bs(inputs):
    """f_Bs = 0.2303(13) GeV squared, the lifetime linearly, 1/(1 - y); other modes: nothing."""
    assert "Bs" in GROUPS
    assert "Bs" not in DEFAULT_GROUPS
    nuisances = Nuisances(inputs, ["Bs"])
    assert nuisances.names == ("f_Bs", "tau_B_s", "DeltaGamma_over_Gamma_Bs")
    table, state = numbers("default"), ScalarPair(0.5, P=1e-8)

    def br(mode, z):
        return float(branching_fraction(mode, state, nuisances.shift(jnp.array(z))))

    y, sigma = 0.129 / 2, 0.009 / 2
    expected = {
        name: (1 + table[name].uncertainty / table[name].value) ** power
        for name, power in (("f_Bs", 2), ("tau_B_s", 1))
    } | {"DeltaGamma_over_Gamma_Bs": (1 - y) / (1 - y - sigma)}
    none = np.zeros(3)
    for z, name in zip(np.eye(3), nuisances.names, strict=True):
        change = br("Bs->inv", z) / br("Bs->inv", none)
        assert change == pytest.approx(expected[name], rel=1e-12)
        assert br("B0->K*0", z) == br("B0->K*0", none)


# Beside the groups of K and K* those that an annihilation of the Bs reads.
BEYOND = tuple(g for g in GROUPS if g in DEFAULT_GROUPS or g == "Bs")


@pytest.mark.parametrize(
    ("names", "mode", "groups"),
    [
        (["BR(Bs->inv)"], "Bs->inv", BEYOND),
        (["BR(B+->K+inv)"], "B+->K+", DEFAULT_GROUPS),
        (["BR(B+->K+inv)", "BR(Bs->inv)"], "Bs->inv", BEYOND),
    ],
)
def test_predict_varies_it_where_it_matters(names, mode, groups):
    result = predict(names, model="universal", settings=["cSL=3"], errors=50, seed=4)
    nuisances = Nuisances(load_inputs(), groups)

    def br(z):
        inputs = nuisances.shift(z)
        return branching_fraction(mode, get_model("universal").build({"cSL": 3.0}, inputs), inputs)

    draws = jax.jit(jax.vmap(br))(nuisances.draw(jax.random.key(4), 50))
    found = result["observables"][names[-1]]["std"]
    assert found == pytest.approx(float(np.std(draws, ddof=1)), rel=1e-10)
