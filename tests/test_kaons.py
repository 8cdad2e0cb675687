"""K -> pi + invisible: flavio's rates, published ones, kappa, relations between transitions."""

import json
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest
from commands import run
from scipy.integrate import quad

from bsnunu_jax import FermionPair, Neutrinos, ScalarPair, get_observable, load_inputs
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import get_mode
from bsnunu_jax.inputs import Inputs, Nuisances
from bsnunu_jax.inputs.nuisances import groups_of
from bsnunu_jax.models import get_model
from bsnunu_jax.observables import branching
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.rates.forms import by_state, forms
from bsnunu_jax.states.base import MasslessPair
from bsnunu_jax.states.conjugated import conjugated

KAONS = ("K+->pi+", "KL->pi0")
# flavio 2.7.1, np_prediction of WET-3 coefficients at 2 GeV; its K_L has (Im A_ij)^2, right for
# coefficients that are symmetric in the flavours.
FLAVIO: list[tuple[dict[str, complex], float, float]] = [
    ({}, 8.139443178805175e-11, 2.7790131843543066e-11),
    ({"CL_sd_tautau": 2.0}, 7.093559858945853e-11, 2.301666147515582e-11),
    ({"CL_sd_mumu": 3 - 4j}, 7.460942807824203e-11, 2.572202982501467e-11),
    ({"CR_sd_ee": -1 + 2j}, 8.749180282240794e-11, 5.073703466759938e-11),
]


def both(state: Any, inputs: Inputs) -> list[float]:
    return [float(programs.branching_fraction(mode, state, inputs)) for mode in KAONS]


@pytest.mark.parametrize(("given", "charged", "neutral"), FLAVIO)
def test_rates_of_flavio(given: dict[str, complex], charged: float, neutral: float) -> None:
    found = both(Neutrinos.named(given), load_inputs("flavio"))
    assert found == pytest.approx([charged, neutral], rel=1e-13, abs=0)
    aliases = [get_observable(f"BR({k}->pinunu)").name for k in ("K+", "KL")]
    assert aliases == [f"BR({mode}inv)" for mode in KAONS]


def spread(inputs: Inputs) -> np.ndarray:
    nuisances = Nuisances(inputs, groups_of(KAONS))
    draws = nuisances.draw(jax.random.key(0), 400)

    def one(z: jax.Array) -> jax.Array:
        shifted = nuisances.shift(z)
        found = [branching.branching_fraction(m, Neutrinos(), shifted) for m in KAONS]
        return jnp.stack(found)

    return np.asarray(jnp.std(jax.jit(jax.vmap(one))(draws), axis=0))


def test_sm_beside_published_numbers(inputs: Inputs) -> None:
    """arXiv:1503.02693 (from memory), 2105.02868, and of K+ 2203.10099: within 2 sigma."""
    found, sigma = both(Neutrinos(), inputs), spread(inputs)
    assert found == pytest.approx([8.38e-11, 2.80e-11], rel=2e-3, abs=0)
    assert sigma == pytest.approx([0.51e-11, 0.33e-11], rel=0.08, abs=0)
    published = (
        ((8.4e-11, 1.0e-11), (7.73e-11, 0.61e-11), (8.60e-11, 0.42e-11)),
        ((3.4e-11, 0.6e-11), (2.59e-11, 0.29e-11)),
    )
    for value, error, numbers in zip(found, sigma, published, strict=True):
        for number, width in numbers:
            assert abs(value - number) < 2 * np.hypot(width, error)


def test_kappa_formula(inputs: Inputs) -> None:
    """The formula of arXiv:0705.2025 with numbers typed here, flavour by flavour."""
    lam, alpha, s2, X_t = 0.2248, 0.007815430786544954, 0.23124, 1.468
    lambda_t = 0.0003554421906812817 * np.exp(2.7387082936233256j)
    lambda_c = -lam * np.sqrt(1 - lam**2 - 0.00364**2) - lambda_t
    mean, tau = 0.36354133867764254, 0.67
    P_c = np.array([1, 1, tau]) * 3 / (2 + tau) * mean
    assert P_c.mean() == pytest.approx(mean)
    A = np.diag(lambda_t * X_t / lam**5 + lambda_c / lam * (P_c + 0.04))
    units = (lam / 0.225) ** 8 * (alpha * 127.9) ** 2 * (0.231 / s2) ** 2
    charged = 5.173e-11 * units * (1 - 0.003) * np.sum(np.abs(A) ** 2) / 3
    neutral = 2.231e-10 * units * np.sum(np.abs(A - A.conj().T) ** 2) / 12
    assert both(Neutrinos(), inputs) == pytest.approx([charged, neutral], rel=1e-12, abs=0)


def test_kappa_is_isospin_breaking(inputs: Inputs) -> None:
    """Lifetimes and f+ of K0 -> pi- give kappa but for 1 and 5 %."""
    for mode, ratio in zip(KAONS, (0.989, 0.947), strict=True):
        decay = get_mode(mode)
        m_K, m_pi = (float(inputs.values[m]) for m in (decay.m_B, decay.m_K))
        ff = inputs.form_factors["K->pi"]

        def spectrum(q2: float, m_K: float = m_K, m_pi: float = m_pi, ff: Any = ff) -> float:
            lam = ((m_K - m_pi) ** 2 - q2) * ((m_K + m_pi) ** 2 - q2)
            return float(lam**1.5 * ff(jnp.asarray(q2))["f+"] ** 2)

        integral = quad(spectrum, 0, (m_K - m_pi) ** 2, epsabs=0, epsrel=1e-12)[0]
        width = integral / (384 * np.pi**3 * m_K**3)
        own = rates.lifetime(decay, inputs) / inputs.lifetime(decay.tau_B)
        assert float(own) == pytest.approx(ratio, abs=1e-3)
        unit = eqx.tree_at(lambda i: i.values["Vus"], inputs, inputs.values["Vus"] * 1.01)
        assert float(rates.lifetime(decay, unit) / rates.lifetime(decay, inputs)) == pytest.approx(
            1.01**-2, rel=1e-13
        )
        found = rates.integrated_kernels(mode, Neutrinos(), inputs)["s->d vector"]
        assert float(found) == pytest.approx(width, rel=1e-10, abs=0)


def test_form_factors_drop_out_of_neutrinos(inputs: Inputs) -> None:
    """K_l3 is in kappa: f+(0) moves other final states against neutrinos only by its shape."""
    nuisances = Nuisances(inputs, ["K->pi"])
    up = nuisances.shift(jnp.zeros(nuisances.size).at[0].set(3.0))
    assert both(Neutrinos(), up) == pytest.approx(both(Neutrinos(), inputs), rel=1e-13, abs=0)
    pair = ScalarPair(0.05, S=1e-10, V=1e-9j, quarks="s->d")
    assert both(pair, up) == pytest.approx(both(pair, inputs), rel=1e-13, abs=0)
    shape = nuisances.shift(jnp.ones(nuisances.size))
    assert both(pair, shape) != pytest.approx(both(pair, inputs), rel=1e-4, abs=0)


def test_grossman_nir(inputs: Inputs, rng: np.random.Generator) -> None:
    """BR(K_L) is at most kappa_L/kappa_+ of BR(K+), and reaches it for antihermitian matrices."""
    bound = 2.231e-10 / (5.173e-11 * (1 - 0.003))
    assert bound == pytest.approx(4.3, abs=0.05)
    for _ in range(5):
        C = 9 * (rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3)))
        charged, neutral = both(Neutrinos(elsewhere={"s->d": {"CL": C}}), inputs)
        assert 0 < neutral < bound * charged
    phase = np.exp(1j * float(inputs.values["VtsVtd_arg"]))
    sm = np.diag(np.asarray(inputs.sm_coefficient("s->d")))
    for sign, ratio in ((1, 0.0), (-1, bound)):
        new = (C + sign * C.conj().T) / phase - sm
        charged, neutral = both(Neutrinos(elsewhere={"s->d": {"CL": new}}), inputs)
        assert neutral / charged == pytest.approx(ratio, rel=1e-12, abs=1e-15)


def test_vectors_see_imaginary_and_scalars_real_parts(inputs: Inputs) -> None:
    unseen = ({"V1": 1.0}, {"V2": 1.0}, {"T1": 1.0}, {"S1": 1j}, {"S2": 1j}, {"T2": 1j})
    for c in unseen:
        (name, value), *_ = c.items()
        hidden = FermionPair(0.05, quarks="s->d", **{name: 1e-9 * value})
        seen = FermionPair(0.05, quarks="s->d", **{name: 1e-9j * value})
        assert both(hidden, inputs)[1] == 0
        assert both(hidden, inputs)[0] == pytest.approx(both(seen, inputs)[0], rel=1e-13, abs=0)
        charged, neutral = both(seen, inputs)
        assert 3 < neutral / charged < 5


def test_states_of_ones_own_say_what_a_kaon_sees(inputs: Inputs) -> None:
    class Own(MasslessPair):
        def invariants(self, inputs: Inputs) -> dict[str, Any]:
            return {"own": jnp.ones(())}

        def dark_rows(self, q2: Any) -> dict[str, Any]:
            return {"own": {"V": q2}}

    with pytest.raises(InputError, match="no decay of K_L is known into the final state Own"):
        conjugated(Own())
    pair = FermionPair(0.05, V1=1j, quarks="s->d")

    class Known(Own):
        conjugated = pair

    assert conjugated(Known()) is pair


def test_other_decays_know_nothing_of_kaons(inputs: Inputs) -> None:
    """Coefficients of one transition are read: the rest of the inputs is no argument."""
    unread = {"b->s": {"VtbVtd_abs", "VtsVtd_abs", "P_c"}, "b->d": {"VtbVts_abs", "VtsVtd_abs"}}
    for mode, names in (("B+->K+", unread["b->s"]), ("B0->pi0", unread["b->d"])):
        for state in (Neutrinos(), FermionPair(0.1, V1=1e-9)):
            function = jax.make_jaxpr(
                lambda i, m=mode, s=state: branching.branching_fraction(m, s, i)
            )
            jaxpr = function(inputs).jaxpr
            used = {str(v) for e in jaxpr.eqns for v in e.invars}
            paths = jax.tree_util.tree_leaves_with_path(inputs)
            read = {
                jax.tree_util.keystr(path)
                for (path, _), v in zip(paths, jaxpr.invars, strict=True)
                if str(v) in used
            }
            assert any("GF" in path for path in read) or isinstance(state, FermionPair)
            assert not {n for n in names for path in read if f"'{n}'" in path}


def test_forms_of_several_pairs_see_what_a_kaon_sees(inputs: Inputs) -> None:
    """Sums over invariants beside shared kernels, for both modes at once."""
    pairs = [ScalarPair(0.05, quarks="s->d", **c) for c in ({"S": 2 + 1j}, {"V": 2 + 1j})]
    requests = [(mode, None) for mode in KAONS]

    @jax.jit
    def kernels(pair: Any) -> list[Any]:
        made = forms(pair, inputs, requests)
        return [made[r](inputs) for r in requests]

    found = by_state(pairs, inputs, KAONS, kernels)
    for mode, sums in zip(KAONS, found, strict=True):
        expected = [float(programs.gamma(mode, pair, inputs)) for pair in pairs]
        assert sums.tolist() == pytest.approx(expected, rel=1e-11, abs=0)


def test_all_invariants_are_those_of_each_kind_of_decay(inputs: Inputs) -> None:
    """Of a sign that K_L sees and K+ does not there is a trace in them."""
    pairs = [FermionPair(0.05, S1=1e-9 + 2e-9j, V1=c, quarks="s->d") for c in (1 + 1j, 1 - 1j)]
    found = [rates.all_invariants(pair, inputs) for pair in pairs]
    assert [sorted(x) for x in found[0]] == [["S1", "V1"]] * 2
    state = Neutrinos.named({"CL_sd_ee": 1.0})
    # Of b -> s three: as produced, and of a B_s that mixes into a hadron of either C parity.
    for times, of in ((3, inputs), (1, load_inputs(time_integrated=False))):
        names = [sorted(x) for x in rates.all_invariants(state, of)]
        assert names.count(["axial", "vector"]) == times
        assert names.count(["s->d axial", "s->d vector"]) == 2
        assert len(names) == times + 2


# Models.

RELATED = {
    "mfv": ({"CL_tautau": -3.0, "CL_emu": 1 + 2j, "CL_mue": 1 - 2j}, 1.0),
    "u2": ({"CL_tautau": -3.0, "x": 0.4 - 0.7j}, 0.4 - 0.7j),
}


def built(inputs: Inputs, **given: Any) -> Neutrinos:
    (state,) = get_model("neutrinos").build(given, inputs)
    assert isinstance(state, Neutrinos)
    return state


@pytest.mark.parametrize("relation", RELATED)
def test_relations_between_transitions(relation: str, inputs: Inputs) -> None:
    """R_pi = R_K, R_rho = R_K*, and C^sd = x C^bs."""
    given, x = RELATED[relation]
    state = built(inputs, relation=relation, **given)
    common = np.asarray(Neutrinos.named({k: v for k, v in given.items() if k != "x"}).CL)
    np.testing.assert_allclose(state.CL, np.conj(x) * common, rtol=1e-14)
    np.testing.assert_allclose(state.elsewhere["b->d"]["CL"], state.CL, rtol=1e-14)
    np.testing.assert_allclose(state.elsewhere["s->d"]["CL"], x * np.asarray(state.CL), rtol=1e-14)

    def ratio(mode: str) -> float:
        new, sm = (programs.branching_fraction(mode, s, inputs) for s in (state, Neutrinos()))
        return float(new / sm)

    for one, other in (("B+->pi+", "B+->K+"), ("B+->rho+", "B+->K*+"), ("B0->pi0", "B0->K0")):
        assert ratio(one) == pytest.approx(ratio(other), rel=1e-12)
        assert ratio(one) != pytest.approx(1, abs=0.1)


def test_phase_of_x_enters_b_decays_alone(inputs: Inputs) -> None:
    """Kaons fix C_0 |x|^2; arg x and -arg x, too, are the same for a real C_0."""
    states = [built(inputs, relation="u2", CL_tautau=-4.0, x=0.6, argx=a) for a in (0.0, 0.9, -0.9)]
    assert both(states[0], inputs) == pytest.approx(both(states[1], inputs), rel=1e-13, abs=0)
    zero, plus, minus = (float(programs.branching_fraction("B+->K+", s, inputs)) for s in states)
    assert plus == pytest.approx(minus, rel=1e-13, abs=0)
    assert plus != pytest.approx(zero, rel=1e-2, abs=0)
    mirrored = built(inputs, relation="u2", CL_tautau=-4.0, x=0.6 * np.exp(0.9j))
    np.testing.assert_allclose(mirrored.CL, states[1].CL, rtol=1e-14)


def test_right_handed_quarks_have_no_relation(inputs: Inputs) -> None:
    state = built(inputs, relation="mfv", CL_tautau=1.0, CR_mumu=2.0, CR_sd_ee=3.0, CLp_mumu=0.5)
    assert set(state.elsewhere["b->d"]) == {"CL", "CLp"}
    assert complex(state.CR[1, 1]) == 2
    assert complex(state.elsewhere["s->d"]["CR"][0, 0]) == 3
    assert complex(state.elsewhere["s->d"]["CLp"][1, 1]) == 0.5


REFUSED = {
    (
        "CL_tautau=-5",
    ): "another quark transition than BR(K+->pi+inv); give some of s->d, e.g. CL_sd_",
    ("CL_ds_tautau=1",): "unknown parameter 'CL_ds_tautau'",
    ("CL_tautau=1", "x=1"): "'x' is of the relation u2",
    ("relation=u2", "CL_tautau=1"): "'x' of the relation u2 is missing",
    ("relation=mfv", "CL_tautau=1", "CL_sd_ee=1"): "'CL_sd_ee' follows from the relation mfv",
    ("relation=mfv", "CR_tautau=1"): "the relation mfv is about none of the coefficients given",
    ("relation=mfv", "CL_tautau=1j"): "'CL_tautau' is complex",
    ("relation=mfv", "CL_emu=3"): "'CL_emu' alone is no hermitian matrix",
    ("relation=gim", "CL_tautau=1"): "one of none, mfv, u2",
}


@pytest.mark.parametrize("settings", REFUSED)
def test_refusals_are_one_line(
    settings: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    options = [word for s in settings for word in ("--set", s)]
    code, out, err = run(capsys, "predict", "BR(K+->pi+inv)", *options)
    assert (code, out) == (2, "")
    assert REFUSED[settings] in err
    assert err.count("\n") == 1


def test_predictions_with_a_relation(capsys: pytest.CaptureFixture[str]) -> None:
    """Of the three transitions none is without a part."""
    names = ("BR(B+->K+inv)", "BR(B0->pi0inv)", "BR(K+->pinunu)", "BR(KL->pi0inv)")
    options = ("--set", "CL_tautau=-1", "--set", "relation=mfv", "--json")
    code, out, _ = run(capsys, "predict", *names, *options)
    found = json.loads(out)
    assert code == 0
    assert "remarks" not in found
    assert len(found["observables"]) == 4


def test_scalar_coefficients_are_those_at_2_GeV(inputs: Inputs) -> None:
    """Run down to where the masses of the quarks are, whatever the preset has for b quarks."""
    model = get_model("scalar-pair")
    at = {
        scale: model.build({"m": 0.05, "S": 1.0, "scale": scale, "quarks": "s->d"}, inputs)
        for scale in (2.0, 4.8)
    }
    low, high = (complex(states[1].coefficients["S"]).real for states in at.values())
    assert low == pytest.approx(1, rel=1e-12)
    # As the masses do, m_s(2 GeV)/m_s(4.8 GeV), up to what is beyond leading logarithms.
    masses = inputs.values["ms_2GeV_MSbar"] / inputs.values["ms_MSbar_4p8"]
    assert high == pytest.approx(float(masses), rel=0.05)
    assert high > 1.1
    assert model.remarks({"S": 1.0, "scale": 4.8, "quarks": "s->d"}, inputs)[0].startswith(
        "running from 4.8 to 2 GeV"
    )


def test_spectra_add_up(inputs: Inputs) -> None:
    for mode, state in (
        ("K+->pi+", Neutrinos()),
        ("KL->pi0", ScalarPair(0.04, S=1e-10, V=1e-9j, quarks="s->d")),
    ):
        end = float(rates.q2_max(get_mode(mode), inputs))
        edges = jnp.asarray([0.0, end / 3, end])
        parts = branching.branching_fraction_bins(mode, state, inputs, edges)
        total = programs.branching_fraction(mode, state, inputs)
        assert float(jnp.sum(parts)) == pytest.approx(float(total), rel=1e-9, abs=0)
        assert branching.dbr_dq2(mode, state, inputs, end * 1.01) == 0
