"""`shape_systematic`: efficiencies of the SM spectrum are uncertain for everything else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from quoted_values import quoted_value
from scipy.optimize import minimize_scalar

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.experiments import Predictions, load_measurements, log_likelihoods
from bsnunu_jax.experiments.measurement import Generative
from bsnunu_jax.experiments.quoted.counting import log_likelihood_of_signal
from bsnunu_jax.experiments.quoted.shape_systematic import shape_std, with_shape_systematic
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import REPORTED
from bsnunu_jax.inference.problem.parameters import Parameter, Uniform
from bsnunu_jax.inference.problem.problem import Problem
from bsnunu_jax.inference.problem.tabulate import tabulate
from bsnunu_jax.inputs import Nuisances
from bsnunu_jax.models import get_model
from bsnunu_jax.observables.public import branching_fraction
from bsnunu_jax.report.limit_table import limit_table
from bsnunu_jax.report.table import Facts, _data
from bsnunu_jax.runs.limit import run_limit
from bsnunu_jax.states import Neutrinos, ScalarPair

STD = 0.3
SEARCHES = ("belle_2017_Kstar0", "belle_2013_K0", "babar_2013_Kstar0")
NAMES = (*SEARCHES, "belle2_knunu_2023")


def quoted(name, observable, sm_spectrum=True):
    return quoted_value(observable, 4.0, 1.5, 0.5, name=name, sm_spectrum=sm_spectrum)


@pytest.fixture(scope="module")
def plain():
    return load_measurements(NAMES)


@pytest.fixture(scope="module")
def shaped(plain):
    return with_shape_systematic(plain, STD)


@pytest.fixture(scope="module")
def dark(inputs):
    """SM neutrinos and a heavy scalar pair, whose spectrum is far from the SM's."""
    return Predictions((Neutrinos(), ScalarPair(1.2, S=1e-7, P=1.5e-7)), inputs)


def problem(measurements, inputs, model="neutrinos", name="CR_tautau", high=30.0, fixed=()):
    parameter = Parameter(name, Uniform(0, high), name)
    return Problem(
        get_model(model), (parameter,), Nuisances(inputs, ("ckm", "B->K")), measurements, fixed
    )


def test_who_has_one(plain, shaped):
    assert [m.nuisance_names for m in shaped[:3]] == [(f"shape[{n}]",) for n in SEARCHES]
    assert shaped[3] is plain[3]  # Belle II knows its efficiency at every q2
    assert [m.nuisance_names for m in plain[:3]] == [(), (), ()]  # the catalogue is as it was
    assert [shape_std(m) for m in (*plain, *shaped)] == [0, 0, 0, 0, STD, STD, STD, 0]
    others = [
        quoted("r", "R_K_nunu"),
        quoted("b", "BR(B0->K*0inv)"),
        quoted("n", "BR_NP(B+->K+inv)"),
        quoted("own", "R_K_nunu", sm_spectrum=False),
        quoted("f", "F_L(B0->K*0inv)"),
        quoted("s", "BR(Bs->inv)"),
    ]
    found = [m.nuisance_names for m in with_shape_systematic(others, STD)]
    assert found == [("shape[r]",), ("shape[b]",), ("shape[n]",), (), (), ()]


@pytest.mark.parametrize("model", ["neutrinos", "universal"])
def test_without_couplings_nothing_changes(plain, shaped, inputs, model):
    predictions = Predictions(get_model(model).build({}, inputs), inputs)
    with_it = log_likelihoods(shaped[:3], predictions, jnp.array([1.3, -0.7, 2.0]))
    without = log_likelihoods(plain[:3], predictions, jnp.zeros(0))
    for name in SEARCHES:
        assert float(with_it[name]) == pytest.approx(float(without[name]), rel=1e-12)


def test_likelihood_by_hand(shaped, dark, inputs):
    """signal = efficiency (BR_SM + (BR - BR_SM) exp(0.3 z)), one z each, in any company."""
    sm = [Neutrinos()]
    first, *others = shaped[:3]
    company = (first, *with_shape_systematic([quoted("r", "BR(B+->K+inv)")], STD), *others)
    for z in (-1.5, 0.8):
        joint = log_likelihoods(company, dark, jnp.array([z, 0.3, 2 * z, -z]))
        for m, own in zip(shaped[:3], (z, 2 * z, -z), strict=True):
            br, br_sm = (float(branching_fraction(m.mode, s, inputs)) for s in (dark.states, sm))
            assert br > 2 * br_sm
            signal = m.events_per_br * (br_sm + (br - br_sm) * np.exp(STD * own))
            expected = log_likelihood_of_signal(
                np.float64(signal), m.observed, m.background, m.background_std, xp=np
            )
            assert float(m.log_likelihood(dark, jnp.array([own]))) == pytest.approx(float(expected))
            assert float(joint[m.name]) == pytest.approx(float(expected))


def test_searches_with_and_without_are_evaluated_together(plain, shaped, dark):
    mixed = (plain[0], shaped[1], plain[2])
    z = jnp.array([1.1])
    joint = log_likelihoods(mixed, dark, z)
    for m in mixed:
        alone = m.log_likelihood(dark, z if m.nuisance_names else jnp.zeros(0))
        assert float(joint[m.name]) == pytest.approx(float(alone), rel=1e-13)


def test_quoted_values_by_hand(dark, inputs):
    (m,) = with_shape_systematic([quoted("r", "R_Kstar_nunu")], STD)
    br, sm = (float(branching_fraction("B0->K*0", s, inputs)) for s in (dark.states, [Neutrinos()]))
    value = 1 + (br / sm - 1) * np.exp(STD * 0.9)
    z = jnp.array([0.9])
    assert float(m.expected_data(dark, z)[0]) == pytest.approx(value, rel=1e-12)
    width = 1.5 if value > 4 else 0.5
    expected = -(((value - 4) / width) ** 2) / 2
    assert float(m.log_likelihood(dark, z)) == pytest.approx(expected, rel=1e-12)


def test_data_can_be_exchanged(plain, shaped, dark, inputs):
    m, bare = shaped[0], plain[0]
    assert isinstance(m, Generative)
    z = jnp.array([0.7])
    br, sm = (float(branching_fraction(m.mode, s, inputs)) for s in (dark.states, [Neutrinos()]))
    mean = bare.events_per_br * (sm + (br - sm) * np.exp(STD * 0.7)) + m.background
    assert float(m.expected_data(dark, z)[0]) == pytest.approx(mean, rel=1e-12)
    keys = jax.random.split(jax.random.key(8), 4000)
    toys = np.asarray(jax.jit(jax.vmap(lambda k: m.sample_data(dark, z, k)))(keys))
    assert toys.mean() == pytest.approx(mean, abs=4 * np.sqrt((mean + 4) / 4000))
    other = m.with_data(m.data + 9)
    assert other.nuisance_names == m.nuisance_names
    assert other.events_per_br == m.events_per_br
    assert float(other.log_likelihood(dark, z)) != float(m.log_likelihood(dark, z))
    assert float(m.saturated(dark, z)) == float(bare.saturated(dark, jnp.zeros(0)))


@pytest.mark.parametrize(
    ("model", "name", "high", "fixed"),
    [
        ("neutrinos", "CR_tautau", 30.0, ()),
        ("universal", "cSL", 10.0, ()),
        ("resonance", "BR", 5e-5, (("m", 1.7), ("width", 0.1), ("P", 2e-8))),
    ],
)
def test_tabulated_is_integrated(shaped, inputs, model, name, high, fixed):
    """The SM's kernels have Gram matrices of their own; gradients reach the new nuisances."""
    made = problem(shaped[:2], inputs, model, name, high, fixed)
    fast = tabulate(made)
    assert {request[0] for request in fast.sm_grams} == {m.mode for m in shaped[:2]}
    theta = 0.4 * np.random.default_rng(2).normal(size=made.size)
    expected = jax.jit(jax.value_and_grad(made.objective))(jnp.asarray(theta))
    found = jax.jit(jax.value_and_grad(fast.objective))(jnp.asarray(theta))
    assert float(found[0]) == pytest.approx(float(expected[0]), rel=1e-11)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-7, atol=1e-7)
    shifts = [made.names.index(f"shape[{n}]") for n in SEARCHES[:2]]
    assert np.abs(np.asarray(found[1])[shifts] - 2 * theta[shifts]).min() > 1e-3


def test_nothing_is_tabulated_for_the_sm_without_it(plain, inputs):
    assert not tabulate(problem(plain[:1], inputs)).sm_grams


CARD = """\
title: one coupling, one ratio
model: neutrinos
inputs: {nuisances: []}
parameters:
  CR_mutau: {prior: {uniform: [0, 40]}, mirror: true, also: [CR_taumu]}
data: [mine.yaml]
sampler: {chains: 1, warmup: 50, draws: 60, block: 50}
"""
ON = CARD + "shape_systematic: 0.3\n"
DATA = """\
measurements:
- {id: mine, title: mine, observable: R_K_nunu, value: 1.8, errors: [[0.5, -0.5]]}
"""


def card(folder, text, data=DATA):
    (folder / "mine.yaml").write_text(data)
    path = folder / "card.yaml"
    path.write_text(text)
    return Card(path)


def test_cards(tmp_path):
    assert "shape_systematic" not in yaml.safe_load(card(tmp_path, CARD).resolved)
    assert card(tmp_path, CARD).problem.names == ("CR_mutau",)
    on = card(tmp_path, ON)
    assert yaml.safe_load(on.resolved)["shape_systematic"] == 0.3
    assert on.problem.names == ("CR_mutau", "shape[mine]")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("-0.3", "greater than or equal to 0"),
        ("1.2", "less than or equal to 1, got 1.2"),
        ("30 %", "expected a number, got '30 %'"),
        ("true", "expected a number, got True"),
        (".nan", "finite number"),
    ],
)
def test_bad_values_are_located(tmp_path, value, message):
    with pytest.raises(InputError, match=message) as caught:
        card(tmp_path, ON.replace("0.3", value))
    text = str(caught.value)
    assert text.startswith(f"{tmp_path / 'card.yaml'}:8 (shape_systematic)")
    assert "\n" not in text


def test_a_card_that_has_no_use_for_it_is_refused(tmp_path):
    with pytest.raises(InputError, match="none of the data assumes the SM q2 spectrum") as caught:
        card(tmp_path, ON, "sm_spectrum: false\n" + DATA).problem
    assert str(caught.value).startswith(f"{tmp_path / 'card.yaml'}:8 (shape_systematic)")


def test_the_report_says_that_it_is_on(plain, shaped, inputs):
    facts = Facts(0.0, 0.0, dict.fromkeys(REPORTED, 0.2), {}, 0, 1)
    texts = [" ".join("\n".join(_data(problem(m, inputs), facts)).split()) for m in (plain, shaped)]
    said = "shape_systematic is on, the efficiency of what is not the SM's has an uncertainty of 30"
    assert [said in text for text in texts] == [False, True]
    assert all("not corrected for" in text for text in texts)


def test_limits_profile_it(tmp_path):
    """q-tilde of R = x is min over z of ((1 + (x - 1) exp(0.3 z) - 1.8)/0.5)^2 + z^2."""
    result = run_limit(card(tmp_path, ON), tmp_path / "out", tested=(10.0,), quiet=True)
    assert result["shape_systematic"] == 0.3
    assert "shape_systematic" in limit_table(result)
    assert result["discovery"]["Z"] == pytest.approx(1.6, abs=1e-6)
    c_sm = float(Nuisances(card(tmp_path, ON).problem.nuisances.inputs, ()).inputs.C_L_SM)
    new = 2 * 10.0**2 / (3 * c_sm**2)
    found = minimize_scalar(lambda z: ((new * np.exp(STD * z) - 0.8) / 0.5) ** 2 + z**2)
    fixed = ((new - 0.8) / 0.5) ** 2
    assert found.fun < 0.9 * fixed
    assert result["tested"][0]["t"] == pytest.approx(found.fun, abs=1e-6)
