"""The command: results on stdout, one line on stderr and exit code 2 for bad input."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from commands import run

from bsnunu_jax import InputError, Neutrinos, branching_fraction, load_inputs, longitudinal_fraction
from bsnunu_jax.observables.catalogue import OBSERVABLES


def test_predict_json(capsys):
    code, out, err = run(
        capsys, "predict", "BR(B+->K+inv)", "R_K_nunu", "--set", "CR_tautau=-11", "--json"
    )
    result = json.loads(out)
    assert (code, err) == (0, "")
    assert result["model"] == "neutrinos"
    assert result["preset"] == "default"
    assert result["parameters"] == {"CR_tautau": -11.0}
    c = float(load_inputs().C_L_SM)
    expected = 1 + (2 * c * -11 + 121) / (3 * c**2)
    assert result["observables"]["R_K_nunu"] == pytest.approx(expected, rel=1e-12)
    assert set(result["observables"]) == {"BR(B+->K+inv)", "R_K_nunu"}


def test_predict_spectrum_with_errors(capsys):
    code, out, _ = run(
        capsys,
        "predict",
        "dBR/dq2(B+->Knunu)",
        "BR(B+->Knunu)",
        "--q2",
        "1,10",
        "--errors",
        "200",
        "--json",
    )
    observables = json.loads(out)["observables"]
    assert code == 0
    spectrum = observables["dBR/dq2(B+->K+inv)"]
    assert len(spectrum["value"]) == len(spectrum["std"]) == 2
    total = observables["BR(B+->K+inv)"]
    assert total["value"] == pytest.approx(4.967e-6, abs=2e-9)
    assert 0.04 < total["std"] / total["value"] < 0.08  # CKM 4.4 %, form factors 3 %


def test_predict_warns_beyond_the_effective_theory(capsys):
    arguments = ("predict", "BR(B+->K+inv)", "--set", "CR_tautau=1e5", "--json")
    code, out, err = run(capsys, *arguments)
    line = "BR(B+->K+inv) is above 1: the coefficients are beyond the effective theory"
    assert code == 0
    assert json.loads(out)["warnings"] == [line]
    assert err == f"bsnunu: warning: {line}\n"


def test_predict_same_seed_same_numbers(capsys):
    arguments = ("predict", "BR(B0->K*0inv)", "--errors", "20", "--json", "--seed", "5")
    assert run(capsys, *arguments)[1] == run(capsys, *arguments)[1]


def test_predict_universal_says_that_cvl_is_the_total(capsys):
    code, out, _ = run(capsys, "predict", "R_K_nunu", "--model", "universal", "--set", "cSL=3+1j")
    assert code == 0
    assert "SM included" in out


def test_predict_complex_parameters_are_json_objects(capsys):
    arguments = ("predict", "R_K_nunu", "--set", "CR_ee=1+2j", "--set", "CR_mumu=3")
    assert json.loads(run(capsys, *arguments, "--json")[1])["parameters"] == {
        "CR_ee": {"re": 1.0, "im": 2.0},
        "CR_mumu": 3.0,
    }
    assert "CR_ee = (1+2j)" in run(capsys, *arguments)[1]


def test_predict_more_draws_than_a_chunk(capsys):
    arguments = ("predict", "R_Kstar_nunu", "--set", "CR_ee=5", "--json", "--errors")
    few, many = (
        json.loads(run(capsys, *arguments, n)[1])["observables"]["R_Kstar_nunu"]["std"]
        for n in ("1000", "2500")
    )
    assert few == pytest.approx(many, rel=0.1)


def test_every_observable_is_predicted(capsys):
    names = [n for n, o in OBSERVABLES.items() if not o.differential and not o.dark]
    dark = [n for n, o in OBSERVABLES.items() if o.dark]
    of_dark = ("--model", "vlq-dm", "--set", "m=0.6", "--set", "C_ss=1e-4")
    # Without a recommended set, one is named.
    of_rest = ("--set", "CR_tautau=-5", "--form-factors", "Bs->K=gvdv2020_lcsrlattice")
    for asked, settings in ((names, of_rest), (dark, of_dark)):
        code, out, _ = run(capsys, "predict", *asked, "--json", *settings)
        assert code == 0
        found = json.loads(out)["observables"]
        assert list(found) == asked
        assert all(isinstance(value, float) for value in found.values())


def test_dark_observables_need_dark_matter(capsys, tmp_path):
    code, _, err = run(capsys, "predict", "Omega_h2")
    assert code == 2
    assert "Omega_h2 is not finite here; it needs a model with scalar dark matter" in err
    path = tmp_path / "card.yaml"
    path.write_text(
        "title: no dark matter\nmodel: neutrinos\ninputs: {nuisances: []}\n"
        "parameters: {CR_tautau: {prior: {uniform: [-30, 30]}}}\ndata: [belle2_2023_br]\n"
        "predictions: [sigmav]\n"
    )
    code, _, err = run(capsys, "fit", str(path), "--out", str(tmp_path / "out"), "--quiet")
    assert code == 2
    assert "(predictions): sigmav needs a model with scalar dark matter" in err


def test_predict_two_body(capsys):
    settings = ("--set", "m=2.1", "--set", "BR=9e-6")
    code, out, _ = run(
        capsys, "predict", "BR_NP(B+->K+inv)", "--model", "resonance", *settings, "--json"
    )
    assert code == 0
    assert json.loads(out)["observables"]["BR_NP(B+->K+inv)"] == pytest.approx(9e-6, rel=1e-10)


@pytest.mark.parametrize(
    "kind", ["models", "observables", "measurements", "records", "presets", "cards"]
)
def test_list(capsys, kind):
    code, out, err = run(capsys, "list", kind, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)
    assert run(capsys, "list", kind)[0] == 0


@pytest.mark.parametrize("preset", ["default", "paper", "flavio", "eos", "hpqcd"])
def test_inputs(capsys, preset):
    code, out, _ = run(capsys, "inputs", "--preset", preset, "--json")
    numbers = json.loads(out)
    assert code == 0
    for key in ("m_B_plus", "m_Kstar_0", "tau_B_plus", "GF", "X_t", "VtbVts_abs"):
        assert isinstance(numbers[key], float)
    assert numbers["B->K"]["set"] in numbers["B->K"]["set"]
    assert len(numbers["B->K*"]["coefficients"]) == 19
    assert run(capsys, "inputs", "--preset", preset)[0] == 0


BAD = [
    (("predict", "BR(B->X)"), "unknown observable 'BR(B->X)'"),
    (("predict", "BR(B->K+inv)"), "perhaps BR(B+->K+inv) or"),
    (("predict", "R_K_nunu", "--set", "CR_xy=1"), "unknown parameter 'CR_xy'"),
    (("predict", "R_K_nunu", "--set", "CR_ee=abc"), "not a number"),
    (("predict", "R_K_nunu", "--set", "CR_ee=nan"), "not finite"),
    (("predict", "R_K_nunu", "--set", "CR_ee=1e300", "--json"), "R_K_nunu is not finite"),
    (("predict", "R_K_nunu", "--set", "CR_ee=1e150", "--errors", "9"), "R_K_nunu is not finite"),
    (("predict", "R_K_nunu", "--set", "CR_ee"), "NAME=VALUE"),
    (("predict", "R_K_nunu", "--set", "CR_ee=1", "--set", "CR_ee=2"), "set twice"),
    (("predict", "R_K_nunu", "--model", "resonance"), "--set m: the mass 'm' of X is missing"),
    (("predict", "R_K_nunu", "--model", "signal-strength", "--set", "mu=1j"), "'mu' is complex"),
    (
        ("predict", "R_K_nunu", "--model", "resonance", "--set", "m=2", "--set", "width=-1"),
        "--set width: 'width' is below 0",
    ),
    (
        ("predict", "dBR/dq2(B+->K+inv)", "--q2", "3", "--model", "resonance", "--set", "m=2"),
        "a two-body decay has no q2 spectrum",
    ),
    (("predict", "R_K_nunu", "--model", "susy"), "unknown model 'susy'"),
    (("predict", "R_K_nunu", "--preset", "best"), "--preset: unknown preset 'best'"),
    (
        ("predict", "R_K_nunu", "--form-factors", "B->K=x"),
        "--form-factors: unknown form-factor set 'x'",
    ),
    (("predict", "R_K_nunu", "--form-factors", "B->Ks=x"), "unknown transition 'B->Ks'"),
    (("predict", "R_K_nunu", "--errors", "0"), "0"),
    (("predict", "R_K_nunu", "--errors", "100000000000"), "1000000"),
    (("predict", "R_K_nunu", "--errors", "9", "--seed", "99999999999999999999"), "--seed"),
    (("predict", "R_K_nunu", "--q2", "1"), "--q2: none of R_K_nunu is a spectrum"),
    (("predict", "R_K_nunu", "--tree-tau"), "--tree-tau: applies to none of R_K_nunu"),
    (("predict", "dBR/dq2(B+->K+inv)"), "--q2"),
    (("predict", "dBR/dq2(B+->K+inv)", "--q2", "23"), "0 to 22.9"),
    (("predict", "dBR/dq2(B+->K+inv)", "--q2", "-1"), "outside the phase space"),
    (("predict", "dBR/dq2(B+->K+inv)", "--q2", "nan"), "outside the phase space"),
    (("predict", "dBR/dq2(B+->K+inv)", "--q2", "1;2"), "comma-separated"),
    (("predict",), "no observable is given"),
    (("list", "things"), "one of models"),
    (("inputs", "--preset", "none"), "--preset: unknown preset"),
    (("fit", "absent.yaml"), "absent.yaml: no such file"),
    (("fit", "absent.yaml", "--seed", "-1"), "seed"),
    (("fit", "absent.yaml", "--draws", "1000000000000"), "--draws"),
    (("frobnicate",), "frobnicate"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_input_is_one_line_and_exit_code_2(capsys, arguments, message):
    code, out, err = run(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("bsnunu: error: ")
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize(
    ("target", "code", "message"),
    [
        (">&-", 1, "cannot write the output (stdout is closed)"),
        (">/dev/full", 1, "cannot write the output (No space left on device)"),
        ("| true", 0, ""),
    ],
)
def test_output_that_nobody_takes(target, code, message):
    command = f"'{sys.executable}' -m bsnunu_jax list models {target}; exit ${{PIPESTATUS[0]}}"
    process = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert process.returncode == code
    assert process.stderr == (f"bsnunu: error: {message}\n" if message else "")


def test_states_and_coefficients_of_the_wrong_shape():
    inputs, state = load_inputs(), Neutrinos(CR=np.eye(3), CL=np.ones((3, 3)))
    for function in (branching_fraction, longitudinal_fraction):
        assert function("B0->K*0", state, inputs) == function("B0->K*0", [state], inputs)
        with pytest.raises(InputError, match="no invisible final state"):
            function("B0->K*0", [], inputs)
    with pytest.raises(InputError, match=r"CR has shape \(3,\).*\(3, 3\)"):
        Neutrinos(CR=np.ones(3))


def test_float32_is_refused_with_what_to_type():
    process = subprocess.run(
        [sys.executable, "-m", "bsnunu_jax", "predict", "R_K_nunu"],
        env=os.environ | {"JAX_ENABLE_X64": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2
    assert process.stdout == ""
    assert "float32" in process.stderr
    assert "jax.config.update('jax_enable_x64', True)" in process.stderr


def test_help_and_version(capsys):
    assert run(capsys, "--version")[0] == 0
    for command in ("fit", "predict", "inputs", "list"):
        code, out, _ = run(capsys, command, "--help")
        assert code == 0
        assert out.startswith("Usage: bsnunu")
