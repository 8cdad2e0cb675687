"""Every decay of the table: SM rates beside published numbers, forms, names, refusals."""

import json
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from commands import run
from jax import Array

from bsnunu_jax import Neutrinos, ScalarPair, branching_fraction, get_observable, load_inputs
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.hadrons.transitions import ANNIHILATIONS, MODES, QUARKS, REPORTED, TRANSITIONS
from bsnunu_jax.inputs import GROUPS, Inputs, Nuisances
from bsnunu_jax.inputs.nuisances import DEFAULT_GROUPS, groups_of
from bsnunu_jax.observables import branching
from bsnunu_jax.observables.catalogue import ALIASES, EOS_ALIASES, OBSERVABLES
from bsnunu_jax.rates import kernels as rates
from bsnunu_jax.rates.forms import forms
from bsnunu_jax.states import InvisibleState

# flavio 2.7.1, flavio.sm_prediction.
FLAVIO = {
    "BR(B+->pinunu)": 1.4013472741889032e-07,
    "BR(B0->pinunu)": 6.515446442900455e-08,
    "BR(B+->rhonunu)": 4.061462216349362e-07,
    "BR(B0->rhonunu)": 1.883823724053926e-07,
}


@pytest.mark.parametrize("name", FLAVIO)
def test_sm_of_flavio(name: str) -> None:
    """Its integrals are good to 1e-3 or so; its alpha(4.8 GeV) drops out of the SM."""
    found = get_observable(name).function(Neutrinos(), load_inputs("flavio"))
    assert float(found) == pytest.approx(FLAVIO[name], rel=2e-3)


def test_phi_beside_published_numbers() -> None:
    """BR = 9.93(72)e-6, F_L = 0.53(4) of arXiv:2201.07374; EOS 1.0.21 with its masses in z."""
    inputs = load_inputs(form_factors={"Bs->phi": "bsz2015v2_lcsrlattice"})
    assert float(branching_fraction("Bs->phi", Neutrinos(), inputs)) == pytest.approx(
        9.93e-6, abs=1.44e-6
    )
    longitudinal = get_observable("F_L(Bs->phiinv)").function(Neutrinos(), inputs)
    assert float(longitudinal) == pytest.approx(0.53, abs=0.04)
    eos = load_inputs("eos")
    spectrum = get_observable("B_s->phinunu::dBR/dq2").function(Neutrinos(), eos, 6.0)
    assert float(spectrum) == pytest.approx(5.231332872905161e-07, rel=1e-12, abs=0)


@pytest.mark.parametrize(("name", "share"), [("lcsr", 0.165), ("lcsrlattice", 0.142)])
def test_vector_share_of_phi(name: str, share: float) -> None:
    inputs = load_inputs(form_factors={"Bs->phi": f"bsz2015v2_{name}"})
    kernels = rates.integrated_kernels("Bs->phi", Neutrinos(), inputs)
    vector, axial = float(kernels["vector"]), float(kernels["axial"])
    assert vector / (vector + axial) == pytest.approx(share, abs=5e-4)


@pytest.mark.parametrize(("name", "br", "a_fb"), [("dm2016_nominal", 8.4e-6, -0.025)])
def test_lambda_beside_numbers_of_another_program(name: str, br: float, a_fb: float) -> None:
    """BR, A_FB of a polarised Lambda_b and P of the Lambda, whose helicity is nearly -1."""
    inputs = load_inputs(form_factors={"Lambdab->Lambda": name})
    found = {
        kind: float(get_observable(f"{kind}(Lambdab->Lambdainv)").function(Neutrinos(), inputs))
        for kind in ("BR", "A_FB", "P_Lambda", "F_L")
    }
    assert found["BR"] == pytest.approx(br, abs=0.05e-6)
    assert found["A_FB"] == pytest.approx(a_fb, abs=0.003)
    assert found["P_Lambda"] == pytest.approx(-0.93, abs=0.005)
    assert 0 < found["F_L"] < 1
    mirrored = Neutrinos(-inputs.C_L_SM * jnp.eye(3), inputs.C_L_SM * jnp.eye(3))
    for kind, sign in (("BR", 1), ("A_FB", -1), ("P_Lambda", -1)):
        right = get_observable(f"{kind}(Lambdab->Lambdainv)").function(mirrored, inputs)
        assert float(right) == pytest.approx(sign * found[kind], rel=1e-12)


def test_asymmetry_goes_with_the_polarisation(inputs: Inputs) -> None:
    of = get_observable("A_FB(Lambdab->Lambdainv)").function
    state = ScalarPair(0.5, S=1e-8, P=0.5e-8j, V=1e-9, A=2e-9)
    less = eqx.tree_at(lambda i: i.values["P_Lambda_b"], inputs, jnp.asarray(-0.4))
    full = float(of([Neutrinos(), state], inputs))
    assert float(of([Neutrinos(), state], less)) == pytest.approx(-0.4 * full, rel=1e-13)


@pytest.mark.parametrize("charged", ["B+->pi+", "B+->rho+"])
def test_neutral_modes_are_half_the_charged_ones(charged: str, inputs: Inputs) -> None:
    """Up to masses and the lifetime: u ubar is half of a pi0 and of a rho0."""
    neutral = charged.replace("+", "0")
    value = {m: float(branching_fraction(m, Neutrinos(), inputs)) for m in (charged, neutral)}
    lifetimes = inputs.values["tau_B_plus"] / inputs.values["tau_B_0"]
    assert value[charged] / value[neutral] == pytest.approx(2 * float(lifetimes), rel=3e-3)


@pytest.mark.parametrize(
    "mode", ["Bs->phi", "Bs->eta", "Lambdab->Lambda", "B0->Xs", "B0->pi0", "B+->rho+", "KL->pi0"]
)
def test_forms_are_the_integrals(mode: str, inputs: Inputs) -> None:
    """At other coefficients than those that the form was made with."""
    quarks, transition = MODES[mode].quarks, MODES[mode].transition
    mass = 0.05 if quarks == "s->d" else 0.6
    pair = ScalarPair(mass, S=1.0, P=1.0, V=1.0, A=1.0, quarks=quarks)
    nuisances = Nuisances(inputs, [transition])

    @jax.jit
    def both(state: InvisibleState, inputs: Inputs) -> tuple[dict[str, Array], dict[str, Array]]:
        shifted = nuisances.shift(jnp.linspace(-1.0, 1.0, nuisances.size))
        made = forms(state, inputs, [(mode, None)])[mode, None](shifted)
        return made, rates.integrated_kernels(mode, state, shifted)

    for state in (Neutrinos(), pair):
        made, exact = both(state, inputs)
        assert set(made) == set(exact)
        for name, value in made.items():
            assert float(value) == pytest.approx(float(exact[name]), rel=1e-11, abs=0)


def test_states_of_another_transition_do_not_count(inputs: Inputs) -> None:
    """Nor does the SM vanish where a model says nothing."""
    for mode, other in (("B0->pi0", "b->s"), ("Bs->phi", "b->d"), ("D0->pi0", "b->d")):
        pair = ScalarPair(0.3, S=1e-7, P=1e-7, quarks=other)
        found = branching_fraction(mode, [Neutrinos(), pair], inputs)
        assert found == branching_fraction(mode, Neutrinos(), inputs)
    assert rates.integrated_kernels("B0->pi0", ScalarPair(0.3, S=1.0), inputs) == {}


def test_names_of_coefficients(inputs: Inputs) -> None:
    named = Neutrinos.named({"CL_bd_mutau": 2.0, "CR_ee": 1j})
    assert complex(named.elsewhere["b->d"]["CL"][1, 2]) == 2
    assert complex(named.CR[0, 0]) == 1j
    sm = Neutrinos()
    assert branching_fraction("B0->pi0", named, inputs) > branching_fraction("B0->pi0", sm, inputs)
    assert branching_fraction("B0->K0", named, inputs) == branching_fraction(
        "B0->K0", Neutrinos.named({"CR_ee": 1j}), inputs
    )
    with pytest.raises(InputError, match="coefficients of neutrinos in 'c->u'; known in b->d"):
        Neutrinos(elsewhere={"c->u": {"CL": 0}})
    with pytest.raises(InputError, match="c->u has no SM coefficient"):
        inputs.normalisation("c->u")
    with pytest.raises(InputError, match="unknown quark transition 's->b'"):
        ScalarPair(0.5, S=1.0, quarks="s->b")


def test_gradients_with_respect_to_coefficients(inputs: Inputs) -> None:
    """d BR/d C_L^{bd} by a difference, and 0 of another transition."""

    def br(c: jax.Array, mode: str) -> jax.Array:
        state = Neutrinos.named({"CL_bd_tautau": c})
        return branching.branching_fraction(mode, state, inputs)

    slope = float(jax.grad(br)(jnp.asarray(0.7), "B+->pi+"))
    difference = float(br(jnp.asarray(0.701), "B+->pi+") - br(jnp.asarray(0.699), "B+->pi+"))
    assert slope == pytest.approx(difference / 0.002, rel=1e-9)
    assert float(jax.grad(br)(jnp.asarray(0.7), "B+->K+")) == 0


def test_observables_and_aliases_follow_from_the_table() -> None:
    for name, mode in MODES.items():
        kinds = ["BR", "BR_NP", "dBR/dq2", "dGammatilde/dq2"]
        kinds += ["F_L", "dF_L"] if mode.spin in ("1", "1/2") else []
        assert {f"{kind}({name}inv)" for kind in kinds} <= set(OBSERVABLES)
    spins = {"A_FB(Lambdab->Lambdainv)", "P_Lambda(Lambdab->Lambdainv)"}
    assert {n for n in OBSERVABLES if n.startswith(("A_FB", "P_Lambda"))} == spins
    assert {f"BR({name})" for name in ANNIHILATIONS} <= set(OBSERVABLES)
    assert set(ALIASES.values()) | set(EOS_ALIASES.values()) <= set(OBSERVABLES)
    assert get_observable("B_s->phinunu::BR").name == "BR(Bs->phiinv)"
    assert get_observable("Lambda_b->Lambdanunu::F_L").name == "F_L(Lambdab->Lambdainv)"
    assert get_observable("Lambda_b->Lambdanunu::F_L(q^2)").name == "dF_L(Lambdab->Lambdainv)"
    assert get_observable("B_s->eta_primenunu::BR").name == "BR(Bs->etaprimeinv)"
    assert set(TRANSITIONS) <= set(GROUPS)
    assert {q.name for q in QUARKS.values() if q.ckm} - {"b->s"} <= set(GROUPS)


def test_groups_of_decays() -> None:
    assert groups_of(REPORTED) == DEFAULT_GROUPS
    of_pion = groups_of(["B0->pi0"])
    assert {"b->d", "B->pi"} <= set(of_pion)
    assert "Bs->phi" not in of_pion
    assert "masses" not in of_pion


REFUSED = {
    ("predict", "BR(B+->K+inv)", "--set", "CR_tautua=1"): "; perhaps CR_tautau or ",
    (
        "predict",
        "BR(B+->K+inv)",
        "--form-factors",
        "B->K=hpqcd2022",
        "--form-factors",
        "B->K=gkvd2018_lcsr",
    ): "--form-factors: 'B->K' stands twice; keep one",
    (
        "predict",
        "BR(D0->pi0inv)",
        *("--model", "fermion-pair", "--set", "m=0.5", "--set", "T1=1e-8", "--set", "quarks=c->u"),
    ): "lack those of T1; a set that has them, from a file NAME.yaml if the package has none, or",
    ("predict", "BR(B+->D+inv)"): "decays: B+->K+, B0->K0",
    ("predict", "BR(B+->pi+nunu)"): "perhaps BR(B+->pi+inv)",
    ("predict", "BR(Bs->K0inv)"): "no set of form factors is named for Bs->K",
    ("predict", "BR(B0->pi0inv)", "--set", "CL_tautau=-5"): "another quark transition",
    ("predict", "BR(B+->K+inv)", "--set", "CL_bd_tautau=-5"): "another quark transition",
    ("predict", "BR(D0->inv)", "--set", "CL_cu_tautau=1"): "c->u has no SM coefficient",
    ("predict", "BR(D0->pi0inv)", "--set", "CL_ee=1"): "take a pair with quarks c->u",
    ("list", "observables", "--mode", "B+->D+"): "unknown mode 'B+->D+'",
    ("list", "models", "--mode", "Bs->phi"): "models have no mode",
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_refusals_are_one_line(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert REFUSED[arguments] in err
    assert err.count("\n") == 1


def settings(model: str, *given: str) -> list[str]:
    """The options of a point."""
    return [*model.split(), *(word for setting in given for word in ("--set", setting))]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("BR(B+->K+inv)", "BR(B0->pi0inv)"), "no coefficient of b->d is given: SM values for {1}"),
        (
            ("BR(B+->K+inv)", "BR(B0->pi0inv)", "--set", "CL_bd_tautau=1"),
            "no coefficient of b->s is given: SM values for {0}",
        ),
        (
            ("BR(B+->K+inv)", "BR(Bs->inv)", *settings("--model scalar-pair", "m=2.4", "S=1e-8")),
            "closed: 4.8 GeV of invisible particles, at most 4.786 GeV fit: SM values for {0}",
        ),
        (
            ("BR(B0->K*0inv)", *settings("--model sterile-neutrino", "mN=2.3", "V_LR=1e-8")),
            "closed: 4.6 GeV of invisible particles, at most 4.384 GeV fit: SM values for {0}",
        ),
        (
            ("BR(B+->K+inv)", *settings("--model resonance", "m=5", "S=1e-8")),
            "closed: 5 GeV of invisible particles, at most 4.786 GeV fit: SM values for {0}",
        ),
        (
            ("BR(KL->pi0inv)", *settings("--model scalar-pair", "m=0.1", "V=1e-10", "quarks=s->d")),
            "the K_L is a superposition that sees Re C or Im C of a coefficient alone, not the one "
            "that is given: SM values for {0}",
        ),
        (
            ("BR(KL->pi0inv)", *settings("--model scalar-pair", "m=0.2", "V=1e-10", "quarks=s->d")),
            "closed: 0.4 GeV of invisible particles, at most 0.3626 GeV fit: SM values for {0}",
        ),
        (("R_D", "--set", "CR_ee=1"), "nothing that is given contributes: SM values for {0}"),
    ],
)
def test_why_a_model_has_no_part(
    arguments: tuple[str, ...], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each reason in words of its own, and no other."""
    code, out, _ = run(capsys, "predict", *arguments)
    assert code == 0
    assert [found.strip() for found in out.splitlines() if "SM values for" in found] == [
        line.format(*arguments)
    ]


def test_what_contributes_is_not_remarked(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = settings("--model scalar-pair", "m=0.1", "V=1e-10j", "quarks=s->d")
    assert "SM values" not in run(capsys, "predict", "BR(KL->pi0inv)", *arguments)[1]


def test_list_of_one_mode(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "list", "observables", "--mode", "Bs->phi", "--json")
    assert code == 0
    found = json.loads(out)
    assert set(found) == {
        n for n, o in OBSERVABLES.items() if o.mode == "Bs->phi" or "(Bs->phi" in n
    }
    assert "phi fraction" in found["F_L(Bs->phiinv)"]["description"]


def test_inclusive_reach_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Neutrinos are within it; beyond it a warning or, on request, a refusal."""
    code, out, err = run(capsys, "predict", "BR(B0->Xsinv)", "BR(B+->Xsinv)")
    assert (code, err) == (0, "")
    assert "3.35e-05" in out
    assert "3.62e-05" in out
    pair = ("--model", "scalar-pair", "--set", "m=1.5", "--set", "S=1e-8")
    code, out, err = run(capsys, "predict", "BR(B0->Xsinv)", *pair)
    assert code == 0
    assert "B -> X_s + scalar-pair: K and K* alone are 2" in out + err
    code, out, err = run(capsys, "predict", "BR(B0->Xsinv)", *pair, "--domain", "error")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


def test_extrapolated_form_factors_are_said_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    name = "BR(Lambdab->Lambdainv)"
    code, out, _ = run(capsys, "predict", name, "BR(B+->K+inv)")
    line = "form factors of Lambdab->Lambda, dm2016_nominal: extrapolated below q2 = 13 GeV^2"
    assert code == 0
    assert line in out
    assert out.count("extrapolated") == 1


def test_spectra_are_of_their_modes(inputs: Inputs) -> None:
    """Normalised to 1, 0 beyond the end."""
    for mode in ("Bs->etaprime", "B0->rho0"):
        end = float(rates.q2_max(MODES[mode], inputs))
        edges = jnp.asarray([0.0, end / 3, end])
        parts = branching.branching_fraction_bins(mode, Neutrinos(), inputs, edges)
        total = branching_fraction(mode, Neutrinos(), inputs)
        assert float(jnp.sum(parts)) == pytest.approx(float(total), rel=1e-10)
        assert branching.dbr_dq2(mode, Neutrinos(), inputs, np.nextafter(end, 99.0)) == 0


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("B->Knunu::BR", "BR(B+->K+inv)"),
        ("B->Knunu::dBR/dq2;q=u", "dBR/dq2(B+->K+inv)"),
        ("B->K^*nunu::BR", "BR(B+->K*+inv)"),
        ("B->K^*nunu::F_L(q2);q=d", "dF_L(B0->K*0inv)"),
        ("BR(B0->Xsinv)[0.6,1]", "BR(B0->Xsinv)[0.6,1.0]"),
        ("BR(B->Xsinv)[ 0.0, .6 ]", "BR(B->Xsinv)[0,0.6]"),
        ("BR(B+->K+tau+tau-)[15.0,22]", "BR(B+->K+tau+tau-)[15,22]"),
    ],
)
def test_spellings(theirs: str, ours: str) -> None:
    """EOS's default charge is that of q=u; edges of bins are numbers."""
    assert get_observable(theirs).name == ours


@pytest.mark.parametrize("wrong", ["B->Knunu::BR;q=d", "B->Knunu::F_L", "BR(B0->Xsinv)[0.6,2]"])
def test_no_spellings(wrong: str) -> None:
    """EOS 1.0.21 gives the charged mode for q=d too."""
    with pytest.raises(InputError, match="unknown observable"):
        get_observable(wrong)


def test_list_of_a_mean(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "list", "observables", "--mode", "B->Xs", "--json")
    assert code == 0
    assert [name.partition("[")[0] for name in json.loads(out)] == ["BR(B->Xsinv)"] * 4


CARD = """
title: a set that nobody has named
model: neutrinos
parameters: {CR_tautau: {prior: {uniform: [-30, 30]}}}
data: [DATA]
predictions: [PREDICTIONS]
"""


@pytest.mark.parametrize(
    ("data", "predictions", "where"),
    [
        ("belle_2017_Kplus", "R_K_nunu, BR(Bs->K0inv)", "card.yaml:6 (predictions.1): "),
        ("mine.yaml", "", "card.yaml:5 (data.0): "),
    ],
)
def test_a_set_that_nobody_has_named(
    data: str, predictions: str, where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """File and line of what asks for it; on the command line the option."""
    (tmp_path / "mine.yaml").write_text(
        "measurements:\n- {id: a, title: a, observable: BR(Bs->K0inv), value: 1.0e-7, "
        "errors: [[1.0e-7, -1.0e-7]]}\n"
    )
    path = tmp_path / "card.yaml"
    path.write_text(CARD.replace("DATA", data).replace("PREDICTIONS", predictions))
    said = "no set of form factors is named for Bs->K; name one, none is recommended"
    code, out, err = run(capsys, "limit", str(path), "--quiet", "--out", str(tmp_path / "out"))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert where + said in err
    code, _, err = run(capsys, "predict", "BR(Bs->K0inv)")
    assert code == 2
    assert f"--form-factors: {said}" in err
