"""WCxf files: what is written is read again, bad files are refused; the commands `export`."""

import json
import re

import jax
import numpy as np
import pytest
import yaml
from commands import run
from test_popxf import draw

from bsnunu_jax import InputError, load_inputs
from bsnunu_jax.exchange import load_wcxf, names, read_wcxf, write_wcxf
from bsnunu_jax.exchange.write import coefficients
from bsnunu_jax.models import get_model


@pytest.mark.parametrize("preset", ["default", "flavio", "eos"])
@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_round_trip_of_neutrinos(preset, suffix, tmp_path):
    inputs = load_inputs(preset)
    given = draw([n for n in names.TO_WCXF if not n.startswith(("CLp", "CRp"))], 4)
    write_wcxf(tmp_path / f"a.{suffix}", given, inputs=inputs)
    back = load_wcxf(tmp_path / f"a.{suffix}", inputs)
    assert set(back) == set(given)
    for name, c in given.items():
        assert abs(back[name] - c) <= 1e-15 * abs(c)
    written = yaml.safe_load((tmp_path / f"a.{suffix}").read_text())
    assert (written["eft"], written["basis"], float(written["scale"])) == ("WET", "flavio", 4.8)
    assert "CL_bsnutaunumu" in written["values"]


def test_flavours_are_transposed_and_alpha_is_that_of_4p8_GeV(tmp_path):
    inputs = load_inputs()
    found = write_wcxf(tmp_path / "a.json", {"CL_etau": 1.0}, inputs=inputs)
    # nubar_e ... nu_tau is CL_bsnutaunue.
    assert found.values == {"CL_bsnutaunue": pytest.approx(132.116 / 127.944, rel=1e-4)}


@pytest.mark.parametrize(
    ("model", "given"),
    [
        ("scalar-pair", {"m": 0.6, "S": 1e-8 + 3e-9j, "V": 2e-8}),
        ("scalar-pair", {"m": 0.6, "real": True, "P": 1e-8}),
        ("fermion-pair", {"m1": 0.6, "m2": 1.1, "S1": 1e-8, "T2": -2e-9j}),
        ("fermion-pair", {"m": 0.6, "majorana": True, "V2": 1e-8}),
        ("vector-pair", {"m": 0.3, "V3": 1e-8, "T1": 2e-9j, "V2": 3e-9}),
        ("sterile-neutrino", {"mN": 0.6, "V_LR": 1e-8j, "T_LL": 1e-9}),
        ("sterile-neutrino", {"mN": 0.6, "pair": "nuN", "V_LR": 1e-8j, "S_RL": 1e-9}),
        ("neutrinos", {"CLp_mutau": 2.0, "CR_ee": 1j}),
    ],
)
def test_round_trip_in_our_basis(model, given, tmp_path):
    inputs = load_inputs()
    write_wcxf(tmp_path / "a.yaml", given, model=model, inputs=inputs)
    back = read_wcxf(tmp_path / "a.yaml", inputs)
    assert back.model == model
    for name, c in given.items():
        if isinstance(c, bool | str):
            assert back.parameters[name] == c
        else:
            assert abs(back.parameters[name] - c) <= 1e-15 * abs(c)


@pytest.mark.parametrize(
    ("model", "given"),
    [
        ("vector-pair", {"m": 0.3, "operator": "V3", "Lambda": 5.0}),
        ("fermion-pair", {"m": 0.6, "operator": "T1", "Lambda": 8.0, "scale": 100.0}),
        ("vlq-dm", {"m": 0.6, "C_ss": 1e-4, "r_q": 1e-3}),
        ("S1", {"M": 2.0, "lam_2mu": 0.1 + 0.2j, "lam_3mu": 0.5}),
        ("zprime", {"MZp": 3.0, "gL": 0.01, "gN": 0.5, "gnu_emu": 0.2j}),
    ],
)
def test_the_states_of_the_file_are_those_of_the_model(model, given, tmp_path):
    inputs = load_inputs()
    write_wcxf(tmp_path / "a.json", given, model=model, inputs=inputs)
    back = read_wcxf(tmp_path / "a.json", inputs)
    first = tuple(s for s in get_model(model).build(given, inputs) if not elsewhere(s))
    second = tuple(get_model(back.model).build(back.parameters, inputs))
    assert jax.tree.structure(first) == jax.tree.structure(second)
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14, atol=0)


def elsewhere(state):
    return getattr(state, "quarks", "b->s") != "b->s"


def test_every_quark_transition_has_its_names(tmp_path):
    """e^2 of flavio is that of 4.8 GeV, and of 2 GeV for s -> d: 1.0325 and 1.0418."""
    inputs = load_inputs()
    given = {"CR_tautau": 1.0, "CL_bd_mutau": 2.0 - 1j, "CR_sd_emu": 3j, "CL_sd_ee": -1.0}
    found = write_wcxf(tmp_path / "a.json", given, inputs=inputs)
    b, s = 132.1164 / 127.951, 133.3027 / 127.951
    values = {
        "CR_bsnutaunutau": b,
        "CL_bdnutaunumu": b * (2 - 1j),
        "CR_sdnumunue": s * 3j,
        "CL_sdnuenue": -s,
    }
    assert found.values == {k: pytest.approx(c, rel=2e-5) for k, c in values.items()}
    assert (found.eft, found.basis, found.left_out) == ("WET", "flavio", ())
    back = read_wcxf(tmp_path / "a.json", inputs)
    assert back.warnings == ()
    assert back.parameters == {k: pytest.approx(c, rel=1e-15) for k, c in given.items()}
    metadata = json.loads((tmp_path / "a.json").read_text())["metadata"]["inputs"]
    assert metadata.keys() >= {"VtbVts_abs", "VtbVtd_abs", "VtsVtd_abs"}
    right = write_wcxf(tmp_path / "b.json", {"CLp_bd_mutau": 2.0}, inputs=inputs)
    assert (right.basis, list(right.values)) == ("bsnunu", ["CLp_bdnutaunumu"])
    assert load_wcxf(tmp_path / "b.json", inputs) == {"CLp_bd_mutau": pytest.approx(2.0)}


@pytest.mark.parametrize("quarks", ["b->d", "s->d", "c->u"])
@pytest.mark.parametrize(
    ("model", "given"),
    [
        ("scalar-pair", {"m": 0.05, "S": 1e-8 + 3e-9j, "V": 2e-8}),
        ("sterile-neutrino", {"mN": 0.05, "pair": "nuN", "S_RL": 1e-9}),
    ],
)
def test_pairs_of_other_transitions(quarks, model, given, tmp_path):
    """Written at the scale of their quark masses, so that nothing runs when they are read."""
    inputs = load_inputs()
    given = given | {"quarks": quarks}
    found = write_wcxf(tmp_path / "a.yaml", given, model=model, inputs=inputs)
    assert found.scale == {"b->d": 4.8, "s->d": 2.0, "c->u": 1.273}[quarks]
    assert all(f"_{quarks[0]}{quarks[-1]}" in name for name in found.values)
    back = read_wcxf(tmp_path / "a.yaml", inputs)
    assert {k: v for k, v in back.parameters.items() if k not in ("real", "majorana")} == given
    text = (tmp_path / "a.yaml").read_text()
    (tmp_path / "b.yaml").write_text(text.replace(f"scale: {found.scale}", "scale: 91.2"))
    assert read_wcxf(tmp_path / "b.yaml", inputs).parameters["scale"] == 91.2


def test_relations_are_written_with_what_they_relate():
    """u2: C x* of b -> s and b -> d, C |x|^2 of s -> d."""
    given = {"relation": "u2", "x": 0.5 + 0.2j, "CL_tautau": -3.0}
    found = coefficients(given, inputs=load_inputs("flavio")).values
    expected = {"bs": -1.5 + 0.6j, "bd": -1.5 + 0.6j, "sd": -0.87}
    assert found == {f"CL_{q}nutaunutau": pytest.approx(c) for q, c in expected.items()}


def test_several_pairs_are_one_in_a_file():
    """vlq-dm: that of b -> s; what is left out is said."""
    charm = coefficients({"m": 0.6, "C_ss": 1e-4, "r_q": 1e-3}, model="vlq-dm")
    assert {name.split("_")[1] for name in charm.values} == {"bsphiphi"}
    assert "coefficients of c->u" in charm.left_out


@pytest.mark.parametrize(
    ("quarks", "letters", "light", "heavy"),
    [("b->d", "bd", "d", "b"), ("s->d", "sd", "d", "s"), ("c->u", "cu", "u", "c")],
)
def test_definitions_are_those_of_b_to_s_with_other_quarks(quarks, letters, light, heavy):
    tex = names.definitions()
    of = [s for s in names.SECTORS.values() if s.quarks == quarks]
    assert len(of) == 5
    for sector in of:
        for name in sector.names():
            usual = tex[name.replace(f"_{letters}", "_bs")]
            assert r"(\bar s" in usual
            assert " b)" in usual
            assert tex[name] == usual.replace(r"(\bar s", rf"(\bar {light}").replace(
                " b)", f" {heavy})"
            )


def test_charged_leptons_go_along(tmp_path):
    """S1: C_9 = -C_10 = 2 C_L, in names whose first flavour is the lepton that is not barred."""
    inputs = load_inputs()
    given = {"M": 2.0, "lam_2mu": 0.1 + 0.2j, "lam_3tau": 0.5}
    found = coefficients(given, model="S1", inputs=inputs)
    left = found.values["CL_bsnutaunumu"]
    assert found.values["C9_bstaumu"] == pytest.approx(2 * left, rel=1e-14)
    assert found.values["C10_bstaumu"] == pytest.approx(-2 * left, rel=1e-14)
    assert "CVL_bcmunutau" in found.values
    # lam_2l lam_3l^* summed over leptons is 0: no Bs mixing.
    assert found.left_out == ()
    write_wcxf(tmp_path / "a.json", given, model="S1", inputs=inputs)
    with pytest.warns(UserWarning, match="ignored: C9_bstaumu, C10_bstaumu, CVL_bcmunutau"):
        load_wcxf(tmp_path / "a.json", inputs)
    z = coefficients({"MZp": 3.0, "gL": 0.01, "gnu_mumu": 0.1}, model="zprime", inputs=inputs)
    assert z.left_out == ("Bs mixing, which has another scale",)


def test_scale_of_scalars(tmp_path):
    """A file at another scale is run by the model; vectors are the same at every scale."""
    inputs = load_inputs()
    (tmp_path / "a.yaml").write_text(
        "eft: WET-dark\nbasis: bsnunu\nscale: 91.19\nmetadata: {particle: {m: 0.6}}\n"
        "values: {S1_bschichi: 1e-8}\n"
    )
    found = read_wcxf(tmp_path / "a.yaml", inputs)
    assert found.parameters == {"m": 0.6, "S1": 1e-8, "scale": 91.19}
    text = "eft: WET\nbasis: flavio\nscale: {}\nvalues: {{CR_bsnuenue: {{Re: 1, Im: -1e-1}}}}\n"
    points = []
    for scale in ("2.", "4.8", "91.1876", "160"):
        (tmp_path / "b.yaml").write_text(text.format(scale))
        points.append(load_wcxf(tmp_path / "b.yaml", load_inputs("flavio")))
    assert points == [{"CR_ee": 1 - 0.1j}] * 4


def write(tmp_path, **changes):
    content = {"eft": "WET", "basis": "flavio", "scale": 4.8, "values": {"CR_bsnuenue": 1.0}}
    path = tmp_path / "wc.json"
    kept = {k: v for k, v in (content | changes).items() if v is not None}
    path.write_text(json.dumps(kept))
    return path


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"eft": "SMEFT", "basis": "Warsaw"}, r"eft SMEFT, basis Warsaw; eft WET with basis fla"),
        ({"basis": "JMS"}, "eft WET, basis JMS"),
        ({"eft": None}, "key 'eft' is missing"),
        ({"scale": 1000}, "scale 1000: no weak effective theory with a b quark; 2 to 163 GeV"),
        ({"scale": 1.0}, "no weak effective theory"),
        ({"scale": None}, "got None"),
        ({"values": None}, "no coefficients"),
        ({"values": {"CR_bsnutaunu": 1}}, "unknown coefficient 'CR_bsnutaunu'"),
        ({"values": {"CR_etau": 1}}, "here it is called CR_bsnutaunue"),
        ({"values": {"CR_bsnuenue": "one"}}, "expected a number, or Re and Im, got 'one'"),
        ({"values": {"CR_bsnuenue": True}}, "got True"),
        ({"values": {"CR_bsnuenue": {"re": 1}}}, "expected a number, or Re and Im"),
        ({"values": {"CR_bsnuenue": float("nan")}}, "nan is not finite"),
        ({"eft": "WET-dark", "basis": "bsnunu", "values": {"S_bsYY": 1}}, "unknown coefficient"),
        ({"eft": "WET-dark", "basis": "bsnunu", "values": {"S_bsXX": 1}}, "mass of the particle"),
        (
            {"eft": "WET-dark", "basis": "bsnunu", "values": {"S_bsXX": 1, "S_bsphiphi": 1}},
            "coefficients of several sectors: sbphiphi, sbXX",
        ),
        (
            {
                "eft": "WET-dark",
                "basis": "bsnunu",
                "values": {"T1_bsXX": 1e-9},
                "metadata": {"particle": {"m": 0.5, "real": True}},
            },
            "operator T1 vanishes",
        ),
        (
            {
                "eft": "WET-dark",
                "basis": "bsnunu",
                "values": {"T1_bsXX": 1e-9},
                "metadata": {"particle": {"m": 0.5, "spin": 1}},
            },
            "unknown key 'spin'",
        ),
        (
            {
                "eft": "WET-dark",
                "basis": "bsnunu",
                "values": {"S_LL_bsNN": 1e-9},
                "metadata": {"particle": {"mN": 0.5, "pair": "nuN"}},
            },
            "pair = nuN with coefficients",
        ),
    ],
)
def test_bad_files_of_coefficients(changes, message, tmp_path):
    with pytest.raises(InputError, match=re.escape(message) if "(" in message else message) as e:
        read_wcxf(write(tmp_path, **changes))
    assert "\n" not in str(e.value)
    assert "wc.json" in str(e.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected `key: value` lines"),
        ("[1]", "no WCxf file"),
        ('{"eft": "WET", "eft": "WET"}', "'eft' stands twice"),
        ("eft: WET\nbasis: flavio\nscale: 4.8\nvalues:\n  CR_bsnuenu: 1\n", r"\.yaml:5 \(values"),
    ],
)
def test_malformed_files(text, message, tmp_path):
    (tmp_path / "wc.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        read_wcxf(tmp_path / "wc.yaml")
    with pytest.raises(InputError, match="no such file"):
        read_wcxf(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("model", "given", "basis", "message"),
    [
        ("universal", {"cSL": 1.0}, None, "no WCxf basis holds the final states"),
        ("signal-strength", {"mu": 2.0}, None, "no WCxf basis holds the final states"),
        ("resonance", {"m": 2.0, "S": 1e-8}, None, "no WCxf basis holds the final states"),
        ("scalar-pair", {"m": 0.5, "S": 1e-8}, "flavio", "no operators of the pair"),
        ("neutrinos", {"CLp_ee": 1.0}, "flavio", "no operators of right-handed neutrinos"),
        ("vector-pair", {"m": 0.0, "operator": "S", "Lambda": 5.0}, None, "massless vector pair"),
        ("neutrinos", {}, "JMS", "unknown basis 'JMS'"),
    ],
)
def test_models_without_a_basis(model, given, basis, message):
    with pytest.raises(InputError, match=message):
        coefficients(given, model=model, basis=basis)


def test_predict_from_a_file(capsys, tmp_path):
    wc = str(tmp_path / "wc.json")
    point = ["--set", "M=2", "--set", "lam_2mu=0.1", "--set", "lam_3tau=0.5"]
    code, out, err = run(capsys, "export", "wcxf", "--model", "S0", *point, "--out", wc)
    assert (code, out, err) == (0, f"{wc}\n", "")
    _, direct, _ = run(capsys, "predict", "BR(B+->K+inv)", "--model", "S0", *point, "--json")
    code, out, err = run(capsys, "predict", "BR(B+->K+inv)", "--wcxf", wc, "--json")
    assert code == 0
    assert "warning" in err
    assert "CVL_bcmunutau" in err
    first, second = (json.loads(x)["observables"]["BR(B+->K+inv)"] for x in (direct, out))
    assert second == pytest.approx(first, rel=1e-14)
    code, _, err = run(capsys, "predict", "BR(B+->K+inv)", "--wcxf", wc, "--set", "CL_taumu=1")
    assert code == 0  # another flavour than the file's CL_mutau
    code, _, err = run(capsys, "predict", "BR(B+->K+inv)", "--wcxf", wc, "--set", "CL_mutau=1")
    assert (code, err) == (2, "bsnunu: error: --set: 'CL_mutau' is in the file; drop it\n")
    code, _, err = run(capsys, "predict", "BR(B+->K+inv)", "--wcxf", wc, "--model", "S0")
    assert (code, err.count("\n")) == (2, 1)
    assert "a point of model neutrinos" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["popxf", "F_L(B0->K*0inv)", "--out", "a.json"], "no polynomial of coefficients"),
        (["popxf", "R_K_nunu", "--out", "a.txt"], "--out: the suffix '.txt'"),
        (["popxf", "R_K_nunu", "--model", "x", "--out", "a.json"], "unknown model 'x'"),
        (["wcxf", "--set", "CR_ee=1", "--out", "a.txt"], "a.txt: the suffix '.txt'"),
        (["wcxf", "--model", "S0", "--out", "a.json"], "--set M: the mass 'M' is missing"),
        (["wcxf", "--preset", "x", "--out", "a.json"], "--preset: unknown preset 'x'"),
    ],
)
def test_bad_commands(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "export", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_is_kept(capsys, tmp_path):
    path = tmp_path / "a.json"
    options = ["export", "wcxf", "--out", str(path)]
    assert run(capsys, *options, "--set", "CR_ee=1")[0] == 0
    before = path.read_bytes()
    for kind in (
        ["wcxf", "--set", "CR_ee=2"],
        ["popxf", "R_K_nunu"],
        ["flavio", "card.yaml", "R_K_nunu"],
    ):
        code, out, err = run(capsys, "export", *kind, "--out", str(path))
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "is there already; give another name, or --force" in err
    assert path.read_bytes() == before
    assert run(capsys, *options, "--set", "CR_ee=2", "--force")[0] == 0
    assert path.read_bytes() != before
